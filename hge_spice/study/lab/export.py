"""What `hge-spice export` does: a waveform in the format of another program, by the suffix of its name."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from hge_spice.drive import Floats
from hge_spice.study.lab.demodulate import open_trace
from hge_spice.traces import RawTrace, TableTrace, write_raw, write_vcd

Writer = Callable[[Path, str, Mapping[str, Floats]], None]


def export_trace(trace: Path, output: Path, plot: int | None = None) -> int:
    """Write every column of a trace (ngspice's .raw, or CSV) anew; gives the number of points.

    plot : of a raw file with several, counted from 1. Points without a value, which a CSV may have, are left out.
    Raises ValueError for a suffix that WRITERS lacks, for a file that exists, and as reading and writing do; OSError.
    """
    if output.suffix not in WRITERS:
        raise ValueError(f"{output} ends in {output.suffix or 'nothing'}; it can be {', '.join(WRITERS)}")
    if output.exists():
        raise ValueError(f"{output} exists; name another file")
    recording = open_trace(trace, plot)
    if not recording.timed:
        raise ValueError(f"{trace} has no column of time")
    title = recording.title if isinstance(recording, RawTrace) else trace.stem
    vectors = _vectors(recording)
    WRITERS[output.suffix](output, title, vectors)
    return len(vectors["time"])


def _vectors(recording: RawTrace | TableTrace) -> dict[str, Floats]:
    vectors: dict[str, Floats] = {}
    for column in recording.columns:
        pieces = list(recording.pieces(column))
        vectors.setdefault("time", np.concatenate([time for time, _ in pieces]))
        vectors[column] = np.concatenate([value for _, value in pieces])
    known = np.all([np.isfinite(vector) for vector in vectors.values()], axis=0)
    return {name: vector[known] for name, vector in vectors.items()}


def _raw(path: Path, title: str, vectors: Mapping[str, Floats]) -> None:
    write_raw(path, [(title, vectors)])


def _csv(path: Path, _title: str, vectors: Mapping[str, Floats]) -> None:
    csv.write_csv(pa.table(dict(vectors)), path)


def _parquet(path: Path, _title: str, vectors: Mapping[str, Floats]) -> None:
    parquet.write_table(pa.table(dict(vectors)), path)


WRITERS: dict[str, Writer] = {".csv": _csv, ".parquet": _parquet, ".raw": _raw, ".vcd": write_vcd}
