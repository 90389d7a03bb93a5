"""Read-outs, series resistances, wiring and open electrodes of the quasi-static engine against ngspice."""

from typing import Any

import networkx as nx
import numpy as np
import pytest

from hge_spice.benchmarks.quasistatic import mesh
from hge_spice.drive import Drive, SimulationError, Tone, Transient
from hge_spice.graph import Readout, assign_roles, dopant_network, electrodes
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.quasistatic import QuasistaticDevice

BENCHES: dict[str, dict[str, Any]] = {
    "load": {"readout": Readout("voltage", load=1e7)},
    "load on a foot of its own": {"readout": Readout("voltage", load=1e7), "output_voltage": 0.1},
    "amplifier": {"readout": Readout("transimpedance", gain=1e7)},
    "inverted current": {"readout": Readout("current", inverting=True)},
    "difference": {"readout": Readout("current", differential=True), "output": ("e0", "e4")},
    "difference of loads": {"readout": Readout("voltage", differential=True, load=1e7), "output": ("e0", "e4")},
    "two outputs": {"readout": Readout("transimpedance", gain=1e7), "output": ("e0", "e4")},
    "series resistances": {"series_resistance": {"e0": 1e6, "e1": 3e6, "e3": 1e5}},
    "an open electrode": {"unconnected": ("e5",)},
    "wiring": {"wiring": {"output_conductance": 1e-9, "output_capacitance": 1e-15, "electrode_capacitance": 1e-12}},
    "coupled electrodes": {
        "wiring": {
            "between_conductance": [("e2", "e4", 1e-9), ("e1", "e6", 3e-9)],
            "between_capacitance": [("e2", "e4", 1e-15)],
        }
    },
}


@pytest.mark.parametrize("bench", BENCHES)
@pytest.mark.parametrize("family", ["dopant", "sinh"])
def test_what_is_around_a_network_agrees_with_ngspice(family: str, bench: str) -> None:
    """Operating points within 1e-6 of the largest output, derivatives at rest within 1e-5; every output and energy."""
    asked = dict(BENCHES[bench])
    wiring = asked.pop("wiring", {})
    outputs = asked.pop("output", ("e0",))
    plain = dopant_network(sites=12, seed=10) if family == "dopant" else mesh("sinh", 12)
    others = [n for n in electrodes(plain) if n not in {*outputs, *asked.get("unconnected", ())}]
    graph = assign_roles(plain, output=outputs, inputs=others[:1], controls=others[1:], **asked)
    graph.graph["wiring"] = wiring
    rims = np.random.default_rng(7).uniform(-0.5, 0.5, (4, len(others)))
    with NgspiceDevice(graph) as theirs, QuasistaticDevice(graph) as ours:
        found = [[each.operating_point(row[1:], row[:1]) for row in rims] for each in (ours, theirs)]
        mine, truth = (np.array([point.output[0] for point in points]) for points in found)
        assert np.abs(mine - truth).max() <= 1e-6 * np.abs(truth).max()
        for one, other in zip(*found, strict=True):
            assert one.energy == pytest.approx(other.energy, rel=1e-6)
            assert set(one.probes) == set(other.probes)
            for name, value in one.probes.items():
                assert value == pytest.approx(other.probes[name], rel=1e-6, abs=1e-6 * np.abs(truth).max())
        low = np.full(len(others) - 1, 1e-3)
        for row in rims:
            slope = theirs.small_signal(row[1:], row[:1], low).real
            for outcome in (ours.exact(row[1:], row[None, :1])[1][0], ours.small_signal(row[1:], row[:1], low).real):
                assert np.abs(outcome - slope).max() <= 1e-5 * np.abs(slope).max()


def test_an_amplifiers_pole_counts() -> None:
    """Its response at its own bandwidth is (1 − j)/2 of that at rest, and its tones must stay far below it."""
    amplifier = Readout("transimpedance", gain=1e7, bandwidth=1e3)
    plain = mesh("sinh", 12)
    graph = assign_roles(plain, output="e0", inputs=(), controls=electrodes(plain)[1:], readout=amplifier)
    with NgspiceDevice(graph) as theirs, QuasistaticDevice(graph) as ours:
        control, frequencies = np.linspace(-0.4, 0.4, 7), np.full(7, 1e3)
        mine, truth = (each.small_signal(control, np.empty(0), frequencies) for each in (ours, theirs))
        assert np.abs(mine - truth).max() <= 1e-5 * np.abs(truth).max()
        at_rest = ours.exact(control, np.empty((1, 0)))[1][0]
        assert mine == pytest.approx((1 - 1j) / 2 * at_rest, rel=1e-6)
        assert ours.time_constants(control, np.empty(0))[0] == pytest.approx(1 / (2 * np.pi * 1e3))
        with pytest.raises(SimulationError, match="too near the pole at 1e\\+03 Hz"):
            ours.measure(Drive(control, np.empty(0), (Tone("e1", 2.0, 1e-3),), Transient(1.0, 16)))


def test_a_pole_of_a_load_is_that_of_its_resistance() -> None:
    """Electrode, resistor, and the output's own 1 pF behind 10 MΩ: R∥load times C."""
    graph = nx.Graph(family="resistor", parameters={"resistance": 1e6})
    for k in range(2):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=float(k), y=0.0)
    graph.nodes["e0"]["capacitance"] = 1e-12
    graph.add_edge("e0", "e1")
    load = Readout("voltage", load=1e7)
    device = QuasistaticDevice(assign_roles(graph, output="e0", inputs=(), controls=("e1",), readout=load))
    assert device.time_constants(np.zeros(1), np.empty(0)) == pytest.approx([1e-12 / (1e-6 + 1e-7)])
    assert device.operating_point(np.ones(1), np.empty(0)).output == pytest.approx([10 / 11])
