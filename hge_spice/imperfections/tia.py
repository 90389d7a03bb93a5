"""The transimpedance amplifier of the read-out, referred to its input: gain error, offset, bandwidth, saturation.

One pole; see `samples.one_pole` for what went before the window. Beyond ±saturation the waveform is `clipped`.
"""

from dataclasses import replace

import numpy as np

from hge_spice.drive import Drive, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings
from hge_spice.imperfections.samples import one_pole


def _make(settings: Settings) -> Effect:
    gain, offset = 1 + float(settings["gain_error"]), float(settings["offset"])
    bandwidth, limit = settings["bandwidth"], settings["saturation"]

    def waveform(_: Drive, found: Waveform, __: Moment) -> Waveform:
        output, flags = found.output, found.flags
        if limit != "none":
            held = np.clip(output, -limit, limit)
            if not np.array_equal(held, output) and "clipped" not in flags:
                flags = (*flags, "clipped")
            output = held
        if bandwidth != "none":
            output = one_pole(found.time, output, bandwidth)
        return replace(found, output=gain * output + offset, flags=flags)

    return Effect(waveform=waveform)


IMPERFECTION = Imperfection(
    settings={
        "gain_error": Setting("ratio", default=0.0, above=-1, about="By which its gain is too large, a share."),
        "offset": Setting("current", default=0.0, about="Current that it adds to what it reads."),
        "bandwidth": Setting("frequency", words=("none",), default="none", above=0, about="Of its single pole."),
        "saturation": Setting(
            "current",
            words=("none",),
            default="none",
            above=0,
            about="Beyond which, at its input, the output is clipped.",
        ),
    },
    make=_make,
    neutral={},
    example={"gain_error": "1 %", "offset": "20 pA", "bandwidth": "20 kHz", "saturation": "50 nA"},
    summary="amplifier of the read-out: gain error, offset, bandwidth, saturation",
)
