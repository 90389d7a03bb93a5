"""A block of the user's own: a `.subckt` whose pins are the electrodes, or, of a graph, one that every edge is.

What is perturbed: the pins that are controls. State: nodes that `states` names; of what else it holds nothing is known.
As edges see `foreign.py`.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from PySpice.Spice.Netlist import Circuit, SubCircuit

from hge_spice.devices import branches
from hge_spice.devices.family import Family
from hge_spice.devices.names import terminal
from hge_spice.graph import Network

_NAME = re.compile(r"(?!(?:0|gnd)$)\w+", re.ASCII | re.IGNORECASE)  # 0 and gnd are ground in every circuit


def block(
    *,
    text: str,
    name: str,
    pins: Sequence[str],
    parameters: Mapping[str, float] | None = None,
    temperature: float = 300.15,
    states: Sequence[str] = (),
) -> Network:
    """Make a network whose electrodes are the pins of a subcircuit.

    text : its definition with all that it needs, as netlist lines; name : of the subcircuit; pins : in its order
    parameters : of the instance, SI; temperature : K
    states : nodes within it that are states, held at rest at the source v<node>_at beside them

    Raises ValueError for names that can't stand in a netlist.
    """
    for word in (name, *pins, *(parameters or {})):
        if not _NAME.fullmatch(word):
            raise ValueError(
                f"{word!r} can't be a name in a netlist; use letters, digits and _, and not ground's own names"
            )
    if len(set(pins)) < len(pins):
        raise ValueError(f"subcircuit {name} names a pin twice: {', '.join(pins)}")
    graph: Network = Network(
        family="subcircuit",
        parameters={"temperature": temperature, **(parameters or {})},
        subcircuit={"name": name, "text": text, "parameters": dict(parameters or {}), "states": list(states)},
    )
    for pin, angle in zip(pins, 2 * np.pi * np.arange(len(pins)) / len(pins), strict=True):
        graph.add_node(pin, kind="electrode", role=None, x=float(np.cos(angle)), y=float(np.sin(angle)))
    return graph


def block_of(
    part: SubCircuit | Circuit,
    pins: Sequence[str] = (),
    *,
    parameters: Mapping[str, float] | None = None,
    temperature: float = 300.15,
) -> Network:
    """Make a network of a PySpice subcircuit, whose nodes are its electrodes, or of nodes of a PySpice circuit.

    pins : nodes of a circuit to be electrodes; a subcircuit has its own
    parameters : of the instance, SI; temperature : K

    It is the user's own Python, so that nothing is read, linted or refused as a file's text would be; include files are
    given by absolute paths. Raises ValueError for names that can't stand in a netlist.
    """
    if isinstance(part, SubCircuit):
        name, text, own = str(part.name).lower(), str(part), tuple(str(node) for node in part.external_nodes)
    else:
        lines = [line for line in str(part).splitlines() if not line.startswith(".title")]
        name, own = "whole", tuple(pins)
        text = "\n".join([f".subckt whole {' '.join(pins)}", *lines, ".ends whole"])
        missing = [pin for pin in pins if pin not in part.node_names]
        if missing or not pins:
            raise ValueError(
                f"the circuit has no node {', '.join(missing) or '(none named)'}; it has {', '.join(part.node_names)}"
            )
    return block(text=text, name=name, pins=own, parameters=parameters, temperature=temperature)


def own_lines(graph: Network) -> list[tuple[str, str]]:
    """Each statement of a block's text with its place, in lower case; "" for the place of one that loads a process."""
    described = graph.graph["subcircuit"]
    lines, places = described["text"].splitlines(), described.get("places")
    if places is not None:
        return [(line if not place else line.lower(), place) for line, place in zip(lines, places, strict=True)]
    found: list[tuple[str, str]] = []
    for k, line in enumerate(lines, 1):  # a Python program's, folded and with comments
        if line.startswith("+") and found:
            found[-1] = (f"{found[-1][0]} {line[1:].strip()}".lower(), found[-1][1])
        elif line.strip() and line[0] != "*":
            found.append((" ".join(line.lower().split()), f"line {k} of {described['name']}"))
    return found


def _whole(graph: Network) -> bool:
    return "subcircuit" in graph.graph


def _check(graph: Network) -> None:
    if not _whole(graph):
        branches.check(graph)


def _stamp(circuit: Circuit, graph: Network) -> None:
    if not _whole(graph):
        branches.stamp(circuit, graph)
        return
    described = graph.graph["subcircuit"]
    circuit.raw_spice += described["text"].rstrip() + "\n"
    pins = " ".join(terminal(name) for name, data in graph.nodes(data=True) if data.get("kind") == "electrode")
    values = "".join(f" {key}={float(value)!r}" for key, value in described["parameters"].items())
    circuit.raw_spice += f"X1 {pins} {described['name']}{values}\n"
    circuit.raw_spice += f".temp {graph.graph['parameters']['temperature'] - 273.15!r}\n"


FAMILY = Family(
    name="subcircuit",
    build=block,
    check=_check,
    stamp=_stamp,
    # of elements of ours that some edges are
    bounded_nodes=branches.state_nodes,
    held_states=branches.held_states,
    bounds=branches.BOUNDS,
    # The defaults (1 pA, 1 µV, 1e-3) leave 1e-2 errors in derivatives at millivolt tones; gmin is a part of many models
    # and cost transistors at low currents more iterations than the 100 that a point has by default
    options={"abstol": 1e-15, "reltol": 1e-6, "vntol": 1e-9, "gmin": 1e-12, "itl1": 500},
    summary="your own .subckt: as a whole device, whose pins are the electrodes, or as edges of a graph",
)
