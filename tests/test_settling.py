"""What still settles in a window: seen, measured, and not mistaken for noise."""

import numpy as np
import pytest

from hge_spice.drive import Tone, Waveform
from hge_spice.lockin import demodulate
from hge_spice.lockin.settling import settling

WINDOW, POINTS = 25e-3, 75
TIME = 0.137 + WINDOW / POINTS * np.arange(POINTS)
TONES = tuple(Tone(f"c{k}", h / WINDOW, 1.0, 0.7 * k) for k, h in enumerate((7, 11, 16, 17, 19)))


def output(rng: np.random.Generator, noise: float) -> np.ndarray:
    waves = sum((0.3 + 0.1 * k) * np.sin(2 * np.pi * t.frequency * TIME + t.phase) for k, t in enumerate(TONES))
    return 5.0 + waves + noise * rng.standard_normal(POINTS)


@pytest.mark.parametrize("constant", [0.03, 0.1, 0.2, 0.5, 2.0])
def test_it_tells_how_far_a_decay_has_moved_the_tones(constant: float) -> None:
    rng = np.random.default_rng(1)
    clean = output(rng, 0.0)
    decaying = clean + 10 * np.exp(-(TIME - TIME[0]) / (constant * WINDOW))
    right, wrong = (demodulate(Waveform(TIME, values, WINDOW), TONES, WINDOW) for values in (clean, decaying))
    found = settling(Waveform(TIME, decaying, WINDOW), TONES, WINDOW)
    moved = wrong.response - right.response
    assert found.chance < 1e-12
    # single exponentials between the four that are fitted are told to a tenth of what they do
    assert np.abs(found.response - moved).max() < 0.1 * np.abs(moved).max()
    assert found.rms == pytest.approx(np.std(wrong.residual), rel=0.1)
    alone = settling(Waveform(TIME, 5.0 + decaying - clean, WINDOW), (), WINDOW)
    assert alone.rms == pytest.approx(np.std(decaying - clean), rel=0.1)
    assert alone.chance < 1e-12


@pytest.mark.parametrize("tones", [TONES, ()])
def test_noise_looks_like_settling_as_often_as_the_chance_says(tones) -> None:
    rng = np.random.default_rng(2)
    draws = 1500
    chances = []
    for _ in range(draws):
        values = output(rng, 0.1) if tones else 5.0 + 0.1 * rng.standard_normal(POINTS)
        chances.append(settling(Waveform(TIME, values, WINDOW), tones, WINDOW).chance)
    for level in (0.01, 0.1, 0.5):
        count = np.sum(np.array(chances) < level)
        assert abs(count - level * draws) < 4 * np.sqrt(draws * level * (1 - level))


def test_a_straight_line_leaks_as_known_and_is_no_settling_where_the_lock_in_fits_it() -> None:
    drifting = output(np.random.default_rng(3), 0.0) + 2.0 * (TIME - TIME[0]) / WINDOW
    seen = settling(Waveform(TIME, drifting, WINDOW), TONES, WINDOW)
    leak = 2.0 / np.pi / np.array([t.frequency * WINDOW for t in TONES])  # of a line that rises by 2 over the window
    assert np.abs(seen.response) == pytest.approx(leak, rel=0.15)
    fitted = settling(Waveform(TIME, drifting, WINDOW), TONES, WINDOW, trend=True)
    assert np.abs(fitted.response).max() < 1e-9


def test_too_few_points_tell_nothing() -> None:
    assert settling(Waveform(TIME[:7], np.exp(-np.arange(7.0)), WINDOW), (), WINDOW).chance == 1.0
