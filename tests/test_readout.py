"""Read-out and drive around a linear network, against nodal analysis: every combination has a closed form."""

from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np
import pytest

from hge_spice.drive import Drive, Tone, Transient
from hge_spice.gradient import Measurement, homodyne
from hge_spice.graph import Readout, assign_roles, crossbar, electrodes, grid, of_family
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.tones import plan_tones

OHM = 1e6
CONTROLS = ("e1", "e4", "e6")
CONTROL, INPUTS = np.array([0.3, -0.2, 0.1]), np.array([0.25, -0.15])


def resistors() -> nx.Graph:
    graph = of_family(grid(rows=3, columns=4, rng=np.random.default_rng(0)), "resistor", {"resistance": OHM})
    for k, (_, _, data) in enumerate(graph.edges(data=True)):
        data["parameters"] = {"resistance": OHM * (1 + 0.13 * k)}
    return graph


def nodal(graph: nx.Graph, held: dict[str, float], leads: dict[str, float]) -> dict[str, float]:
    """Current out of each held electrode's source, A: the weighted Laplacian with leads (ohm) written out."""
    names = list(graph) + [f"{n} lead" for n in leads]
    at = {n: i for i, n in enumerate(names)}
    matrix = np.zeros((len(names), len(names)))
    pairs = [(a, b, d["parameters"]["resistance"]) for a, b, d in graph.edges(data=True)]
    for a, b, ohm in [*pairs, *((n, f"{n} lead", ohm) for n, ohm in leads.items())]:
        i, j = at[a], at[b]
        matrix[[i, j], [i, j]] += 1 / ohm
        matrix[[i, j], [j, i]] -= 1 / ohm
    fixed = {at[f"{n} lead" if n in leads else n]: v for n, v in held.items()}
    free = [i for i in range(len(names)) if i not in fixed]
    rims, volts = list(fixed), np.array(list(fixed.values()))
    voltage = np.zeros(len(names))
    voltage[rims] = volts
    voltage[free] = np.linalg.solve(matrix[np.ix_(free, free)], -matrix[np.ix_(free, rims)] @ volts)
    return dict(zip(held, (matrix @ voltage)[rims], strict=True))


def roles(**given: Any) -> nx.Graph:
    named: dict[str, Any] = {"output": "e0", "inputs": ("e2", "e3"), "controls": CONTROLS, "grounds": ("e5", "e7")}
    return assign_roles(resistors(), **{**named, **given})


def held(graph: nx.Graph, control: np.ndarray, inputs: np.ndarray) -> dict[str, float]:
    volts = dict(zip((*electrodes(graph, "control"), *electrodes(graph, "input")), (*control, *inputs), strict=True))
    volts |= dict.fromkeys(electrodes(graph, "ground"), 0.0)
    return volts | {n: graph.nodes[n].get("voltage", 0.0) for n in electrodes(graph, "output")}


def differentiate(function: Any) -> np.ndarray:
    return np.array([function(CONTROL + step) - function(CONTROL - step) for step in 0.5 * np.eye(3)])


CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "current": ({}, lambda c: -nodal(roles(), held(roles(), c, INPUTS), {})["e0"]),
    "inverted current": (
        {"readout": Readout(inverting=True)},
        lambda c: nodal(roles(), held(roles(), c, INPUTS), {})["e0"],
    ),
    "transimpedance": (
        {"readout": Readout("transimpedance", gain=3e5)},
        lambda c: 3e5 * nodal(roles(), held(roles(), c, INPUTS), {})["e0"],
    ),
    "load": (
        {"readout": Readout("voltage", load=2e5), "output_voltage": 0.05},
        lambda c: 0.05 - 2e5 * nodal(roles(), held(roles(), c, INPUTS) | {"e0": 0.05}, {"e0": 2e5})["e0"],
    ),
    "series resistance": (
        {"series_resistance": {"e0": 4e5, "e1": 2e5, "e2": 1e5, "e7": 5e5}},
        lambda c: -nodal(roles(), held(roles(), c, INPUTS), {"e0": 4e5, "e1": 2e5, "e2": 1e5, "e7": 5e5})["e0"],
    ),
    "differential": (
        {"output": ("e0", "e7"), "grounds": ("e5",), "readout": Readout(differential=True)},
        lambda c: np.subtract(*(-nodal(roles(), held(roles(), c, INPUTS), {})[n] for n in ("e0", "e7"))),
    ),
    "complements": (
        {"complements": ("e5", "e7"), "mirrors": (0.1, -0.2), "grounds": ()},
        lambda c: -nodal(roles(), held(roles(), c, INPUTS) | {"e5": 0.1 - 0.25, "e7": -0.2 + 0.15}, {})["e0"],
    ),
}


@pytest.fixture(params=CASES, scope="module")
def case(request: pytest.FixtureRequest) -> Iterator[tuple[NgspiceDevice, Any]]:
    given, expected = CASES[request.param]
    with NgspiceDevice(roles(**given)) as device:
        yield device, expected


def test_the_output_is_that_of_nodal_analysis(case: tuple[NgspiceDevice, Any]) -> None:
    device, expected = case
    found = device.operating_point(CONTROL, INPUTS)
    assert found.output[0] == pytest.approx(expected(CONTROL), rel=1e-9)
    assert found.current_error < 1e-4 * abs(found.output[0])


def test_truth_and_homodyne_are_its_derivatives(case: tuple[NgspiceDevice, Any]) -> None:
    device, expected = case
    slopes = differentiate(expected)
    plan = plan_tones(3, 25e-3)
    assert device.small_signal(CONTROL, INPUTS, np.array(plan.frequencies)).real == pytest.approx(slopes, rel=1e-9)
    measurement = Measurement(plan, np.full(3, 1e-2), np.array([0.3, 1.0, 2.0]))
    (estimate,) = homodyne(device, CONTROL, INPUTS[None], measurement)
    assert estimate.jacobian == pytest.approx(slopes, rel=1e-4)
    assert estimate.output == pytest.approx(expected(CONTROL), rel=1e-4)


def test_energy_is_what_the_sources_give(case: tuple[NgspiceDevice, Any]) -> None:
    """The power of a linear network is quadratic in its voltages: twice of all gives four times."""
    device, _ = case
    found = device.operating_point(CONTROL, INPUTS).energy
    assert found > 0
    if not any(device.graph.nodes[n].get("voltage") for n in device.graph) and not electrodes(
        device.graph, "complement"
    ):
        assert device.operating_point(2 * CONTROL, 2 * INPUTS).energy == pytest.approx(4 * found, rel=1e-9)


def test_an_amplifiers_pole_turns_and_shrinks_the_response() -> None:
    tone = 40.0
    with NgspiceDevice(roles(readout=Readout("transimpedance", gain=3e5, bandwidth=tone))) as device:
        found = device.small_signal(CONTROL, INPUTS, np.array([1e-3, tone, tone]))
        slopes = differentiate(CASES["transimpedance"][1])
        assert found == pytest.approx(slopes * np.array([1, 1 / (1 + 1j), 1 / (1 + 1j)]), rel=1e-4)


def test_every_output_is_kept_and_the_first_is_trained() -> None:
    with NgspiceDevice(roles(output=("e7", "e0"), grounds=("e5",))) as device:
        drive = Drive(CONTROL, INPUTS, (Tone("e1", 40.0, 1e-3),), Transient(25e-3, 16))
        found = device.measure(drive)
        assert np.array_equal(found.output, found.probes["e7"])
        assert found.probes["e0"].mean() == pytest.approx(CASES["current"][1](CONTROL), rel=1e-6)


def test_a_crossbar_with_line_resistance_is_its_nodal_analysis() -> None:
    graph = of_family(crossbar(rows=5, columns=6, line_resistance=20.0), "resistor", {"resistance": 1e4})
    for _, _, data in graph.edges(data=True):
        data.setdefault("parameters", {"resistance": 1e4})
    rest = [n for n in electrodes(graph) if n not in {"c3", "r0", "r1", "r2", "r3", "r4"}]
    graph = assign_roles(graph, output="c3", inputs=("r0", "r1"), controls=("r2", "r3", "r4"), grounds=rest)
    with NgspiceDevice(graph) as device:
        found = device.operating_point(CONTROL, INPUTS).output[0]
        assert found == pytest.approx(-nodal(graph, held(graph, CONTROL, INPUTS), {})["c3"], rel=1e-9)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "volts"}, "'volts' is unknown; there are current, transimpedance, voltage"),
        ({"gain": 0.0}, "gain is 0.0 ohm"),
        ({"bandwidth": -1.0}, "bandwidth is -1.0 Hz"),
        ({"load": float("inf")}, "load is inf ohm"),
    ],
)
def test_read_outs_that_cannot_be(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Readout(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"readout": Readout(differential=True)}, "a differential read-out needs two outputs"),
        ({"complements": ("e5",), "grounds": ("e7",)}, "1 complements for 2 inputs"),
        ({"series_resistance": -1.0}, "is -1.0 ohm; it must be 0, or at least 0.001 ohm"),
        ({"series_resistance": 1e-12}, "is 1e-12 ohm; it must be 0, or at least 0.001 ohm"),
        ({"series_resistance": {"e9": 1.0}}, "'e9': there is no such electrode"),
        ({"output_voltage": float("nan")}, "the voltage of electrode 'e0' is nan"),
    ],
)
def test_roles_that_do_not_fit_the_read_out(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        roles(**given)
