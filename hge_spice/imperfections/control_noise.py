"""Noise of the voltage sources on controls and inputs, of a one-sided density in V²/Hz; colours: see `noise.py`.

Every electrode has noise of its own, held for one point of the window: the solver takes no points more for it.
"""

import numpy as np

from hge_spice.drive import Drive
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Settings
from hge_spice.imperfections.noise import Noise, make_noise, settings_of
from hge_spice.imperfections.stimulus import added, table_times


def _make(settings: Settings) -> Effect:
    make_noise(settings)
    if settings["psd"] == 0:
        return Effect()
    sources: dict[str, Noise] = {}

    def drive(asked: Drive, moment: Moment) -> Drive:
        names = (*moment.controls, *moment.inputs)
        time = moment.start + table_times(asked.transient)
        values = np.array([sources.setdefault(name, make_noise(settings))(time, moment.rng) for name in names])
        return added(asked, names, values)

    return Effect(drive=drive)


IMPERFECTION = Imperfection(
    settings=settings_of("voltage noise density"),
    make=_make,
    neutral={"psd": 0.0},
    example={"psd": "100 nV/rtHz", "at": "1 kHz", "colour": "pink"},
    summary="noise of the sources on controls and inputs, colours as readout_noise",
)
