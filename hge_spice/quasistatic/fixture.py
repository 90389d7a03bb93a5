"""What stands between a network and its bench, as equations: series resistances, loads, wiring, open electrodes."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hge_spice.devices.equations import Branches, Equations, Positions
from hge_spice.devices.expression import Expression
from hge_spice.drive import Floats
from hge_spice.graph import Network, electrodes, readout
from hge_spice.netlist import driven

CONDUCTANCE = Expression("g*v")


def on_its_bench(equations: Equations, graph: Network) -> Equations:
    """A network's equations with those of what `netlist` puts around it.

    An electrode behind a series resistance or a load, or left open, becomes an unknown (the last ones), and the
    electrode of that name is what drives or reads it.
    """
    names, outputs = equations.electrodes, electrodes(graph, "output")
    how, wiring = readout(graph), graph.graph.get("wiring", {})
    ohm = {name: float(graph.nodes[name].get("series_resistance", 0.0)) for name in names}
    if how.kind == "voltage":
        ohm |= {name: ohm[name] + how.load for name in outputs}
    inside = [k for k, name in enumerate(names) if ohm[name] or graph.nodes[name].get("role") == "unconnected"]
    if not inside and not any(wiring.values()):
        return equations
    count, added = len(equations.unknowns), len(inside)
    moved = np.arange(count + len(names) + 1 + len(equations.offset))
    moved[count:] += added  # electrodes, ground and potentials
    outer = moved[count : count + len(names)].copy()
    moved[count + np.array(inside, dtype=np.intp)] = count + np.arange(added)
    place = {name: int(moved[count + k]) for k, name in enumerate(names)}
    links = [(place[names[k]], int(outer[k]), 1 / ohm[names[k]]) for k in inside if ohm[names[k]]]
    crossed = [(place[name], place[output]) for name in driven(graph) for output in outputs]
    if wiring.get("output_conductance"):
        links += [(a, b, float(wiring["output_conductance"])) for a, b in crossed]
    links += [(place[a], place[b], float(siemens)) for a, b, siemens in wiring.get("between_conductance", ())]
    stray = float(wiring.get("output_capacitance", 0.0))
    coupled = [(a, b, stray) for a, b in crossed]
    coupled += [(place[a], place[b], float(farad)) for a, b, farad in wiring.get("between_capacitance", ())]
    coupling, weights = equations.coupling, equations.weights
    if len(equations.offset):
        coupling = np.concatenate([coupling, weights[:, inside]], axis=1)
        weights = np.where(np.isin(np.arange(len(names)), inside), 0.0, weights)
    return replace(
        equations,
        unknowns=(*equations.unknowns, *(names[k] for k in inside)),
        branches=(*(_moved(each, moved) for each in equations.branches), *_resistors(links)),
        capacitance=_capacitance(equations.capacitance, moved, added)
        + _strays(
            float(wiring.get("electrode_capacitance", 0.0)),
            [place[name] for name in driven(graph)],
            coupled,
            count + added + len(names),
        ),
        leads=tuple(inside),
        carriers=False,  # its master equation would be another
        coupling=coupling,
        weights=weights,
    )


def _moved(branches: Branches, moved: Positions) -> Branches:
    quantities = {symbol: (moved[plus], moved[minus]) for symbol, (plus, minus) in branches.quantities.items()}
    return replace(branches, quantities=quantities, leaves=moved[branches.leaves], enters=moved[branches.enters])


def _resistors(links: list[tuple[int, int, float]]) -> tuple[Branches, ...]:
    """Links as (node, node, siemens)."""
    if not links:
        return ()
    plus, minus = (np.array([link[end] for link in links], dtype=np.intp) for end in (0, 1))
    constants = {"g": np.array([link[2] for link in links])}
    return (Branches(CONDUCTANCE, constants, {"v": (plus, minus)}, plus, minus),)


def _capacitance(before: Floats, moved: Positions, added: int) -> Floats:
    """The network's own, at the inner ends."""
    nodes = moved[: len(before)]
    after = np.zeros((len(before) + added, len(before) + added))
    after[np.ix_(nodes, nodes)] = before
    return after


def _strays(
    to_ground: float, rails: list[int], coupled: list[tuple[int, int, float]], nodes: int
) -> NDArray[np.float64]:
    """Stray capacitances of the wiring: [node, node], F. coupled : (node, node, farad)."""
    matrix = np.zeros((nodes, nodes))
    matrix[rails, rails] += to_ground
    for a, b, farad in coupled:
        matrix[[a, b], [a, b]] += farad
        matrix[[a, b], [b, a]] -= farad
    return matrix
