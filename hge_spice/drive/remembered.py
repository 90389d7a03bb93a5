"""Measurements known by their drives: what was measured once is there for the next who asks."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from hge_spice.drive.device import DeviceUnderTest, measure_all
from hge_spice.drive.drive import Drive, Tone, Transient
from hge_spice.drive.waveform import Waveform


@lru_cache(maxsize=16)  # the same at every pattern and step of a training
def _said(ramp: float, tones: tuple[Tone, ...], transient: Transient) -> bytes:
    return repr((ramp, tones, transient)).encode()


def digest(*drives: Drive, ramp: float = 0.0) -> str:
    """Drives in 32 hex digits, equal for those that are equal bit for bit."""
    told = hashlib.sha256()
    for drive in drives:
        arrays = [drive.control, drive.inputs]
        told.update(_said(ramp, drive.tones, drive.transient))
        told.update(repr(drive.condition).encode())
        if drive.tables is not None:
            told.update(repr((drive.tables.electrodes, drive.tables.step, drive.tables.held)).encode())
            arrays.append(drive.tables.values)
        for array in arrays:
            told.update(repr(np.shape(array)).encode() + np.ascontiguousarray(array, dtype=np.float64).tobytes())
    return told.hexdigest()[:32]


def measure_new(dut: DeviceUnderTest, drives: Sequence[Drive], known: dict[str, Waveform]) -> list[Waveform]:
    """One waveform per drive, in their order; those not yet known, by digest, are measured together and then are."""
    keys = [digest(drive) for drive in drives]
    fresh = {key: drive for key, drive in zip(keys, drives, strict=True) if key not in known}
    if fresh:
        known |= dict(zip(fresh, measure_all(dut, list(fresh.values())), strict=True))
    return [known[key] for key in keys]
