import networkx as nx
import numpy as np
import pytest

from hge_spice.graph import assign_roles, check, dopant_network, electrodes, sites
from hge_spice.netlist import build_circuit


def test_same_seed_same_graph() -> None:
    assert nx.utils.graphs_equal(dopant_network(seed=3), dopant_network(seed=3))
    assert not nx.utils.graphs_equal(dopant_network(seed=3), dopant_network(seed=4))


@pytest.mark.parametrize("seed", range(20))
def test_sites_keep_their_distance_and_links_their_cutoff(seed: int) -> None:
    graph = dopant_network(sites=15, seed=seed)
    places = np.array([[graph.nodes[n]["x"], graph.nodes[n]["y"]] for n in sites(graph)])
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))[np.triu_indices(15, 1)]
    assert apart.min() >= 0.8 * 75e-9 / np.sqrt(15)
    assert np.hypot(*places.T).max() <= 0.95 * 75e-9
    lengths = np.array([length for _, _, length in graph.edges(data="length")])
    strength = np.exp(-2 * lengths / 10e-9)
    assert strength.min() >= 1e-4 * strength.max()


def test_a_smaller_cutoff_only_adds_links() -> None:
    few, many = dopant_network(seed=1, cutoff=1e-2), dopant_network(seed=1, cutoff=1e-6)
    assert set(few.edges) < set(many.edges)


def test_roles_keep_the_order_in_which_they_were_given() -> None:
    graph = assign_roles(
        dopant_network(seed=10), output="e5", inputs=("e4", "e3"), controls=("e7", "e0", "e2"), grounds=("e1", "e6")
    )
    assert electrodes(graph, "input") == ("e4", "e3")
    assert electrodes(graph, "control") == ("e7", "e0", "e2")
    assert electrodes(graph, "ground") == ("e1", "e6")


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"output": "e9"}, "no electrode 'e9'"),
        ({"inputs": ("e0", "e4")}, "e0 is input and control"),
        ({"output": "e3"}, "e3 is output and input"),
        ({"controls": ("e0", "e1")}, "e2, e6, e7 has no role"),
        ({"controls": ()}, "no electrode is control"),
    ],
)
def test_roles_that_cannot_be(roles: dict[str, object], message: str) -> None:
    given = {"output": "e5", "inputs": ("e3", "e4"), "controls": ("e0", "e1", "e2", "e6", "e7")} | roles
    with pytest.raises(ValueError, match=message):
        assign_roles(dopant_network(seed=10), **given)  # type: ignore[arg-type]


def test_a_network_without_output_is_refused() -> None:
    with pytest.raises(ValueError, match="no electrode is output"):
        check(dopant_network(seed=0))


def test_a_site_nobody_can_reach_is_named() -> None:
    graph = dopant_network(seed=10)
    graph.remove_edges_from(list(graph.edges("s4")))
    with pytest.raises(ValueError, match="no electrode reaches site s4"):
        build_circuit(assign_roles(graph, output="e5", inputs=("e3", "e4"), controls=("e0", "e1", "e2", "e6", "e7")))


def test_an_output_without_a_link_is_named() -> None:
    graph = dopant_network(seed=10)
    graph.remove_edges_from(list(graph.edges("e5")))
    with pytest.raises(ValueError, match="output e5 is linked to no other electrode"):
        build_circuit(assign_roles(graph, output="e5", inputs=("e3", "e4"), controls=("e0", "e1", "e2", "e6", "e7")))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sites": 0}, "0 sites"),
        ({"electrodes": 1}, "1 electrodes"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"radius": float("nan")}, "radius is nan"),
        ({"cutoff": 1.0}, "cutoff is 1.0"),
    ],
)
def test_parameters_out_of_bounds(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dopant_network(**parameters)  # type: ignore[arg-type]
