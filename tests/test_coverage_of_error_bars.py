"""The 95 % error bar of derivatives holds with pink noise, drift, converter, amplifier lag and settling together."""

from dataclasses import replace

import numpy as np
import pytest
from test_check_imperfection import least

from hge_spice.calibrate import choose_settle
from hge_spice.drive import Drive, Floats, Waveform
from hge_spice.gradient import Measurement, homodyne
from hge_spice.graph import Network, assign_roles
from hge_spice.imperfections import seen_through
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.planner.phases import random_phases
from hge_spice.study.tables.spec import parse_study
from hge_spice.tones import plan_from_harmonics, plan_tones

WINDOWS = 1000


class Repeated:
    """A device measured once for each drive: what the bench adds is all that differs."""

    def __init__(self, dut: NgspiceDevice) -> None:
        self.dut, self.controls, self.inputs = dut, dut.controls, dut.inputs
        self.known: dict[bytes, Waveform] = {}

    def measure(self, drive: Drive) -> Waveform:
        key = drive.control.tobytes() + drive.inputs.tobytes()
        if key not in self.known:
            self.known[key] = self.dut.measure(drive)
        return self.known[key]


def loaded_diodes() -> Network:
    """A chain of diodes from two controls, with a capacitance at every inner node: poles near the tones."""
    graph: Network = Network(family="diode", parameters={"saturation_current": 1e-9}, node_capacitance=1e-9)
    for k, name in enumerate(("e0", "e1", "e2", "e3")):
        graph.add_node(name, kind="electrode", role=None, x=float(k), y=0.0)
    for k in range(2):
        graph.add_node(f"m{k}", kind="node", x=float(k), y=1.0)
    for a, b in (("e1", "m0"), ("e2", "m1"), ("m0", "m1"), ("m1", "e0")):
        graph.add_edge(a, b, source=a)
    graph.add_edge("e3", "m0", family="resistor", parameters={"resistance": 1e7})
    return assign_roles(graph, output="e0", inputs=["e3"], controls=["e1", "e2"])


def coverage(dut: NgspiceDevice, how: Measurement, control: Floats, inputs: Floats) -> Floats:
    """Share of windows whose 95 % bar holds the truth, the noise's colour stated: [control]."""
    density = how.noise_density
    largest = float(np.abs(dut.measure(Drive(control, inputs, how.tones(dut.controls), how.transient)).output).max())
    bench = parse_study(
        least(
            {
                "readout_noise": {"psd": density, "at": 1e3, "colour": "pink"},
                "drift": {"offset": largest / 100, "gain": "0.01 %", "time": "3600 s"},
                "adc": {"bits": 18, "range": 2 * largest},
                "tia": {"bandwidth": "1 MHz"},
            }
        )
    ).imperfections
    seen = seen_through(Repeated(dut), bench, seed=7)
    truth = np.real(dut.small_signal(control, inputs, np.array(how.plan.frequencies)))
    found = [homodyne(seen, control, inputs[None], how)[0] for _ in range(WINDOWS)]
    inside = [np.abs(np.real(e.response) - truth) < e.bar for e in found]
    return np.mean(inside, axis=0)


@pytest.mark.long
def test_the_error_bar_covers_on_the_dopant_network(device: NgspiceDevice) -> None:
    how = Measurement(
        plan_tones(5, 25e-3),
        np.full(5, 1e-3),
        random_phases(5, np.random.default_rng(0)),
        settle=5e-3,
        noise_density=1e-25,
        noise_exponent=1.0,
    )
    found = coverage(device, how, np.array([0.1, -0.2, 0.05, 0.3, -0.1]), np.array([-0.3, 0.3]))
    assert np.all((found > 0.93) & (found < 0.97)), found


@pytest.mark.long
@pytest.mark.parametrize("harmonics", [(2, 3), (7, 11)], ids=["where pink noise leaks most", "higher"])
def test_the_error_bar_covers_on_a_diode_network_with_poles(harmonics: tuple[int, ...]) -> None:
    control, inputs = np.array([0.35, 0.3]), np.array([0.3])
    with NgspiceDevice(loaded_diodes()) as dut:
        how = Measurement(
            plan_from_harmonics(harmonics, 25e-3, points=256),
            np.full(2, 1e-3),
            np.array([0.3, 1.7]),
            noise_exponent=1.0,
        )
        late = dut.small_signal(control, inputs, np.array(how.plan.frequencies))
        assert np.abs(np.angle(late)).max() > 0.1  # poles that matter
        settle, flags = choose_settle(dut, control, inputs[None], how)
        assert not flags
        # noise of a hundredth of the derivative, within which the solver's own error and the curvature are small
        density = (0.02 * np.abs(late).max() * 1e-3) ** 2 * how.plan.window
        found = coverage(dut, replace(how, settle=settle, noise_density=density), control, inputs)
    assert np.all((found > 0.93) & (found < 0.97)), found
