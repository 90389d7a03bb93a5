"""A block of the user's own, read from its netlist file: which subcircuit, which pins, and what of the file is kept."""

import hashlib
import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hge_spice.devices.subcircuit import block
from hge_spice.graph import Network
from hge_spice.ngspice.block_states import Remembered, hold_states
from hge_spice.ngspice.includes import Netlist, read_netlist
from hge_spice.ngspice.lint import Finding, lint
from hge_spice.ngspice.lint.sheet import Scope, Sheet
from hge_spice.ngspice.pdk import Process
from hge_spice.ngspice.statements import Statement
from hge_spice.plain_file import plain_file_size
from hge_spice.study.text.files import StudyError, suggestion

MOST_FILES = 1000  # that a netlist's digest is made of
_ASKS = re.compile(rb"(?im)^[ \t]*\.(?:inc|include|lib)[ \t]+(?:\"([^\"\n]+)\"|'([^'\n]+)'|(\S+))")


def read_block(
    path: Path,
    name: str | None,
    *,
    parameters: Mapping[str, float],
    temperature: float,
    allow_outside: bool,
    process: Process | None = None,
    output: Collection[str] = (),
) -> Network:
    """Read a netlist file into a network whose electrodes are the pins of one of its subcircuits.

    name : of the subcircuit; needn't be given where the file has one alone
    parameters : of the instance, SI; temperature : K; allow_outside : let includes leave the netlist's folder
    process : whose models the block may use; output : those of its pins that something must be connected to

    Elements outside subcircuits, a test bench perhaps, are left out: the study is the bench. What else was left out or
    looks odd is in the graph's `remarks`.
    Raises StudyError for a file that can't be trusted or simulated, with file and line.
    """
    source = read_source(path, allow_outside=allow_outside)
    chosen = choose(source, name, "device.name")
    remarks = linted(source, chosen, process, output)
    cell = source.cells[chosen]
    known = cell.formals | cell.params.keys()
    for odd in (each for each in parameters if each.lower() not in known):
        raise StudyError(f"{path}: subcircuit {chosen} has no parameter {odd!r}{suggestion(odd, known)}")
    try:
        graph = block(
            text="\n".join([*(process.cards if process else ()), source.kept.body]),
            name=chosen,
            pins=cell.pins,
            parameters=parameters,
            temperature=temperature,
            states=source.states(chosen),
        )
    except ValueError as error:
        raise StudyError(f"{path}: {error}") from error
    graph.graph["remarks"] = remarks
    cards = process.cards if process else ()
    places = (*("" for _ in cards), *(f"{each.file}:{each.line}" for each in source.kept.statements))
    graph.graph["subcircuit"] = {
        **graph.graph["subcircuit"],
        "places": places,
        "wraps": process.wraps if process else {},
    }
    return graph


@dataclass(frozen=True)
class Source:
    """A netlist file as it was read: everything but top-level elements, and its subcircuits by name.

    remembered : what of it are states, which `kept` holds at rest
    """

    path: Path
    netlist: Netlist
    kept: Netlist
    scope: Scope
    remembered: Remembered

    @property
    def cells(self) -> dict[str, Scope]:
        """The file's own subcircuits by name."""
        return self.scope.subcircuits

    def states(self, name: str) -> tuple[str, ...]:
        """Nodes of a subcircuit's states, by their paths within it."""
        return self.remembered.within(self.cells[name])


def read_source(path: Path, *, allow_outside: bool) -> Source:
    """Read a netlist file for its subcircuits and models; what stands at its top level is left out.

    allow_outside : whether it may include files beyond its own folder

    Raises StudyError where the file can't be read or is refused.
    """
    try:
        netlist = read_netlist(path, allow_outside=allow_outside)
    except ValueError as error:
        raise StudyError(str(error)) from error
    return Source(path, netlist, *_kept(netlist))


@lru_cache(maxsize=16)
def _kept(netlist: Netlist) -> tuple[Netlist, Scope, Remembered]:
    """What of a netlist is used, what that defines and remembers; of one netlist a sweep asks at every trial."""
    kept, depth = [], 0
    sheet = Sheet()
    for statement in netlist.statements:
        card = statement.card
        if depth or card.startswith("."):
            kept.append(statement)
            sheet.take(statement)
        depth += (card in {".subckt", ".macro"}) - (card in {".ends", ".eom"})
    sheet.finish()
    remembered = hold_states(kept, sheet.scopes)
    return Netlist(remembered.statements), sheet.scopes[0], remembered


def choose(source: Source, name: str | None, key: str) -> str:
    """Name in lower case of the subcircuit meant; key : where a name would be said."""
    cells = source.cells
    if name is None and len(cells) == 1:
        (name,) = cells
    if not cells:
        raise StudyError(f"{source.path} defines no subcircuit; put the block between .subckt NAME pins and .ends")
    if name is None:
        raise StudyError(f"{source.path} has {len(cells)} subcircuits; say which in {key}: {', '.join(cells)}")
    if name.lower() not in cells:
        raise StudyError(f"{source.path} has no subcircuit {name!r}{suggestion(name, cells)}")
    return name.lower()


def linted(source: Source, name: str, process: Process | None, output: Collection[str] = ()) -> list[str]:
    """What is to be said of a file whose subcircuit is used. Raises StudyError for what can't be simulated.

    output : pins that something must be connected to
    """
    known = tuple(Statement("process", 0, head, trusted=True) for head in (process.heads if process else ()))
    netlist = Netlist((*known, *source.kept.statements), source.netlist.findings)
    findings = _found(netlist, name, frozenset(pin.lower() for pin in output))
    wrong = [finding for finding in findings if finding.fatal]
    if wrong:
        raise StudyError("\n".join(str(finding) for finding in wrong))
    return [str(finding) for finding in (*findings, *source.remembered.remarks)]


@lru_cache(maxsize=16)
def _found(netlist: Netlist, top: str, output: frozenset[str]) -> tuple[Finding, ...]:
    """What `lint` says; of one netlist a sweep asks at every trial."""
    return tuple(lint(netlist, top=top, output=output))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content; nothing where it can't be read, which whoever reads it then reports."""
    try:
        plain_file_size(path)
        found = path.stat()
        return _of_content(path.resolve(), found.st_mtime_ns, found.st_size)
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=256)
def _of_content(path: Path, _changed: int, _size: int) -> str:
    """Read once in each process, and again when the file has changed: a sweep asks at every trial."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def netlist_digest(path: Path) -> str:
    """SHA-256 of a netlist file and, where it includes any, of the files it includes; nothing as `file_digest`."""
    seen: dict[Path, str] = {}
    with suppress(ValueError, RuntimeError, OSError):
        _digest(path.resolve(), seen)
    own = [*seen.values()]
    return "".join(own) if len(own) < 2 else hashlib.sha256("\n".join(own).encode()).hexdigest()


def _digest(path: Path, seen: dict[Path, str]) -> None:
    """Add a netlist file and those that it may include, each once; `read_netlist` judges whether it may."""
    if path in seen or len(seen) >= MOST_FILES or not (own := file_digest(path)):
        return
    seen[path] = own
    for found in _ASKS.finditer(path.read_bytes()):
        with suppress(ValueError, RuntimeError):  # a null byte in it, a loop of links
            _digest((path.parent / os.fsdecode(found[1] or found[2] or found[3])).resolve(), seen)
