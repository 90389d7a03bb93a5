import subprocess
from pathlib import Path

import numpy as np
import pytest

from hge_spice.traces import read_raw, write_raw


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
