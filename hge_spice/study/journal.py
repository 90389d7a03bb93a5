"""The journal of a training: every measurement as it is made, so that a killed training goes on where it was.

All above the device under test is a function of what it measures and of seeds. So a training that is run again and
given its own measurements back comes to the very state it was in, bit for bit: controls, rule, random generators,
drifts and bills. No part of it has to know how to save itself.

A record is its length, its CRC-32 and its bytes, appended and flushed when the waveforms are there; what a kill cut off
in the middle doesn't count. Whoever has another drive than the one recorded next goes on without the rest.
"""

import hashlib
import json
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np

from hge_spice.drive import Drive, Floats, Waveform
from hge_spice.ngspice.pool import NgspicePool

_HEAD = struct.Struct("<II")  # length and CRC-32 of a record
_PLAIN = tuple(field.name for field in fields(Waveform) if field.name not in {"time", "output", "probes"})


class Journal:
    """A file of measurements. Use it as a context manager, or call close().

    about : what they depend on; a journal of something else is begun anew

    Raises OSError where the file can't be written.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self._known: deque[tuple[str, Waveform]] = deque()
        head = json.dumps(dict(about), sort_keys=True).encode()
        whole = 0
        if path.is_file():
            found = _records(path.read_bytes())
            if next(found, (b"", 0))[0] == head:
                whole = _HEAD.size + len(head)
                for record, end in found:
                    self._known.append(_read(record))
                    whole = end
        self._file: BinaryIO = path.open("r+b" if whole else "wb")
        self._file.truncate(whole)
        self._file.seek(whole)
        if not whole:
            self._write(head)

    @property
    def left(self) -> int:
        """Measurements still to be given back."""
        return len(self._known)

    def recall(self, drive: Drive) -> Waveform | None:
        """The next measurement on record, if it is this one."""
        if not self._known:
            return None
        key, waveform = self._known.popleft()
        if key != digest(drive):
            self._known.clear()
            return None
        return waveform

    def note(self, drive: Drive, waveform: Waveform) -> None:
        """Record a measurement; it is safe from a kill of this process when this returns."""
        self._write(_written(digest(drive), waveform))

    def _write(self, record: bytes) -> None:
        self._file.write(_HEAD.pack(len(record), zlib.crc32(record)) + record)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Journaled:
    """An ngspice device under test whose measurements are recorded, and given back where they are on record."""

    def __init__(self, dut: NgspicePool, journal: Journal) -> None:
        self._dut, self._journal = dut, journal

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the control electrodes."""
        return self._dut.controls

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input electrodes."""
        return self._dut.inputs

    def measure(self, drive: Drive) -> Waveform:
        """See measure_many."""
        return self.measure_many([drive])[0]

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """One waveform per drive: from the journal as long as it has them, then from the device."""
        found = []
        for drive in drives:
            known = self._journal.recall(drive)
            if known is None:
                break
            found.append(known)
        rest = drives[len(found) :]
        fresh = self._dut.measure_many(rest) if rest else []
        for drive, waveform in zip(rest, fresh, strict=True):
            self._journal.note(drive, waveform)
        return found + fresh

    def operating_point(self, control: Floats, inputs: Floats) -> Waveform:
        """Tones off, at rest: one point."""
        return self._dut.operating_point(control, inputs)

    def small_signal(self, control: Floats, inputs: Floats, frequencies: Floats) -> np.ndarray:
        """dI_out/dV of each control at its own frequency: [control], A/V complex."""
        return self._dut.small_signal(control, inputs, frequencies)

    def noise(self, control: Floats, inputs: Floats, frequencies: Floats) -> Floats:
        """One-sided density of the output current's own noise: [frequency], A²/Hz."""
        return self._dut.noise(control, inputs, frequencies)


def digest(drive: Drive) -> str:
    """A drive in 32 hex digits, equal for drives that are equal bit for bit."""
    told = hashlib.sha256(repr((drive.tones, drive.transient)).encode())
    arrays = [drive.control, drive.inputs]
    if drive.tables is not None:
        told.update(repr((drive.tables.electrodes, drive.tables.step, drive.tables.held)).encode())
        arrays.append(drive.tables.values)
    for array in arrays:
        told.update(repr(np.shape(array)).encode() + np.ascontiguousarray(array, dtype=np.float64).tobytes())
    return told.hexdigest()[:32]


def _records(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Whole records and where each ends."""
    place = 0
    while place + _HEAD.size <= len(content):
        length, check = _HEAD.unpack_from(content, place)
        end = place + _HEAD.size + length
        record = content[place + _HEAD.size : end]
        if len(record) < length or zlib.crc32(record) != check:
            return
        yield record, end
        place = end


def _written(key: str, waveform: Waveform) -> bytes:
    arrays = {"time": waveform.time, "output": waveform.output, **{f"probe {k}": v for k, v in waveform.probes.items()}}
    plain: dict[str, Any] = {name: value for name, value in asdict(waveform).items() if name in _PLAIN}
    plain |= {"key": key, "arrays": {name: len(array) for name, array in arrays.items()}}
    values = b"".join(np.ascontiguousarray(array, dtype="<f8").tobytes() for array in arrays.values())
    return json.dumps(plain).encode() + b"\n" + values


def _read(record: bytes) -> tuple[str, Waveform]:
    text, _, values = record.partition(b"\n")
    plain = json.loads(text)
    key, lengths = plain.pop("key"), plain.pop("arrays")
    parts = np.split(np.frombuffer(values, dtype="<f8").astype(np.float64), np.cumsum(list(lengths.values()))[:-1])
    arrays = dict(zip(lengths, parts, strict=True))
    plain |= {name: tuple(plain[name]) for name in ("flags", "notes")}
    plain["states"] = {name: tuple(pair) for name, pair in plain["states"].items()}
    probes = {name.removeprefix("probe "): array for name, array in arrays.items() if name.startswith("probe ")}
    return key, Waveform(arrays["time"], arrays["output"], probes=probes, **plain)
