"""A recorded trace as a device under test."""

from collections.abc import Sequence

import numpy as np

from hge_spice.drive import Drive, Floats, Tone, Waveform
from hge_spice.recorded.windows import Setup, Window


class TraceDevice:
    """A recorded trace played back: each measurement gives its next window.

    Raises ValueError, when measured, for a drive that is not the one recorded, and when the windows are used up.
    """

    def __init__(self, setup: Setup, windows: Sequence[Window]) -> None:
        self.setup = setup
        self.controls = tuple(tone.electrode for tone in setup.tones)
        self.inputs = tuple(setup.inputs)
        self._windows = windows
        self._used = 0

    def measure(self, drive: Drive) -> Waveform:
        """The next window of the trace."""
        self._same(drive)
        if self._used == len(self._windows):
            raise ValueError(f"the trace has {self._used} windows, and all are used; record a longer one")
        self._used += 1
        return self._windows[self._used - 1].waveform(self.setup.window)

    def _same(self, drive: Drive) -> None:
        def numbers(tones: tuple[Tone, ...]) -> Floats:
            return np.array([(t.frequency, t.amplitude, t.phase) for t in tones])

        recorded = numbers(self.setup.tones)
        if (
            tuple(t.electrode for t in drive.tones) != self.controls
            or not np.allclose(numbers(drive.tones), recorded, rtol=1e-9, atol=1e-12)
            or not np.isclose(drive.transient.window, self.setup.window, rtol=1e-9)
        ):
            raise ValueError("these tones are not the ones that were played while the trace was recorded")
        for name, values, kept in (
            ("control", drive.control, self.setup.control),
            ("inputs", drive.inputs, self.setup.inputs),
        ):
            if kept and not np.allclose(values, list(kept.values()), rtol=1e-9, atol=1e-12):
                raise ValueError(f"{name} {np.asarray(values).tolist()} V; recorded at {list(kept.values())} V")
