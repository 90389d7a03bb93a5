"""The analogue-to-digital converter behind the current read-out: resolution, range, INL, DNL, aperture jitter.

Its range is that of the current: an amplifier of r V/A before a converter of ±5 V is range = 5/r. A full-scale sine has
a signal-to-noise ratio of 6.02·bits + 1.76 dB; jitter σ bounds it at −20·log10(2πfσ) (Kester, Analog Devices MT-001 and
MT-007). Beyond the range the waveform is `clipped`.
"""

from dataclasses import replace

from hge_spice.drive import Drive, Waveform
from hge_spice.imperfections import quantiser
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Settings
from hge_spice.imperfections.quantiser import Quantiser
from hge_spice.imperfections.samples import taken_at


def _make(settings: Settings) -> Effect:
    quantiser.check(settings)
    bits, reach, jitter = settings["bits"], float(settings["range"]), float(settings["jitter"])
    converter: list[Quantiser] = []

    def waveform(_: Drive, found: Waveform, moment: Moment) -> Waveform:
        output, flags = found.output, found.flags
        if jitter:
            output = taken_at(found.time, output, found.time + jitter * moment.rng.standard_normal(len(found.time)))
        if bits != "off":
            if not converter:
                converter.append(
                    Quantiser.drawn(int(bits), reach, float(settings["inl"]), float(settings["dnl"]), moment.bench)
                )
            output, clipped = converter[0].read(output)
            if clipped and "clipped" not in flags:
                flags = (*flags, "clipped")
        return replace(found, output=output, flags=flags)

    return Effect(waveform=waveform)


IMPERFECTION = Imperfection(
    settings=quantiser.settings_of("current", 16),
    make=_make,
    neutral={"bits": "off", "range": 1.0},
    example={"bits": 12, "range": "100 nA", "inl": 2, "dnl": 0.5, "jitter": "1 us"},
    summary="converter of the read-out: bits, range, INL, DNL, aperture jitter",
)
