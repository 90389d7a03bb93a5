"""Random telegraph noise of the output current: one trap that goes up and down at random.

Two states, dwell times exponential with means `up` and `down` (Machlup, J. Appl. Phys. 25, 341 (1954)): its one-sided
density is 4A²·p(1−p)·τ/(1 + (2πfτ)²), τ = up·down/(up + down), p = up/(up + down). It goes on between measurements; the
samples are those of the exact process, as a sampler without a filter would take them.
"""

from dataclasses import replace

import numpy as np

from hge_spice.drive import Drive, Floats, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings


class Telegraph:
    """A state that is 0 or 1; up, down : s, mean dwell in each."""

    def __init__(self, up: float, down: float) -> None:
        self._rates = (1 / down, 1 / up)  # of leaving 0 and 1
        self._occupied = up / (up + down)
        self._state, self._now = -1, 0.0

    def samples(self, time: Floats, rng: np.random.Generator) -> Floats:
        """State at increasing times, s, none before those asked for earlier: [point]."""
        both = sum(self._rates)
        # over a time t the state is forgotten with 1 − e^(−(both)t): exact, also where many turns lie between samples
        after = np.diff(time, prepend=self._now if self._state >= 0 else time[0])
        forgotten = -np.expm1(-both * np.maximum(after, 0.0))
        drawn = rng.random(len(time))
        state = self._state if self._state >= 0 else int(rng.random() < self._occupied)
        rises, falls = self._occupied * forgotten, (1 - self._occupied) * forgotten
        found = np.empty(len(time))
        for n in range(len(time)):
            if drawn[n] < (falls[n] if state else rises[n]):
                state = 1 - state
            found[n] = state
        self._state, self._now = state, float(time[-1])
        return found


def _make(settings: Settings) -> Effect:
    size, up, down = (float(settings[key]) for key in ("amplitude", "up", "down"))
    trap = Telegraph(up, down)

    def waveform(_: Drive, found: Waveform, moment: Moment) -> Waveform:
        state = trap.samples(moment.start + found.time, moment.rng)
        return replace(found, output=found.output + size * (state - up / (up + down)))

    return Effect(waveform=waveform)


IMPERFECTION = Imperfection(
    settings={
        "amplitude": Setting("current", least=0, about="By which the output switches."),
        "up": Setting("time", above=0, about="Mean time that it dwells up."),
        "down": Setting("time", above=0, about="Mean time that it dwells down."),
    },
    make=_make,
    neutral={"amplitude": 0.0, "up": 1.0, "down": 1.0},
    example={"amplitude": "0.1 nA", "up": "10 ms", "down": "30 ms"},
    summary="one trap that switches the output by an amplitude, about its mean; mean dwell times up and down",
)
