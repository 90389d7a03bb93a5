import numpy as np
import pytest

from hge_spice.margin import margin, mean_noise

CLASSES = np.array([0.0, 1, 1, 0])
GOOD = np.array([1e-9, 3e-9, 4e-9, 2e-9])  # gap 1 nA, span 3 nA, contrast 0.75


def test_the_numbers_of_a_known_table() -> None:
    judged = margin(GOOD, CLASSES, noise=0.1e-9, solver_error=0.0)
    assert judged.gap == pytest.approx(1e-9)
    assert judged.span == pytest.approx(3e-9)
    assert judged.gap_over_span == pytest.approx(1 / 3)
    assert judged.contrast == pytest.approx(0.75)
    assert judged.d_prime == pytest.approx(10)
    assert judged.solved


@pytest.mark.parametrize(
    ("outputs", "noise", "solver_error"),
    [
        (np.array([1e-9, 3e-9, 4e-9, 2.2e-9]), 0.0, 0.0),  # gap 0.8 of 3: below 0.3
        (GOOD + 70e-9, 0.0, 0.0),  # contrast below 0.05
        (GOOD, 1e-9 / 6.1, 0.0),  # gap below 6.2 σ
        (GOOD, 0.0, 0.031e-9),  # span within 100 solver errors
        (GOOD[[1, 0, 3, 2]], 0.0, 0.0),  # inverted
    ],
)
def test_each_condition_alone_denies(outputs: np.ndarray, noise: float, solver_error: float) -> None:
    assert not margin(outputs, CLASSES, noise, solver_error).solved


def test_noise_of_a_mean_over_the_window() -> None:
    """1e-5 nA²/Hz over 25 ms: √(1e-5/0.05) nA = 14.1 pA."""
    assert mean_noise(1e-23, 25e-3) == pytest.approx(14.14e-12, rel=1e-3)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_it_is_the_allan_deviation_of_either_colour(exponent: float) -> None:
    """2∫S(f)·sin⁴(πfT)/(πfT)² df, at two windows."""
    for window in (25e-3, 0.1):
        x = (np.arange(2_000_000) + 0.5) * 1e-4  # f·T
        density = 1e-23 * (100 * window / x) ** exponent
        variance = 2 * np.sum(density * np.sin(np.pi * x) ** 4 / (np.pi * x) ** 2) * 1e-4 / window
        assert mean_noise(1e-23, window, 100.0, exponent) == pytest.approx(np.sqrt(variance), rel=2e-3)
    with pytest.raises(ValueError, match=r"f\^\(-2\) has no deviation here"):
        mean_noise(1e-23, 25e-3, exponent=2.0)


def test_equal_outputs_are_nothing() -> None:
    judged = margin(np.zeros(4), CLASSES, noise=0.0, solver_error=0.0)
    assert not judged.solved
    assert judged.gap_over_span == 0
    assert judged.contrast == 0
