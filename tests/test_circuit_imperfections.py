"""Imperfections of the circuit against what their definitions say: drawn numbers, netlists in closed form, ngspice."""

import networkx as nx
import numpy as np
import pytest
from test_check_imperfection import diode_mesh

from hge_spice.devices import ELEMENTS
from hge_spice.devices.branches import branches
from hge_spice.drive import Drive, Floats, Transient
from hge_spice.graph import Network, assign_roles, dopant_network
from hge_spice.imperfections import altered
from hge_spice.imperfections.mismatch import drawn, scaled
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.quasistatic import QuasistaticDevice

MISMATCH = {"sigma": 0.0, "parameter": "main", "pelgrom": 0.0, "pelgrom_gain": 0.0, "correlation": 0.0}


def grid(side: int, family: str = "resistor", **parameters: float) -> Network:
    """A square of nodes a micrometre apart with an electrode at two corners."""
    graph: Network = Network(family=family, parameters=parameters)
    for x in range(side):
        for y in range(side):
            graph.add_node(f"{x}.{y}", kind="node", x=x * 1e-6, y=y * 1e-6)
    for x, y in nx.grid_2d_graph(side, side).edges:
        graph.add_edge(f"{x[0]}.{x[1]}", f"{y[0]}.{y[1]}")
    for k, corner in enumerate(("0.0", f"{side - 1}.{side - 1}")):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=0.0, y=0.0)
        graph.add_edge(f"e{k}", corner)
    return assign_roles(graph, output="e0", inputs=[], controls=["e1"])


def values(graph: Network, name: str) -> Floats:
    return np.array([branch.values[name] for branch in branches(graph)])


def test_mismatch_is_log_normal_with_its_sigma() -> None:
    found = np.log(values(altered(grid(40), {"mismatch": MISMATCH | {"sigma": 0.2}}, 1), "resistance") / 1e4)
    assert found.std() == pytest.approx(0.2, rel=0.05)
    assert found.mean() == pytest.approx(0, abs=0.02)


def test_a_hops_rate_takes_the_factor() -> None:
    graph = dopant_network(seed=13)
    factors = np.random.default_rng(1).uniform(0.5, 2, graph.number_of_edges())
    after = scaled(graph, factors)
    length = graph.graph["parameters"]["localisation"]
    rate = [np.exp(-2 * (after.edges[e]["length"] - graph.edges[e]["length"]) / length) for e in graph.edges]
    assert rate == pytest.approx(factors, rel=1e-12)
    with pytest.raises(ValueError, match="no parameter 'localisation' to alter; main is their hop rates"):
        scaled(graph, factors, "localisation")


def test_mismatch_correlates_over_its_length() -> None:
    graph, length = grid(5), 3e-6
    rng = np.random.default_rng(2)
    runs = np.array([drawn(graph, length, rng) for _ in range(3000)])
    assert runs.std(axis=0) == pytest.approx(np.ones(runs.shape[1]), rel=0.08)
    edges = list(graph.edges)
    places = np.array([[(graph.nodes[a][k] + graph.nodes[b][k]) / 2 for k in "xy"] for a, b in edges])
    for other in (3, 12, 35):
        apart = np.hypot(*(places[0] - places[other]))
        assert np.mean(runs[:, 0] * runs[:, other]) == pytest.approx(np.exp(-apart / length), abs=0.06)


def test_thresholds_follow_pelgroms_law() -> None:
    """What pairs differ by falls as one over the root of the area: slope −½ on w·l, level A."""
    deviation, areas = [], [0.25e-12, 1e-12, 4e-12, 16e-12]
    for area in areas:
        graph = grid(30, "mosfet", w=area**0.5, l=area**0.5)
        for a, _, data in graph.edges(data=True):
            data["gate"] = a
        after = altered(graph, {"mismatch": MISMATCH | {"pelgrom": 3.5e-9}}, 3)
        made = values(after, "vto")
        deviation.append((made[: len(made) // 2] - made[len(made) // 2 :][: len(made) // 2]).std())
    assert np.polyfit(np.log(areas), np.log(deviation), 1)[0] == pytest.approx(-0.5, abs=0.03)
    assert deviation[1] == pytest.approx(3.5e-3, rel=0.06)
    with pytest.raises(ValueError, match="pelgrom needs elements with w, l and vto; a resistor has none"):
        altered(grid(3), {"mismatch": MISMATCH | {"pelgrom": 1e-9}}, 1)


def test_a_parameter_that_isnt_there_is_refused() -> None:
    with pytest.raises(ValueError, match="resistor has no parameter 'ron'; it has resistance"):
        altered(grid(3), {"mismatch": MISMATCH | {"sigma": 0.1, "parameter": "ron"}}, 1)


def test_faults_have_their_probabilities() -> None:
    graph = grid(40)
    faults = {"open": 0.02, "stuck": 0.2, "factor": 0.1, "parameter": "resistance"}
    after = altered(graph, {"faults": faults}, 5)
    assert 1 - after.number_of_edges() / graph.number_of_edges() == pytest.approx(0.02, abs=0.008)
    found = [data.get("parameters", {}).get("resistance", 1e4) for _, _, data in after.edges(data=True)]
    assert np.mean(np.isclose(found, 1e3)) == pytest.approx(0.2 / 0.98, abs=0.03)


def test_source_resistance_and_stray_coupling_are_those_of_the_circuit_by_hand() -> None:
    """One resistor: dI/dV = 1/(R + Rs) behind a source, with G + iωC past it and a pole of Rs with C."""
    graph: Network = Network(family="resistor", parameters={"resistance": 1e5})
    for k in range(2):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=float(k), y=0.0)
    graph.add_edge("e1", "e0")
    graph = assign_roles(graph, output="e0", inputs=[], controls=["e1"])
    chosen = {
        "source_resistance": {"resistance": 3e4, "capacitance": 1e-9},
        "crosstalk": {"capacitance": 2e-10, "conductance": 1e-6, "between": 0.0, "between_conductance": 0.0},
    }
    frequency = np.array([1e3])
    omega = 2 * np.pi * 1e3
    branch = 1 / 1e5 + 1e-6 + 1j * omega * 2e-10
    wanted = branch / (1 + 3e4 * (branch + 1j * omega * 1e-9))
    with NgspiceDevice(altered(graph, chosen, 0)) as dut:
        assert dut.small_signal(np.array([0.2]), np.zeros(0), frequency)[0] == pytest.approx(wanted, rel=1e-6)


def test_parasitics_add_to_what_is_there() -> None:
    mesh = diode_mesh()
    mesh.nodes["m0"]["capacitance"] = 1e-15
    after = altered(mesh, {"parasitics": {"node": 2e-15, "edge": 3e-15, "leakage": 0.0}}, 0)
    assert after.nodes["m0"]["capacitance"] == pytest.approx(3e-15)
    assert "capacitance" not in after.nodes["e0"]
    assert values(after, "capacitance") == pytest.approx(np.full(after.number_of_edges(), 3e-15))


def test_a_source_of_inverted_inputs_has_resistance_too() -> None:
    graph: Network = Network(family="resistor", parameters={"resistance": 1e5})
    for k in range(4):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=float(k), y=0.0)
    graph.add_edges_from((f"e{k}", "e0") for k in (1, 2, 3))
    graph = assign_roles(graph, output="e0", inputs=["e1"], controls=["e2"], complements=["e3"], mirrors=[0.5])
    graph = altered(graph, {"source_resistance": {"resistance": 3e4, "capacitance": 0.0}}, 0)
    with NgspiceDevice(graph) as dut:
        found = dut.operating_point(np.array([0.1]), np.array([0.2])).output[0]
    assert found == pytest.approx((0.1 + 0.2 + 0.3) / 1.3e5, rel=1e-9)


def test_temperature_moves_level_and_gradient() -> None:
    after = altered(grid(3), {"temperature": {"offset": 10.0, "gradient": 1e6}}, 0)
    found = {branch.edge: branch.values["temperature"] for branch in branches(after)}
    assert found["0.0", "1.0"] == pytest.approx(300.15 + 10 - 0.5)
    assert found["1.0", "2.0"] == pytest.approx(300.15 + 10 + 0.5)
    published = altered(grid(3, "mss"), {"temperature": {"offset": 1.0, "gradient": 1e6}}, 0)
    assert branches(published)[0].values["temperature"] == pytest.approx(ELEMENTS["mss"].usual_temperature + 1 - 0.5)
    colder = altered(dopant_network(seed=13), {"temperature": {"offset": -7.0, "gradient": 0.0}}, 0)
    assert colder.graph["parameters"]["temperature"] == 70.0
    with pytest.raises(ValueError, match="must be above zero"):
        altered(grid(3), {"temperature": {"offset": -400.0, "gradient": 0.0}}, 0)


def test_noise_within_the_netlist_is_the_same_noise_behind_a_linear_device() -> None:
    """A table of white noise on the electrode against the same samples times the slope, at every harmonic."""
    from hge_spice.imperfections.stimulus import added, table_times  # noqa: PLC0415 - of this test alone

    transient = Transient(25e-3, 500)
    quiet = Drive(np.array([0.2]), np.zeros(0), (), transient)
    noise = 1e-3 * np.random.default_rng(6).standard_normal(len(table_times(transient)))
    with NgspiceDevice(grid(4)) as dut:
        slope = float(np.real(dut.small_signal(quiet.control, quiet.inputs, np.array([100.0]))[0]))
        rest = dut.operating_point(quiet.control, quiet.inputs).output[0]
        found = dut.measure(added(quiet, ("e1",), noise[None]))
    places = np.floor(found.time / transient.step + 1e-9).astype(int)
    behind = rest + slope * noise[places]
    assert len(np.unique(places)) == 500  # each point its own value: no colour from the solver's grid
    inside, outside = (np.abs(np.fft.rfft(v)) ** 2 for v in (found.output, behind))
    assert inside[1:] == pytest.approx(outside[1:], rel=1e-5)


def pair(**between: object) -> Network:
    """Two controls, each behind 30 kΩ, and a resistor from each to the output; the electrodes couple."""
    graph: Network = Network(family="resistor", parameters={"resistance": 1e5})
    for k in range(3):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=float(k), y=0.0)
    graph.add_edge("e1", "e0")
    graph.add_edge("e2", "e0", parameters={"resistance": 3e5})
    graph = assign_roles(graph, output="e0", inputs=[], controls=["e1", "e2"])
    crosstalk = {"capacitance": 0.0, "conductance": 0.0, "between": 0.0, "between_conductance": 0.0, **between}
    return altered(graph, {"source_resistance": {"resistance": 3e4, "capacitance": 0.0}, "crosstalk": crosstalk}, 0)


@pytest.mark.parametrize(
    "between",
    [
        {"between": 2e-9, "between_conductance": 4e-6},
        {"between": ((0.0, 2e-9), (2e-9, 0.0)), "between_conductance": ((0.0, 4e-6), (4e-6, 0.0))},
    ],
    ids=["all alike", "matrix"],
)
def test_coupled_electrodes_are_the_circuit_by_hand(between: dict[str, object]) -> None:
    """Node equations of both electrodes: a tone on one reaches the output through the other's resistor too."""
    coupling = 4e-6 + 2j * np.pi * 1e3 * 2e-9
    source, own = 1 / 3e4, np.array([1 / 1e5, 1 / 3e5])
    nodes = np.diag(source + own + coupling) - coupling * (1 - np.eye(2))
    wanted = own @ np.linalg.inv(nodes) * source
    with NgspiceDevice(pair(**between)) as dut:
        found = dut.small_signal(np.array([0.2, -0.1]), np.zeros(0), np.array([1e3, 1e3]))
    assert found == pytest.approx(wanted, rel=1e-6)
    with NgspiceDevice(pair()) as dut:
        alone = dut.small_signal(np.array([0.2, -0.1]), np.zeros(0), np.array([1e3, 1e3]))
    assert alone == pytest.approx(1 / (3e4 + 1 / own), rel=1e-6)


def test_a_matrix_that_doesnt_fit_is_refused() -> None:
    for matrix, message in (
        (((0.0, 1e-9),), "1 rows of 2; a matrix of coupling is square"),
        (((0.0, 1e-9), (2e-9, 0.0)), "must be symmetric"),
        (((1e-9, 0.0), (0.0, 0.0)), "zeros on its diagonal"),
        (((0.0, -1e-9), (-1e-9, 0.0)), "nothing below zero"),
        (tuple((0.0,) * 3 for _ in range(3)), "3 rows; the network has 2 driven electrodes: e1, e2"),
    ):
        with pytest.raises(ValueError, match=message):
            pair(between=matrix)


def test_a_nodes_leakage_takes_its_share_to_ground() -> None:
    """Two resistors with a leaking node between them: the divider by hand, in ngspice and the quasi-static engine."""
    graph: Network = Network(family="resistor", parameters={"resistance": 1e6})
    for k in range(2):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=float(k), y=0.0)
    graph.add_node("m", kind="node", x=0.5, y=0.0)
    graph.add_edge("e1", "m")
    graph.add_edge("m", "e0", parameters={"resistance": 2e6})
    graph = assign_roles(graph, output="e0", inputs=[], controls=["e1"])
    leaking = altered(graph, {"parasitics": {"node": 0.0, "edge": 0.0, "leakage": 5e-7}}, 0)
    wanted = 1e-6 * 0.5e-6 / (1e-6 + 0.5e-6 + 0.5e-6)
    control, inputs = np.array([0.3]), np.zeros((1, 0))
    with NgspiceDevice(leaking) as dut:
        assert dut.small_signal(control, inputs[0], np.array([10.0]))[0] == pytest.approx(wanted, rel=1e-6)
    output, slope = QuasistaticDevice(leaking).exact(control, inputs)
    assert output == pytest.approx([0.3 * wanted], rel=1e-6)
    assert slope[0] == pytest.approx([wanted], rel=1e-6)
