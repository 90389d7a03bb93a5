"""The journal of a training: every measurement as it is made, so that a killed training goes on where it was.

All above the device under test is a function of what it measures and of seeds. So a training that is run again and
given its own measurements back comes to the very state it was in, bit for bit: controls, rule, random generators,
drifts and bills. No part of it has to know how to save itself.

What took less than a moment is sooner made again than written: until then measurements are held back.

A record is its length, its CRC-32 and its bytes, appended and flushed when the waveforms are there; what a kill cut off
in the middle doesn't count. Whoever asks for something else than what is next goes on without the rest.
"""

import json
import struct
import time
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hge_spice.closing import Closing
from hge_spice.drive import Waveform

_HEAD = struct.Struct("<II")  # length and CRC-32 of a record
_PLAIN = tuple(field.name for field in fields(Waveform) if field.name not in {"time", "output", "probes"})


class Journal(Closing):
    """A file of measurements. Use it as a context manager, or call close().

    about : what they depend on; a journal of something else is begun anew
    after : s, for which measurements are held back. A training that ends before leaves no file

    Raises OSError where the file can't be written.
    """

    def __init__(self, path: Path, about: Mapping[str, str], after: float = 0.0) -> None:
        self._path, self._due = path, time.monotonic() + after
        self._file: BinaryIO | None = None
        self._held: list[tuple[str, Sequence[Waveform]]] = []
        self._known: deque[tuple[str, list[Waveform]]] = deque()
        head = self._head = json.dumps(dict(about), sort_keys=True).encode()
        whole = 0
        if path.is_file():
            found = _records(path.read_bytes())
            if next(found, (b"", 0))[0] == head:
                whole = _HEAD.size + len(head)
                for record, end in found:
                    self._known.append(_read(record))
                    whole = end
        if whole or not after:
            self._begin(whole)

    def _begin(self, whole: int) -> BinaryIO:
        """Open the file, of which so many bytes count."""
        file = self._file = self._path.open("r+b" if whole else "wb")
        file.truncate(whole)
        file.seek(whole)
        if not whole:
            _write(file, self._head)
        return file

    @property
    def left(self) -> int:
        """Measurements still to be given back."""
        return len(self._known)

    def recall(self, key: str) -> list[Waveform] | None:
        """What is next on record, if it has this key."""
        if not self._known:
            return None
        known, waveforms = self._known.popleft()
        if known != key:
            self._known.clear()
            return None
        return waveforms

    def note(self, key: str, waveforms: Sequence[Waveform]) -> None:
        """Record what a measurement gave; once nothing is held back, it is safe from a kill when this returns."""
        self._held.append((key, waveforms))
        if self._file is None and time.monotonic() < self._due:
            return
        file = self._begin(0) if self._file is None else self._file
        for each in self._held:
            _write(file, _written(*each))
        self._held.clear()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _write(file: BinaryIO, record: bytes) -> None:
    file.write(_HEAD.pack(len(record), zlib.crc32(record)) + record)
    file.flush()


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


def _written(key: str, waveforms: Sequence[Waveform]) -> bytes:
    """One line of JSON, then the numbers of all arrays that it names."""
    told: list[dict[str, Any]] = []
    values = []
    for waveform in waveforms:
        arrays = {"time": waveform.time, "output": waveform.output}
        arrays |= {f"probe {name}": array for name, array in waveform.probes.items()}
        plain = {name: getattr(waveform, name) for name in _PLAIN}
        told.append(plain | {"arrays": {name: len(array) for name, array in arrays.items()}})
        values += [np.ascontiguousarray(array, dtype="<f8").tobytes() for array in arrays.values()]
    return json.dumps([key, told]).encode() + b"\n" + b"".join(values)


def _read(record: bytes) -> tuple[str, list[Waveform]]:
    text, _, rest = record.partition(b"\n")
    key, told = json.loads(text)
    values = np.frombuffer(rest, dtype="<f8").astype(np.float64)
    waveforms, place = [], 0
    for plain in told:
        arrays = {}
        for name, length in plain.pop("arrays").items():
            arrays[name] = values[place : place + length].copy()
            place += length
        plain |= {name: tuple(plain[name]) for name in ("flags", "notes")}
        plain["states"] = {name: tuple(pair) for name, pair in plain["states"].items()}
        probes = {name.removeprefix("probe "): array for name, array in arrays.items() if name.startswith("probe ")}
        waveforms.append(Waveform(arrays["time"], arrays["output"], probes=probes, **plain))
    return key, waveforms
