"""A block of the user's own, read from its netlist file: which subcircuit, which pins, and what of the file is kept."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from hge_spice.devices.subcircuit import block
from hge_spice.graph import Network
from hge_spice.ngspice.includes import Netlist, Statement, read_netlist
from hge_spice.ngspice.lint import lint
from hge_spice.ngspice.pdk import Process
from hge_spice.study.files import StudyError, suggestion


def read_block(
    path: Path,
    name: str | None,
    *,
    parameters: Mapping[str, float],
    temperature: float,
    allow_outside: bool,
    process: Process | None = None,
) -> Network:
    """Read a netlist file into a network whose electrodes are the pins of one of its subcircuits.

    name : of the subcircuit; needn't be given where the file has one alone
    parameters : of the instance, SI; temperature : K; allow_outside : let includes leave the netlist's folder
    process : whose models the block may use

    Elements outside subcircuits, a test bench perhaps, are left out: the study is the bench. What else was left out or
    looks odd is in the graph's `remarks`.
    Raises StudyError for a file that can't be trusted or simulated, with file and line.
    """
    try:
        netlist = read_netlist(path, allow_outside=allow_outside)
    except ValueError as error:
        raise StudyError(str(error)) from error
    kept, pins = _definitions(netlist)
    if name is None and len(pins) == 1:
        (name,) = pins
    if not pins:
        raise StudyError(f"{path} defines no subcircuit; put the block between .subckt NAME pins and .ends")
    if name is None:
        raise StudyError(f"{path} has {len(pins)} subcircuits; say which in device.name: {', '.join(pins)}")
    if name.lower() not in pins:
        raise StudyError(f"{path} has no subcircuit {name!r}{suggestion(name, pins)}")
    known = tuple(Statement("process", 0, head, trusted=True) for head in (process.heads if process else ()))
    findings = lint(Netlist((*known, *kept.statements), netlist.findings), top=name)
    wrong = [finding for finding in findings if finding.fatal]
    if wrong:
        raise StudyError("\n".join(str(finding) for finding in wrong))
    try:
        graph = block(
            text="\n".join([*(process.cards if process else ()), kept.body]),
            name=name.lower(),
            pins=pins[name.lower()],
            parameters=parameters,
            temperature=temperature,
        )
    except ValueError as error:
        raise StudyError(f"{path}: {error}") from error
    graph.graph["remarks"] = [str(finding) for finding in findings]
    return graph


def _definitions(netlist: Netlist) -> tuple[Netlist, dict[str, tuple[str, ...]]]:
    """Everything but top-level elements, and the pins of each top-level subcircuit by its name."""
    kept, pins, depth = [], {}, 0
    for statement in netlist.statements:
        opens = statement.card in {".subckt", ".macro"}
        if opens and depth == 0:
            _, subcircuit, *words = statement.text.lower().split()
            named = [word for word in words if "=" not in word and word != "params:"]
            pins[subcircuit] = tuple(named)
        if depth or statement.card.startswith("."):
            kept.append(statement)
        depth += opens - (statement.card in {".ends", ".eom"})
    return Netlist(tuple(kept)), pins


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content; of nothing where it can't be read, which `read_block` then reports."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
