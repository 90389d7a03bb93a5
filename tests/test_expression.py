"""One statement of an equation, three ways to use it: they must agree."""

import re

import numpy as np
import pytest

from hge_spice.devices.dopant import CLAMP, HOP, TO_ELECTRODE
from hge_spice.devices.expression import Expression
from hge_spice.ngspice.worker import Worker

SAMPLES = [
    HOP,
    TO_ELECTRODE,
    CLAMP,
    Expression("a*sinh(b/0.3)+exp(-a*b)"),
    Expression("u(a)*(a^2+b**3)-u(-a)*abs(b)"),
    Expression("min(a,b)*max(a,2*b)+ln(3+a)*sqrt(4+b)+cosh(a)"),
]


@pytest.mark.parametrize("expression", SAMPLES, ids=lambda e: e.text)
def test_value_and_derivatives_agree_with_finite_differences(expression):
    names = tuple(sorted(expression.symbols))
    rng = np.random.default_rng(0)
    point = rng.uniform(-0.9, 0.9, (len(names), 50))
    value, *slopes = expression.compiled(names, names)(*point)
    assert value.shape == (50,)
    for k, slope in enumerate(slopes):
        shift = np.zeros((len(names), 1))
        shift[k] = 1e-6
        (above,), (below,) = (expression.compiled(names)(*(point + s)) for s in (shift, -shift))
        np.testing.assert_allclose(slope, (above - below) / 2e-6, atol=2e-9 * max(1, np.abs(slope).max()))


@pytest.mark.parametrize("expression", SAMPLES, ids=lambda e: e.text)
def test_ngspice_reads_the_same_equation(expression):
    names = tuple(sorted(expression.symbols))
    point = np.random.default_rng(1).uniform(-0.9, 0.9, len(names))
    sources = "".join(f"v{n} {n} 0 {v!r}\n" for n, v in zip(names, point.tolist(), strict=True))
    text = expression.spice(**{name: f"v({name})" for name in names})
    worker = Worker()
    try:
        worker.load(f"title\n{sources}b1 y 0 v={text}\nr1 y 0 1\n.end\n")
        simulated = worker.run([], "op", ("y",)).vectors[0, 0]
    finally:
        worker.close()
    (value,) = expression.compiled(names)(*point)
    assert simulated == pytest.approx(float(value), rel=1e-9)


def test_arrays_broadcast_and_constants_fill_the_shape():
    value, slope = Expression("3*a").compiled(("a", "b"), ("a",))(np.zeros((4, 1)), np.zeros(5))
    assert value.shape == slope.shape == (4, 5)
    assert (slope == 3).all()


def test_symbols_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=re.escape("b must be among the arguments of a+b")):
        Expression("a+b").compiled(("a",))
    with pytest.raises(ValueError, match="don't fit the symbols"):
        Expression("a+b").spice(a=1.0)
