"""A block of the user's own, read from its netlist file: which subcircuit, which pins, and what of the file is kept."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from hge_spice.devices.subcircuit import block
from hge_spice.graph import Network
from hge_spice.study.files import StudyError, suggestion


def read_block(
    path: Path, name: str | None, *, parameters: Mapping[str, float], temperature: float, allow_outside: bool
) -> Network:
    """Read a netlist file into a network whose electrodes are the pins of one of its subcircuits.

    name : of the subcircuit; needn't be given where the file has one alone

    Raises StudyError for a file that can't be trusted or simulated, with file and line.
    """
    from hge_spice.ngspice.lint import lint, read_netlist

    try:
        netlist = read_netlist(path, allow_outside=allow_outside)
        wrong = [finding for finding in lint(netlist) if finding.fatal]
    except ValueError as error:
        raise StudyError(str(error)) from error
    if wrong:
        raise StudyError("\n".join(str(finding) for finding in wrong))
    pins = netlist.subcircuits
    if name is None and len(pins) == 1:
        (name,) = pins
    if name is None:
        raise StudyError(f"{path} has {len(pins)} subcircuits; say which in device.name: {', '.join(pins)}")
    if name.lower() not in pins:
        raise StudyError(f"{path} has no subcircuit {name!r}{suggestion(name, pins)}")
    return block(
        text=netlist.text, name=name.lower(), pins=pins[name.lower()], parameters=parameters, temperature=temperature
    )


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content; of nothing where it can't be read, which `read_block` then reports."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
