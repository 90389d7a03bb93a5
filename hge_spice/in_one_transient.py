"""A device under test that plays the patterns it is asked for one after the other, with ramps, as on a bench."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from hge_spice.drive import Drive, Waveform, WrappedKnown
from hge_spice.drive.plateaus import PlateauDevice, Plateaus
from hge_spice.lockin import demodulate
from hge_spice.lockin.settling import settling

UNSETTLED = 5e-3  # share of a pattern's largest amplitude that settling may add to one, or of a read-out's span, rms
CHANCE = 1e-6  # that noise looks like settling, below which it is taken for that


class InOneTransient(WrappedKnown[PlateauDevice]):
    """Measures together what is asked for together: drives in a row that share tones and timing make one transient.

    What an element remembers goes on from pattern to pattern within a transient, or is drawn back in every ramp where
    `reset` asks for it; the next transient begins as a measurement of its own would. A window in which the last ramp
    still shows has the flag `unsettled`: slow noise of the read-out may look the same, and does the same.

    ramp : s, from one pattern's voltages to the next one's
    """

    def __init__(self, dut: PlateauDevice, ramp: float, *, reset: bool = False) -> None:
        super().__init__(dut)
        self._ramp, self._reset = ramp, reset

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """One waveform per drive, in their order. Raises what the device raises, ValueError for odd tables."""
        found: list[Waveform] = []
        for _, together in groupby(drives, key=lambda drive: (drive.tones, drive.transient)):
            plateaus = Plateaus(tuple(together), self._ramp, self._reset)
            found += _doubted(self.inner.measure_plateaus(plateaus), plateaus)
        return found


def _doubted(waveforms: list[Waveform], plateaus: Plateaus) -> list[Waveform]:
    """The waveforms; those in which the last ramp still shows say so."""
    tones, transient = plateaus.tones, plateaus.transient
    means = [float(waveform.output.mean()) for waveform in waveforms]
    span = float(np.ptp(means)) if len(means) > 1 else abs(means[0])
    # where a state moved, what homodyne estimates has a straight line taken off already
    moving = any(before != after for waveform in waveforms for before, after in waveform.states.values())
    found = []
    for waveform in waveforms:
        seen = settling(waveform, tones, transient.window, trend=moving)
        if tones:
            largest = float(np.abs(demodulate(waveform, tones, transient.window, trend=moving).response).max())
            moved, what = float(np.abs(seen.response).max()), "an amplitude"
            of = "the largest"
        else:
            largest, moved, what, of = span, seen.rms, "the output", "the span of the patterns"
        if seen.chance < CHANCE and moved > max(UNSETTLED * largest, waveform.current_error):
            note = (
                f"the output still settles in the window, which moves {what} by {moved:.3g} where {of} is "
                f"{largest:.3g}; lengthen the settling time of {transient.settle:.3g} s"
            )
            flags, notes = (*waveform.flags, "unsettled"), (*waveform.notes, note)
            found.append(replace(waveform, flags=flags, notes=notes))
        else:
            found.append(waveform)
    return found
