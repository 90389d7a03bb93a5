from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pytest

from hge_spice.drive import Drive, Waveform
from hge_spice.gradient import Measurement, homodyne
from hge_spice.graph import Coupling, Readout, assign_roles, dopant_network, grid, layered, of_family
from hge_spice.monotone import derivative_signs, monotone, signs, unreachable
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.study.bench.check import check
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study
from hge_spice.tasks import TASKS
from hge_spice.tones import plan_tones

GATES = ("and", "nand", "or", "nor", "xor", "xnor")
CONTROLS = ("e1", "e5", "e6")


def mesh(family: str = "sinh", seed: int = 0, **given: Any) -> nx.Graph:
    graph = of_family(grid(rows=3, columns=4, rng=np.random.default_rng(0)), family)
    rng = np.random.default_rng(seed)
    for a, b, data in graph.edges(data=True):
        data["source"] = str(rng.choice([a, b]))
        if rng.random() < 0.3:
            data.update(family="resistor", parameters={"resistance": float(rng.uniform(1e6, 1e8))})
    named: dict[str, Any] = {"output": "e0", "inputs": ("e2", "e3"), "controls": CONTROLS, "grounds": ("e4", "e7")}
    return assign_roles(graph, **{**named, **given})


def reached(graph: nx.Graph) -> set[str]:
    return {name for name in GATES if unreachable(graph, TASKS[name]()) is None}


def test_what_each_network_can_do() -> None:
    assert reached(mesh()) == {"and", "or"}
    assert reached(mesh(readout=Readout("voltage"))) == {"and", "or"}
    assert reached(mesh(readout=Readout(inverting=True))) == {"nand", "nor"}
    assert reached(mesh(readout=Readout("transimpedance"))) == {"nand", "nor"}  # such an amplifier inverts
    assert reached(mesh(readout=Readout("transimpedance", inverting=False))) == {"and", "or"}
    assert reached(mesh(series_resistance=1e6)) == {"and", "or"}
    assert reached(mesh("tunnel")) == set(GATES)
    assert reached(mesh("threshold_switch")) == set(GATES)
    assert reached(mesh(output=("e0", "e4"), grounds=("e7",), readout=Readout(differential=True))) == set(GATES)
    assert reached(mesh(complements=("e4", "e7"), grounds=())) == set(GATES)


def test_a_gate_or_an_unknown_inside_is_not_monotone() -> None:
    graph = mesh()
    _, _, data = next(iter(graph.edges(data=True)))
    data.update(family="mosfet", gate="e2")
    assert not monotone(graph)
    roles = {"output": "e0", "inputs": ("e1", "e2"), "controls": ("e3", "e4", "e5", "e6", "e7")}
    assert signs(assign_roles(dopant_network(seed=0), **roles)) is None


def test_an_inverting_amplifier_turns_the_sign_of_what_is_before_it() -> None:
    unit = of_family(grid(rows=3, columns=3, electrodes=4, rng=np.random.default_rng(0)), "sinh")
    graph = layered([unit, unit], outputs=["e0"], inputs=[["e1"]], coupling=Coupling(-1e7))
    graph = assign_roles(
        graph, output="u1_e0", inputs=("u0_e1", "u0_e2"), controls=("u0_e3", "u1_e2"), grounds=("u1_e3",)
    )
    found = derivative_signs(graph)
    assert found is not None
    assert found.tolist() == [-1, 1]
    assert reached(graph) == {"nand", "nor"}
    with NgspiceDevice(graph) as device:
        truth = device.small_signal(np.array([0.2, 0.1]), np.array([0.1, -0.2]), np.array([1.0, 1.0])).real
    assert np.sign(truth).tolist() == [-1, 1]


@pytest.mark.parametrize("family", ["sinh", "diode"])
def test_no_derivative_of_a_monotone_network_has_the_other_sign(family: str) -> None:
    """The theorem on networks drawn at random, at random voltages, in the simulator."""
    rng = np.random.default_rng(5)
    for seed in range(3):
        graph = mesh(family, seed)
        with NgspiceDevice(graph) as device:
            for _ in range(5):
                control, inputs = rng.uniform(-0.5, 0.5, 3), rng.uniform(-0.5, 0.5, 2)
                slopes = device.small_signal(control, inputs, np.ones(3)).real
                assert slopes.max() > 0
                assert slopes.min() >= -1e-9 * slopes.max()


class Broken:
    """A network whose output is read with the wrong sign, or not."""

    def __init__(self, dut: NgspiceDevice, sign: int) -> None:
        self.controls, self.inputs, self._dut, self._sign = dut.controls, dut.inputs, dut, sign

    def measure(self, drive: Drive) -> Waveform:
        waveform = self._dut.measure(drive)
        return replace(waveform, output=self._sign * waveform.output)


def test_a_derivative_of_the_wrong_sign_is_an_error_of_measurement() -> None:
    graph = mesh()
    plan = plan_tones(3, 25e-3)
    known = derivative_signs(graph)
    with NgspiceDevice(graph) as device:
        control, inputs = np.array([0.2, 0.1, -0.1]), np.array([[0.1, -0.2]])
        for sign, asked, flagged in ((1, known, False), (-1, known, True), (-1, None, False)):
            measurement = Measurement(plan, np.full(3, 5e-3), np.array([0.3, 1.0, 2.0]), signs=asked)
            (estimate,) = homodyne(Broken(device, sign), control, inputs, measurement)
            assert ("wrong_sign" in estimate.flags) is flagged


def test_a_study_of_the_unreachable_is_refused_unless_told_to_try() -> None:
    with pytest.raises(ValueError, match=r"xor can't be done by this network.*1, 1 than for 0, 1.*--anyway"):
        check(parse_study(load_study("xor_sinh")))
    check(parse_study(load_study("xor_sinh", ['training.unreachable="try"'])))
    with pytest.raises(ValueError, match=r"nand can't.*help: a read-out of the other sign \(readout"):
        check(parse_study(load_study("and_sinh", ['task.name="nand"'])))
    with pytest.raises(StudyError, match="unknown choice"):
        parse_study(load_study("xor_sinh", ['training.unreachable="yes"']))
