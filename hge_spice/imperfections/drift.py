"""Slow change of the bench with device time: of the controls' sources, of the read-out's offset and of its gain.

Each of a `kind` (see `processes.py`) with a size of its own, reached within `time`; every control's source drifts by
itself. A source stands still within one measurement, at its value in the middle; offset and gain move point by point.
"""

from dataclasses import replace

import numpy as np

from hge_spice.drive import Drive, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings
from hge_spice.imperfections.processes import PROCESSES, Process


def _make(settings: Settings) -> Effect:
    scale, sizes = float(settings["time"]), {key: float(settings[key]) for key in ("control", "offset", "gain")}
    start = PROCESSES[str(settings["kind"])]
    processes: dict[str, Process] = {}

    def process(name: str, size: float) -> Process:
        return processes.setdefault(name, start(size, scale))

    def drive(asked: Drive, moment: Moment) -> Drive:
        if not sizes["control"]:
            return asked
        middle = np.array([moment.start + asked.transient.duration / 2])
        names = moment.controls
        moved = [process(name, sizes["control"]).samples(middle, moment.rng)[0] for name in names]
        return replace(asked, control=asked.control + np.array(moved))

    def waveform(_: Drive, found: Waveform, moment: Moment) -> Waveform:
        output, time = found.output, moment.start + found.time
        if sizes["gain"]:
            output = output * (1 + process("gain of the read-out", sizes["gain"]).samples(time, moment.rng))
        if sizes["offset"]:
            output = output + process("offset of the read-out", sizes["offset"]).samples(time, moment.rng)
        return replace(found, output=output)

    return Effect(drive=drive, waveform=waveform)


OVER_TIME = {
    "kind": Setting(words=tuple(PROCESSES), default="random_walk", about="How every change goes on with device time."),
    "time": Setting(
        "time",
        default=3600.0,
        above=0,
        about="In which linear and random_walk reach their size; the correlation time; where decades begin.",
    ),
}

IMPERFECTION = Imperfection(
    settings={
        **OVER_TIME,
        "control": Setting(
            "voltage", default=0.0, about="Size of the change of every control's source, each by itself."
        ),
        "offset": Setting("current", default=0.0, about="Size of the change of the read-out's offset."),
        "gain": Setting("ratio", default=0.0, about="Size of the change of the read-out's gain, a share."),
    },
    make=_make,
    neutral={},
    example={"kind": "ornstein_uhlenbeck", "time": "10 s", "control": "1 mV", "offset": "10 pA", "gain": "0.1 %"},
    summary="slow change of controls, offset and gain with device time: linear, random walk, Ornstein–Uhlenbeck, log",
)
