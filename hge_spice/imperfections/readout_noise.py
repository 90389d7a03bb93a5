"""Noise of the current read-out, of a one-sided density stated in A²/Hz at a frequency; colours: see `noise.py`."""

from dataclasses import replace

from hge_spice.drive import Drive, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Settings
from hge_spice.imperfections.noise import make_noise, settings_of


def _make(settings: Settings) -> Effect:
    noise = make_noise(settings)

    def waveform(_: Drive, found: Waveform, moment: Moment) -> Waveform:
        return replace(found, output=found.output + noise(moment.start + found.time, moment.rng))

    return Effect(waveform=waveform)


IMPERFECTION = Imperfection(
    settings=settings_of("current noise density"),
    make=_make,
    neutral={"psd": 0.0},
    example={"psd": "1e-5 nA^2/Hz", "at": "1 kHz", "colour": "pink"},
    summary="white, pink or brown noise of the current read-out, or after a table of densities",
)
