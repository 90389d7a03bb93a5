"""A stranger's file with all that it includes: what is opened, what is refused, how lines are read."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_lint import DIVIDER, FAULTS, NETLISTS, fault_text, write

from hge_spice.drive import SimulationError
from hge_spice.ngspice.harmless import HAZARDS
from hge_spice.ngspice.includes import SIZE_LIMIT
from hge_spice.ngspice.lint import Finding, NetlistError, lint, read_netlist
from hge_spice.ngspice.worker import Worker, WorkerDied

OPENED: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if OPENED is not None and event in {"open", "os.open"} and isinstance(arguments[0], str | bytes | os.PathLike):
        OPENED.append(os.fsdecode(arguments[0]))


sys.addaudithook(_watch)


def opened_by_reading(path: Path, **options: object) -> tuple[object, list[str]]:
    global OPENED  # noqa: PLW0603 - an audit hook can't be taken out again
    b"x".decode("utf-8-sig")  # so that the codec isn't loaded from its own file meanwhile
    OPENED = []
    try:
        outcome: object = read_netlist(path, **options)  # type: ignore[arg-type]
    except NetlistError as error:
        outcome = error
    finally:
        opened, OPENED = OPENED, None
    return outcome, opened


@pytest.mark.parametrize("card", [".include {}", ".inc '{}'", ".lib {} tt", '.lib "{}" tt'])
@pytest.mark.parametrize(
    "target", ["/etc/hostname", "../secret.inc", "sub/../../secret.inc", "link.inc", "linked/secret.inc"]
)
def test_an_include_that_leaves_the_folder_is_refused_unopened(card: str, target: str, tmp_path: Path) -> None:
    write(tmp_path, "r9 b 0 1k\n.lib tt\nr9 b 0 1k\n.endl\n", "secret.inc")
    folder = tmp_path / "own"
    path = write(folder, f"{DIVIDER}{card.format(target)}\n")
    (folder / "sub").mkdir()
    (folder / "link.inc").symlink_to(tmp_path / "secret.inc")
    (folder / "linked").symlink_to(tmp_path)
    outcome, opened = opened_by_reading(path)
    assert isinstance(outcome, NetlistError)
    assert "block.cir:5: " in str(outcome)
    assert "leaves the netlist's folder" in str(outcome)
    assert opened == [str(path)]
    if target != "/etc/hostname":
        netlist = read_netlist(path, allow_outside=True)
        assert netlist.statements[-1].text == "r9 b 0 1k"
        trusted = read_netlist(path, trusted_roots=[tmp_path])
        assert trusted.statements[-1].trusted


@pytest.mark.parametrize(("asked", "by_itself"), [("sub/leaf.lib", True), ("leaf.lib", False)])
def test_a_section_that_an_included_file_asks_for_is_found(
    asked: str, by_itself: bool, worker: Worker, tmp_path: Path
) -> None:
    """ngspice looks beside the netlist, a reader beside the file: both are taken, the latter with a word."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/part.cir").write_text(f".lib {asked} s\n")
    (tmp_path / "sub/leaf.lib").write_text(".lib s\nr2 b 0 1k\n.endl\n")
    main = tmp_path / "main.cir"
    main.write_text("title\nv1 a 0 1\nr1 a b 1k\n.include sub/part.cir\n.end\n")
    found = read_netlist(main)
    assert [str(each) for each in found.findings] == (
        []
        if by_itself
        else [f"sub/part.cir:1: {asked} is found beside this file; ngspice by itself looks beside main.cir alone"]
    )
    worker.load(found.text)
    assert worker.run([], "op", ("b",)).vectors[0, 0] == pytest.approx(0.5)
    words = ["ngspice", "-b", "main.cir"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ("Could not find library file" in done.stdout + done.stderr) is not by_itself


def test_what_is_trusted_by_name_may_use_any_model_but_runs_nothing(tmp_path: Path) -> None:
    process = write(
        tmp_path / "process", '.model F filesource (file="Data.txt")\n.control\nshell true\n.endc\n', "tt.lib"
    )
    path = write(tmp_path / "own", f"{DIVIDER}.include {process}\n")
    netlist = read_netlist(path, trusted_roots=[process.parent])
    assert netlist.body.endswith('.model F filesource (file="Data.txt")\n')
    assert "shell" not in netlist.text
    with pytest.raises(NetlistError, match=r"tt\.lib:1: 'file=': names a file"):
        read_netlist(path, allow_outside=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (".include nope.inc", r"block\.cir:5: nope\.inc is missing"),
        (".include sub", r"block\.cir:5: sub is no file"),
        (".include block.cir", r"block\.cir:5: block\.cir includes itself"),
        (".include a.inc", r"b\.inc:1: a\.inc includes itself"),
        (".include pipe", r"pipe is no file"),
        (".include binary.inc", r"binary\.inc is not text"),
        (".include", r"does not name one file"),
        (".include a b", r"does not name one file"),
        (".include 'a.inc", r"is missing"),
        (f".include {'x' * 5000}", r"can't be read|no path"),
        (".include a\0b", r"not text"),
        (".lib corners.lib ff", r"no section 'ff'"),
        (".lib corners.lib open", r"'open' has no \.endl"),
        (".lib corners.lib self", r"corners\.lib includes itself"),
        (".include chain0.inc", r"more than 32 deep"),
        (".include bomb0.inc", r"bytes up to bomb\d\.inc, more than"),
    ],
)
def test_an_include_that_cannot_be_read_is_refused_with_file_and_line(text: str, says: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"{DIVIDER}{text}\n")
    write(tmp_path, ".include b.inc\n", "a.inc")
    write(tmp_path, ".include a.inc\n", "b.inc")
    write(tmp_path, ".lib self\n.lib corners.lib self\n.endl\n.lib open\nr9 b 0 1k\n", "corners.lib")
    (tmp_path / "binary.inc").write_bytes(bytes(range(256)))
    (tmp_path / "sub").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for n in range(40):
        write(tmp_path, f".include chain{n + 1}.inc\n", f"chain{n}.inc")
    for n in range(9):
        write(tmp_path, f".include bomb{n + 1}.inc\n" * 10, f"bomb{n}.inc")
    write(tmp_path, "* nothing but size\n" * 1000, "bomb9.inc")
    with pytest.raises(NetlistError, match=says):
        read_netlist(path)


@pytest.mark.parametrize("size", [SIZE_LIMIT + 1, 100_000_000, 10_000_000_000])
def test_what_is_too_large_is_refused_at_once(size: int, tmp_path: Path) -> None:
    path = tmp_path / "large.cir"
    with path.open("wb") as stream:
        stream.truncate(size)
    began = time.perf_counter()
    with pytest.raises(NetlistError, match=rf"large\.cir: {size} bytes"):
        read_netlist(path)
    assert time.perf_counter() - began < 0.1


@pytest.mark.parametrize("name", ["nope.cir", ".", "a\0b"])
def test_what_is_no_file_is_a_netlist_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(NetlistError):
        read_netlist(f"{tmp_path}/{name}")


def test_lines_are_joined_and_comments_taken_out_as_ngspice_does(worker: Worker, tmp_path: Path) -> None:
    text = (
        "title\r\nv1 a 0 1\r\n  r1 a\r\n\r\n* between\r\n+ b   $ comment\n   + 1k ; comment\nr2 b 0 \\\\\n1k//comment\n"
        "$ comment\n// comment\n* comment \\\\\nr3\tb 0\t1k,$ comment\n"
    )
    path = write(tmp_path, text)
    netlist = read_netlist(path)
    assert [(s.line, s.text) for s in netlist.statements] == [
        (2, "v1 a 0 1"), (3, "r1 a b 1k"), (8, "r2 b 0 1k"), (13, "r3 b 0 1k,"),
    ]  # fmt: skip
    results = []
    for load in (text + ".end\n", netlist.text):
        worker.load(load)
        results.append(worker.run([], "op", ("b",)).vectors[0, 0])
    assert results[0] == results[1] == pytest.approx(1 / 3)


def test_what_follows_the_end_is_dropped_with_a_word(tmp_path: Path) -> None:
    write(tmp_path, "r3 b 0 1k\n.end\nr4 b 0 1k\n", "more.inc")
    netlist = read_netlist(write(tmp_path, f"{DIVIDER}.include more.inc\n.END\nr5 b 0 1k\n"))
    assert [s.text for s in netlist.statements][-1] == "r4 b 0 1k"
    assert [(found.line, found.fatal) for found in netlist.findings] == [(6, False)]


FRAGMENTS = st.sampled_from(
    re.split(
        r" \| |\n",
        r""".subckt s a b | .ends | .model m d | .model m filesource(file=x) | .include x.inc | .include ../y | .lib x t
.lib /etc/passwd root | .control | .endc | .endl | .end | .param x={y} z=1 | .func f(x) {g(x)} | .if (1) | .endif
x1 a b s k=1 | r1 a 0 1k | r1 | r | + {x | + | b1 a 0 v=v(a | e1 a 0 value={x} | a1 [a b] c m | *# shell true
*ng_script | .options reltol | .global a | .ic v(a)=1 | \\ | d1 a b c d e | k1 l1 l2 1 | q1 | x | x=1
v1 a 0 sin(0 1
.model | .subckt | .param | .func | .lib | .include | m1 a b c d | f1 a b | p | .param x=f(y)=2 z(w)={w}
c1 a 0 5F'""",
    )
)
LINES = st.lists(
    FRAGMENTS | st.text(max_size=40) | st.tuples(FRAGMENTS, st.text(max_size=10)).map("".join), max_size=12
)


@settings(max_examples=400, deadline=None)
@given(main=LINES, included=LINES)
@example(main=["r1 a 0 \x1c"], included=[])
@example(main=["", "\x85"], included=[])
def test_any_text_gives_a_netlist_findings_or_a_refusal_and_opens_nothing_outside(
    main: list[str], included: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("any").resolve()
    path = folder / "main.cir"
    path.write_bytes("\n".join(["title", *main]).encode("utf-8", "surrogatepass"))
    (folder / "x.inc").write_bytes("\n".join(included).encode("utf-8", "surrogatepass"))
    outcome, opened = opened_by_reading(path)
    assert {Path(each).parent for each in opened} == {folder}
    if isinstance(outcome, NetlistError):
        assert isinstance(outcome.args[0], Finding)
        assert outcome.args[0].fatal
    else:
        assert all(isinstance(found, Finding) for found in lint(outcome))
        assert outcome.text.isascii()
        assert len(outcome.text.splitlines()) == len(outcome.statements) + 2
        for pattern, _ in HAZARDS:
            assert not any(pattern.search(s.text) for s in outcome.statements)
    lint("\n".join(["title", *main]))


def test_what_is_left_of_hostile_text_never_hurts_the_caller(worker: Worker, tmp_path: Path) -> None:
    """Whatever ngspice does with each, the next good circuit gives what a fresh process gives."""
    good = read_netlist(NETLISTS / "block.cir").text
    worker.close()
    worker.load(good)
    expected = worker.run([], "op", ("y",)).vectors[0, 0]
    for fault in FAULTS:
        if "hang" in fault.says or "billion" in fault.name:  # these would last until the worker's timeout
            continue
        try:
            netlist = read_netlist(write(tmp_path, fault_text(fault)))
            worker.load(netlist.text)
            worker.run([], "op", ("b",))
        except (NetlistError, SimulationError, WorkerDied):
            pass
        worker.load(good)
        assert worker.run([], "op", ("y",)).vectors[0, 0] == expected
