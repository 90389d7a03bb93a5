"""Waveforms as a value change dump (IEEE 1364, clause 18) of real variables, which GTKWave and logic viewers open."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from vcd import VCDWriter

from hge_spice.drive import Floats

FEMTO = 1e-15  # s, the finest unit that the format has
TICKS = 1000  # in the shortest step, so that rounding moves a point by 0.05 % of it at most
LAST = 2**63 - 1
_UNITS = ("fs", "ps", "ns", "us", "ms", "s")


def write_vcd(path: Path, title: str, vectors: Mapping[str, Floats]) -> None:
    """Write real vectors over the first of them, time in s; a value is written where it changes.

    Raises ValueError where time doesn't rise, or spans more than the format's counter holds; OSError.
    """
    name, *others = vectors
    time = np.asarray(vectors[name], dtype=np.float64)
    if len(time) < 2 or not (np.diff(time) > 0).all() or time[0] < 0:
        raise ValueError(f"{name} doesn't rise from zero or later; a value change dump needs it to")
    power = int(np.clip(np.floor(np.log10(np.diff(time).min() / TICKS / FEMTO)), 0, 17))
    tick = FEMTO * 10.0**power
    if time[-1] / tick > LAST:
        raise ValueError(f"{time[-1]:g} s in ticks of {tick:g} s are too many for a value change dump; cut the trace")
    at = np.rint(time / tick).astype(np.int64)
    if not (np.diff(at) > 0).all():
        raise ValueError(f"steps of {np.diff(time).min():g} s are finer than a femtosecond, the finest tick there is")
    scale = f"{10 ** (power % 3)} {_UNITS[power // 3]}"
    with path.open("x", encoding="utf-8") as file, VCDWriter(file, timescale=scale, comment=title, date="") as writer:
        known = {each: writer.register_var("waveform", _spelled(each), "real", size=64) for each in others}
        for k, moment in enumerate(at.tolist()):
            for each, variable in known.items():
                writer.change(variable, moment, float(vectors[each][k]))
        writer.close(at[-1].item())


def _spelled(name: str) -> str:
    """Without spaces, which end a name in the format."""
    return "_".join(name.split())
