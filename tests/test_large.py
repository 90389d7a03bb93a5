"""Networks of thousands of elements: as exact as small ones. Their build times are a benchmark's business."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from hge_spice.gradient import Measurement, homodyne
from hge_spice.graph import assign_roles, crossbar, electrodes, electrodes_by_name, of_family, read_graph
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.tones import plan_tones

CONTROLS = tuple(f"r{i}" for i in range(2, 7))
CONTROL, INPUTS = np.array([0.3, -0.2, 0.1, 0.2, -0.1]), np.array([0.25, -0.15])


def nodal(graph: nx.Graph, voltage: dict[str, float], output: str) -> float:
    """Current into the output electrode, A: the weighted Laplacian of the resistances, solved by SciPy."""
    at = {name: i for i, name in enumerate(graph)}
    a, b, siemens = zip(
        *((at[a], at[b], 1 / data["parameters"]["resistance"]) for a, b, data in graph.edges(data=True)), strict=True
    )
    rows, columns, values = [*a, *b, *a, *b], [*b, *a, *a, *b], [*(-g for g in siemens * 2), *siemens, *siemens]
    matrix = coo_array((values, (rows, columns)), shape=(len(at), len(at))).tocsr()
    held = np.array([at[name] for name in voltage])
    free = np.setdiff1d(np.arange(len(at)), held)
    volts = np.zeros(len(at))
    volts[held] = list(voltage.values())
    volts[free] = spsolve(matrix[free][:, free].tocsc(), -(matrix[free][:, held] @ volts[held]))
    return -float((matrix @ volts)[at[output]])


def linear_crossbar(size: int) -> nx.Graph:
    graph = of_family(crossbar(rows=size, columns=size, line_resistance=2.0), "resistor", {"resistance": 1e4})
    for k, (_, _, data) in enumerate(graph.edges(data=True)):
        data.setdefault("parameters", {"resistance": 1e4 * (1 + k % 7)})
    driven = {"c0", "r0", "r1", *CONTROLS}
    rest = [name for name in electrodes(graph) if name not in driven]
    return assign_roles(graph, output="c0", inputs=("r0", "r1"), controls=CONTROLS, grounds=rest)


@pytest.mark.parametrize("size", [16, pytest.param(64, marks=pytest.mark.long)])
def test_a_linear_crossbar_agrees_with_nodal_analysis(size: int) -> None:
    graph = linear_crossbar(size)
    held = dict.fromkeys(electrodes(graph), 0.0) | dict(zip((*CONTROLS, "r0", "r1"), (*CONTROL, *INPUTS), strict=True))
    with NgspiceDevice(graph, timeout=300) as device:
        found = device.operating_point(CONTROL, INPUTS).output[0]
        slopes = device.small_signal(CONTROL, INPUTS, np.ones(5)).real
    assert found == pytest.approx(nodal(graph, held, "c0"), rel=1e-9)
    unit = [nodal(graph, dict.fromkeys(held, 0.0) | {name: 1.0}, "c0") for name in CONTROLS]
    assert slopes == pytest.approx(unit, rel=1e-9)


@pytest.mark.parametrize("nodes", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_a_large_network_from_a_file_gives_its_gradient(tmp_path: Path, nodes: int) -> None:
    made = nx.random_geometric_graph(nodes, 1.8 / np.sqrt(nodes), seed=4)
    made = made.subgraph(max(nx.connected_components(made), key=len)).copy()
    for _, data in made.nodes(data=True):
        data["x"], data["y"] = (1e-6 * c for c in data.pop("pos"))
    path = tmp_path / "network.graphml"
    nx.write_graphml(made, path)
    graph = read_graph(path)
    assert len(graph) > 0.95 * nodes
    names = list(graph)[:8]
    graph = electrodes_by_name(of_family(graph, "sinh", {"i0": 1e-9, "v0": 0.1}), names)
    graph = assign_roles(graph, output=names[0], inputs=names[1:3], controls=names[3:])
    plan = plan_tones(5, 25e-3)
    with NgspiceDevice(graph, timeout=300) as device:
        measurement = Measurement(plan, np.full(5, 5e-3), np.random.default_rng(0).uniform(0, 6, 5))
        (estimate,) = homodyne(device, CONTROL, INPUTS[None], measurement)
        truth = device.small_signal(CONTROL, INPUTS, np.array(plan.frequencies)).real
    assert np.abs(estimate.jacobian - truth).max() <= 1e-3 * np.abs(truth).max()
