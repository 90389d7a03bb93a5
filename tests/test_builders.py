import networkx as nx
import numpy as np
import pytest

from hge_spice.graph import GRAPHS, Coupling, dopant_network, electrodes, grid, layered, nanowire, of_family, unit_graph
from hge_spice.graph.lattice import crossbar, mesh
from hge_spice.graph.placement import place_electrodes
from hge_spice.graph.planar import delaunay, random_geometric


def build(name: str, seed: int) -> nx.Graph:
    given = {} if name == "crossbar" else {"rng": np.random.default_rng(seed)}
    return GRAPHS[name](**given)


@pytest.mark.parametrize("name", GRAPHS)
def test_every_builder_gives_one_piece_with_electrodes_and_the_same_for_the_same_seed(name: str) -> None:
    graph = build(name, 3)
    assert nx.utils.graphs_equal(graph, build(name, 3))
    assert nx.is_connected(graph)
    assert len(electrodes(graph)) == 8
    assert {kind for _, kind in graph.nodes(data="kind")} <= {"electrode", "node"}
    assert np.isfinite([(data["x"], data["y"]) for _, data in graph.nodes(data=True)]).all()
    if name not in {"crossbar", "grid", "mesh"}:
        assert not nx.utils.graphs_equal(graph, build(name, 4))


def test_lattices_have_the_links_of_lattices() -> None:
    rng = np.random.default_rng(0)
    assert nx.is_isomorphic(grid(rows=3, columns=5, rng=rng), nx.grid_2d_graph(3, 5))
    assert nx.is_isomorphic(mesh(rows=2, columns=3, layers=4, rng=rng), nx.grid_graph((2, 3, 4)))


def test_rim_electrodes_of_a_grid_are_its_corners_and_the_middles_of_its_sides() -> None:
    graph = grid(rows=5, columns=5, electrodes=8, rng=np.random.default_rng(0))
    places = {tuple(np.round(np.array([graph.nodes[n]["x"], -graph.nodes[n]["y"]]) * 1e6)) for n in electrodes(graph)}
    assert places == {(0, 0), (0, 2), (0, 4), (2, 0), (2, 4), (4, 0), (4, 2), (4, 4)}
    assert graph.nodes["e0"]["x"] == pytest.approx(4e-6)  # the first points along x


def test_an_ideal_crossbar_is_bipartite_and_complete() -> None:
    graph = crossbar(rows=3, columns=4)
    assert nx.is_isomorphic(graph, nx.complete_bipartite_graph(3, 4))


def test_a_crossbar_has_its_lines_and_selectors() -> None:
    graph = crossbar(rows=3, columns=4, line_resistance=2.0, selector="diode", selector_parameters={"n": 2.0})
    families = [data.get("family") for *_, data in graph.edges(data=True)]
    assert (families.count("resistor"), families.count("diode"), families.count(None)) == (24, 12, 12)
    lines = [d["parameters"]["resistance"] for *_, d in graph.edges(data=True) if d.get("family") == "resistor"]
    assert set(lines) == {2.0}
    # from its electrode to the last crossing, a line has as many pieces as crossings
    assert nx.shortest_path_length(graph.subgraph([f"r1_{j}" for j in range(4)] + ["r1"]), "r1", "r1_3") == 4
    assert nx.shortest_path_length(graph.subgraph([f"c{i}_2" for i in range(3)] + ["c2"]), "c2", "c0_2") == 3


def test_reach_is_what_links_points() -> None:
    graph = random_geometric(nodes=60, reach=0.3, rng=np.random.default_rng(5))
    names = list(graph)
    at = np.array([(graph.nodes[n]["x"], graph.nodes[n]["y"]) for n in names])
    near = np.hypot(*(at[:, None] - at).transpose(2, 0, 1)) <= 0.3 * 10e-6
    linked = nx.to_numpy_array(graph, names) > 0
    assert np.array_equal(linked, near & ~np.eye(len(names), dtype=bool))


def test_delaunay_triangles_hold_no_other_point() -> None:
    graph = delaunay(nodes=25, rng=np.random.default_rng(2))
    at = {n: complex(d["x"], d["y"]) * 1e6 for n, d in graph.nodes(data=True)}
    assert graph.number_of_edges() <= 3 * 25 - 6
    for a, b, c in (t for t in nx.enumerate_all_cliques(graph) if len(t) == 3):
        z = (at[c] - at[a]) / (at[b] - at[a])  # centre of the circle through the three
        centre = at[a] + (at[b] - at[a]) * (z - abs(z) ** 2) / (2j * z.imag)
        others = [n for n in graph if n not in {a, b, c} and abs(at[n] - centre) < abs(at[a] - centre) - 1e-9]
        if others:  # three sides that bound no triangle of the triangulation hold a point inside themselves
            x, y = (abs(((at[q] - at[p]) * np.conj(at[r] - at[p])).imag) for p, q, r in ((a, b, c), (a, b, others[0])))
            assert x > 0
            assert y > 0


def test_wires_are_joined_where_segments_cross() -> None:
    """Against sampling along each wire: the sign of the distance to the other's line changes within both."""
    rng = np.random.default_rng(11)
    places, angle = rng.random((40, 2)), rng.uniform(0, np.pi, 40)
    ends = (
        np.stack([places, places], 1)
        + np.array([-1, 1])[None, :, None] * (0.5 * 0.4 * np.column_stack([np.cos(angle), np.sin(angle)]))[:, None]
    )

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> float:
        return float(np.linalg.det(np.column_stack([q - p, r - p])))

    crossing = {
        (i, j)
        for i in range(40)
        for j in range(i + 1, 40)
        if side(*ends[i], ends[j, 0]) * side(*ends[i], ends[j, 1]) < 0
        and side(*ends[j], ends[i, 0]) * side(*ends[j], ends[i, 1]) < 0
    }
    graph = nanowire(wires=40, length=0.4, electrodes=2, rng=np.random.default_rng(11))
    at = {n: (d["x"] / 10e-6, d["y"] / 10e-6) for n, d in graph.nodes(data=True)}
    index = {n: int(np.argmin(np.hypot(*(places - at[n]).T))) for n in graph}
    found = {tuple(sorted((index[a], index[b]))) for a, b in graph.edges()}
    kept = set(index.values())
    assert found == {pair for pair in crossing if set(pair) <= kept}
    assert len(found) > 40


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("grid", {"rows": 0}, "0 rows"),
        ("grid", {"rows": 2, "columns": 2, "electrodes": 5}, "5 electrodes on 4 nodes"),
        ("grid", {"placement": "centre"}, "placement is 'centre'; there are rim, random"),
        ("random_geometric", {"nodes": 20, "reach": 0.01}, "take more nodes, a longer reach"),
        ("random_geometric", {"reach": float("nan")}, "reach or length is nan"),
        ("nanowire", {"wires": 1}, "1 nodes or wires"),
        ("delaunay", {"nodes": 2, "electrodes": 2}, "at least 3"),
    ],
)
def test_what_cannot_be_built(name: str, given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GRAPHS[name](**given, rng=np.random.default_rng(0))


def test_random_electrodes_are_spread_over_all_nodes() -> None:
    chosen = set()
    for seed in range(40):
        graph = grid(rows=4, columns=4, electrodes=3, placement="random", rng=np.random.default_rng(seed))
        chosen |= {(round(d["x"] * 1e6), round(d["y"] * 1e6)) for n, d in graph.nodes(data=True) if n[0] == "e"}
    assert len(chosen) == 16
    with pytest.raises(ValueError, match="1 electrodes on 16 nodes"):
        place_electrodes(graph, 1, "rim", np.random.default_rng(0))


def test_units_in_series_come_out_as_they_went_in() -> None:
    units = [dopant_network(seed=1), of_family(grid(rng=np.random.default_rng(0)), "sinh")]
    graph = layered(units, outputs=["e3"], inputs=[["e0", "e2"]], coupling=Coupling(gain=-2e6, shift=0.1))
    assert graph.graph["couplings"] == [
        {"output": "u0_e3", "inputs": ["u1_e0", "u1_e2"], "gain": -2e6, "shift": 0.1, "limit": 0.5}
    ]
    assert len(electrodes(graph)) == 16 - 3
    for k, unit in enumerate(units):
        again = unit_graph(graph, k)
        assert again.graph == unit.graph
        assert list(again) == list(unit)
        assert {frozenset(e) for e in again.edges()} == {frozenset(e) for e in unit.edges()}
        assert all(again.nodes[n]["x"] == unit.nodes[n]["x"] for n in unit)
        assert electrodes(again) == electrodes(unit)
    assert electrodes(unit_graph(graph, 0), "output") == ("e3",)
    assert set(electrodes(unit_graph(graph, 1), "input")) == {"e0", "e2"}


@pytest.mark.parametrize(
    ("outputs", "inputs", "message"),
    [
        (["e9"], [["e0"]], "'u0_e9' is no electrode"),
        (["e0"], [[]], "drives nothing"),
        (["e0"], [["e1", "e1"]], "'u1_e1' is no electrode that is free"),
        ([], [], "a series takes"),
    ],
)
def test_series_that_cannot_be(outputs: list[str], inputs: list[list[str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layered([dopant_network(seed=1), dopant_network(seed=2)], outputs=outputs, inputs=inputs)
