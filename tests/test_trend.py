"""The straight line that may be fitted beside the tones: what it takes out, what it costs, and when it is taken."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student
from test_elements import network

from hge_spice.drive import Drive, Floats, Tone, Waveform
from hge_spice.gradient import Measurement, homodyne, small_signal
from hge_spice.lockin import Filter, demodulate, distortion, error_bars, rc
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.planner.phases import random_phases
from hge_spice.tones import plan_from_harmonics, plan_tones

WINDOW, POINTS = 25e-3, 75
HARMONICS = (7, 11, 16, 17, 19)
TIME = np.arange(POINTS) * WINDOW / POINTS
LINE = TIME / WINDOW - 0.3
EV = 1.602176634e-19


def tones(rng: np.random.Generator) -> tuple[Tone, ...]:
    return tuple(Tone(f"e{k}", h / WINDOW, 1.0, rng.uniform(0, 2 * np.pi)) for k, h in enumerate(HARMONICS))


def voltages(played: tuple[Tone, ...]) -> Floats:
    return np.array([np.sin(2 * np.pi * tone.frequency * TIME + tone.phase) for tone in played])


@pytest.mark.parametrize("lockin", [None, Filter("hann", WINDOW)])
def test_a_line_beside_tones_and_products_leaves_no_trace(lockin: Filter | None) -> None:
    rng = np.random.default_rng(0)
    played = tones(rng)
    v, slope, curvature = voltages(played), rng.standard_normal(5), rng.standard_normal((5, 5))
    waveform = Waveform(TIME, slope @ v + np.einsum("it,ij,jt->t", v, curvature, v) + 300.0 * LINE, WINDOW)
    found = demodulate(waveform, played, WINDOW, lockin, trend=True)
    assert np.abs(found.response - slope).max() < 1e-10
    assert found.trend == pytest.approx(300.0, abs=1e-9)
    assert np.abs(found.residual).max() < 1e-10
    shift, _ = distortion(found.straightened(waveform), played)
    assert np.abs(shift).max() < 1e-9
    plain = demodulate(waveform, played, WINDOW)
    assert np.abs(plain.response - slope).max() > 1.0


def test_without_it_a_line_leaks_as_its_fourier_series() -> None:
    """Of N samples of a ramp of 1 A: 1/(N·sin(πk/N)) at harmonic k, which is 1/(πk) for many."""
    played = tones(np.random.default_rng(1))
    plain = demodulate(Waveform(TIME, LINE, WINDOW), played, WINDOW)
    expected = 1 / (POINTS * np.sin(np.pi * np.array(HARMONICS) / POINTS))
    np.testing.assert_allclose(plain.magnitude, expected, rtol=1e-9)
    assert expected[0] == pytest.approx(1 / (7 * np.pi), rel=0.02)


def test_in_white_noise_it_costs_what_the_cramer_rao_bound_says() -> None:
    """Tones, mean, line and the products' bins, by their harmonics: the variance is σ²·diag((DᵀD)⁻¹), and 1.1 to 1.6 of
    what it is without the line."""
    rng = np.random.default_rng(2)
    played = tones(rng)
    signed = [*HARMONICS, *(-h for h in HARMONICS)]
    orders = {abs(a + b) % POINTS for a in signed for b in signed}
    bins = {min(h, POINTS - h) for h in orders} - {0, *HARMONICS}
    turns = 2 * np.pi * TIME / WINDOW
    rows = [f(h * turns) for h in sorted(bins) for f in (np.sin, np.cos)]
    quarter = [np.sin(2 * np.pi * t.frequency * TIME + t.phase + np.pi / 2) for t in played]
    design = np.array([np.ones(POINTS), LINE, *voltages(played), *quarter, *rows]).T
    bound = np.diag(np.linalg.inv(design.T @ design))[2:7]
    found = [
        demodulate(Waveform(TIME, row, WINDOW), played, WINDOW, trend=True)
        for row in rng.standard_normal((4000, POINTS))
    ]
    np.testing.assert_allclose(np.var([f.in_phase for f in found], axis=0), bound, rtol=0.1)
    np.testing.assert_allclose(np.mean([f.stderr**2 for f in found], axis=0), bound, rtol=0.02)
    np.testing.assert_allclose(found[0].gain * 2 * WINDOW / POINTS, bound, rtol=1e-9)
    inflation = bound * POINTS / 2
    assert 1.0 < inflation.min() < inflation.max() < 1.7


@pytest.mark.parametrize("exponent", [0.0, None])
def test_error_bars_hold_beside_a_drift(exponent: float | None) -> None:
    """Of 1000 windows with white noise and a drift a thousand times as large."""
    rng = np.random.default_rng(3)
    played, held = tones(rng), 0.0
    for _ in range(1000):
        output = rng.standard_normal(POINTS) + 1e3 * LINE
        found = demodulate(Waveform(TIME, output, WINDOW), played, WINDOW, trend=True)
        (bars,) = error_bars([found], WINDOW, exponent)
        held += np.mean(np.abs(found.in_phase) < student.ppf(0.975, bars.degrees_of_freedom) * bars.stderr) / 1000
    assert held == pytest.approx(0.95 if exponent == 0.0 else 0.97, abs=0.012)


class Drifting:
    """A resistor with a drift and noise, whose state says that it moved, or doesn't."""

    controls, inputs = ("e1", "e2"), ()

    def __init__(self, drift: float, noise: float, *, moved: bool = True, seed: int = 5) -> None:
        self.drift, self.noise, self.rng = drift, noise, np.random.default_rng(seed)
        self.states = {"x": (0.5, 0.5 + 1e-3 * moved)}

    def measure(self, drive: Drive) -> Waveform:
        step = drive.transient.step
        time = step * np.arange(drive.transient.points)
        tilt = self.drift * (time / drive.transient.window - 0.5)
        v = sum(t.amplitude * np.sin(2 * np.pi * t.frequency * time + t.phase) for t in drive.tones)
        output = v + tilt + self.noise * self.rng.standard_normal(len(time))
        return Waveform(time, output, drive.transient.duration, states=self.states)


def measurement(count: int, amplitude: float, window: float = WINDOW, **more: object) -> Measurement:
    phases = random_phases(count, np.random.default_rng(0))
    return Measurement(plan_tones(count, window, points=96), np.full(count, amplitude), phases, **more)  # type: ignore[arg-type]


def test_it_is_taken_where_a_state_moved_and_the_drift_shows() -> None:
    how, at = measurement(2, 1e-3), (np.zeros(2), np.zeros((2, 0)))

    def error(
        drift: float, noise: float, *, moved: bool = True, trend: bool | None = None, seed: int = 5
    ) -> tuple[float, bool]:
        dut = Drifting(drift, noise, moved=moved, seed=seed)
        found = homodyne(dut, *at, replace(how, trend=trend))  # type: ignore[arg-type]
        straight = any("a straight line was fitted" in note for each in found for note in each.notes)
        return max(float(np.abs(each.jacobian - 1).max()) for each in found), straight

    assert error(1e-4, 1e-9) == (pytest.approx(0, abs=1e-5), True)
    assert error(1e-4, 1e-9, trend=False) == (pytest.approx(0.0129, rel=0.2), False)
    assert error(1e-4, 1e-9, moved=False) == (pytest.approx(0.0129, rel=0.2), False)
    assert error(1e-4, 1e-9, moved=False, trend=True) == (pytest.approx(0, abs=1e-5), True)
    assert not error(1e-4, 1e-3)[1]  # the noise hides it: what it leaks is less than what a line would cost
    assert sum(error(0.0, 1e-6, seed=seed)[1] for seed in range(20)) <= 1
    hardware = replace(how, lockin=rc(WINDOW, 4, WINDOW / 20))
    assert not any("straight line" in n for each in homodyne(Drifting(1e-4, 0), *at, hardware) for n in each.notes)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='an "rc" filter fits nothing'):
        homodyne(Drifting(1e-4, 0), *at, replace(hardware, trend=True))  # type: ignore[arg-type]


def test_a_memristors_derivatives_are_the_truths_at_a_millivolt_while_it_drifts() -> None:
    """An HP memristor under 0.3 V: its drift made 2.5e-2 of the largest derivative at 1 mV, ∝ 1/amplitude."""
    at = (np.array([0.3, 0.2]), np.array([[-0.2]]))
    errors: dict[bool | None, list[float]] = {False: [], None: []}
    with NgspiceDevice(network("hp_joglekar", x0=0.5, ea=0.3 * EV)) as dut:
        for amplitude in (1e-3, 4e-3):
            how = measurement(2, amplitude, window=1e-3)
            (truth,) = small_signal(dut, *at, how)
            for trend, list_ in errors.items():
                (found,) = homodyne(dut, *at, replace(how, trend=trend))
                list_.append(float(np.abs(found.jacobian - truth.jacobian).max() / np.abs(truth.jacobian).max()))
                assert ("nonlinear" in found.flags) == (trend is False)
    assert errors[False][0] > 1e-2
    assert errors[False][0] / errors[False][1] == pytest.approx(4, rel=0.1)
    assert max(errors[None]) < 3e-4


def test_too_few_points_are_refused_and_an_automatic_line_left_out() -> None:
    plan = plan_from_harmonics((2, 3), WINDOW, points=10)
    how = Measurement(plan, np.full(2, 1e-3), np.zeros(2))
    (found,) = homodyne(Drifting(1e-4, 0), np.zeros(2), np.zeros((1, 0)), how)  # type: ignore[arg-type]
    assert not any("straight line" in note for note in found.notes)
    with pytest.raises(ValueError, match=r"unknowns \(mean, tones, 2nd-order products, trend\); take more points"):
        homodyne(Drifting(1e-4, 0), np.zeros(2), np.zeros((1, 0)), replace(how, trend=True))  # type: ignore[arg-type]
