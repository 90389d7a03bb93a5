"""When flags are raised: each bound from both sides, and only for the control that it is about."""

import numpy as np
import pytest

from hge_spice.gradient.trust import LAG, NONLINEAR, RESOLVED, SIGNIFICANT, is_below, is_nonlinear, lags

RESPONSE = np.array([2.0, -1.0, 0.1])


@pytest.mark.parametrize(("share", "errors", "raised"), [(1.01, 1.1, True), (0.99, 1.1, False), (1.01, 0.9, False)])
def test_nonlinear_is_a_bias_that_is_large_and_known(share, errors, raised):
    bias = np.array([0.0, 0.0, -share * NONLINEAR * 2.0])  # of the largest derivative, not of its own
    assert is_nonlinear(RESPONSE, bias, np.abs(bias) / (errors * SIGNIFICANT)) == raised
    assert not is_nonlinear(RESPONSE, np.zeros(3), np.zeros(3))


@pytest.mark.parametrize(("share", "errors", "raised"), [(1.05, 1.1, True), (0.95, 1.1, False), (1.05, 0.9, False)])
def test_lag_is_a_quadrature_that_is_large_and_significant(share, errors, raised):
    late = share * LAG * 2.0
    found = RESPONSE + 1j * np.array([0.0, late, 0.0])
    assert lags(found, np.full(3, late / (errors * SIGNIFICANT))) == raised


def test_what_errors_hide_is_below_the_largest_of_them():
    just = 2.0 / RESOLVED
    assert not is_below(RESPONSE, 0.99 * just)
    assert is_below(RESPONSE, 1.01 * just)
    assert is_below(RESPONSE, np.zeros(3), np.array([0.0, 1.01 * just, 0.0]))
    assert not is_below(RESPONSE * 1j, np.full(3, 0.99 * just))
