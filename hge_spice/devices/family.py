"""What a device family offers the netlist: elements for a graph, and what is known of its internal states."""

from collections.abc import Callable
from dataclasses import dataclass

import networkx as nx
from PySpice.Spice.Netlist import Circuit


@dataclass(frozen=True)
class Family:
    """A device family.

    build : builds the graph of a device from the parameters of a study's [device] table
    stamp : adds the network's elements to a circuit whose electrode nodes bear the electrodes' names
    bounded_nodes : circuit nodes whose voltage must stay within `bounds`; outside, a solution is unphysical
    options : ngspice options that the family's accuracy rests on
    summary : one line for `hge-spice list devices`
    """

    name: str
    build: Callable[..., nx.Graph]
    stamp: Callable[[Circuit, nx.Graph], None]
    bounded_nodes: Callable[[nx.Graph], tuple[str, ...]]
    bounds: tuple[float, float]
    options: dict[str, float]
    summary: str
