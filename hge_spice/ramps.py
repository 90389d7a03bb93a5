"""Netlists of patterns in one transient: the DC sources of what changes between patterns become ramps and plateaus."""

from collections.abc import Mapping
from dataclasses import replace

from hge_spice.drive import Floats
from hge_spice.graph import Network
from hge_spice.netlist import Rails, dc_source, deck
from hge_spice.plateaus import Plateaus, ramped

KNOTS = 8  # a line


def sequence_command(plateaus: Plateaus) -> str:
    """Return the analysis that holds every plateau, its ramp included."""
    step = plateaus.transient.step
    return f"tran {step!r} {plateaus.duration!r} 0 {step!r}"


def with_ramps(text: str, corners: Floats, levels: Mapping[str, Floats]) -> str:
    """The netlist with the DC sources of these electrodes ramped from corner to corner in a transient.

    corners : [corner], s; levels : [corner], V, by electrode

    A DC value beside PWL holds for the operating points of other analyses; a transient's has the first level.
    """
    ramps = {dc_source(name).lower(): values.tolist() for name, values in levels.items()}
    lines: list[str] = []
    for line in text.split("\n"):
        values = ramps.get(line.partition(" ")[0].lower())
        lines.append(line if values is None else f"{line} PWL(")
        if values is not None:
            knots = [f"{t!r} {v!r}" for t, v in zip(corners.tolist(), values, strict=True)]
            lines += [f"+ {' '.join(knots[k : k + KNOTS])}" for k in range(0, len(knots), KNOTS)]
            lines.append("+ )")
    return "\n".join(lines)


def sequence_deck(graph: Network, plateaus: Plateaus) -> str:
    """Full netlist of a sequence, runnable by `ngspice -b` as it is."""
    first, rails = plateaus.drives[0], Rails.of(graph)
    text = deck(graph, replace(first, transient=replace(first.transient, settle=plateaus.dead)))
    text = with_ramps(text, plateaus.corners, ramped(plateaus, [rails.voltages(drive) for drive in plateaus.drives]))
    # the analysis is the last line but .end
    head, _, _ = text.removesuffix("\n.end\n").rpartition("\n")
    return f"{head}\n.{sequence_command(plateaus)}\n.end\n"
