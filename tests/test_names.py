"""Whatever an electrode is called, its node has a name that ngspice can live with."""

import networkx as nx
import numpy as np
import pytest

from hge_spice.devices.names import _WORDS, terminal
from hge_spice.graph import as_network, assign_roles, electrodes_by_name, of_family
from hge_spice.ngspice.device import NgspiceDevice


def test_different_labels_have_different_nodes() -> None:
    labels = [
        "a",
        "A",
        "e_61",
        "in",
        "in 1",
        "n1",
        "x1",
        "gnd",
        "0",
        "",
        "é",
        "\n",
        "gauss",
        "Gauss",
        "a" * 25,
        "a" * 26,
    ]
    assert len({terminal(label) for label in labels}) == len(labels)


@pytest.mark.parametrize("word", _WORDS.split())
def test_no_word_of_ngspices_own_is_a_node(word: str) -> None:
    assert terminal(word) != word


def test_electrodes_called_like_functions_can_be_simulated() -> None:
    """v(gauss, a) in a behavioural source ends ngspice with a segmentation fault."""
    made = nx.star_graph(5)
    graph = nx.relabel_nodes(made, dict(enumerate(("m", "gauss", "limit", "v", "time", "sin"))))
    names = [name for name in graph if name != "m"]
    network = electrodes_by_name(of_family(as_network(graph), "sinh", {"i0": 1e-9, "v0": 0.1}), names)
    network = assign_roles(network, output="gauss", inputs=("limit",), controls=("v", "time", "sin"))
    with NgspiceDevice(network) as device:
        point = device.operating_point(np.array([0.1, 0.2, 0.3]), np.array([0.1]))
    assert point.output[0] > 0
