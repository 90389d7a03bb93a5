"""The clock's error read from phasors that are made here."""

import numpy as np
import pytest

from hge_spice.recorded.clock import Clock, clock_from_phases

FREQUENCIES = np.array([70.0, 110.0, 160.0, 170.0, 190.0])
SIZE = np.array([1.0, -0.3, 0.05, 0.5, 0.2])
WINDOW = 0.1


def phasors(clock: Clock, windows: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    time = (np.arange(windows) + 0.5) * WINDOW
    late = clock.error * time + clock.drift * time**2 / 2
    pure = SIZE * np.exp(-2j * np.pi * np.outer(late, FREQUENCIES))
    return pure + noise * (rng.standard_normal(pure.shape) + 1j * rng.standard_normal(pure.shape)), time


def found(clock: Clock, windows: int, noise: float, rng: np.random.Generator) -> Clock:
    response, time = phasors(clock, windows, noise, rng)
    return clock_from_phases(response, np.full(5, noise), time, FREQUENCIES)


def test_error_and_drift_come_back_with_true_error_bars() -> None:
    rng = np.random.default_rng(0)
    clock = Clock(50e-6, 2e-5)
    seen = [found(clock, 40, 0.01, rng) for _ in range(300)]
    for name in ("error", "drift"):
        off = [(getattr(c, name) - getattr(clock, name)) / getattr(c, f"{name}_stderr") for c in seen]
        assert np.std(off) == pytest.approx(1, rel=0.12)
        assert abs(np.mean(off)) < 4 / np.sqrt(300)


def test_error_bars_fall_as_the_length_to_the_power_of_three_halves() -> None:
    rng = np.random.default_rng(1)
    lengths = np.array([20, 40, 80, 160])
    bars = [found(Clock(50e-6, 0.0), n, 0.01, rng) for n in lengths]
    slope = np.polyfit(np.log(lengths), [np.log(c.error_stderr) for c in bars], 1)[0]
    assert slope == pytest.approx(-1.5, abs=0.02)


def test_phases_may_turn_many_times() -> None:
    """Far beyond half a turn over the trace, as long as it is less between neighbours."""
    clock = found(Clock(2e-3, 1e-6), 500, 0.01, np.random.default_rng(2))
    assert clock.error == pytest.approx(2e-3, abs=5 * clock.error_stderr)
    assert clock.drift == pytest.approx(1e-6, abs=5 * clock.drift_stderr)


def test_a_clock_that_is_not_seen_to_be_off_is_left_alone() -> None:
    rng = np.random.default_rng(3)
    left = [found(Clock(), 10, 0.1, rng) for _ in range(200)]
    assert np.mean([c.error == c.drift == 0 for c in left]) > 0.97
    assert all(c.error_stderr > 0 for c in left)


def test_what_cannot_be_told_is_nan() -> None:
    one = clock_from_phases(SIZE[None, :].astype(complex), np.full(5, 0.1), np.array([0.05]), FREQUENCIES)
    assert (one.error, one.drift) == (0.0, 0.0)
    assert np.isnan([one.error_stderr, one.drift_stderr]).all()
    two = found(Clock(1e-3), 2, 1e-3, np.random.default_rng(4))
    assert two.error == pytest.approx(1e-3, abs=5 * two.error_stderr)
    assert np.isnan(two.drift_stderr)
    silent = clock_from_phases(np.zeros((5, 5), complex), np.zeros(5), np.arange(5.0), FREQUENCIES)
    assert (silent.error, silent.drift) == (0.0, 0.0)


def test_correction_undoes_what_a_wrong_clock_does() -> None:
    clock = Clock(50e-6, 1e-8)
    recorded = np.linspace(0, 100, 5)
    assert recorded - clock.correct(recorded) == pytest.approx(50e-6 * recorded + 0.5e-8 * recorded**2)
    assert Clock(1e-6, 2e-9, 1.0, 2.0).and_then(Clock(2e-6, 0.0, 3.0, 4.0)) == Clock(3e-6, 2e-9, 1.0, 2.0)
