"""The digital-to-analogue converters that hold the controls and inputs and play the tones.

Every electrode has a converter of its own, drawn once for a bench. It puts out one value per point of the window; its
images are taken for filtered off, so that what remains is each value's error, held until the next. `jitter` moves the
moment of each value: for a tone of amplitude a and frequency f an error of 2πfa·σ·cos(…), for a held level none. What
is asked for beyond the range is cut there, and the waveform `clipped`.
"""

from dataclasses import replace

import numpy as np

from hge_spice.drive import Drive, Floats, Tone, Waveform
from hge_spice.imperfections import quantiser
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Settings
from hge_spice.imperfections.quantiser import Quantiser
from hge_spice.imperfections.stimulus import added, table_times


class _Converters:
    """One of each electrode, drawn when first asked, as the bench was built."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._drawn: list[Quantiser] = []
        self.beyond: set[int] = set()  # numbers of measurements that asked one for more than it can

    def put_out(self, which: int, values: Floats, moment: Moment) -> Floats:
        """What an electrode's converter makes of values, V; which : its place among controls and inputs."""
        if self._settings["bits"] == "off":
            return values
        if not self._drawn:
            bits, rng = int(self._settings["bits"]), moment.bench
            reach, inl, dnl = (float(self._settings[key]) for key in ("range", "inl", "dnl"))
            names = (*moment.controls, *moment.inputs)
            self._drawn = [Quantiser.drawn(bits, reach, inl, dnl, rng) for _ in names]
        found, cut = self._drawn[which].put_out(values)
        if cut:
            self.beyond.add(moment.number)
        return found


def _make(settings: Settings) -> Effect:
    quantiser.check(settings)
    jitter, converters = float(settings["jitter"]), _Converters(settings)

    def drive(asked: Drive, moment: Moment) -> Drive:
        wanted = np.concatenate([asked.control, asked.inputs])
        held = np.array([converters.put_out(k, wanted[k : k + 1], moment)[0] for k in range(len(wanted))])
        count = len(asked.control)
        given = replace(asked, control=held[:count], inputs=held[count:])
        if not asked.tones or (settings["bits"] == "off" and not jitter):
            return given
        time = table_times(asked.transient)
        played: dict[str, list[Tone]] = {}
        for tone in asked.tones:
            played.setdefault(tone.electrode, []).append(tone)
        errors = []
        for name, tones in played.items():
            k = moment.controls.index(name)
            moved = time + jitter * moment.rng.standard_normal(len(time)) if jitter else time
            put_out = converters.put_out(k, wanted[k] + _sum(tones, moved), moment)
            errors.append(put_out - held[k] - _sum(tones, time))
        return added(given, tuple(played), np.array(errors))

    def waveform(_: Drive, found: Waveform, moment: Moment) -> Waveform:
        if moment.number not in converters.beyond:
            return found
        converters.beyond.remove(moment.number)
        return replace(found, flags=tuple(dict.fromkeys((*found.flags, "clipped"))))

    return Effect(drive=drive, waveform=waveform)


def _sum(tones: list[Tone], time: Floats) -> Floats:
    waves = [t.amplitude * np.sin(2 * np.pi * t.frequency * time + t.phase) for t in tones]
    return np.asarray(np.sum(waves, axis=0))


IMPERFECTION = Imperfection(
    settings=quantiser.settings_of("voltage", 16),
    make=_make,
    neutral={"bits": "off", "range": 1.0},
    example={"bits": 14, "range": "1.25 V", "inl": 2, "dnl": 0.5},
    summary="converters of controls, inputs and tones: bits, range, INL, DNL, jitter",
)
