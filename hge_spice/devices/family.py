"""What a device family offers the netlist: elements for a graph, and what is known of its internal states."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySpice.Spice.Netlist import Circuit

from hge_spice.devices.element import Element
from hge_spice.devices.equations import Equations
from hge_spice.graph import Network


@dataclass(frozen=True)
class Family:
    """A device family.

    build : builds the graph of a device from the parameters of a study's [device] table
    check : refuses a graph that the family can't simulate, with a ValueError
    stamp : adds the network's elements to a circuit whose electrode nodes bear the electrodes' names
    bounded_nodes : circuit nodes whose voltage must stay within `bounds`; outside, a solution is unphysical
    held_states : those of them that remember, with their initial values: held at rest, free to move in a measurement
    options : ngspice options that the family's accuracy rests on
    summary : one line for `hge-spice list devices`
    element : what each edge is, for families whose networks are made of elements
    equations : the same network as arrays, for solvers in NumPy; none where its equations aren't stated here
    links : of each edge in the graph's order, the instances in the netlist that multiply its current by their `m`; none
        where edges have none of their own
    """

    name: str
    build: Callable[..., Network]
    check: Callable[[Network], None]
    stamp: Callable[[Circuit, Network], None]
    bounded_nodes: Callable[[Network], tuple[str, ...]]
    bounds: tuple[float, float]
    options: dict[str, float]
    summary: str
    element: Element | None = None
    equations: Callable[[Network], Equations] | None = None
    links: Callable[[Network], tuple[tuple[str, ...], ...]] | None = None
    held_states: Callable[[Network], Mapping[str, float]] = lambda _: {}
