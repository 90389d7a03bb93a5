"""Netlists of a graph's edges: the files that they name, read and linted like a block, and put beside the graph."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from hge_spice.devices.foreign import OURS, SUBCIRCUIT, define, has_foreign
from hge_spice.graph import Network, read_graph, shown
from hge_spice.ngspice.includes import Netlist
from hge_spice.ngspice.lint.sheet import split_words
from hge_spice.ngspice.pdk import Process
from hge_spice.ngspice.statements import Statement
from hge_spice.study.tables.block import Source, choose, file_digest, linted, netlist_digest, read_source
from hge_spice.study.text.files import StudyError

# what a file says outside its subcircuits and is kept; the rest would act on the whole circuit
_CONDITIONS = frozenset({".if", ".elseif", ".else", ".endif"})
_PARAMETERS = frozenset({".param", ".params", ".parameters"})
_KEPT = frozenset({".model", ".func"}) | _CONDITIONS | _PARAMETERS
# functions that our own elements' cards use
_FUNCTIONS = frozenset({"tanh", "sinh", "cosh", "exp", "ln", "sqrt", "abs", "min", "max", "u"})


def netlists_of(graph: Network) -> list[str]:
    """The netlist files that edges name, each once, as written."""
    own = graph.graph.get("family")
    named = (data.get("subcircuit") for *_, data in graph.edges(data=True) if data.get("family", own) == SUBCIRCUIT)
    return list(dict.fromkeys(name for name in named if name is not None))


def netlist_digests(graph: Path) -> dict[str, str]:
    """SHA-256 of each netlist file that the edges of a graph's file name; nothing where the graph can't be read."""
    return {name: netlist_digest(graph.parent / name) for name in _names_in(graph, file_digest(graph))}


@lru_cache(maxsize=64)
def _names_in(graph: Path, _digest: str) -> tuple[str, ...]:
    """Read once for all trials, and again when the file has changed."""
    try:
        return tuple(netlists_of(read_graph(graph)))
    except (OSError, ValueError):
        return ()


def read_edges(
    graph: Network,
    folder: Path,
    *,
    usual: tuple[Path, str | None] | None = None,
    allow_outside: bool = False,
    process: Process | None = None,
) -> Network:
    """Return a copy of the graph whose edges of family "subcircuit", and mosfets with a `model`, can be simulated.

    folder : where the files that edges name are; usual : file and name of the subcircuit that an edge is which names no
    file; allow_outside : let files and includes lie beyond the folder; process : whose models files and edges may use

    Nothing of a file is run. What it says outside subcircuits is kept where it defines something (models, parameters,
    functions), and left out where it would act on the whole circuit. Remarks are in the graph's `remarks`.
    Raises StudyError for a file that can't be trusted or simulated, and for two that define a name differently.
    """
    graph = graph.copy()
    own = graph.graph.get("family")
    if usual is not None:
        if usual[0].name in netlists_of(graph) and (folder / usual[0].name).resolve() != usual[0].resolve():
            raise StudyError(f"{usual[0]} and a file that edges name are both called {usual[0].name}; rename one")
        for *_, data in graph.edges(data=True):
            if data.get("family", own) == SUBCIRCUIT and "subcircuit" not in data:
                data.update({"subcircuit": usual[0].name} | ({"name": usual[1]} if usual[1] is not None else {}))
    remarks: list[str] = []
    taken: dict[tuple[str, str], tuple[Path, str]] = {}
    for file in netlists_of(graph):
        path = usual[0] if usual is not None and file == usual[0].name else _within(folder, file, outside=allow_outside)
        source = read_source(path, allow_outside=allow_outside)
        names = {
            data.get("name")
            for *_, data in graph.edges(data=True)
            if data.get("family", own) == SUBCIRCUIT and data.get("subcircuit") == file
        }
        for name in sorted(names, key=str):
            remarks += linted(source, choose(source, name, f"the name of the edges of {file}"), process)
        kept, left_out = _definitions(source)
        remarks += left_out
        fresh = Netlist(tuple(_fresh(source, kept, taken)))
        cells = {name: (cell.pins, sorted(cell.formals | cell.params.keys())) for name, cell in source.cells.items()}
        graph = define(graph, file, fresh.body, cells, {name: source.states(name) for name in cells})
    if process is not None:
        if not has_foreign(graph):
            raise StudyError(
                "pdk: nothing in the network is of the process; give a mosfet edge a model, or an edge a netlist's "
                "subcircuit"
            )
        graph.graph["process"] = {"cards": list(process.cards), "models": _transistors(process)}
    if remarks:
        graph.graph["remarks"] = [*graph.graph.get("remarks", []), *dict.fromkeys(remarks)]
    return graph


def _within(folder: Path, file: str, *, outside: bool) -> Path:
    try:
        path = (folder / file).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise StudyError(f"{shown(file)}, which an edge names, is no path: {error}") from error
    if not (outside or path.is_relative_to(folder.resolve())):
        raise StudyError(
            f"{shown(file)}, which an edge names, leaves the folder of its graph; copy it there, or set "
            "device.allow_outside = true"
        )
    return path


def _definitions(source: Source) -> tuple[list[Statement], list[str]]:
    """What of a file is kept beside other files and our own elements, and remarks on what isn't."""
    kept, remarks, depth = [], [], 0
    for statement in source.kept.statements:
        card = statement.card
        if card == ".global":
            raise StudyError(str(statement.finding("global nodes would join the network's; make them pins")))
        if card.startswith(".opt") or not (depth or card in _KEPT or _bounds(card)):
            remarks.append(str(statement.finding(f"{card} is left out: it would act on the whole circuit")))
            continue
        kept.append(statement)
        depth += _bounds(card)
    for name in source.scope.functions:
        if name in _FUNCTIONS:
            raise StudyError(f"{source.path} defines a function {name}, which other elements use; rename it")
    for name, statement in source.scope.models.items():
        if OURS.fullmatch(name):
            raise StudyError(str(statement.finding(f"model {name} has a name that the netlist needs; rename it")))
    return kept, remarks


def _bounds(card: str) -> int:
    return (card in {".subckt", ".macro"}) - (card in {".ends", ".eom"})


def _fresh(
    source: Source, kept: Iterable[Statement], taken: dict[tuple[str, str], tuple[Path, str]]
) -> list[Statement]:
    """What no file before has defined already. Raises StudyError where one has, in other words."""
    fresh: list[Statement] = []
    for group in _groups(kept):
        text = "\n".join(statement.text.lower() for statement in group)
        card = group[0].card
        kind, defined = card.removeprefix("."), {text.split(" ")[1].partition("(")[0]: text}
        if card in _PARAMETERS:
            kind = "parameter"
            found = source.scope.params | {n: (at, body) for n, (at, _, body) in source.scope.functions.items()}
            defined = {name: body for name, (at, body) in found.items() if at is group[0]}
        elif card in _CONDITIONS:
            defined = {}
        for name, words in defined.items():
            other, before = taken.setdefault((kind, name), (source.path, words))
            if before != words and other != source.path:
                raise StudyError(
                    f"{source.path} and {other} both define {kind} {name}, differently; rename one of them"
                )
        if not defined or any(taken[kind, name][0] == source.path for name in defined):
            fresh += group
    return fresh


def _groups(statements: Iterable[Statement]) -> Iterator[list[Statement]]:
    """Each subcircuit as one group, each other statement as one of its own."""
    group: list[Statement] = []
    depth = 0
    for statement in statements:
        group.append(statement)
        depth += _bounds(statement.card)
        if depth == 0:
            yield group
            group = []


def _transistors(process: Process) -> dict[str, int]:
    """Names that a mosfet can be in the process: 0 for a .model, the number of pins for a .subckt of four."""
    found: dict[str, int] = {}
    for head in process.heads:
        card, *words = head.split()
        if card == ".model" and words[1] in {"nmos", "pmos"}:
            found[words[0]] = 0
        elif card == ".subckt" and len([word for word in split_words(head)[2:] if "=" not in word]) == 4:
            found[words[0]] = 4
    return found
