"""The fault table: what broken, hostile and pathological netlists end in, and that the next good one doesn't notice.

Every case goes the way of a user's file, or straight into ngspice past all checks, as a fault of our own would. Whether
each check is needed, and what ngspice does where there is none, is in test_lint.py.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from hge_spice import netlist
from hge_spice.devices.subcircuit import block
from hge_spice.drive import Drive, SimulationError, Tone, Transient
from hge_spice.graph import assign_roles
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.worker import WorkerDied
from hge_spice.study.tables.block import read_block
from hge_spice.study.text.files import StudyError

GOOD = "r1 c n 1k\nd1 n out d\nr2 a n 2k\nd2 a out d"
MODEL = ".model d d(is=1n n=1.8 tnom=27)"
DRIVE = Drive(np.array([0.4]), np.array([0.2]), (Tone("c", 280.0, 2e-3),), Transient(25e-3, 75))


@dataclass(frozen=True)
class Case:
    """A subcircuit with something wrong in it, or a file around it.

    verdict : of a user's file "refused", or "cleaned" and then as good as the good one; of what goes past the checks
        "unreadable", "no result", "stopped", "timeout", or a "flag" on the waveform
    """

    name: str
    verdict: str
    says: str
    body: str = ""  # within the subcircuit, after the good elements
    outer: str = ""  # after it
    files: dict[str, str] = field(default_factory=dict)
    whole: str | None = None  # instead of all that


def definition(case: Case) -> str:
    return f".subckt hurt c a out\n{GOOD}\n{case.body}\n.ends\n{MODEL}\n{case.outer}\n"


def file_text(case: Case) -> str:
    return case.whole if case.whole is not None else f"title\n{definition(case)}.end\n"


SUB = ".subckt {} p q\n{}\n.ends"
TOWER = "\n".join(SUB.format(f"s{n}", f"x1 p q s{n + 1}") for n in range(25)) + "\n" + SUB.format("s25", "r1 p q 1")
BOMB = (
    "\n".join(SUB.format(f"s{n}", "\n".join(f"x{k} p q s{n + 1}" for k in range(10))) for n in range(9))
    + "\n"
    + SUB.format("s9", "r1 p q 1k")
)

# what ngspice takes without a word and gets wrong
SILENT = (
    Case("resistor without value", "refused", "1 mΩ", "r9 n 0"),
    Case("capacitor without value", "refused", "0 F", "c9 n 0"),
    Case("inductor without value", "refused", "0 H", "l9 n m\nr9 m 0 1k"),
    Case("4k7", "refused", "reads 4k", "r9 n 0 4k7"),
    Case("decimal comma", "refused", "2 values", "r9 n 0 1,5k"),
    Case("unknown element letter", "refused", "begins with '%'", "%9 n 0 1k"),
    Case("OSDI element", "refused", "begins with 'n'", "n9 n 0 some"),
    Case("floating node", "refused", "no path for direct current", "c9 n m 1u\nc8 m 0 1u"),
    Case("second model", "refused", "takes the first", "", ".model d d(is=1)"),
    Case("second subcircuit", "refused", "takes the one of", "", SUB.format("hurt", "r1 p q 1")),
    Case("pin twice", "refused", "a pin twice", whole="t\n.subckt hurt c c out\nr1 c out 1k\n.ends\n"),
    Case("sticky option", "cleaned", "later circuits", "", ".options interp"),
    Case("constant of ngspice's", "cleaned", "for every later circuit", "", ".csparam pi=3"),
)
# what ngspice refuses without saying where, or dies of
BROKEN = (
    Case("undefined parameter", "refused", "undefined parameter nope", "r9 n 0 {nope}"),
    Case("undefined parameter in a B source", "refused", "parameter nope", "b9 n 0 i=v(n)*nope"),
    Case("undefined function", "refused", "undefined function idt", "b9 n 0 i=idt(v(n))"),
    Case("missing model", "refused", "model nope is not defined", "d9 n 0 nope"),
    Case("missing subcircuit", "refused", "subcircuit nope is not defined", "x9 n 0 nope"),
    Case("missing include", "refused", "nope.inc is missing", "", ".include nope.inc"),
    Case("missing section", "refused", "no section 'ff'", "", ".lib m.lib ff", {"m.lib": ".lib tt\n.endl\n"}),
    Case("open expression", "refused", "parentheses that don't match", "b9 n 0 i=(v(n)"),
    Case("open brace", "refused", "other half", "r9 n 0 {1k"),
    Case("duplicate name", "refused", "already", "R1 n 0 1k"),
    Case("no .ends", "refused", "without .ends", whole=f"t\n.subckt hurt c a out\n{GOOD}\n{MODEL}\n"),
    Case("comma that hangs", "refused", "hang", "", ".param x=1k,y=2k"),
    Case("circle of parameters", "refused", "circle", "r9 n 0 {x}", ".param x={y} y={x}"),
    Case("function of itself", "refused", "circle", "r9 n 0 {f(1)}", ".func f(x) {f(x)}"),
    Case("subcircuit of itself", "refused", "contains itself", "x9 n 0 s", SUB.format("s", "x1 p q s")),
    Case("include of itself", "refused", "includes itself", "", ".include block.cir"),
    Case("subcircuits 26 deep", "refused", "deep, more than the 20", "x9 n 0 s0", TOWER),
    Case("a billion elements", "refused", "expands to", "x9 n 0 s0", BOMB),
    Case("name that overruns a buffer", "refused", "overruns", f"b9 n 0 i={'x' * 600}"),
    Case("nested parentheses", "refused", "300 deep", f"r9 n 0 {{{'(' * 300}1k{')' * 300}}}"),
    Case("no subcircuit", "refused", "defines no subcircuit", whole="t\nr1 a 0 1k\n"),
    Case("nothing", "refused", "defines no subcircuit", whole=""),
    Case("binary", "refused", "not text", whole="t\n\0\1\2"),
)
# what would run, read or write
TOUCH = "shell touch {folder}/canary"
HOSTILE = (
    Case("commands", "cleaned", "dropped up to .endc", "", f".control\n{TOUCH}\n.endc"),
    Case("commands without end", "refused", "without .endc", "", f".control\n{TOUCH}"),
    Case("comment that runs", "cleaned", "begins with \\*#", f"*# {TOUCH}"),
    Case("title that runs", "cleaned", "", whole=f"*ng_script\n.subckt hurt c a out\n{GOOD}\n.ends\n{MODEL}\n.end\n"),
    Case("start-up file in the folder", "cleaned", "", files={".spiceinit": TOUCH, "spice.rc": TOUCH}),
    Case("backquotes", "refused", "shell runs", "v`touch {folder}/canary` n m 0"),
    Case("redirection", "refused", "redirect", "v>{folder}/canary n m 0"),
    Case("write", "refused", "known to be harmless", "", ".write {folder}/canary"),
    Case("print", "cleaned", "is dropped", "", ".print tran v(n) > {folder}/canary"),
    Case("absolute include", "refused", "leaves the netlist's folder", "", ".include /etc/passwd"),
    Case("include above", "refused", "leaves the netlist's folder", "", ".include ../secret.inc"),
    Case("include by another card", "refused", "known to be harmless", "", ".incorporate /etc/passwd"),
    Case("source that reads a file", "refused", "names a file", 'v9 n m pwl file="/etc/passwd"'),
    Case("model that reads a file", "refused", "file", "", '.model f filesource(file="/etc/passwd")'),
    Case("model that runs a program", "refused", "may open files", "", ".model f d_process(x=1)"),
    Case("shared library", "refused", "known to be harmless", "", ".pre_osdi {folder}/x.osdi"),
    Case("external source", "refused", "external source", "v9 n m DC 0 external"),
    Case("control character", "refused", "control character", "r9 n m\x1b 1k"),
    Case("not ASCII", "refused", "not ASCII", "r9 n m 1µ"),
)
# past the checks, straight into ngspice
RAW = (
    Case("raw: undefined parameter", "unreadable", "can't read", "r9 n 0 {nope}"),
    Case("raw: missing model", "unreadable", "can't read", "d9 n 0 nope"),
    Case("raw: duplicate name", "unreadable", "can't read", "r1 n 0 1k"),
    Case("raw: missing include", "unreadable", "can't read", "", ".include nope.inc"),
    Case("raw: subcircuit of itself", "unreadable", "can't read", "x9 n 0 s", SUB.format("s", "x1 p q s")),
    Case("raw: voltage loop", "no result", "no result", "v8 n 0 1\nv9 n 0 2"),
    Case("raw: no operating point", "no result", "no result", "b9 n 0 i=1k*(v(n)>0.1?1:-1)+1e3*(v(n)<=0.1?1:0)"),
    Case("raw: step too small", "stopped", "stopped at", "b9 n 0 i=time>12m?(v(n)>0.1?1:-1):0"),
    Case("raw: quit", "unreadable", "asks for .*detaching", "", ".control\nquit\n.endc"),
    Case("raw: endless commands", "timeout", "gave no answer", "", ".control\nwhile 1\nlet x = 1\nend\n.endc"),
    Case("raw: endless transient", "timeout", "gave no answer", "v9 m 0 sin(0 1 1e12)\nr9 m k 1k\nc9 k 0 1f"),
)
CASES = (*SILENT, *BROKEN, *HOSTILE)


@pytest.fixture(scope="module")
def dut() -> Iterator[NgspiceDevice]:
    with NgspiceDevice(roles(block(text=definition(Case("", "", "")), name="hurt", pins=["c", "a", "out"]))) as device:
        yield device


@pytest.fixture(scope="module")
def expected(dut: NgspiceDevice) -> bytes:
    """The good block's waveform from a process that has seen nothing else."""
    with NgspiceDevice(dut.graph) as fresh:
        return fresh.measure(DRIVE).output.tobytes()


def roles(graph: nx.Graph) -> nx.Graph:
    return assign_roles(graph, output="out", inputs=["a"], controls=["c"])


def assert_unharmed(dut: NgspiceDevice, expected: bytes, folder: Path) -> None:
    """The parent lives, nothing is written, and the same worker, or who took its place, gives the good bits."""
    dut._decks.plain.load(netlist.deck(dut.graph))
    assert dut.measure(DRIVE).output.tobytes() == expected
    assert not list(folder.rglob("canary*"))
    assert [each.name for each in Path(dut.worker._home.name).iterdir()] == ["output.log"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file(
    case: Case, dut: NgspiceDevice, expected: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (tmp_path / "secret.inc").write_text("r8 n 0 1\n")
    for name, text in {"block.cir": file_text(case), **case.files}.items():
        (folder / name).write_text(text.replace("{folder}", str(folder)))
    monkeypatch.chdir(folder)
    if case.verdict == "refused":
        with pytest.raises(StudyError, match=case.says) as refusal:
            read(folder / "block.cir")
        assert "block.cir" in str(refusal.value) or "m.lib" in str(refusal.value)
    else:
        graph = read(folder / "block.cir")
        if case.says:
            assert any(re.search(case.says, remark) for remark in graph.graph["remarks"])
        with NgspiceDevice(graph) if case.files else _borrowed(dut, graph) as own:
            assert own.measure(DRIVE).output.tobytes() == expected
    assert_unharmed(dut, expected, tmp_path)


@pytest.mark.parametrize("case", RAW, ids=lambda case: case.name)
def test_past_all_checks(case: Case, dut: NgspiceDevice, expected: bytes, tmp_path: Path) -> None:
    graph = roles(block(text=definition(case), name="hurt", pins=["c", "a", "out"]))
    pid = dut.worker.pid
    dut.worker.timeout = 1.0 if case.verdict == "timeout" else 60.0
    try:
        with pytest.raises(SimulationError, match=case.says) as failure:
            _borrowed(dut, graph).dut.measure(DRIVE)
    finally:
        dut.worker.timeout = 60.0
    assert type(failure.value).__name__ == ("WorkerDied" if case.verdict in {"died", "timeout"} else "SimulationError")
    assert_unharmed(dut, expected, tmp_path)
    if case.verdict in {"no result", "stopped"}:
        assert dut.worker.pid == pid  # the same process gave the good bits


def test_a_source_without_values_ends_the_worker_at_most(dut: NgspiceDevice, expected: bytes, tmp_path: Path) -> None:
    """A null pointer in ngspice 39, zero volts in 44."""
    text = definition(Case("", "", "", "v9 m 0 DC 0 external\nr9 n m 1k"))
    with suppress(WorkerDied):
        _borrowed(dut, roles(block(text=text, name="hurt", pins=["c", "a", "out"]))).dut.measure(DRIVE)
    assert_unharmed(dut, expected, tmp_path)


@pytest.mark.parametrize("size", [10**8, 10**11])
def test_a_file_of_100_megabytes_and_more(size: int, dut: NgspiceDevice, expected: bytes, tmp_path: Path) -> None:
    with (tmp_path / "block.cir").open("wb") as file:
        file.truncate(size)
    with pytest.raises(StudyError, match=f"{size} bytes"):
        read(tmp_path / "block.cir")
    assert_unharmed(dut, expected, tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "loop"])
def test_what_is_no_file(kind: str, dut: NgspiceDevice, expected: bytes, tmp_path: Path) -> None:
    path = tmp_path / "block.cir"
    {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: path.symlink_to("/dev/zero"),
        "loop": lambda: path.symlink_to(path),
    }[kind]()
    with pytest.raises(StudyError, match=r"block\.cir|zero"):
        read(path)
    assert_unharmed(dut, expected, tmp_path)


@pytest.mark.parametrize("label", ["e0&#10;.control&#10;shell touch canary&#10;.endc&#10;*", "a b", "x;y", "", "1µ"])
def test_names_of_a_graphml_file(label: str, dut: NgspiceDevice, expected: bytes, tmp_path: Path) -> None:
    """A node's label is data; as text of a netlist it would be commands."""
    nodes = "".join(f'<node id="{name}"/>' for name in (label, "c"))
    (tmp_path / "net.graphml").write_text(
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="undirected">'
        f"{nodes}</graph></graphml>"
    )
    names = list(nx.read_graphml(tmp_path / "net.graphml"))
    graph = nx.Graph(family="resistor", parameters={})
    for name in names:
        graph.add_node(name, kind="electrode", role=None)
    graph.add_edge(*names)
    graph = assign_roles(graph, output=names[0], inputs=(), controls=names[1:])
    text = netlist.deck(graph)
    assert "shell" not in text
    assert f" {label} " not in text
    with NgspiceDevice(graph) as other:
        assert other.operating_point(np.array([0.1]), np.empty(0)).output[0] == pytest.approx(1e-5)
    graph.graph["probes"] = (label or " ",)
    with pytest.raises(ValueError, match="is no node"):
        netlist.deck(graph)
    assert_unharmed(dut, expected, tmp_path)


def test_there_are_forty() -> None:
    assert len({case.name for case in (*CASES, *RAW)}) >= 60


def read(path: Path) -> nx.Graph:
    return roles(read_block(path, "hurt", parameters={}, temperature=300.15, allow_outside=False))


class _borrowed:  # noqa: N801 - a context manager named like the function it replaces
    """The shared device with another block of the same pins in it."""

    def __init__(self, dut: NgspiceDevice, graph: nx.Graph) -> None:
        self.dut = dut
        dut._decks.plain.load(netlist.deck(graph))

    def __enter__(self) -> NgspiceDevice:
        return self.dut

    def __exit__(self, *_: object) -> None:
        pass
