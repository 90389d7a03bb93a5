"""How the wiring outside a network is told to the netlist: `graph.graph["wiring"]`, see netlist/circuit.py."""

from collections.abc import Mapping
from typing import Any

from hge_spice.graph import Network


def wired(graph: Network, more: Mapping[str, Any]) -> Network:
    """A copy with more wiring; zeros and empty lists leave the graph as it is."""
    wanted = {name: value for name, value in more.items() if value}
    if not wanted:
        return graph
    graph = graph.copy()
    graph.graph["wiring"] = {**graph.graph.get("wiring", {}), **wanted}
    return graph
