import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hge_spice.loss import LOSSES, RESIDUALS, Target

CLASSES = st.sampled_from([(0, 1, 1, 0), (1, 0, 0, 1), (0, 0, 0, 1), (1, 1, 1, 0)])


@pytest.mark.parametrize("name", LOSSES)
@given(seed=st.integers(0, 2**31), classes=CLASSES)
def test_derivative_is_the_slope_of_the_loss(name: str, seed: int, classes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    outputs = rng.normal(0, 6e-9, 4)
    target = Target(np.array(classes, dtype=float), (1e-9, 9e-9), noise=1e-11)
    _, slope = LOSSES[name](outputs, target)
    step = 1e-15
    # extremes may change hands within a step; the drawn outputs are that close with probability 1e-6
    for k in range(4):
        shifted = np.tile(outputs, (2, 1))
        shifted[:, k] += (-step, step)
        numeric = (LOSSES[name](shifted[1], target)[0] - LOSSES[name](shifted[0], target)[0]) / (2 * step)
        assert slope[k] == pytest.approx(numeric, rel=1e-3, abs=1e-4 * np.abs(slope).max() + 1.0)


def test_gap_of_two_levels_is_one_less_the_floor() -> None:
    target = Target(np.array([0.0, 1, 1, 0]))
    value, _ = LOSSES["gap"](np.array([-1e-9, 1e-9, 1e-9, -1e-9]), target)
    assert value == pytest.approx(-2 / 2.1)
    value, _ = LOSSES["gap"](np.array([1e-9, -1e-9, -1e-9, 1e-9]), target)
    assert value == pytest.approx(+2 / 2.1)


def test_a_ripple_on_a_large_current_is_not_a_gap() -> None:
    target = Target(np.array([0.0, 1, 1, 0]))
    value, _ = LOSSES["gap"](10e-9 + 1e-12 * np.array([-1.0, 1, 1, -1]), target)
    assert value > -0.01


def test_losses_do_not_depend_on_what_they_should_not() -> None:
    rng = np.random.default_rng(0)
    outputs = rng.normal(0, 5e-9, 4)
    target = Target(np.array([0.0, 1, 1, 0]))
    assert LOSSES["gap"](7 * outputs, target)[0] == pytest.approx(LOSSES["gap"](outputs, target)[0])


def test_corr_sigmoid_at_its_own_numbers() -> None:
    """Perfect correlation at a gap of 5 nA: 0.1 over 0.55."""
    target = Target(np.array([0.0, 1, 1, 0]))
    assert LOSSES["corr_sigmoid"](np.array([0.0, 5e-9, 5e-9, 0.0]), target)[0] == pytest.approx(0.1 / 0.55)


def test_mse_needs_levels_and_is_zero_at_them() -> None:
    outputs, classes = np.array([2e-9, 8e-9, 8e-9, 2e-9]), np.array([0.0, 1, 1, 0])
    assert LOSSES["mse"](outputs, Target(classes, (2e-9, 8e-9)))[0] == pytest.approx(0)
    with pytest.raises(ValueError, match=r"task\.targets"):
        LOSSES["mse"](outputs, Target(classes))


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="all of one class"):
        LOSSES["gap"](np.arange(4.0), Target(np.ones(4)))


@pytest.mark.parametrize("name", RESIDUALS)
def test_residuals_are_the_losss_and_their_derivative_is_its_slope(name: str) -> None:
    rng = np.random.default_rng(2)
    target = Target(np.array([0.0, 1, 1, 0]), (1e-9, 9e-9), noise=1e-11)
    outputs = rng.normal(0, 6e-9, 4)
    residual, slope = RESIDUALS[name](outputs, target)
    value, gradient = LOSSES[name](outputs, target)
    assert value == pytest.approx(residual @ residual)
    assert np.allclose(gradient, 2 * residual @ slope)
    step = 1e-14
    for k in range(4):
        shift = step * np.eye(4)[k]
        numeric = RESIDUALS[name](outputs + shift, target)[0] - RESIDUALS[name](outputs - shift, target)[0]
        assert np.allclose(slope[:, k], numeric / (2 * step), rtol=1e-5, atol=1e-5 * np.abs(slope).max())


def test_correlation_is_twice_what_is_missing_of_it_and_silent_outputs_are_half_way() -> None:
    target = Target(np.array([0.0, 1, 1, 0]), noise=1e-12)
    outputs = 1e-6 * np.array([-1.2, 1.0, 0.7, -0.6])
    corr = np.corrcoef(outputs, target.classes)[0, 1]
    assert LOSSES["correlation"](outputs, target)[0] == pytest.approx(2 * (1 - corr), abs=1e-2)
    perfect = np.array([-1.0, 1, 1, -1])
    assert LOSSES["correlation"](1e-14 * perfect, target)[0] == pytest.approx(1, abs=1e-2)  # lost in the noise
    assert LOSSES["correlation"](1e-6 * perfect, target)[0] < 0.01
    assert LOSSES["correlation"](-1e-6 * perfect, target)[0] > 3.8
