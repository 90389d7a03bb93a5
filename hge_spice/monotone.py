"""The monotone check: what a network of elements that conduct more with more voltage can't do, whatever its controls.

Take two-terminal elements whose current never falls with their own voltage, electrodes held by sources, no gates.
Raising one electrode raises or keeps the voltage of every inner node (the maximum principle for M-matrices), so the
current into any other electrode, or the voltage on a resistive load there, never falls. One output is then monotone in
each input: upwards, or downwards where the read-out inverts. AND and OR need the one, NAND and NOR the other; XOR and
XNOR neither. A difference of two outputs, an input whose inverse drives the network too, negative differential
resistance and gating each break it.
"""

import numpy as np

from hge_spice.devices import ELEMENTS
from hge_spice.drive import Floats
from hge_spice.graph import Network, electrodes, readout, unit_graph
from hge_spice.tasks import Task


def monotone(graph: Network) -> bool:
    """Whether every element is of two terminals and monotone: false for whole devices, whose inside isn't known."""
    own = graph.graph["family"]
    families = {data.get("family", own) for *_, data in graph.edges(data=True)}
    elements = [ELEMENTS.get(family) for family in families]
    return own in ELEMENTS and all(e is not None and e.monotone and not e.gated for e in elements)


def signs(graph: Network) -> dict[str, int] | None:
    """Sign of the output's derivative by each electrode's voltage, where it isn't zero; None where it may have either.

    Units in series are monotone if each is; an amplifier between them that inverts turns the sign of all before it.
    """
    how = readout(graph)
    if how.differential:
        return None
    if graph.graph["family"] != "layered":
        return dict.fromkeys(electrodes(graph), how.sign) if monotone(graph) else None
    if not all(monotone(unit_graph(graph, k)) for k in range(len(graph.graph["units"]))):
        return None
    of_unit = {graph.nodes[electrodes(graph, "output")[0]]["unit"]: how.sign}
    unit = {name: int(data["unit"]) for name, data in graph.nodes(data=True)}
    for coupling in sorted(graph.graph["couplings"], key=lambda each: -unit[each["output"]]):
        reached = {unit[name] for name in coupling["inputs"]} & of_unit.keys()
        before = unit[coupling["output"]]
        ways = {int(np.sign(coupling["gain"])) * of_unit[later] for later in reached}
        if len(ways | ({of_unit[before]} if before in of_unit else set())) > 1:
            return None  # one way raises the output, another lowers it
        of_unit |= dict.fromkeys([before], *ways) if ways else {}
    return {name: of_unit.get(unit[name], how.sign) for name in electrodes(graph)}


def derivative_signs(graph: Network) -> Floats | None:
    """[control]: the sign that each derivative must have; None where either can be."""
    known = signs(graph)
    return None if known is None else np.array([known[name] for name in electrodes(graph, "control")], dtype=float)


def unreachable(graph: Network, task: Task) -> str | None:
    """Why no control setting lets this network do the task, and what would; None where nothing speaks against it."""
    known = signs(graph)
    if known is None:
        return None
    mirrored = {graph.nodes[name]["complement_of"] for name in electrodes(graph, "complement")}
    directions = np.array([0 if name in mirrored else known[name] for name in electrodes(graph, "input")], dtype=float)
    fault = _fault(task, directions)
    if fault is None:
        return None
    below, above = fault
    turned = _fault(task, -directions) is None and graph.graph["family"] != "layered"
    helps = [
        *(["a read-out of the other sign (readout.inverting)"] if turned else []),
        "a differential read-out (two outputs and readout.differential)",
        "complementary inputs (electrodes.complements)",
        "elements with negative differential resistance (tunnel, threshold_switch)",
        "gated elements (mosfet)",
    ]
    return (
        f"{task.name} can't be done by this network, whatever its controls: none of its elements conducts less "
        f"with more voltage and nothing gates them, so that its one output can't be lower for inputs {_bits(above)} "
        f"than for {_bits(below)}, as {task.name} asks. What would help: {', or '.join(helps)}"
    )


def _bits(row: Floats) -> str:
    return ", ".join(f"{bit:g}" for bit in row)


def _fault(task: Task, directions: Floats) -> tuple[Floats, Floats] | None:
    """Two patterns of which the second can't be lower than the first and is asked to be, or None.

    directions : [input], +1 or −1 where the output can only rise or fall with it, 0 where it may do either
    """
    fixed = directions == 0
    for p, low in enumerate(task.bits):
        for q, high in enumerate(task.bits):
            ordered = np.all((high - low)[~fixed] * directions[~fixed] >= 0) and np.array_equal(low[fixed], high[fixed])
            if ordered and task.classes[p] > 0.5 >= task.classes[q]:
                return low, high
    return None
