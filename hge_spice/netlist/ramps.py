"""Netlists of patterns in one transient: the DC sources of what changes between patterns become ramps and plateaus."""

from collections.abc import Mapping, Sequence

from hge_spice.devices.branches import FREE, HOLD
from hge_spice.drive import Floats
from hge_spice.drive.plateaus import Plateaus, ramped
from hge_spice.graph import Network
from hge_spice.netlist import Rails, dc_source, deck

KNOTS = 8  # a line
CORNER = 1e-6  # of a step, within which a time is that of a corner
BACK = 20.0  # time constants in a ramp, of states that are drawn back: e^-20 of the way is left


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


def with_resets(text: str, plateaus: Plateaus) -> str:
    """The netlist with states held and drawn back in every ramp, not only held at rest before time zero."""
    pitch, ramp, bit = plateaus.pitch, plateaus.ramp, CORNER * plateaus.transient.step
    # at the corner itself a plateau still goes on
    free = f"({FREE}) && (time-{pitch!r}*floor((time-{bit!r})/{pitch!r}) > {ramp!r}) ?"
    holding, back = f": {HOLD!r}*(v(", f": {BACK / ramp!r}*(v("
    return "\n".join(
        line.replace(f"{FREE} ?", free).replace(holding, back) if line[:1] in "bB" and holding in line else line
        for line in text.split("\n")
    )


def sequence_text(text: str, plateaus: Plateaus, voltages: Sequence[Mapping[str, float]]) -> str:
    """A network's netlist made that of a sequence, but for its analysis; voltages : of each drive, V by electrode."""
    if plateaus.reset:
        text = with_resets(text, plateaus)
    return with_ramps(text, plateaus.corners, ramped(plateaus, voltages))


def sequence_deck(graph: Network, plateaus: Plateaus) -> str:
    """Full netlist of a sequence, runnable by `ngspice -b` as it is."""
    rails = Rails.of(graph)
    voltages = [rails.voltages(drive) for drive in plateaus.drives]
    text = sequence_text(deck(graph, plateaus.first), plateaus, voltages)
    # the analysis is the last line but .end
    head, _, _ = text.removesuffix("\n.end\n").rpartition("\n")
    return f"{head}\n.{sequence_command(plateaus)}\n.end\n"
