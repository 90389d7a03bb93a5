"""Waveforms for other programs, read back by readers that aren't ours: vcdvcd, pandas, ngspice."""

import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hge_spice.cli.export import export
from hge_spice.study.lab.export import WRITERS, export_trace
from hge_spice.traces import read_raw, write_raw, write_vcd

TIME = np.cumsum(np.r_[0.0, np.geomspace(1e-9, 1e-3, 40)])  # unequal steps, as a solver's
VECTORS = {"time": TIME, "v(e1)": np.sin(1e3 * TIME) / 3, "i(vout_e0)": 1e-9 * np.cos(1e3 * TIME)}


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    write_raw(tmp_path / "wave.raw", [("a waveform", VECTORS)])
    return tmp_path / "wave.raw"


def test_a_value_change_dump_has_every_point(trace: Path, tmp_path: Path) -> None:
    assert export_trace(trace, tmp_path / "wave.vcd") == len(TIME)
    ours = signal.getsignal(signal.SIGPIPE)
    from vcdvcd import VCDVCD  # noqa: PLC0415 - its import makes SIGPIPE deadly for the whole process

    signal.signal(signal.SIGPIPE, ours)
    read = VCDVCD(str(tmp_path / "wave.vcd"))
    tick = float(read.timescale["timescale"])
    assert tick == pytest.approx(1e-12)
    for name in ("v(e1)", "i(vout_e0)"):
        found = read[f"waveform.{name}"].tv
        times, values = np.array([t for t, _ in found]) * tick, np.array([float(v) for _, v in found])
        np.testing.assert_allclose(times, TIME, atol=tick)
        np.testing.assert_allclose(values, VECTORS[name], rtol=1e-15)  # the format has 16 digits


def test_a_value_change_dump_says_what_it_cannot_hold(tmp_path: Path) -> None:
    for time, fault in (([0, 1, 1], "doesn't rise"), ([0, 1e-17, 1], "finer"), ([0, 1e-15, 1e5], "too many")):
        vectors = {"time": np.array(time, dtype=float), "v": np.zeros(3)}
        with pytest.raises(ValueError, match=fault):
            write_vcd(tmp_path / "no.vcd", "", vectors)
        assert not (tmp_path / "no.vcd").exists()


def test_pandas_opens_tables(trace: Path, tmp_path: Path) -> None:
    export_trace(trace, tmp_path / "wave.csv")
    export_trace(trace, tmp_path / "wave.parquet")
    for frame in (pd.read_csv(tmp_path / "wave.csv"), pd.read_parquet(tmp_path / "wave.parquet")):
        assert list(frame.columns) == list(VECTORS)
        for name, vector in VECTORS.items():
            np.testing.assert_allclose(frame[name], vector, rtol=1e-15)


def test_ngspice_loads_a_raw_file_made_of_a_table(trace: Path, tmp_path: Path) -> None:
    export_trace(trace, tmp_path / "wave.csv")
    export_trace(tmp_path / "wave.csv", tmp_path / "again.raw")
    ((_, vectors),) = read_raw(tmp_path / "again.raw")
    assert all((vectors[name] == VECTORS[name]).all() for name in VECTORS)
    if shutil.which("ngspice") is None:
        pytest.skip("no ngspice command")
    commands = ["load again.raw", "print length(time) maximum(v(e1))", "quit"]
    (tmp_path / "load.cir").write_text("\n".join(["x", ".control", *commands, ".endc", ".end", ""]))
    said = subprocess.check_output(["ngspice", "-b", "load.cir"], cwd=tmp_path, text=True)  # noqa: S607 - on the path
    assert f"length(time) = {len(TIME):e}" in said
    assert f"maximum(v(e1)) = {VECTORS['v(e1)'].max():e}" in said


def test_wrong_names_and_files_are_refused(trace: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"it can be \.csv, \.parquet"):
        export_trace(trace, tmp_path / "wave.xyz")
    with pytest.raises(ValueError, match="exists"):
        export_trace(trace, trace)
    (tmp_path / "column.csv").write_text("1\n2\n3\n")
    with pytest.raises(ValueError, match="no column of time"):
        export_trace(tmp_path / "column.csv", tmp_path / "new.vcd")


def test_a_point_without_a_value_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_text("time,a\n0,1\n1,\n2,3\n")
    assert export(tmp_path / "lab.csv", tmp_path / "lab.parquet") == 0
    assert pd.read_parquet(tmp_path / "lab.parquet")["a"].tolist() == [1.0, 3.0]


def test_every_format_is_written(trace: Path, tmp_path: Path) -> None:
    for suffix in WRITERS:
        export_trace(trace, tmp_path / f"new{suffix}")
        assert (tmp_path / f"new{suffix}").stat().st_size > 100
