"""Edges whose equations are not ours: a subcircuit of the user's own, or a transistor by a process's own model.

An edge of family "subcircuit" says in `subcircuit` which netlist file it is from and in `name` which of its subcircuits
it is (the only one, if left out). Two pins are the edge's + and − end, a third is its gate. Its `parameters` are those
of the .subckt. What the files define, checked, is `graph.graph["subcircuits"]`, by file: `text`, netlist lines, and
`cells`, by name, `pins`, `parameters` and `states`. `study.tables.edges.read_edges` reads the files and fills it in.

A mosfet edge with a `model` has a process's own transistor for a channel: its bulk is the node that `bulk` names, else
ground; `parameters` are the instance's, w and l in metres. `graph.graph["process"]` has `cards`, which load the
process, and `models`, by name the number of terminals it was defined with, 0 for a .model.

The whole circuit is at one temperature, the graph's. What is perturbed: the ends or the gate. State: nodes that its
file names as such (`ngspice.block_states`), in volts; what else it holds is unknown here.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
from PySpice.Spice.Netlist import Circuit

from hge_spice.devices.element import NOMINAL_TEMPERATURE
from hge_spice.graph import Network, shown

SUBCIRCUIT, MOSFET = "subcircuit", "mosfet"
# of the instance of a MOSFET: what models of all levels have
OF_A_TRANSISTOR = ("w", "l", "m", "nf", "ad", "as", "pd", "ps", "nrd", "nrs")
OF_FOREIGN = frozenset({"subcircuit", "model", "bulk"})  # attributes
OURS = re.compile(r"[dm]x\d+r?|table\d+")  # models that our own cards name
_NAME = re.compile(r"\w+", re.ASCII)


class Place(NamedTuple):
    """An edge in the netlist: x<k> between two nodes, perhaps with a gate; a tuple, as a large network has many.

    edge : its ends in the graph; data : its attributes
    """

    name: str
    edge: tuple[str, str]
    family: str
    data: Mapping[str, Any]
    plus: str
    minus: str
    gate: str | None

    @property
    def where(self) -> str:
        """How a message calls it."""
        return f"edge {shown(self.edge[0])} to {shown(self.edge[1])}"

    @property
    def foreign(self) -> bool:
        """Whether its equations aren't ours."""
        return self.family == SUBCIRCUIT or (self.family == MOSFET and self.data.get("model") is not None)


def has_foreign(graph: Network) -> bool:
    """Whether the network has such an edge."""
    own = graph.graph.get("family")
    found = ((data.get("family", own), data) for *_, data in graph.edges(data=True))
    return any(name == SUBCIRCUIT or (name == MOSFET and data.get("model") is not None) for name, data in found)


def described(graph: Network, data: Mapping[str, Any]) -> str | None:
    """What a foreign edge is, in words; None for one of our own elements."""
    family = data.get("family", graph.graph.get("family"))
    if family == SUBCIRCUIT:
        named = f" {shown(data['name'])}" if data.get("name") else ""
        return f"subcircuit{named} of {shown(data.get('subcircuit', 'no file'))}"
    if family == MOSFET and data.get("model") is not None:
        return f"mosfet of the process's model {shown(data['model'])}"
    return None


def refuse_foreign(graph: Network, remedy: str) -> None:
    """Raise ValueError where the network has such an edge, naming the first and the remedy."""
    if not has_foreign(graph):
        return
    for a, b, data in graph.edges(data=True):
        kind = described(graph, data)
        if kind is not None:
            raise ValueError(f"edge {shown(a)} to {shown(b)} is a {kind}, which states no equations here; {remedy}")


def card(graph: Network, place: Place, nodes: Mapping[str, str]) -> str:
    """The netlist line of a foreign edge; nodes : of the netlist, by the graph's names.

    Raises ValueError for a subcircuit, model, parameter or node that isn't there.
    """
    try:
        return _subcircuit(graph, place) if place.family == SUBCIRCUIT else _transistor(graph, place, nodes)
    except ValueError as error:
        raise ValueError(f"{place.where}: {error}") from error


def states_within(graph: Network, place: Place) -> tuple[str, ...]:
    """Nodes in the netlist of the states that the subcircuit of a foreign edge has."""
    if place.family != SUBCIRCUIT:
        return ()
    cells = graph.graph.get("subcircuits", {}).get(place.data.get("subcircuit"), {}).get("cells", {})
    name = str(place.data.get("name") or next(iter(cells), "")).lower()
    return tuple(f"x{place.name}.{node}" for node in cells.get(name, {}).get("states", ()))


def stamp_definitions(circuit: Circuit, graph: Network) -> None:
    """Add what foreign edges are instances of, and the temperature they are all at."""
    lines = [*graph.graph.get("process", {}).get("cards", ())]
    lines += [file["text"].rstrip() for file in graph.graph.get("subcircuits", {}).values()]
    celsius = graph.graph.get("parameters", {}).get("temperature", NOMINAL_TEMPERATURE) - 273.15
    circuit.raw_spice += "".join(f"{line}\n" for line in (*lines, f".temp {celsius!r}"))


def _subcircuit(graph: Network, place: Place) -> str:
    file, name = place.data.get("subcircuit"), place.data.get("name")
    read = graph.graph.get("subcircuits", {})
    if file is None:
        raise ValueError("a subcircuit needs a netlist file; name it in the edge's attribute subcircuit")
    if file not in read:
        raise ValueError(
            f"the netlist file {shown(file)} has not been read; let "
            "hge_spice.study.tables.edges.read_edges(graph, folder) read it"
        )
    cells = read[file]["cells"]
    if name is None and len(cells) == 1:
        (name,) = cells
    if name is None or str(name).lower() not in cells:
        problem = f"has {len(cells)} subcircuits" if name is None else f"has no subcircuit {shown(name)}"
        raise ValueError(f"{shown(file)} {problem}; name one of {', '.join(cells)}")
    name = str(name).lower()
    pins, gate = cells[name]["pins"], place.gate
    for word in (name, *place.data.get("parameters", {})):
        if not _NAME.fullmatch(str(word)):
            raise ValueError(f"{shown(word)} can't be a name in a netlist; use letters, digits and _")
    if len(pins) not in {2, 3}:
        raise ValueError(f"subcircuit {name} has {len(pins)} pins; an edge has two ends, and a gate for a third pin")
    if (len(pins) == 3) != (gate is not None):
        needs = "needs a gate: the name of a node" if gate is None else f"has two pins and no gate {shown(gate)}"
        raise ValueError(f"subcircuit {name} {needs}")
    known = cells[name]["parameters"]
    given = "".join(f" {n}={v!r}" for n, v in _given(graph, place, known, f"subcircuit {name}").items())
    return f"X{place.name} {place.plus} {place.minus}{f' {gate}' if gate else ''} {name}{given}"


def _transistor(graph: Network, place: Place, nodes: Mapping[str, str]) -> str:
    model, bulk = str(place.data["model"]), place.data.get("bulk")
    models = graph.graph.get("process", {}).get("models")
    if models is None:
        raise ValueError(f"model {shown(model)} needs a process; name one in [pdk]")
    if model.lower() not in models:
        near = get_close_matches(model.lower(), models, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"the process has no transistor {shown(model)}{hint}")
    if place.gate is None:
        raise ValueError("a mosfet needs a gate: the name of a node")
    if bulk is not None and bulk not in nodes:
        raise ValueError(f"bulk {shown(bulk)} is no node of the graph")
    given = "".join(f" {n}={v!r}" for n, v in _given(graph, place, OF_A_TRANSISTOR, "a transistor").items())
    letter = "X" if models[model.lower()] else "M"
    body = nodes[bulk] if bulk is not None else 0
    return f"{letter}{place.name} {place.plus} {place.gate} {place.minus} {body} {model.lower()}{given}"


def _given(graph: Network, place: Place, known: Sequence[str], what: str) -> dict[str, float]:
    """Parameters of the instance: those of the graph, where the edge is of the graph's family, then its own."""
    shared = graph.graph.get("parameters", {}) if place.family == graph.graph.get("family") else {}
    given = {name: value for name, value in shared.items() if name != "temperature"}
    given |= place.data.get("parameters", {})
    if "temperature" in given:
        raise ValueError(f"{what} can't have a temperature of its own; the network's is stated for all")
    for name, value in given.items():
        if name.lower() not in known:
            near = get_close_matches(name.lower(), known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(known) or 'none'}"
            raise ValueError(f"{what} has no parameter {shown(name)}{hint}")
        if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
            raise ValueError(f"{shown(name)} of {what} is {value!r}; it must be a number")  # noqa: TRY004 - the caller's value
        if not np.isfinite(value):
            raise ValueError(f"{shown(name)} of {what} is {float(value)}; it must be finite")
    return {name.lower(): float(value) for name, value in given.items()}


def define(
    graph: Network,
    file: str,
    text: str,
    cells: Mapping[str, tuple[Sequence[str], Sequence[str]]],
    states: Mapping[str, Sequence[str]] | None = None,
) -> Network:
    """Return a copy whose edges may be subcircuits of this text: netlist lines that need nothing else.

    file : what the edges call it; cells : pins and parameters of each subcircuit, by name in lower case
    states : nodes within each that are states, held at rest at the source v<node>_at beside them

    It is the user's own text, so that nothing is linted or refused; `study.tables.edges.read_edges` reads files of
    others.
    """
    graph = graph.copy()
    found = {
        name: {"pins": list(pins), "parameters": list(known), "states": list((states or {}).get(name, ()))}
        for name, (pins, known) in cells.items()
    }
    graph.graph["subcircuits"] = {**graph.graph.get("subcircuits", {}), file: {"text": text, "cells": found}}
    return graph
