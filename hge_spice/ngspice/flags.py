"""What of an analysis its user should know: a network's states and ngspice's log as flags and notes of a waveform."""

from collections.abc import Collection, Mapping

from hge_spice.drive import Floats, Transient
from hge_spice.ngspice.session import Result

OUTSIDE = 1e-6  # V by which an occupation may exceed its bounds by rounding and the clamp's own slope
MOVED = 1e-3  # share of its range by which a state may move during a measurement unnoticed
# What ngspice says when plain Newton didn't find the operating point, and the flag it becomes
_HELP = {
    "gmin stepping": "gmin_stepping",
    "source stepping": "source_stepping",
    "transient op started": "transient_op",
}
_SAID = ("warning", *_HELP)
# Newton gives a step up after 10 iterations (itl4); a run that needs half of them on average is at its limit
STRAINED = 5.0

Told = tuple[tuple[str, ...], tuple[str, ...]]  # flags, notes


def flags_and_notes(result: Result, states: Floats, bounds: tuple[float, float]) -> Told:
    """Flags and notes of an analysis whose states [state, point] must stay within bounds, V."""
    flags, notes = [], []
    low, high = bounds
    if states.size and (states.min() < low - OUTSIDE or states.max() > high + OUTSIDE):
        flags.append("unphysical")
        notes.append(f"states reach {states.min():.4g} … {states.max():.4g}, bounds are {low:g} … {high:g}")
    whole = "\n".join(result.log).lower()  # mostly there is nothing in it, and it is long
    for line in result.log if any(word in whole for word in _SAID) else ():
        said = line.lower()
        flags += [flag for word, flag in _HELP.items() if word in said and flag not in flags]
        if said.startswith("warning") or any(word in said for word in _HELP):
            notes.append(line.strip())
    if result.iterations > STRAINED:
        flags.append("newton_limit")
        notes.append(f"Newton took {result.iterations:.1f} iterations a step on average and gives up at 10")
    if result.rejected:
        notes.append(f"the solver took {result.rejected} steps back")
    return tuple(flags), tuple(notes)


def with_uneven(told: Told, chosen: slice, transient: Transient) -> Told:
    """The same of a window whose points the solver chose itself."""
    flags, notes = told
    note = f"the solver took {chosen.stop - chosen.start} steps of its own for {transient.points}"
    return (*flags, "uneven"), (*notes, note)


def with_moved(told: Told, moved: Mapping[str, float], own: Collection[str]) -> Told:
    """The same with those of states that moved.

    moved : by name, how far a state came from where it began, as a share of its range; own : names of states of the
    user's subcircuits, for which it is a share of the largest value
    """
    flags, notes = told
    far = {name: share for name, share in moved.items() if share > MOVED}
    if not far:
        return told
    worst = max(far, key=far.__getitem__)
    of = "its largest value" if worst in own else "its range"
    note = f"{len(far)} of {len(moved)} states moved; {worst} by {far[worst]:.3g} of {of}"
    return (*flags, "moved_state"), (*notes, note)
