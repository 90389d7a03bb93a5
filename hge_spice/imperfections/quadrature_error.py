"""References of the lock-ins that aren't in phase with the tones, or not at right angles to each other.

With a phase error θ and a skew ψ the readings are X' = X·cos θ + Y·sin θ and Y' = Y·cos(θ+ψ) − X·sin(θ+ψ).
"""

from dataclasses import replace

import numpy as np

from hge_spice.drive import Drive, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings
from hge_spice.lockin import demodulate


def _make(settings: Settings) -> Effect:
    phase, skew = float(settings["phase"]), float(settings["skew"])

    def waveform(drive: Drive, found: Waveform, _: Moment) -> Waveform:
        if not drive.tones or not (phase or skew):
            return found
        exact = demodulate(found, drive.tones, drive.transient.window)
        output = found.output
        for tone, x, y in zip(drive.tones, exact.in_phase, exact.quadrature, strict=True):
            angle = 2 * np.pi * tone.frequency * found.time + tone.phase
            read_x = x * np.cos(phase) + y * np.sin(phase)
            read_y = y * np.cos(phase + skew) - x * np.sin(phase + skew)
            output = output + (read_x - x) * np.sin(angle) + (read_y - y) * np.cos(angle)
        return replace(found, output=output)

    return Effect(waveform=waveform)


IMPERFECTION = Imperfection(
    settings={
        "phase": Setting("angle", default=0.0, about="By which the lock-ins' references are ahead of the tones."),
        "skew": Setting("angle", default=0.0, about="By which quadrature is off a right angle."),
    },
    make=_make,
    neutral={},
    example={"phase": "1 deg", "skew": "0.5 deg"},
    summary="phase error of the lock-ins' references, and what they lack of a right angle",
)
