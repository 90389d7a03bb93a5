"""Offsets of the lock-ins' outputs: each in-phase and quadrature reading is off by a constant current."""

from dataclasses import replace

import numpy as np

from hge_spice.drive import Drive, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings


def _make(settings: Settings) -> Effect:
    in_phase, quadrature = float(settings["in_phase"]), float(settings["quadrature"])

    def waveform(drive: Drive, found: Waveform, _: Moment) -> Waveform:
        output = found.output
        for tone in drive.tones:
            angle = 2 * np.pi * tone.frequency * found.time + tone.phase
            output = output + in_phase * np.sin(angle) + quadrature * np.cos(angle)
        return replace(found, output=output)

    return Effect(waveform=waveform)


IMPERFECTION = Imperfection(
    settings={
        "in_phase": Setting("current", default=0.0, about="Added to every lock-in's reading in phase, an amplitude."),
        "quadrature": Setting("current", default=0.0, about="Added to every lock-in's reading in quadrature."),
    },
    make=_make,
    neutral={},
    example={"in_phase": "1 pA", "quadrature": "-1 pA"},
    summary="constant currents that every lock-in adds to its two readings",
)
