"""Mains hum on the read-out: a line at 50 or 60 Hz with its harmonics, of one phase for the whole time of the bench."""

from dataclasses import replace

import numpy as np

from hge_spice.drive import Drive, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings


def _make(settings: Settings) -> Effect:
    amplitude, frequency = float(settings["amplitude"]), float(settings["frequency"])
    overtones = [(1.0,), *settings["harmonics"]]
    sizes = amplitude * np.array([row[0] for row in overtones])

    def waveform(_: Drive, found: Waveform, moment: Moment) -> Waveform:
        phase = moment.bench.uniform(0, 2 * np.pi, len(sizes))
        angle = 2 * np.pi * frequency * (moment.start + found.time)
        hum = sum(a * np.sin((n + 1) * angle + p) for n, (a, p) in enumerate(zip(sizes, phase, strict=True)))
        return replace(found, output=found.output + hum)

    return Effect(waveform=waveform)


IMPERFECTION = Imperfection(
    settings={
        "amplitude": Setting("current", least=0, about="Of the line itself, peak."),
        "frequency": Setting("frequency", default=50.0, above=0, about="Of the line itself."),
        "harmonics": Setting(
            columns=("ratio",), default=(), about="Shares of the amplitude that the 2nd, the 3rd, … harmonic has."
        ),
    },
    make=_make,
    neutral={"amplitude": 0.0},
    example={"amplitude": "1 nA", "frequency": "60 Hz", "harmonics": [[0], ["30 %"]]},
    summary="hum at 50 or 60 Hz; harmonics = [[share of the 2nd], [of the 3rd], …]",
)
