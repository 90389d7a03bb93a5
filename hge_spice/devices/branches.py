"""A graph whose edges are elements: which element with which values each edge is, and what that is in a netlist.

`graph.graph["family"]` is the family of every edge that has no `family` of its own. Values are the element's defaults,
then `graph.graph["parameters"]` (for edges of the graph's family; `temperature` for all), then the edge's `parameters`.
`source` of an edge names the node at its + end (else that is the end that comes first among the graph's nodes), `gate`
the node that gates it. Nodes may have a `capacitance` to ground, F; `graph.graph["node_capacitance"]` is the others'.
Inner nodes may have a `leakage` to ground, S.

Names are data: node n<i> and element x<k> are numbered in the graph's order, electrodes have the name that `terminal`
gives them. A state of element x3 is the voltage, 0 to 1 V between its bounds, of node x3_<state>; at rest it is held at
the voltage of source vx3_<state>, which may be altered, and from t > 0 on it is free. An edge whose equations are not
ours is what `foreign.py` says.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import networkx as nx
from PySpice.Spice.Netlist import Circuit

from hge_spice.devices.element import COMMON, Branch, Element, Parameter
from hge_spice.devices.elements import ELEMENTS
from hge_spice.devices.family import Family
from hge_spice.devices.foreign import (
    OF_FOREIGN,
    SUBCIRCUIT,
    Place,
    card,
    has_foreign,
    refuse_foreign,
    stamp_definitions,
    states_within,
)
from hge_spice.devices.names import terminal
from hge_spice.graph import Network, electrodes, listed, shown

LEAKAGE = Parameter(0.0, "S", least=0)
# of states; some published windows are soft, and let a state go beyond its bound by a few of their widths
BOUNDS = (-0.01, 1.01)
FREE = "time > 0"  # when a state that is held at rest moves by its own rate
HOLD = 1e6  # 1/s, how fast a held state is drawn to its value: no more than a scale, nothing else acts on it at rest


def node_names(graph: Network) -> dict[str, str]:
    """Node in the netlist of each node of the graph."""
    inner = [name for name, data in graph.nodes(data=True) if data.get("kind") != "electrode"]
    number = {name: f"n{i}" for i, name in enumerate(inner)}
    return {name: number.get(name) or terminal(name) for name in graph.nodes}


def branches(graph: Network) -> tuple[Branch, ...]:
    """Every element of the network in the graph's order, series resistances as resistors of their own.

    Raises ValueError for a family that isn't an edge's, a parameter that doesn't fit, a gate that isn't there, and for
    an edge that is a subcircuit or a process's transistor: its equations aren't known here.
    """
    refuse_foreign(graph, "simulate it with ngspice")
    return tuple(_branches(graph))


def _places(graph: Network) -> Iterator[Place]:
    """Every edge with its family, its nodes in the netlist and its gate's."""
    names, order = node_names(graph), {name: i for i, name in enumerate(graph.nodes)}
    own = graph.graph["family"]
    for k, (a, b, data) in enumerate(graph.edges(data=True)):
        family, source, gate = data.get("family", own), data.get("source"), data.get("gate")
        if family not in ELEMENTS and family != SUBCIRCUIT:
            known = ", ".join((*ELEMENTS, SUBCIRCUIT))
            raise ValueError(f"edge {shown(a)} to {shown(b)} is a {shown(family)}; an edge can be {known}")
        if source is not None and source not in {a, b}:
            raise ValueError(f"edge {shown(a)} to {shown(b)} has source {shown(source)}; it must be one of its ends")
        if source is None:
            source = min(a, b, key=order.__getitem__)
        if gate is not None and gate not in names:
            raise ValueError(f"edge {shown(a)} to {shown(b)} has gate {shown(gate)}; it needs to be the name of a node")
        plus, minus = names[source], names[b if source == a else a]
        yield Place(f"x{k}", (a, b), family, data, plus, minus, None if gate is None else names[gate])


def _branches(graph: Network) -> Iterator[Branch]:
    """The elements whose equations are ours."""
    default, shared = graph.graph["family"], graph.graph.get("parameters", {})
    for place in _places(graph):
        if place.foreign:
            continue
        element = ELEMENTS[place.family]
        common = shared if place.family == default else {n: v for n, v in shared.items() if n == "temperature"}
        given = {**common, **place.data.get("parameters", {})}
        try:
            values = _values(element.name, tuple(given.items()), element.values)
        except ValueError as error:
            raise ValueError(f"{place.where}: {error}") from error
        if element.gated != (place.gate is not None):
            wanted = "needs a gate: the name of a node" if element.gated else "has no gate"
            raise ValueError(f"{place.where} has gate {shown(place.data.get('gate'))}; a {place.family} {wanted}")
        for key in () if OF_FOREIGN.isdisjoint(place.data) else sorted(OF_FOREIGN & place.data.keys()):
            raise ValueError(f"{place.where} has {key} {shown(place.data[key])}; {_of_others(key, place.family)}")
        name, plus = place.name, place.plus
        if values["series_resistance"] and not element.linear:
            leads = {"resistance": values["series_resistance"], "temperature": values["temperature"]}
            yield Branch(
                f"{name}_s", ELEMENTS["resistor"], plus, f"{name}_i", ELEMENTS["resistor"].values(leads), place.edge
            )
            plus = f"{name}_i"
        yield Branch(name, element, plus, place.minus, values, place.edge, place.gate)


def _of_others(key: str, family: str) -> str:
    if key == "subcircuit":
        return f'that belongs to family = "{SUBCIRCUIT}", and this is a {family}'
    return f"that belongs to a mosfet with a process's model, and this is a {family}"


@lru_cache(maxsize=4096)
def _values(
    _name: str, given: tuple[tuple[str, float], ...], compute: Callable[[Mapping[str, float]], dict[str, float]]
) -> Mapping[str, float]:
    """Values of one element for many edges alike."""
    return compute(dict(given))


def stamp(circuit: Circuit, graph: Network) -> None:
    """Add every element, its states, and the capacitances of elements and nodes."""
    lines = _foreign_cards(graph)
    if lines:
        stamp_definitions(circuit, graph)
    for branch in _branches(graph):
        element, name = branch.element, branch.name
        if element.stamp is not None:
            element.stamp(circuit, branch)
        else:
            filled = branch.fill()
            text = element.current.spice(**{symbol: filled[symbol] for symbol in element.current.symbols})
            circuit.BehavioralSource(name, branch.plus, branch.minus, current_expression=text)
        if branch.values["capacitance"] and not name.endswith("_s"):
            circuit.C(name, branch.plus, branch.minus, branch.values["capacitance"])
        for state in element.states:
            lines += _state_lines(branch, state)
    circuit.raw_spice += "".join(f"{line}\n" for line in lines)
    for name, node in node_names(graph).items():
        capacitance = graph.nodes[name].get("capacitance", graph.graph.get("node_capacitance", 0.0))
        if capacitance:
            circuit.C(node, node, 0, float(capacitance))
        if graph.nodes[name].get("leakage"):
            circuit.R(f"leak_{node}", node, 0, 1 / float(graph.nodes[name]["leakage"]))


def _foreign_cards(graph: Network) -> list[str]:
    """Netlist lines of the edges whose equations are not ours."""
    if not has_foreign(graph):
        return []
    nodes = node_names(graph)
    return [card(graph, place, nodes) for place in _places(graph) if place.foreign]


def _state_lines(branch: Branch, state: str) -> list[str]:
    """Netlist lines of a state; as text, since PySpice takes as long for an element as ngspice for loading it."""
    node, rule = branch.state_node(state), branch.element.states[state]
    low, high = rule.bounds(branch.values)
    filled, rate = branch.fill(), branch.element.rate(state)
    moving = f"({rate.spice(**{symbol: filled[symbol] for symbol in rate.symbols})})/{high - low!r}"
    # Newton starts at 0 V, where some elements don't conduct at all
    lines = [f"C{node} {node} 0 1.0", f".nodeset v({node})={branch.resting(state)!r}"]
    if rule.held:
        lines.append(f"V{node} {node}_at 0 DC {branch.resting(state)!r}")
        moving = f"{FREE} ? {moving} : {HOLD!r}*(v({node}_at)-v({node}))"
    return [*lines, f"B{node} 0 {node} i={moving}"]


def links(graph: Network) -> tuple[tuple[str, ...], ...]:
    """Instances that carry each edge's current, in the graph's order; a series resistance is none of them."""
    refuse_foreign(graph, "its current has no factor that could be changed by itself")
    return tuple(branch.element.instances(branch) for branch in branches(graph) if not branch.name.endswith("_s"))


def _remembering(graph: Network) -> tuple[Branch, ...]:
    """The elements with states; a large network of resistors and diodes is spared the search."""
    own = graph.graph["family"]
    families = {data.get("family", own) for *_, data in graph.edges(data=True)} & ELEMENTS.keys()
    return tuple(_branches(graph)) if any(ELEMENTS[family].states for family in families) else ()


def state_nodes(graph: Network) -> tuple[str, ...]:
    """Nodes of all states, in the netlist's order."""
    return tuple(branch.state_node(state) for branch in _remembering(graph) for state in branch.element.states)


def held_states(graph: Network) -> dict[str, float]:
    """Nodes of the states that are held at rest, each with its initial value, 0 to 1."""
    return {
        branch.state_node(name): branch.resting(name)
        for branch in _remembering(graph)
        for name, state in branch.element.states.items()
        if state.held
    }


def foreign_states(graph: Network) -> tuple[str, ...]:
    """Nodes in the netlist of states that are the user's own subcircuits', in volts; see `ngspice.block_states`."""
    if "subcircuit" in graph.graph:
        return tuple(f"x1.{node}" for node in graph.graph["subcircuit"].get("states", ()))
    if not has_foreign(graph):
        return ()
    return tuple(node for place in _places(graph) if place.foreign for node in states_within(graph, place))


def foreign_hold_source(state_node: str) -> str:
    """Name of the source at which such a state is held at rest; xx3.w is node w of edge x3."""
    path, _, node = state_node.rpartition(".")
    return f"v.{path}.v{node}_at"


def hold_source(state_node: str) -> str:
    """Name of the source at whose voltage a state is held at rest, and from which it starts; xu0.x3_w is in unit u0."""
    unit, _, node = state_node.rpartition(".")
    return f"v.{unit}.v{node}" if unit else f"v{node}"


def check(graph: Network) -> None:
    """Refuse a network that has no solution: raises ValueError naming the node or edge, and the remedy."""
    kinds = {name: data.get("kind") for name, data in graph.nodes(data=True)}
    strange = [name for name, kind in kinds.items() if kind not in {"electrode", "node"}]
    if strange:
        raise ValueError(
            f"node {shown(strange[0])} is a {shown(kinds[strange[0]])}; a network of elements has electrodes and nodes"
        )
    for a, _ in nx.selfloop_edges(graph):
        raise ValueError(f"edge {shown(a)} to {shown(a)} joins a node to itself; remove it")
    rims, outputs = set(electrodes(graph)), electrodes(graph, "output")
    for part in nx.connected_components(graph):
        if not part & rims:
            lost = sorted(part)
            raise ValueError(
                f"no electrode reaches node {shown(lost[0])}: its voltage is undetermined; link or remove it"
            )
        if (part & rims) <= set(outputs):
            alone = listed(sorted(part & rims))
            raise ValueError(f"output {alone} is linked to no other electrode; no current can reach it")
    for name, data in graph.nodes(data=True):
        problem = COMMON["capacitance"].problem(data.get("capacitance", graph.graph.get("node_capacitance", 0.0)))
        if problem:
            raise ValueError(f"the capacitance of node {shown(name)} is wrong: {problem}")
        problem = LEAKAGE.problem(data.get("leakage", 0.0))
        if problem:
            raise ValueError(f"the leakage of node {shown(name)} is wrong: {problem}")
    tuple(_branches(graph))
    _foreign_cards(graph)


def edge_family(element: Element) -> Family:
    """The family of networks whose edges are this element unless they say otherwise."""

    def alone(**parameters: float) -> Network:
        """One element from electrode e1 (+) to electrode e0; e2 is the gate of one that has a gate."""
        element.values(parameters)
        graph: Network = Network(family=element.name, parameters=dict(parameters))
        for k in range(3 if element.gated else 2):
            graph.add_node(f"e{k}", kind="electrode", role=None, x=float(k), y=0.0)
        graph.add_edge("e1", "e0", source="e1", **({"gate": "e2"} if element.gated else {}))
        return graph

    return Family(
        name=element.name,
        build=alone,
        check=check,
        stamp=stamp,
        bounded_nodes=state_nodes,
        held_states=held_states,
        links=links,
        bounds=BOUNDS,
        # gmin is a conductance across every junction: 1e-18 S is below any current that is read
        options={"abstol": 1e-15, "reltol": 1e-6, "vntol": 1e-9, "gmin": 1e-18},
        summary=element.summary,
        element=element,
    )
