"""The flags `nonlinear` and `curvature_unseen`: raised when a derivative is bent, at any points, and only then."""

from dataclasses import replace

import numpy as np
import pytest

from hge_spice.devices.subcircuit import block
from hge_spice.drive import Drive, Floats, Waveform
from hge_spice.gradient import Measurement, homodyne, homodyne_richardson, homodyne_sequential, small_signal
from hge_spice.gradient.curvature import points_that_tell
from hge_spice.graph import assign_roles
from hge_spice.lockin import fewest_points
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.planner.phases import random_phases
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.tones import TonePlan, plan_from_harmonics, plan_tones

WINDOW = 25e-3
FLAGS = {"nonlinear", "curvature_unseen"}
NOTHING = np.zeros((1, 0))


class Neurons:
    """A device in closed form: I = Σ_m gain_m·tanh(w_m·v), as differential pairs add up; or a sum of cubes."""

    inputs: tuple[str, ...] = ()

    def __init__(self, count: int, seed: int, neurons: int = 2, lag: float = 0.0, noise: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self.controls = tuple(f"c{i}" for i in range(count))
        self.weights, self.gain = rng.standard_normal((neurons, count)), rng.choice((-1, 1), neurons)
        self.lag, self.noise, self.rng = lag, noise, rng

    def current(self, v: Floats) -> Floats:
        return self.gain @ np.tanh(self.weights @ v)

    def slope(self, control: Floats) -> Floats:
        return (self.gain / np.cosh(self.weights @ control) ** 2) @ self.weights

    def measure(self, drive: Drive) -> Waveform:
        transient = drive.transient
        time = transient.step * np.arange(transient.points)
        v = np.repeat(drive.control[:, None], len(time), axis=1)
        for tone in drive.tones:
            angle = 2 * np.pi * tone.frequency * time + tone.phase - self.lag
            v[self.controls.index(tone.electrode)] += tone.amplitude * np.sin(angle)
        output = self.current(v) + self.noise * self.rng.standard_normal(len(time))
        return Waveform(time, output, transient.duration)


class Cubes(Neurons):
    """I = slope·v + bend·v_0³: moved by ¾·bend·a² and by nothing else."""

    bend = 1.0

    def current(self, v: Floats) -> Floats:
        return self.weights[0] @ v + self.bend * v[0] ** 3

    def slope(self, control: Floats) -> Floats:
        return self.weights[0] + 3 * self.bend * control[0] ** 2 * np.eye(len(control))[0]


def measurement(count: int, amplitude: float, plan: TonePlan | None = None, seed: int = 0) -> Measurement:
    phase = random_phases(count, np.random.default_rng(seed))
    return Measurement(plan or plan_tones(count, WINDOW), np.full(count, amplitude), phase)


@pytest.mark.parametrize("count", [5, 8, 20])
@pytest.mark.parametrize("lag", [0.0, 0.05])
def test_a_cube_of_one_tone_is_flagged_from_half_a_per_cent_on(count: int, lag: float) -> None:
    """The lock-in's error is ¾·c·a² by hand; with eight tones and twenty no fit of all products can tell it."""
    device = Cubes(count, 3, lag=lag)
    for share in (0.003, 0.0055, 0.012) if lag else (0.003, 0.0048, 0.0052, 0.012):
        amplitude = np.sqrt(share * np.abs(device.weights[0]).max() / 0.75)
        (found,) = homodyne(device, np.zeros(count), NOTHING, measurement(count, amplitude))
        off = found.jacobian - device.slope(np.zeros(count)) * np.cos(lag)
        assert off[0] == pytest.approx(0.75 * amplitude**2 * np.cos(lag), rel=0.02)
        assert set(found.flags) == ({"nonlinear"} if share > 0.005 else set())
        assert np.isfinite(found.bias).all() == (count < 8)


@pytest.mark.parametrize("count", [8, 9])
def test_no_neuron_is_bent_unseen_and_none_is_suspected_without_reason(count: int) -> None:
    """Every error beyond 1 % is flagged at the planner's points; below a fiftieth of a per cent none is."""
    plan, bent, raised = plan_tones(count, WINDOW), [], []
    for seed in range(12):
        device = Neurons(count, seed, neurons=1 + seed % 3)
        control = np.random.default_rng(seed).uniform(-0.5, 0.5, count)
        truth = device.slope(control)
        for amplitude in (0.003, 0.01, 0.03, 0.06, 0.1):
            (found,) = homodyne(device, control, NOTHING, measurement(count, amplitude, plan, seed))
            bent.append(np.abs(found.jacobian - truth).max() / np.abs(truth).max())
            raised.append(bool(FLAGS & set(found.flags)))
            assert ("curvature_unseen" in found.flags) <= any("perturbation.points" in note for note in found.notes)
    error, flagged = np.array(bent), np.array(raised)
    assert flagged[error > 1e-2].all()
    assert not flagged[error < 2e-4].any()
    assert np.sum(error > 1e-2) > 5
    assert np.sum(error < 2e-4) > 5


@pytest.mark.parametrize("count", [8, 9])
def test_at_the_points_that_a_note_asks_for_nothing_is_unseen(count: int) -> None:
    plan = plan_tones(count, WINDOW)
    points = points_that_tell(plan.harmonics)
    assert points >= fewest_points(count) > plan.points
    finer = plan_tones(count, WINDOW, points=points)
    assert finer.harmonics == plan.harmonics  # what a study with tones = "auto" then plays
    assert finer.flags == ()
    device = Neurons(count, 1)
    for amplitude in (0.03, 0.08):
        (few,) = homodyne(device, np.zeros(count), NOTHING, measurement(count, amplitude, plan))
        (enough,) = homodyne(device, np.zeros(count), NOTHING, measurement(count, amplitude, finer))
        assert np.isnan(few.bias).all()
        assert FLAGS & set(few.flags)
        if "curvature_unseen" in few.flags:
            assert f"perturbation.points = {points}" in few.notes[0]
        truth = device.slope(np.zeros(count))
        error = enough.jacobian - truth
        assert set(enough.flags) == ({"nonlinear"} if np.abs(error).max() > 5e-3 * np.abs(truth).max() else set())
        assert np.abs(enough.bias - error).max() < 0.3 * np.abs(error).max()


def test_the_amplitude_that_a_note_asks_for_is_small_enough() -> None:
    device = Neurons(9, 1)
    (found,) = homodyne(device, np.zeros(9), NOTHING, measurement(9, 0.02))
    assert found.flags == ("curvature_unseen",)
    smaller = float(found.notes[0].split("amplitudes of about ")[1].split(" mV")[0]) * 1e-3
    assert 0.002 <= smaller < 0.02
    (again,) = homodyne(device, np.zeros(9), NOTHING, measurement(9, 0.95 * smaller))
    assert again.flags == ()


def test_points_by_hand_that_hide_everything_are_flagged() -> None:
    """Five tones on so few points that what a product leaves lies where lower orders have theirs."""
    plan = plan_from_harmonics((7, 11, 16, 17, 19), WINDOW, points=41)
    (found,) = homodyne(Cubes(5, 0), np.zeros(5), NOTHING, measurement(5, 1e-3, plan))
    assert found.flags == ("collision", "curvature_unseen")
    assert "by no one knows how much; take perturbation.points = 75" in found.notes[0]


def test_noise_that_is_stated_and_added_is_not_suspected() -> None:
    device = Neurons(9, 1, noise=1e-4)
    density = 2 * device.noise**2 * WINDOW / plan_tones(9, WINDOW).points
    asked = measurement(9, 5e-3)
    plain, known = [], []
    for seed in range(20):
        device.rng = np.random.default_rng(seed)
        plain += homodyne(device, np.zeros(9), NOTHING, asked)
        device.rng = np.random.default_rng(seed)
        known += homodyne(device, np.zeros(9), NOTHING, replace(asked, noise_added=density))
    assert all(FLAGS & set(found.flags) for found in plain)
    assert np.mean(["curvature_unseen" in found.flags for found in known]) < 0.3


def test_pink_noise_explains_what_it_adds_and_no_more() -> None:
    """Of a density that holds at 1 Hz a window of 25 ms sees a hundredth: all of it would hide what bends."""
    density = 1e-11
    white = replace(measurement(9, 0.03), noise_added=density, noise_at=1.0)
    pink = replace(white, noise_exponent=1.0)
    flags = [FLAGS & set(homodyne(Neurons(9, 1), np.zeros(9), NOTHING, asked)[0].flags) for asked in (white, pink)]
    assert flags == [set(), {"curvature_unseen"}]
    # the densities at all multiples of 1/window up to half the point rate, 1/window apart
    assert pink.point_noise(200) ** 2 == pytest.approx(density * np.sum(1 / np.arange(1, 101)))
    assert white.point_noise(200) ** 2 == pytest.approx(density * 100 / WINDOW)


class Gated(Neurons):
    """The same times its input: at zero no control moves the output, and what is left is the solver's noise."""

    inputs = ("x",)

    def measure(self, drive: Drive) -> Waveform:
        found = super().measure(drive)
        noise = 1e-9 * self.rng.standard_normal(len(found.time))
        return replace(found, output=drive.inputs[0] * found.output + noise)


def test_a_pattern_that_is_off_is_not_suspected_for_what_rounding_leaves() -> None:
    found = homodyne(Gated(9, 1), np.zeros(9), np.array([[0.0], [1.0]]), measurement(9, 1e-3))
    assert np.abs(found[0].jacobian).max() < 1e-6 < np.abs(found[1].jacobian).max()
    assert [FLAGS & set(each.flags) for each in found] == [set(), set()]
    bent = homodyne(Gated(9, 1), np.zeros(9), np.array([[0.0], [1.0]]), measurement(9, 0.1))
    assert [bool(FLAGS & set(each.flags)) for each in bent] == [False, True]


@pytest.mark.parametrize(
    ("added", "noisy"),
    [
        ((), False),
        (("imperfections.mismatch.sigma=0.1", "imperfections.device_drift.links=0.1"), False),
        (('imperfections.readout_noise={ psd = "1e-5 nA^2/Hz", at = "1 kHz" }',), True),
    ],
)
def test_a_study_knows_whether_its_output_has_noise(added: tuple[str, ...], noisy: bool) -> None:
    study = parse_study(load_study("xor", ["perturbation.amplitude=2 mV", *added]))
    with Bench.of(study) as bench:
        measurement = bench.recipe.measurement
    assert measurement.noise_density > 0
    assert measurement.noise_added == (measurement.noise_density if noisy else 0.0)


def test_richardson_goes_by_its_half_amplitude() -> None:
    device = Neurons(9, 1)
    asked = measurement(9, 0.03)
    (full,) = homodyne(device, np.zeros(9), NOTHING, asked)
    (half,) = homodyne(device, np.zeros(9), NOTHING, replace(asked, amplitude=asked.amplitude / 2))
    (found,) = homodyne_richardson(device, np.zeros(9), NOTHING, asked)
    assert FLAGS & set(full.flags)
    assert FLAGS & set(found.flags) == FLAGS & set(half.flags)
    assert full.notes
    assert found.notes == half.notes


def test_one_tone_after_the_other_keeps_its_third_harmonic_off_itself() -> None:
    """As many points a period as the plan's highest tone has are four of the lowest: 3·7 = 21 of 28 comes back at 7."""
    plan = plan_tones(5, WINDOW)
    assert plan_from_harmonics((7,), WINDOW, points=28).flags == ("collision",)
    device, amplitude = Cubes(5, 0), 0.2
    (found,) = homodyne_sequential(device, np.zeros(5), NOTHING, measurement(5, amplitude, plan))
    assert "collision" not in found.flags
    assert found.jacobian[0] - device.weights[0, 0] == pytest.approx(0.75 * amplitude**2)
    assert found.bias[0] == pytest.approx(0.75 * amplitude**2)


# two differential pairs whose gates are sums of weights, as in a network of neurons
PAIRS = """
.subckt pairs w11 w12 t1 b1 w21 w22 t2 b2 x vdd out
.model n nmos(level=1 vto=0.5 kp=200u lambda=0.05 gamma=0.4)
.model p pmos(level=1 vto=-0.5 kp=80u lambda=0.05)
ra1 w11 s1 100k
rb1 w12 s1 150k
rx1 x s1 200k
m1 p1 s1 k1 0 n w=4u l=1u
m2 vdd t1 k1 0 n w=4u l=1u
m3 k1 b1 0 0 n w=2u l=4u
m4 p1 p1 vdd vdd p w=8u l=1u
m5 out p1 vdd vdd p w=8u l=1u
ra2 w21 s2 120k
rb2 w22 s2 100k
rx2 x s2 180k
m6 out s2 k2 0 n w=4u l=1u
m7 vdd t2 k2 0 n w=4u l=1u
m8 k2 b2 0 0 n w=2u l=4u
.ends
"""
PINS = ("w11", "w12", "t1", "b1", "w21", "w22", "t2", "b2", "x", "vdd", "out")


def test_eight_controls_of_a_transistor_network_are_never_bent_unseen() -> None:
    """ngspice's transients against its own `.ac`: errors beyond 1 % are flagged at points that no fit of all has."""
    graph = assign_roles(
        block(text=PAIRS, name="pairs", pins=PINS),
        output="out",
        inputs=("x",),
        controls=PINS[:8],
        bias={"vdd": 1.8},
        output_voltage=0.9,
    )
    plan, bent, raised, told = plan_tones(8, WINDOW), [], [], []
    finer = plan_tones(8, WINDOW, points=points_that_tell(plan.harmonics))
    assert plan.points < fewest_points(8)
    rng = np.random.default_rng(0)
    with NgspiceDevice(graph) as device:
        for setting in range(6):
            control = rng.uniform(0.9, 1.3, 8)
            for amplitude in (0.5e-3, 2e-3, 6e-3, 15e-3, 30e-3):
                asked = measurement(8, amplitude, plan, setting)
                (truth,) = small_signal(device, control, np.array([[1.1]]), asked)
                (found,) = homodyne(device, control, np.array([[1.1]]), asked)
                (enough,) = homodyne(device, control, np.array([[1.1]]), replace(asked, plan=finer))
                scale = np.abs(truth.jacobian).max()
                bent.append(np.abs(found.jacobian - truth.jacobian).max() / scale)
                raised.append(bool(FLAGS & set(found.flags)))
                told.append("nonlinear" in enough.flags)
                assert "uneven" not in found.flags
    error, flagged, known = np.array(bent), np.array(raised), np.array(told)
    assert flagged[error > 1e-2].all()
    assert known[error > 1e-2].all()
    assert not flagged[error < 5e-4].any()
    assert np.sum(error > 1e-2) > 3
    assert np.sum(error < 5e-4) > 3
