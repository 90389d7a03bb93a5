"""Two dopant networks in series, against the same equations written a second time and against finite differences."""

from collections.abc import Iterator

import networkx as nx
import numpy as np
import pytest
from conftest import HoppingModel

from hge_spice.gradient import Measurement, homodyne
from hge_spice.graph import Coupling, assign_roles, dopant_network, electrodes, layered, of_family
from hge_spice.graph.planar import delaunay
from hge_spice.netlist import deck
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.tones import plan_tones

CONTROLS = ("u0_e1", "u0_e4", "u0_e6", "u1_e1", "u1_e4", "u1_e6")
CONTROL, INPUTS = np.array([0.1, 0.2, -0.1, 0.3, -0.2, 0.1]), np.array([0.3, -0.3])


def series(coupling: Coupling) -> nx.Graph:
    graph = layered(
        [dopant_network(seed=13), dopant_network(seed=7)], outputs=["e0"], inputs=[["e2"]], coupling=coupling
    )
    named = {"u1_e0", "u0_e2", "u0_e3", *CONTROLS}
    rest = [name for name in electrodes(graph) if name not in named]
    return assign_roles(graph, output="u1_e0", inputs=("u0_e2", "u0_e3"), controls=CONTROLS, grounds=rest)


@pytest.fixture(scope="module")
def device() -> Iterator[NgspiceDevice]:
    with NgspiceDevice(series(Coupling(gain=2e7))) as dut:
        yield dut


@pytest.mark.parametrize("coupling", [Coupling(2e7), Coupling(-1e7, shift=0.1, limit=None)])
def test_the_output_is_one_network_after_the_other(coupling: Coupling) -> None:
    first, second = HoppingModel(dopant_network(seed=13)), HoppingModel(dopant_network(seed=7))
    volts = dict.fromkeys((f"u{k}_e{e}" for k in range(2) for e in range(8)), 0.0)
    volts |= dict(zip((*CONTROLS, "u0_e2", "u0_e3"), (*CONTROL, *INPUTS), strict=True))
    _, currents = first.solve({f"e{e}": volts[f"u0_e{e}"] for e in range(8)})
    raised = coupling.gain * currents["e0"]
    if coupling.limit is not None:
        raised = coupling.limit * np.tanh(raised / coupling.limit)
    _, currents = second.solve({f"e{e}": volts[f"u1_e{e}"] for e in range(8)} | {"e2": coupling.shift + raised})
    with NgspiceDevice(series(coupling)) as dut:
        assert dut.operating_point(CONTROL, INPUTS).output[0] == pytest.approx(currents["e0"], rel=1e-6)


def test_derivatives_through_both_are_those_of_finite_differences(device: NgspiceDevice) -> None:
    h = 1e-4

    def output(control: np.ndarray) -> float:
        return float(device.operating_point(control, INPUTS).output[0])

    steps = h * np.eye(6)
    near = np.array([output(CONTROL + s) - output(CONTROL - s) for s in steps])
    far = np.array([output(CONTROL + 2 * s) - output(CONTROL - 2 * s) for s in steps])
    slopes = (8 * near - far) / (12 * h)
    plan = plan_tones(6, 50e-3)
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, 6)
    (estimate,) = homodyne(device, CONTROL, INPUTS[None], Measurement(plan, np.full(6, 1e-3), phase))
    assert np.abs(estimate.jacobian - slopes).max() <= 1e-3 * np.abs(slopes).max()
    truth = device.small_signal(CONTROL, INPUTS, np.array(plan.frequencies)).real
    assert np.abs(truth - slopes).max() <= 1e-6 * np.abs(slopes).max()
    assert np.abs(slopes[:3]).max() > 0.01 * np.abs(slopes).max()  # the first network's own are seen


def test_units_may_be_of_different_kinds_and_remember() -> None:
    mesh = of_family(delaunay(nodes=9, electrodes=4, rng=np.random.default_rng(1)), "hp_joglekar")
    graph = layered([dopant_network(seed=13), mesh], outputs=["e0"], inputs=[["e1"]])
    rest = [n for n in electrodes(graph) if n not in {"u1_e0", "u0_e2", "u0_e3", "u0_e1"}]
    graph = assign_roles(graph, output="u1_e0", inputs=("u0_e2", "u0_e3"), controls=("u0_e1",), grounds=rest)
    with NgspiceDevice(graph) as dut:
        found = dut.operating_point(np.array([0.1]), INPUTS)
        assert found.output[0] != 0
        assert "unphysical" not in found.flags
    assert deck(graph) == deck(graph.copy())


def test_a_series_is_read_at_its_end() -> None:
    graph = layered([dopant_network(seed=13), dopant_network(seed=7)], outputs=["e0"], inputs=[["e2"]])
    rest = [n for n in electrodes(graph) if n not in {"u0_e4", "u0_e2", "u0_e3", "u1_e1"}]
    early = assign_roles(graph, output="u0_e4", inputs=("u0_e2", "u0_e3"), controls=("u1_e1",), grounds=rest)
    with pytest.raises(ValueError, match="output u0_e4 belongs to unit 0; read unit 1"):
        deck(early)
