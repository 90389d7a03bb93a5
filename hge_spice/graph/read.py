"""Networks from files: GraphML, JSON node-link, edge-list CSV; what they hold is data, and checked as such.

A node's attributes: `kind` ("electrode" or "node"; nodes without one are nodes), `x`, `y` in metres, `capacitance` in
farads. A link's: `family`, `parameters`, `source` (the node at its + end), `gate`; of one that is a netlist's
`subcircuit` (the file) and `name`, of a process's transistor `model` and `bulk`. GraphML and CSV hold no tables: there,
a link's further columns or keys are its parameters, `i0` or `parameters.i0`, and a graph's likewise. A directed link's
source is its tail.
"""

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, XMLParser

import networkx as nx

from hge_spice.graph.network import KINDS, Network, shown
from hge_spice.plain_file import plain_file_size

OF_A_NODE = {"kind", "x", "y", "capacitance"}
OF_A_LINK = {"family", "source", "gate", "parameters", "subcircuit", "name", "model", "bulk"}
OF_DRAWINGS = {"label", "weight", "id", "key", "type"}  # what other tools add to every link; not parameters of ours


def read_graph(path: Path) -> Network:
    """Read a network; the ending says what it is: .graphml, .json, .csv.

    Raises ValueError for a file that isn't what its ending says or holds what can't be a network, with file and place;
    OSError where it can't be read.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'!r}; networks are read from {', '.join(READERS)}")
    plain_file_size(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#x}") from error
    try:
        return as_network(reader(text))
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def as_network(graph: "nx.Graph[Any]") -> Network:
    """Any networkx graph as a network: names as text, every node of a kind, directions as `source`.

    Several links between two nodes are elements in parallel.

    Raises ValueError for names that are equal as text, and attributes that can't be what they are called.
    """
    pairs = [frozenset(pair) for pair in graph.edges()]
    made: Network = nx.MultiGraph() if len(set(pairs)) < len(pairs) else nx.Graph()
    made.graph.update(_graph_attributes(graph.graph))
    names = {node: str(node) for node in graph}
    if len(set(names.values())) < len(names):
        twice = next(name for node, name in names.items() if name in graph and name != node)
        raise ValueError(f"two nodes are called {shown(twice)}: a text and a number")
    for node, data in graph.nodes(data=True):
        made.add_node(names[node], **_node_attributes(f"node {shown(node)}", data))
    for a, b, data in graph.edges(data=True):
        where = f"link {shown(a)}–{shown(b)}"
        own = _link_attributes(where, data)
        if graph.is_directed():
            own.setdefault("source", names[a])
        made.add_edge(names[a], names[b], **own)
    return made


def _graph_attributes(data: Mapping[Any, Any]) -> dict[str, Any]:
    """Family and parameters of the graph; what other tools wrote beside them is left out."""
    found: dict[str, Any] = {"parameters": _parameters("the graph", data, spread=False)}
    if "family" in data:
        found["family"] = _text("the graph's family", data["family"])
    return found


def _node_attributes(where: str, data: Mapping[str, Any]) -> dict[str, Any]:
    kind = _text(f"{where}: kind", data.get("kind", "node"))
    if kind not in KINDS:
        raise ValueError(f"{where} is of kind {shown(kind)}; there are {', '.join(KINDS)}")
    found: dict[str, Any] = {"kind": kind} | ({"role": None} if kind == "electrode" else {})
    for key in OF_A_NODE - {"kind"}:
        if key in data:
            found[key] = _number(f"{where}: {key}", data[key])
    return found


def _link_attributes(where: str, data: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {key: _text(f"{where}: {key}", data[key]) for key in OF_A_LINK & set(data) - {"parameters"}}
    own = _parameters(where, data, spread=True)
    return found | ({"parameters": own} if own else {})


def _parameters(where: str, data: Mapping[Any, Any], *, spread: bool) -> dict[str, float]:
    """Parameters from a table `parameters`, keys `parameters.i0`, and of a link (spread) all other keys as well."""
    table = data.get("parameters", {})
    if not isinstance(table, dict):
        raise ValueError(f"{where}: parameters are {shown(table)}; they should be names with numbers")  # noqa: TRY004 - a value
    found = {str(key): _number(f"{where}: {shown(key)}", value) for key, value in table.items()}
    for key, value in data.items():
        name = str(key).removeprefix("parameters.")
        if name != str(key) or (spread and name not in OF_A_LINK | OF_DRAWINGS):
            found[name] = _number(f"{where}: {shown(name)}", value)
    return found


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str | int):
        raise ValueError(f"{where} is {shown(value)}; it should be a name")  # noqa: TRY004 - what a file holds is a value
    return str(value)


def _number(where: str, value: Any) -> float:
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{where} is {shown(value)}; it should be a finite number in SI units")
    return number


def _graphml(text: str) -> "nx.Graph[Any]":
    """GraphML 1.0 by networkx, which leaves entities alone: a document type is refused before it is read."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it has a document type or entities, which a network doesn't need; take them out")
    parser = XMLParser()  # noqa: S314 - no entities left to expand, see above
    try:
        parser.feed(text)
        parser.close()
    except ParseError as error:
        raise ValueError(f"it is not XML: {error}") from error
    try:
        graph: nx.Graph[Any] = nx.parse_graphml(text)
    except (nx.NetworkXError, KeyError, ValueError, TypeError, AttributeError, StopIteration) as error:
        raise ValueError(f"it is not GraphML: {error or 'it holds no graph'}") from error
    return graph


def _json(text: str) -> "nx.Graph[Any]":
    """Node-link JSON as networkx writes it, links under `links` or `edges`."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from error
    links = "edges" if isinstance(data, dict) and "edges" in data else "links"
    if not isinstance(data, dict) or not isinstance(data.get("nodes"), list) or not isinstance(data.get(links), list):
        raise ValueError('it is not node-link JSON: a table with lists "nodes" and "links" (or "edges")')  # noqa: TRY004 - a value
    _check_entries("node", data["nodes"], ("id",))
    _check_entries("link", data[links], ("source", "target"))
    known = {entry["id"] for entry in data["nodes"]}
    if len(known) < len(data["nodes"]):
        raise ValueError("two nodes have one id")
    made: nx.Graph[Any] = nx.MultiGraph()
    made.graph.update(_table("graph", data.get("graph", {})))
    for entry in data["nodes"]:
        made.add_node(entry["id"], **{key: value for key, value in entry.items() if key != "id"})
    for k, entry in enumerate(data[links]):
        strange = [end for end in (entry["source"], entry["target"]) if end not in known]
        if strange:
            raise ValueError(f"link {k} ends at {shown(strange[0])}; there is no such node")
        made.add_edge(entry["source"], entry["target"], **_plus(entry, directed=bool(data.get("directed"))))
    return made


def _check_entries(what: str, entries: list[Any], needed: tuple[str, ...]) -> None:
    for k, entry in enumerate(entries):
        if not isinstance(entry, dict) or not set(needed) <= entry.keys():
            raise ValueError(f"{what} {k} is {shown(entry)}; it needs {' and '.join(needed)}")
        for key in needed:
            if isinstance(entry[key], bool) or not isinstance(entry[key], str | int):
                raise ValueError(f"{what} {k} has {key} {shown(entry[key])}; it should be a name")  # noqa: TRY004 - a value


def _plus(entry: Mapping[str, Any], *, directed: bool) -> dict[str, Any]:
    """A link's own attributes; node-link calls its first end `source`, so the + end is called `plus` there."""
    own = {key: value for key, value in entry.items() if key not in {"source", "target", "key", "plus"}}
    if "plus" in entry or directed:
        own["source"] = entry.get("plus", entry["source"])
    return own


def _csv(text: str) -> "nx.Graph[Any]":
    """A line per link under a header with `a` and `b` (or `source` and `target`); the first end is the + end.

    Further columns: those of OF_A_LINK, kind_a and kind_b (of the ends), and parameters; an empty cell says nothing.
    """
    made: nx.Graph[Any] = nx.MultiGraph()
    limit = csv.field_size_limit(len(text) + 1)  # a name may be as long as the file
    try:
        rows = list(_rows(text))
    except csv.Error as error:
        raise ValueError(f"it is not CSV: {error}") from error
    finally:
        csv.field_size_limit(limit)
    for line, row in rows:
        a, b = (row.pop("a", None) or row.pop("source", None)), (row.pop("b", None) or row.pop("target", None))
        if not a or not b:
            raise ValueError(f"line {line}: a link needs two ends, in columns a and b")
        for end, kind in ((a, row.pop("kind_a", "")), (b, row.pop("kind_b", ""))):
            if kind and made.nodes.get(end, {}).get("kind", kind) != kind:
                raise ValueError(f"line {line}: node {shown(end)} is {shown(kind)} here and another kind before")
            made.add_node(end, **({"kind": kind} if kind else {}))
        own: dict[str, Any] = {key: value for key, value in row.items() if value != ""}
        made.add_nodes_from(own[key] for key in ("gate", "bulk") if key in own)  # an electrode may be that alone
        try:
            _link_attributes("the link", own)
        except ValueError as error:
            raise ValueError(f"line {line}: {error}") from error
        made.add_edge(a, b, **{**own, "source": a})
    if not rows:
        raise ValueError("it holds no link")
    return made


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    lines = csv.reader(text.splitlines(keepends=True), strict=True)
    header = next(lines, [])
    names = [name.strip() for name in header]
    if not ({"a", "b"} <= set(names) or {"source", "target"} <= set(names)) or len(set(names)) < len(names):
        raise ValueError(f"line 1 should be a header with columns a and b, each once; it is {shown(','.join(header))}")
    for cells in lines:
        if not cells:
            continue
        if len(cells) != len(names):
            raise ValueError(f"line {lines.line_num}: {len(cells)} cells under {len(names)} columns")
        yield lines.line_num, dict(zip(names, cells, strict=True))


def _table(what: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {shown(value)}; it should be a table")  # noqa: TRY004 - what a file holds is a value
    return value


READERS: dict[str, Callable[[str], "nx.Graph[Any]"]] = {".graphml": _graphml, ".json": _json, ".csv": _csv}
