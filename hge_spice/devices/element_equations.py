"""The equations of a network of elements at rest: every edge's current between the nodes, held states held."""

from collections.abc import Sequence

import numpy as np

from hge_spice.devices.branches import branches, node_names
from hge_spice.devices.element import Branch
from hge_spice.devices.equations import Branches, Equations, Positions
from hge_spice.devices.expression import Expression
from hge_spice.drive import Floats
from hge_spice.graph import Network, electrodes

LEAK = Expression("g*v")


def element_equations(graph: Network) -> Equations:
    """State Kirchhoff's law at every node of the graph, and between an element and its series resistance.

    ngspice's gmin is counted where ngspice has it: across every junction of a native diode.

    Raises ValueError for an element whose state isn't held at rest (a filament that heats up), by name.
    """
    found = branches(graph)
    _refuse_moving(found)
    names, rims = node_names(graph), electrodes(graph)
    ends = [names[name] for name in rims]
    inner = dict.fromkeys(node for branch in found for node in (branch.plus, branch.minus) if node not in ends)
    place = {name: k for k, name in enumerate((*inner, *ends))}
    groups: dict[str, list[Branch]] = {}
    for branch in found:
        groups.setdefault(branch.element.name, []).append(branch)
    laws = [_law(group, place) for group in groups.values()]
    if "diode" in groups:
        laws.append(_leaks(graph, groups["diode"], place))
    leaking = [name for name in names if names[name] in place and graph.nodes[name].get("leakage")]
    if leaking:
        plus = _positions(place, [names[name] for name in leaking])
        siemens = np.array([float(graph.nodes[name]["leakage"]) for name in leaking])
        ground = np.full(len(leaking), len(place), dtype=np.intp)
        laws.append(Branches(LEAK, {"g": siemens}, {"v": (plus, ground)}, plus, ground))
    return Equations(tuple(inner), rims, tuple(laws), _capacitance(graph, found, names, place))


def _refuse_moving(found: Sequence[Branch]) -> None:
    for branch in found:
        for name, state in branch.element.states.items():
            if not state.held:
                raise ValueError(
                    f"the state {name!r} of a {branch.element.name} settles with the current: edge {branch.edge[0]!r} "
                    f"to {branch.edge[1]!r} has no equation of its own at rest; simulate it with ngspice"
                )


def _positions(place: dict[str, int], nodes: Sequence[str]) -> Positions:
    return np.array([place[node] for node in nodes], dtype=np.intp)


def _law(group: Sequence[Branch], place: dict[str, int]) -> Branches:
    element = group[0].element
    plus, minus = (_positions(place, [getattr(branch, end) for branch in group]) for end in ("plus", "minus"))
    quantities = {"v": (plus, minus)} if "v" in element.current.symbols else {}
    if element.gated:
        quantities["vg"] = (_positions(place, [str(branch.gate) for branch in group]), minus)
    at_rest = [
        {**branch.values, **{name: branch.values[state.initial] for name, state in element.states.items()}}
        for branch in group
    ]
    symbols = sorted(element.current.symbols - quantities.keys())
    constants = {symbol: np.array([values[symbol] for values in at_rest]) for symbol in symbols}
    edges = np.array([-1 if branch.name.endswith("_s") else int(branch.name[1:]) for branch in group], dtype=np.intp)
    return Branches(element.current, constants, quantities, plus, minus, edges)


def _leaks(graph: Network, group: Sequence[Branch], place: dict[str, int]) -> Branches:
    from hge_spice.devices import DEVICES  # noqa: PLC0415 - the families are listed after this file is read

    gmin = DEVICES[graph.graph["family"]].options["gmin"]
    junctions = np.array([1 + (branch.values["antiparallel"] > 0) for branch in group])
    plus, minus = (_positions(place, [getattr(branch, end) for branch in group]) for end in ("plus", "minus"))
    none = np.full(len(group), -1, dtype=np.intp)
    return Branches(LEAK, {"g": gmin * junctions}, {"v": (plus, minus)}, plus, minus, none)


def _capacitance(graph: Network, found: Sequence[Branch], names: dict[str, str], place: dict[str, int]) -> Floats:
    matrix = np.zeros((len(place), len(place)))
    for branch in found:
        farad = branch.values["capacitance"]
        if farad and not branch.name.endswith("_s"):
            i, j = place[branch.plus], place[branch.minus]
            matrix[[i, j], [i, j]] += farad
            matrix[[i, j], [j, i]] -= farad
    for name, node in names.items():
        i = place[node]
        matrix[i, i] += graph.nodes[name].get("capacitance", graph.graph.get("node_capacitance", 0.0))
    return matrix
