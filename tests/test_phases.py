"""Phases against the wave they make, sampled by hand."""

import numpy as np
import pytest
from scipy.optimize import check_grad

from hge_spice.planner.phases import PHASES, _norm, crest_factor, low_crest_phases, random_phases, schroeder_phases

SPARSE = (7, 11, 16, 17, 19)


def by_hand(harmonics: tuple[int, ...], phases: np.ndarray, weight: np.ndarray) -> float:
    time = np.linspace(0, 1, 400 * max(harmonics), endpoint=False)
    wave = sum(w * np.sin(2 * np.pi * h * time + p) for h, p, w in zip(harmonics, phases, weight, strict=True))
    return float(np.abs(wave).max() / np.sqrt(np.mean(wave**2)))


def test_crest_factor_is_peak_over_rms_of_the_wave() -> None:
    rng = np.random.default_rng(0)
    assert crest_factor((5,), np.zeros(1)) == pytest.approx(np.sqrt(2), rel=1e-3)
    for weight in (np.ones(5), np.arange(1.0, 6.0)):
        phases = random_phases(5, rng)
        assert crest_factor(SPARSE, phases, weight) == pytest.approx(by_hand(SPARSE, phases, weight), rel=2e-3)


def test_the_norms_slope_is_its_difference_quotient() -> None:
    weight, at = np.arange(1.0, 6.0), random_phases(5, np.random.default_rng(1))
    for power in (4, 8, 16):

        def norm(p: np.ndarray, power: int = power) -> float:
            return _norm(p, np.array(SPARSE), weight, power)[0]

        def slope(p: np.ndarray, power: int = power) -> np.ndarray:
            return _norm(p, np.array(SPARSE), weight, power)[1]

        assert check_grad(norm, slope, at) < 1e-5


def test_schroeders_own_case() -> None:
    """A row of equal harmonics: about 1.7 by his formula, in whatever order they are given; √(2n) at phase zero."""
    row = tuple(range(1, 32))
    assert crest_factor(row, np.full(31, np.pi / 2)) == pytest.approx(np.sqrt(2 * 31), rel=1e-3)
    phases = schroeder_phases(row)
    assert crest_factor(row, phases) < 2.0
    assert schroeder_phases(row[::-1]) == pytest.approx(phases[::-1])
    # −π·k·(k − 1)/n for equal powers
    k = np.arange(1, 32)
    assert np.exp(1j * phases) == pytest.approx(np.exp(-1j * np.pi * k * (k - 1) / 31))


@pytest.mark.parametrize("harmonics", [SPARSE, (1, 3, 5, 7), tuple(range(1, 17))])
def test_low_crest_beats_schroeder_and_what_chance_gives(harmonics: tuple[int, ...]) -> None:
    found = low_crest_phases(harmonics, np.random.default_rng(0))
    chance = [crest_factor(harmonics, random_phases(len(harmonics), np.random.default_rng(k))) for k in range(60)]
    assert crest_factor(harmonics, found) < min(crest_factor(harmonics, schroeder_phases(harmonics)), *chance)
    assert np.array_equal(found, low_crest_phases(harmonics, np.random.default_rng(0)))


def test_tones_of_different_strength_are_counted_with_it() -> None:
    weight = np.array([5.0, 1.0, 1.0, 1.0, 3.0])
    equal = low_crest_phases(SPARSE, np.random.default_rng(0))
    own = low_crest_phases(SPARSE, np.random.default_rng(0), weight)
    assert by_hand(SPARSE, own, weight) < by_hand(SPARSE, equal, weight)


def test_one_tone_has_nothing_to_choose() -> None:
    for phases in PHASES.values():
        assert crest_factor((3,), phases((3,), np.random.default_rng(0))) == pytest.approx(np.sqrt(2), rel=1e-3)


def test_low_crest_phases_keep_samples_of_odd_harmonics_apart() -> None:
    """Zero phases repeat them in pairs, which spoils quantisation."""
    turns = np.outer(np.arange(64) / 64, [5, 9, 13, 19])
    phases = low_crest_phases((5, 9, 13, 19), np.random.default_rng(0))
    assert len(np.unique(np.sin(2 * np.pi * turns + phases).sum(axis=1).round(9))) == 64
