"""Which of a transient's points make up a window, and what the tones were at them: the same at every training step."""

from functools import lru_cache

import numpy as np

from hge_spice.drive import Floats, Tone, Transient

UNIFORM = 1e-6  # steps equal to this share of a step count as equal: a millionth of a step shifts no phase that matters


def window_points(time: Floats, transient: Transient) -> tuple[slice, bool]:
    """Choose the points that make up the window, and say whether they lie on a uniform grid.

    ngspice's start-up steps (fractions of a step that double) are left out: what remains are `points` steps of equal
    length over exactly one window. Where capacitors made the solver take steps of its own, all points of the window
    are.
    """
    return _window_points(time.tobytes(), transient)


@lru_cache(maxsize=8)
def _window_points(time_bytes: bytes, transient: Transient) -> tuple[slice, bool]:
    time, step = np.frombuffer(time_bytes), transient.step
    regular = np.abs(np.diff(time) - step) < UNIFORM * step
    ends = np.flatnonzero(~regular[: len(regular) - 1])  # the last step is cut to end at tstop
    first = int(ends[-1]) + 1 if len(ends) else 0
    if len(time) - first >= transient.points and time[first] >= transient.settle - UNIFORM * step:
        return slice(first, first + transient.points), True
    first = int(np.searchsorted(time, transient.settle))
    last = int(np.searchsorted(time, transient.settle + transient.window, side="right"))
    return slice(first, last), False


@lru_cache(maxsize=8)
def tone_voltages(tones: tuple[Tone, ...], time_bytes: bytes) -> Floats:
    """[tone, point], V."""
    time = np.frombuffer(time_bytes)
    return np.array([tone.amplitude * np.sin(2 * np.pi * tone.frequency * time + tone.phase) for tone in tones])
