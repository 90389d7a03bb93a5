"""The digital-to-analogue converters that hold the controls and inputs and play the tones.

Every electrode has a converter of its own, drawn once for a bench. It puts out one value per point of the window; its
images are taken for filtered off, so that what remains is each value's error, held until the next. `jitter` moves the
moment of each value: for a tone of amplitude a and frequency f an error of 2πfa·σ·cos(…), for a held level none.
"""

from dataclasses import replace

import numpy as np

from hge_spice.drive import Drive, Floats, Tone
from hge_spice.imperfections import quantiser
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Settings
from hge_spice.imperfections.quantiser import Quantiser
from hge_spice.imperfections.stimulus import added, table_times


def _make(settings: Settings) -> Effect:
    quantiser.check(settings)
    bits, reach, jitter = settings["bits"], float(settings["range"]), float(settings["jitter"])
    inl, dnl = float(settings["inl"]), float(settings["dnl"])
    converters: list[Quantiser] = []

    def put_out(which: int, values: Floats, moment: Moment) -> Floats:
        if bits == "off":
            return values
        if not converters:
            rng = moment.bench
            names = (*moment.controls, *moment.inputs)
            converters.extend(Quantiser.drawn(int(bits), reach, inl, dnl, rng) for _ in names)
        return converters[which].put_out(values)[0]

    def drive(asked: Drive, moment: Moment) -> Drive:
        wanted = np.concatenate([asked.control, asked.inputs])
        held = np.array([put_out(k, wanted[k : k + 1], moment)[0] for k in range(len(wanted))])
        count = len(asked.control)
        given = replace(asked, control=held[:count], inputs=held[count:])
        if not asked.tones or (bits == "off" and not jitter):
            return given
        time = table_times(asked.transient)
        played: dict[str, list[Tone]] = {}
        for tone in asked.tones:
            played.setdefault(tone.electrode, []).append(tone)
        errors = []
        for name, tones in played.items():
            k = moment.controls.index(name)
            moved = time + jitter * moment.rng.standard_normal(len(time)) if jitter else time
            errors.append(put_out(k, wanted[k] + _sum(tones, moved), moment) - held[k] - _sum(tones, time))
        return added(given, tuple(played), np.array(errors))

    return Effect(drive=drive)


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
