from dataclasses import replace

import numpy as np
import pytest

from hge_spice.drive import Drive, Waveform
from hge_spice.gradient import DRAWN, ESTIMATORS, Measurement, homodyne, small_signal
from hge_spice.loss import Target, mse
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.planner.phases import random_phases
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.tones import plan_from_harmonics, plan_tones

WINDOW = 25e-3
PATTERNS = np.array([(-0.3, -0.3), (-0.3, 0.3), (0.3, -0.3), (0.3, 0.3)])
AMPLITUDES = (0.5e-3, 1e-3, 2e-3, 4e-3)


class Polynomial:
    """A device under test in closed form: I = slope·v + v'·curvature·v + cubic·Σv³, with white noise if asked."""

    controls = ("a", "b", "c")
    inputs = ("x",)

    def __init__(self, noise: float = 0.0, cubic: float = 0.0, lag: float = 0.0) -> None:
        self.noise, self.cubic, self.lag = noise, cubic, lag
        self.rng = np.random.default_rng(0)
        self.slope = np.array([2e-9, -1e-9, 0.5e-9])
        self.curvature = 1e-9 * np.random.default_rng(1).standard_normal((3, 3))

    def measure(self, drive: Drive) -> Waveform:
        transient = drive.transient
        time = transient.settle + transient.step * np.arange(transient.points)
        v = np.repeat(drive.control[:, None], len(time), axis=1)
        for tone in drive.tones:
            angle = 2 * np.pi * tone.frequency * time + tone.phase - self.lag
            v[self.controls.index(tone.electrode)] += tone.amplitude * np.sin(angle)
        output = self.slope @ v + np.einsum("it,ij,jt->t", v, self.curvature, v) + self.cubic * (v**3).sum(0)
        output = output + self.noise * self.rng.standard_normal(len(time))
        return Waveform(time, output, transient.duration)


def measurement(amplitude: float, count: int = 3, density: float = 0.0) -> Measurement:
    phase = random_phases(count, np.random.default_rng(2))
    return Measurement(plan_tones(count, WINDOW), np.full(count, amplitude), phase, noise_density=density)


def test_a_quadratic_device_is_measured_exactly() -> None:
    dut, control = Polynomial(), np.array([0.1, -0.2, 0.3])
    found = homodyne(dut, control, np.zeros((1, 1)), measurement(0.2))[0]
    truth = dut.slope + (dut.curvature + dut.curvature.T) @ control
    assert np.allclose(found.jacobian, truth, rtol=0, atol=1e-20)
    assert found.flags == ()
    assert found.simulated_seconds == pytest.approx(WINDOW)


class InPinkNoise(Polynomial):
    """Pink noise of 1e-26 A²/Hz at 100 Hz, drawn as one long spectrum and cut into windows."""

    def __init__(self, points: int, windows: int) -> None:
        super().__init__()
        count, rate = points * windows, points / WINDOW
        frequency = np.fft.rfftfreq(count, 1 / rate)[1:]
        drawn = self.rng.standard_normal((2, len(frequency))) * np.sqrt(1e-26 * 100 / frequency * rate * count / 4)
        self.noises = iter(np.fft.irfft(np.append(0, drawn[0] + 1j * drawn[1]), count).reshape(windows, points))

    def measure(self, drive: Drive) -> Waveform:
        waveform = super().measure(drive)
        return replace(waveform, output=waveform.output + next(self.noises))


def test_stated_noise_adds_at_every_tone_what_its_colour_has_there() -> None:
    windows = 1500
    how = replace(measurement(0.01), noise_density=1e-26, noise_at=100.0, noise_exponent=1.0)
    dut = InPinkNoise(how.plan.points, windows)
    found = [homodyne(dut, np.zeros(3), np.zeros((1, 1)), how)[0] for _ in range(windows)]
    scatter = np.std([each.jacobian for each in found], axis=0)
    assert found[0].noise_stderr == pytest.approx(scatter, rel=0.08)  # four times what 1500 windows leave open
    assert found[0].noise_stderr.max() > 1.3 * found[0].noise_stderr.min()


def test_sign_and_phase_come_with_the_derivative() -> None:
    control = np.array([0.1, -0.2, 0.3])
    straight = homodyne(Polynomial(), control, np.zeros((1, 1)), measurement(0.01))[0]
    late = homodyne(Polynomial(lag=np.pi / 3), control, np.zeros((1, 1)), measurement(0.01))[0]
    assert np.allclose(late.jacobian, straight.jacobian / 2, rtol=1e-9)
    assert np.allclose(np.imag(late.response), -straight.jacobian * np.sqrt(3) / 2, rtol=1e-9)
    assert "lag" in late.flags
    assert "lag" not in straight.flags


def test_a_cubic_devices_bias_is_predicted_and_flagged() -> None:
    dut, control = Polynomial(cubic=4e-9), np.zeros(3)
    for amplitude in (0.05, 0.1, 0.2):
        found = homodyne(dut, control, np.zeros((1, 1)), measurement(amplitude))[0]
        bias = 0.75 * 4e-9 * amplitude**2  # ¾·c·a²
        assert np.allclose(found.jacobian - dut.slope, bias, rtol=1e-6)
        assert np.allclose(found.bias, bias, rtol=1e-6)
        assert ("nonlinear" in found.flags) == (bias > 5e-3 * 2e-9)


def test_an_output_that_nothing_moves_is_not_late_but_below_what_is_told() -> None:
    """What rounding leaves at the tones has any phase."""
    dut = Polynomial()
    dut.slope, dut.curvature, dut.cubic = np.zeros(3), np.zeros((3, 3)), 0.0
    still = dut.measure
    dut.measure = lambda drive: replace(still(drive), output=np.full(drive.transient.points, 3.7e-9))
    for estimator in (homodyne, ESTIMATORS["homodyne_sequential"]):
        found = estimator(dut, np.zeros(3), np.zeros((1, 1)), measurement(0.01))[0]
        assert found.flags == ("below_tolerance",)
        assert np.abs(found.jacobian).max() < 1e-20


def test_noise_raises_low_snr_and_gives_the_stated_spread() -> None:
    step = WINDOW / plan_tones(3, WINDOW).points
    density = 2e-21
    dut = Polynomial(noise=np.sqrt(density / (2 * step)))
    quiet, weak = measurement(0.05, density=density), measurement(1e-4, density=density)
    found = [homodyne(dut, np.zeros(3), np.zeros((1, 1)), quiet)[0] for _ in range(1500)]
    spread = np.std([f.jacobian for f in found], axis=0)
    assert np.allclose(spread, np.sqrt(density / WINDOW) / 0.05, rtol=0.08)
    assert np.allclose(found[0].noise_stderr, np.sqrt(density / WINDOW) / 0.05)
    assert np.mean([f.stderr**2 for f in found]) == pytest.approx(density / WINDOW / 0.05**2, rel=0.08)
    assert "low_snr" in homodyne(dut, np.zeros(3), np.zeros((1, 1)), weak)[0].flags


def test_the_truth_needs_a_device_that_knows_it() -> None:
    with pytest.raises(TypeError, match="Polynomial has no small-signal response"):
        small_signal(Polynomial(), np.zeros(3), np.zeros((1, 1)), measurement(0.1))


def test_tones_and_controls_must_agree() -> None:
    with pytest.raises(ValueError, match=r"4 tones, 4 amplitudes and 4 phases for 3 controls"):
        homodyne(Polynomial(), np.zeros(3), np.zeros((1, 1)), measurement(0.1, count=4))


@pytest.mark.parametrize("amplitude", [0.0, -1e-3, np.nan, np.inf])
def test_a_tone_without_amplitude_has_no_derivative(amplitude: float) -> None:
    with pytest.raises(ValueError, match="each must be above zero"):
        replace(measurement(0.1), amplitude=np.array([1e-3, amplitude, 1e-3]))


TRUTHS = {"small_signal", "adjoint"}
ONE_SIDED = {"finite_difference_forward", "multiplexed_time"}  # biased by curvature, in proportion to the amplitude


def asked_of(name: str, amplitude: float, seed: int, count: int = 5, density: float = 0.0) -> Measurement:
    drawn = {"rng": np.random.default_rng(seed), "repeats": 16} if name in DRAWN else {}
    return replace(measurement(amplitude, count, density), **drawn)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_check_estimator(name: str, device: NgspiceDevice) -> None:
    """What every estimator must do: shape, repeatability, sign, size, and say what it took; against the simulator's.

    One that needs a device with known equations gets the same network solved in NumPy.
    """
    dut = QuasistaticDevice(device.graph) if name == "adjoint" else device
    control = np.random.default_rng(3).uniform(-0.5, 0.5, 5)
    amplitude = 0.05e-3 if name in ONE_SIDED else 0.5e-3
    asked = asked_of(name, amplitude, 0)
    found = ESTIMATORS[name](dut, control, PATTERNS[1:3], asked)[0]
    again = ESTIMATORS[name](dut, control, PATTERNS[1:3], asked_of(name, amplitude, 0))[0]
    assert found.jacobian.shape == found.stderr.shape == found.noise_stderr.shape == (5,)
    assert np.array_equal(found.response, again.response)
    step = 1e-4
    difference = [
        (device.operating_point(control + step * e, PATTERNS[1]).output[0]
         - device.operating_point(control - step * e, PATTERNS[1]).output[0]) / (2 * step)
        for e in np.eye(5)
    ]  # fmt: skip
    limit = 4 * found.stderr if name in DRAWN else 1e-3 * np.abs(difference).max()
    assert (np.abs(found.jacobian - difference) < limit).all()
    assert found.output == pytest.approx(device.operating_point(control, PATTERNS[1]).output[0], rel=1e-3)
    assert found.simulated_seconds == pytest.approx(found.runs * WINDOW)
    assert (found.runs == 0) == (found.energy == 0) == (name in TRUTHS)


@pytest.mark.parametrize("name", sorted(ESTIMATORS.keys() - TRUTHS))
def test_check_estimator_in_noise(name: str) -> None:
    """On a device in closed form: unbiased, spread as the stated noise says, and its 95 % bar covers the truth."""
    density, repeats = 2e-21, 400
    step = WINDOW / plan_tones(3, WINDOW).points
    dut, control = Polynomial(noise=np.sqrt(density / (2 * step))), np.array([0.1, -0.2, 0.3])
    dut.curvature = dut.curvature * (name not in ONE_SIDED)
    truth = dut.slope + (dut.curvature + dut.curvature.T) @ control
    seed = np.random.default_rng(0)
    found = []
    for _ in range(repeats):
        if name == "homodyne_sequential":  # its grid is its own
            dut.noise = np.sqrt(density / (2 * WINDOW / 11))
        asked = replace(asked_of(name, 0.05, int(seed.integers(2**31)), 3, density), noise_exponent=0.0)
        found += ESTIMATORS[name](dut, control, np.zeros((1, 1)), asked)
    errors = np.array([f.jacobian for f in found]) - truth
    rms = np.sqrt(np.mean(errors**2, axis=0))
    assert (np.abs(errors.mean(axis=0)) < 4.5 * rms / np.sqrt(repeats)).all()
    if name not in DRAWN:
        assert np.allclose(rms, found[0].noise_stderr, rtol=0.15)
    covered = np.mean(np.abs(errors) < [f.bar for f in found])
    assert 0.925 < covered < 0.975


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_drawn_directions_crosstalk_falls_as_one_over_their_number(name: str) -> None:
    dut, rms = Polynomial(), []
    dut.curvature = np.zeros((3, 3))
    for repeats in (2, 8, 32):
        asked = replace(measurement(0.05), rng=np.random.default_rng(repeats), repeats=repeats)
        errors = [
            ESTIMATORS[name](dut, np.zeros(3), np.zeros((1, 1)), asked)[0].jacobian - dut.slope for _ in range(99)
        ]
        rms.append(np.sqrt(np.mean(np.square(errors))))
    assert np.polyfit(np.log([2, 8, 32]), np.log(rms), 1)[0] == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_an_estimator_that_draws_needs_an_rng(name: str) -> None:
    with pytest.raises(ValueError, match="give the measurement an rng"):
        ESTIMATORS[name](Polynomial(), np.zeros(3), np.zeros((1, 1)), measurement(0.05))


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name.startswith("multiplexed")])
def test_a_demodulated_loss_gives_the_losss_gradient(name: str) -> None:
    """No derivative of the loss is used; the chain rule of the outputs' derivatives must agree."""
    dut, control = Polynomial(), np.array([0.1, -0.2, 0.3])
    target = Target(np.array([0.0, 1.0]), (1e-9, 2e-9))

    asked = replace(asked_of(name, 1e-3, 5, 3), loss=lambda outputs: mse(outputs, target)[0])
    found = ESTIMATORS[name](dut, control, np.zeros((2, 1)), asked)
    outputs = np.array([f.output for f in found])
    expected = mse(outputs, target)[1] @ np.tile(dut.slope + (dut.curvature + dut.curvature.T) @ control, (2, 1))
    limit = 0.6 if name in DRAWN else 5e-3
    assert np.linalg.norm(found[0].loss_gradient - expected) < limit * np.linalg.norm(expected)


@pytest.mark.parametrize("count", [1, 2])
def test_few_controls_have_codes_that_change(count: int) -> None:
    """Of 4·n drawn codes one control in 8, of two one in 64, would have the same sign in all: no derivative."""
    dut = Polynomial()
    dut.controls, dut.slope, dut.curvature = dut.controls[:count], dut.slope[:count], np.zeros((count, count))
    for seed in range(200):
        asked = replace(measurement(0.05, count), rng=np.random.default_rng(seed))
        found = ESTIMATORS["multiplexed_code"](dut, np.zeros(count), np.zeros((1, 1)), asked)[0]
        assert np.isfinite([found.jacobian, found.stderr]).all()
    if count == 1:
        assert found.jacobian == pytest.approx(dut.slope)


def test_one_control_at_a_time_keeps_to_its_own_sign_and_its_own_lag() -> None:
    """A device late by a fixed time turns each tone by another angle: what was measured at one tone holds there."""
    dut, late = Polynomial(), Polynomial()
    dut.curvature = late.curvature = np.zeros((3, 3))
    signs = replace(measurement(0.01), signs=np.sign(dut.slope))
    assert ESTIMATORS["homodyne_sequential"](dut, np.zeros(3), np.zeros((1, 1)), signs)[0].flags == ()
    turned = replace(signs, signs=-np.sign(dut.slope))
    assert "wrong_sign" in ESTIMATORS["homodyne_sequential"](dut, np.zeros(3), np.zeros((1, 1)), turned)[0].flags

    asked = measurement(0.01)
    delay = WINDOW / (8 * max(asked.plan.harmonics))
    angles = -2 * np.pi * delay * np.array(asked.plan.harmonics) / WINDOW
    late.measure = lambda drive: _delayed(dut, drive, delay)
    known = replace(asked, lag=angles)
    for name in ("homodyne", "homodyne_sequential"):
        found = ESTIMATORS[name](late, np.zeros(3), np.zeros((1, 1)), known)[0]
        assert np.allclose(found.jacobian, dut.slope, rtol=1e-9)
        assert found.flags == ()


def _delayed(dut: Polynomial, drive: Drive, delay: float) -> Waveform:
    tones = tuple(replace(t, phase=t.phase - 2 * np.pi * t.frequency * delay) for t in drive.tones)
    return dut.measure(replace(drive, tones=tones))


def test_walsh_codes_keep_curvature_off_the_derivatives() -> None:
    dut, control = Polynomial(), np.array([0.1, -0.2, 0.3])
    found = ESTIMATORS["multiplexed_walsh"](dut, control, np.zeros((1, 1)), measurement(0.2))[0]
    assert np.allclose(found.jacobian, dut.slope + (dut.curvature + dut.curvature.T) @ control, rtol=1e-9)


def test_a_colliding_plan_is_flagged(device: NgspiceDevice) -> None:
    plan = plan_from_harmonics((5, 10, 13, 19, 23), WINDOW, points=75)
    asked = Measurement(plan, np.full(5, 2e-3), np.zeros(5))
    assert "collision" in homodyne(device, np.zeros(5), PATTERNS, asked)[0].flags


def errors(device: NgspiceDevice, settings: int) -> tuple[np.ndarray, np.ndarray]:
    """relative_error_max and whether it was flagged: [setting, amplitude]."""
    plan = plan_tones(5, WINDOW)
    rng = np.random.default_rng(0)
    worst = np.zeros((settings, len(AMPLITUDES)))
    flagged = np.zeros((settings, len(AMPLITUDES)), dtype=bool)
    for s in range(settings):
        control, phase = rng.uniform(-0.7, 0.7, 5), random_phases(5, rng)
        for a, amplitude in enumerate(AMPLITUDES):
            asked = Measurement(plan, np.full(5, amplitude), phase)
            truths = small_signal(device, control, PATTERNS, asked)
            for truth, found in zip(truths, homodyne(device, control, PATTERNS, asked), strict=True):
                error = np.abs(found.jacobian - truth.jacobian).max() / np.abs(truth.jacobian).max()
                worst[s, a] = max(worst[s, a], error)
                flagged[s, a] |= "nonlinear" in found.flags
    return worst, flagged


def check_errors(worst: np.ndarray, flagged: np.ndarray, slope_tolerance: float) -> None:
    median = np.median(worst, axis=0)
    assert median[AMPLITUDES.index(2e-3)] <= 2e-3
    assert median[AMPLITUDES.index(0.5e-3)] <= 2e-4
    slope = np.polyfit(np.log(AMPLITUDES), np.log(median), 1)[0]
    assert slope == pytest.approx(2.0, abs=slope_tolerance)
    assert flagged[worst > 1e-2].all()
    assert flagged[worst < 2.5e-3].mean() < 0.02  # false alarms: a quarter of what the flag stands for


def test_bias_falls_as_amplitude_squared(device: NgspiceDevice) -> None:
    check_errors(*errors(device, 8), slope_tolerance=0.1)


@pytest.mark.long
def test_bias_falls_as_amplitude_squared_on_fifty_settings(device: NgspiceDevice) -> None:
    worst, flagged = errors(device, 50)
    check_errors(worst, flagged, slope_tolerance=0.1)
