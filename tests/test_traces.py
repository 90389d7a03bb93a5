import subprocess
from pathlib import Path

import numpy as np
import pytest

from hge_spice.traces import TableTrace, read_raw, write_raw
from hge_spice.traces.raw import raw_plots


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    plots = [(f"plot {k}", {"time": np.arange(5.0) + k, "i(output)": rng.standard_normal(5)}) for k in range(3)]
    write_raw(tmp_path / "w.raw", plots)
    for (title, vectors), (wanted, given) in zip(read_raw(tmp_path / "w.raw"), plots, strict=True):
        assert title == wanted
        assert list(vectors) == list(given)
        assert all(np.array_equal(vectors[name], given[name]) for name in given)


def test_ngspice_reads_what_we_write(tmp_path: Path) -> None:
    """The format is ngspice's own: it loads the file and prints the values back."""
    write_raw(tmp_path / "w.raw", [("ours", {"time": np.arange(3.0), "v(a)": np.array([1.5, -2.5, 3.25])})])
    script = "x\n.control\nload w.raw\nprint v(a)\nquit\n.endc\n.end\n"
    (tmp_path / "s.cir").write_text(script)
    out = subprocess.run(["ngspice", "-b", "s.cir"], cwd=tmp_path, capture_output=True, text=True, check=False).stdout  # noqa: S607 - found on the path, as a user would
    assert all(text in out for text in ("1.500000e+00", "-2.50000e+00", "3.250000e+00"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:-8], "cut short"),
        (lambda _: b"hello", "no raw file"),
        (lambda b: b.replace(b"No. Points: 3", b"No. Points: x"), "no readable raw header"),
        (lambda b: b.replace(b"No. Variables: 2", b"No. Variables: 3"), "announces 3 variables and lists 2"),
        (lambda b: b.replace(b"Flags: real", b"Flags: complex"), "complex"),
    ],
)
def test_what_is_no_raw_file_is_said(tmp_path: Path, change: object, message: str) -> None:
    write_raw(tmp_path / "w.raw", [("x", {"time": np.arange(3.0), "v(a)": np.zeros(3)})])
    (tmp_path / "w.raw").write_bytes(change((tmp_path / "w.raw").read_bytes()))  # type: ignore[operator]
    with pytest.raises(ValueError, match=message):
        read_raw(tmp_path / "w.raw")


def test_vectors_of_one_plot_have_one_length(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"inhomogeneous|differ in length"):
        write_raw(tmp_path / "w.raw", [("x", {"time": np.arange(3.0), "v(a)": np.zeros(2)})])


def test_ngspices_ascii_files_are_read_too(tmp_path: Path) -> None:
    deck = "x\nV1 a 0 SIN(0 1 1k)\nR1 a 0 1k\n.tran 10u 1m\n.end\n"
    (tmp_path / "s.cir").write_text(deck)
    for kind in ("binary", "ascii"):
        (tmp_path / ".spiceinit").write_text(f"set filetype={kind}\n")
        subprocess.run(["ngspice", "-b", "-r", f"{kind}.raw", "s.cir"], cwd=tmp_path, capture_output=True, check=True)  # noqa: S607 - found on the path, as a user would
    ((_, binary),), ((_, text),) = read_raw(tmp_path / "binary.raw"), read_raw(tmp_path / "ascii.raw")
    assert b"Values:" in (tmp_path / "ascii.raw").read_bytes()
    assert list(text) == list(binary)
    for name, values in binary.items():
        assert text[name] == pytest.approx(values, rel=1e-14, abs=1e-18)
    content = (tmp_path / "ascii.raw").read_bytes()
    (tmp_path / "cut.raw").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"cut short|can't be read"):
        read_raw(tmp_path / "cut.raw")


def test_raw_files_come_in_pieces(tmp_path: Path) -> None:
    time = np.arange(200_000.0)
    write_raw(tmp_path / "w.raw", [("a", {"time": time, "v(a)": -time, "i(b)": 2 * time}), ("b", {"time": time[:3]})])
    first, _ = raw_plots(tmp_path / "w.raw")
    assert (first.columns, first.timed) == (("v(a)", "i(b)"), True)
    pieces = list(first.pieces("i(b)"))
    assert len(pieces) > 2
    assert np.array_equal(np.concatenate([t for t, _ in pieces]), time)
    assert np.array_equal(np.concatenate([v for _, v in pieces]), 2 * time)
    for bad, said in (
        (np.array([0, 1, 1.0]), "point 2: time does not"),
        (np.array([0, np.nan, 2]), "point 1 has no finite time"),
    ):
        write_raw(tmp_path / "b.raw", [("a", {"time": bad, "v(a)": np.zeros(3)})])
        with pytest.raises(ValueError, match=said):
            list(raw_plots(tmp_path / "b.raw")[0].pieces("v(a)"))


TABLES = {
    "comma": ("time,i\n0,1\n0.1,2\n0.2,3\n", ("time", "i"), True),
    "no header": ("0,1\n0.1,2\n0.2,3\n", ("column1", "column2"), True),
    "semicolon, decimal comma": ("Zeit;Strom [nA]\n0;1\n0,1;2\n0,2;3,0\n", ("Zeit", "Strom [nA]"), True),
    "tab": ("t\ti\n0\t1\n1e-1\t2\n2e-1\t3\n", ("t", "i"), True),
    "spaces": ("0   1\n 0.1   2\n0.2 3\n", ("column1", "column2"), True),
    "preamble": ("# scope 7\nModel,DSO,x\n\ntime [s],i [A]\n0,1\n0.1,2\n0.2,3\n", ("time [s]", "i [A]"), True),
    "comment before": ("# time,i\n0,1\n0.1,2\n0.2,3\n", ("time", "i"), True),
    "windows": ("\ufefftime,i\r\n0,1\r\n0.1,2\r\n0.2,3\r\n", ("time", "i"), True),
    "no end of line": ("time,i\n0,1\n0.1,2\n0.2,3", ("time", "i"), True),
    "quoted": ('"time","i"\n"0","1"\n"0.1","2"\n"0.2","3"\n', ("time", "i"), True),
    "blank last line": ("time,i\n0,1\n0.1,2\n0.2,3\n\n", ("time", "i"), True),
    "one column": ("i\n1\n2\n3\n", ("i",), False),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_as_instruments_write_them(case: str, tmp_path: Path) -> None:
    text, names, timed = TABLES[case]
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    table = TableTrace.open(tmp_path / "t.csv")
    assert (table.names, table.timed) == (names, timed)
    ((time, value),) = table.pieces(table.columns[0])
    assert time == pytest.approx([0, 0.1, 0.2] if timed else [0, 1, 2])
    assert value == pytest.approx([1, 2, 3])


def test_gaps_in_a_table_are_nan(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("time,i,j\n0,1,5\n1,,6\n\n2,nan,7\n3,4,\n")
    table = TableTrace.open(tmp_path / "t.csv")
    ((time, value),) = table.pieces("i")
    assert time.tolist() == [0, 1, 2, 3]
    assert np.isnan(value).tolist() == [False, True, True, False]


BAD_TABLES = {
    "word": ("time,i\n0,1\n1,x2\n2,3\n", "line 3: 'x2' is no number"),
    "backwards": ("time,i\n0,1\n2,2\n1,3\n", "line 4 has a time that is not after"),
    "twice": ("time,i\n0,1\n0,2\n", "line 3 has a time that is not after"),
    "infinite": ("time,i\n0,1\n1,inf\n", "line 3 has a value that is not finite"),
    "no time": ("time,i\n0,1\n,2\n", "line 3 has no finite time"),
    "wide": ("time,i\n0,1\n1,2,3\n", "line 3 has 3 cells; the first row has 2"),
    "words only": ("hello\nworld\n", "no row of numbers in its first 2 lines"),
    "empty": ("", "no row of numbers"),
    "nul": ("0,1\n\0\0\0", "line 2"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables_are_said_with_their_line(case: str, tmp_path: Path) -> None:
    text, said = BAD_TABLES[case]
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=said):
        list(TableTrace.open(tmp_path / "t.csv").pieces("i" if text.startswith("time") else "column2"))


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(bytes(range(128, 256)) * 10)
    with pytest.raises(ValueError, match="is no text"):
        TableTrace.open(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes(b"0,1\n" * 20_000 + b"\xff\xfe\n")
    with pytest.raises(ValueError, match=r"no text|no number|not after"):
        list(TableTrace.open(tmp_path / "t.csv").pieces("column2"))


def test_the_line_is_told_also_far_into_a_long_table(tmp_path: Path) -> None:
    rows = [f"{k},{k % 7}" for k in range(150_000)]
    rows[140_000] = "140000,oops"
    (tmp_path / "t.csv").write_text("\n".join(["time,i", *rows]))
    with pytest.raises(ValueError, match="line 140002: 'oops' is no number"):
        list(TableTrace.open(tmp_path / "t.csv").pieces("i"))
    rows[140_000] = "1,1"
    (tmp_path / "t.csv").write_text("\n".join(["time,i", *rows]))
    with pytest.raises(ValueError, match="line 140002 has a time that is not after"):
        list(TableTrace.open(tmp_path / "t.csv").pieces("i"))
