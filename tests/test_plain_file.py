"""What is no plain file is refused at once by everything that reads what a study or a command line names."""

import os
from pathlib import Path

import pytest

from hge_spice.graph import read_graph
from hge_spice.plain_file import plain_file_size
from hge_spice.study.lab.demodulate import open_trace
from hge_spice.study.lab.setup_file import read_setup
from hge_spice.study.tables.block import file_digest, netlist_digest
from hge_spice.study.tables.task import TaskChoice, build_task
from hge_spice.study.text.files import StudyError, read_raw


def test_the_size_of_a_file_through_links(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert plain_file_size(tmp_path / "link") == 5
    assert plain_file_size(tmp_path / "file", largest=5) == 5
    with pytest.raises(ValueError, match=r"file has 5 bytes; up to 4 are read"):
        plain_file_size(tmp_path / "file", largest=4)
    with pytest.raises(FileNotFoundError):
        plain_file_size(tmp_path / "nothing")


@pytest.fixture(params=["pipe", "device", "folder", "sparse"])
def endless(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A name that every reader here takes, behind which is no file that could be read."""
    path = tmp_path / "endless.csv"

    def sparse() -> None:
        with path.open("wb") as file:
            file.truncate(2**40)

    {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "sparse": sparse,
    }[request.param]()
    return path


REFUSED = "give a file|bytes; up to|can't be the|is a folder|no study file"


@pytest.mark.parametrize(
    "read",
    [
        read_graph,
        read_setup,
        lambda path: build_task(TaskChoice(file=str(path), column="a")),
        read_raw,
    ],
    ids=["network", "settings", "table", "study"],
)
def test_what_is_no_file_is_refused(read, endless: Path) -> None:
    with pytest.raises(ValueError, match=REFUSED):
        read(endless)


def test_a_trace_may_be_long_but_is_a_file(endless: Path) -> None:
    if endless.is_file():
        return
    with pytest.raises(ValueError, match="give a file"):
        open_trace(endless, None)


def test_what_is_no_file_has_no_digest(endless: Path) -> None:
    assert file_digest(endless) == netlist_digest(endless) == ""


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    text = 'window = "25 ms"\r\n[[tone]]\r\nelectrode = "a"\r\nfrequency = 200\r\namplitude = "1 mV"\r\n'
    (tmp_path / "t.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_setup(tmp_path / "t.toml").window == 25e-3
    (tmp_path / "s.toml").write_bytes(b'\xef\xbb\xbftitle = "x"\r\n')
    assert read_raw(tmp_path / "s.toml") == {"title": "x"}
    (tmp_path / "s.toml").write_bytes(b"\xff")
    with pytest.raises(StudyError, match="is not UTF-8"):
        read_raw(tmp_path / "s.toml")
