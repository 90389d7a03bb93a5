"""Generated noise against its stated density by Welch's method, and against itself over time by Allan's."""

from itertools import pairwise

import allantools
import numpy as np
import pytest
from scipy.signal import welch
from scipy.stats import expon, kstest

from hge_spice.imperfections.noise import Brown, Noise, Pink, after_table, white
from hge_spice.imperfections.telegraph_noise import Telegraph

STEP, SEGMENT, AVERAGES = 1e-3, 1024, 200
DENSITY = 3e-22


def octaves(noise: Noise, seed: int, pieces: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Mean frequency and one-sided density of each octave, Welch's averages of segments through which it goes on."""
    rng = np.random.default_rng(seed)
    count = SEGMENT * AVERAGES // pieces
    time = STEP * np.arange(count)
    record = np.concatenate([noise(time + n * count * STEP, rng) for n in range(pieces)])
    frequency, density = welch(record, 1 / STEP, "hann", SEGMENT, noverlap=0, detrend="constant")
    edges = 4 / (SEGMENT * STEP) * 2.0 ** np.arange(8)  # from 4 bins on, where the window's leakage has gone
    inside = [(frequency >= a) & (frequency < b) for a, b in pairwise(edges)]
    return np.array([frequency[i] for i in inside], dtype=object), np.array([density[i].mean() for i in inside])


def test_white_noise_has_its_density_in_every_octave() -> None:
    bands, density = octaves(white(DENSITY), 1)
    assert density == pytest.approx([DENSITY] * len(bands), rel=0.05)


def test_pink_noise_has_its_density_in_every_octave() -> None:
    process = Pink(0.05)
    bands, density = octaves(lambda t, rng: np.sqrt(DENSITY * 100) * process.samples(t, rng), 2)
    assert density == pytest.approx([np.mean(DENSITY * 100 / f.astype(float)) for f in bands], rel=0.05)


def test_brown_noise_has_its_density_up_to_an_eighth_of_the_point_rate_and_its_aliases_above() -> None:
    process = Brown(0.05)
    bands, density = octaves(lambda t, rng: np.sqrt(DENSITY) * 100 * process.samples(t, rng), 3)
    low = [k for k, f in enumerate(bands) if f.max() <= 125]
    assert len(low) >= 5
    wanted = np.array([np.mean(DENSITY * (100 / f.astype(float)) ** 2) for f in bands])
    assert density[low] == pytest.approx(wanted[low], rel=0.05)
    # a sampled random walk: S = D·h²·/(4 sin²(πfh))·… , at half the point rate π²/4 times 1/f²
    sampled = [np.mean(DENSITY * (100 * np.pi * STEP / np.sin(np.pi * f.astype(float) * STEP)) ** 2) for f in bands]
    assert density == pytest.approx(sampled, rel=0.05)


def test_noise_after_a_table_has_its_density_in_every_octave() -> None:
    frequency, table = np.array([2.0, 20.0, 60.0, 200.0, 450.0]), DENSITY * np.array([30.0, 3.0, 20.0, 1.0, 1.0])
    bands, density = octaves(after_table(frequency, table), 4, pieces=AVERAGES)
    wanted = [np.mean(np.exp(np.interp(np.log(f.astype(float)), np.log(frequency), np.log(table)))) for f in bands]
    inside = [f.max() < 450 for f in bands]
    assert sum(inside) >= 6
    assert density[inside] == pytest.approx(np.array(wanted)[inside], rel=0.05)


def test_noise_after_a_table_is_the_same_on_uneven_points() -> None:
    """Its variance is the area below the table, whatever the points."""
    frequency, table = np.array([5.0, 100.0]), DENSITY * np.array([1.0, 4.0])
    time = 0.2 * (np.arange(80) / 80) ** 1.2
    rng, noise = np.random.default_rng(5), after_table(frequency, table)
    variance = np.mean([noise(time, rng) ** 2 for _ in range(200)])
    fine = np.linspace(1e-3, 100.0, 100_001)
    area = np.trapezoid(np.exp(np.interp(np.log(fine), np.log(frequency), np.log(table))), fine)
    assert variance == pytest.approx(area, rel=0.05)


@pytest.mark.parametrize(
    ("noise", "slope"),
    [
        (white(1.0), -0.5),
        (Pink(1e-4).samples, 0.0),
        (Brown(1e-6).samples, 0.5),
    ],
    ids=["white", "flicker", "random walk"],
)
def test_allan_deviation_has_the_slope_of_the_noise(noise: Noise, slope: float) -> None:
    """−½, 0 and +½ against averaging time (IEEE Std 1139), by allantools."""
    record = noise(np.arange(2.0**17), np.random.default_rng(6))
    taus, deviation, _, _ = allantools.oadev(record, rate=1.0, data_type="freq", taus=2.0 ** np.arange(2, 12))
    assert np.polyfit(np.log(taus), np.log(deviation), 1)[0] == pytest.approx(slope, abs=0.05)


def test_flickers_allan_deviation_is_that_of_its_density() -> None:
    """σ² = 2·ln 2·S·f for S(f) = S·f_at/f (IEEE Std 1139): level, not only slope."""
    record = Pink(1e-4).samples(np.arange(2.0**17), np.random.default_rng(7))
    _, deviation, _, _ = allantools.oadev(record, rate=1.0, data_type="freq", taus=2.0 ** np.arange(4, 9))
    assert deviation**2 == pytest.approx(np.full(5, 2 * np.log(2)), rel=0.1)


@pytest.mark.parametrize("step", [1e-4, 3e-2], ids=["finer than the dwells", "coarser"])
def test_telegraph_noise_has_its_dwells_and_its_correlation(step: float) -> None:
    up, down = 4e-3, 12e-3
    trap, rng = Telegraph(up, down), np.random.default_rng(8)
    count = 400_000
    state = np.concatenate([trap.samples(step * (np.arange(1000) + 1000 * n), rng) for n in range(count // 1000)])
    assert state.mean() == pytest.approx(up / (up + down), rel=0.03)
    kept = np.exp(-step * (1 / up + 1 / down))
    variance = up * down / (up + down) ** 2
    assert np.mean((state[1:] - state.mean()) * (state[:-1] - state.mean())) / variance == pytest.approx(kept, abs=0.01)
    if step < up / 10:
        turns = np.flatnonzero(np.diff(state))
        dwells = np.diff(turns) * step
        high = dwells[state[turns[:-1] + 1] > 0]
        low = dwells[state[turns[:-1] + 1] == 0]
        # one sample can hide a there-and-back: dwells look longer by step·(1/2)(…) of first order, here below 3 %
        assert high.mean() == pytest.approx(up, rel=0.05)
        assert low.mean() == pytest.approx(down, rel=0.05)
        assert kstest(high - step / 2, expon(scale=up).cdf).pvalue > 1e-3
