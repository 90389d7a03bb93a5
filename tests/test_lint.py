"""Each verdict of the lint is held against what the ngspice of this machine does with the same text."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hge_spice.drive import SimulationError
from hge_spice.netlist import deck
from hge_spice.ngspice.harmless import HAZARDS, MODEL_TYPES, refuse_hazards
from hge_spice.ngspice.includes import SIZE_LIMIT
from hge_spice.ngspice.lint import Finding, NetlistError, lint, read_netlist
from hge_spice.ngspice.session import COMMAND_LIMIT
from hge_spice.ngspice.statements import Statement
from hge_spice.ngspice.worker import Worker, WorkerDied

NETLISTS = Path(__file__).parent / "netlists"
DIVIDER = "title\nv1 a 0 1\nr1 a b 1k\nr2 b 0 1k\n"  # v(b) is 0.5 V
SUB = "\n.subckt s p q\nr3 p q 1k\n.ends"


@dataclass(frozen=True)
class Fault:
    """A divider with something wrong: the verdict and what ngspice does.

    verdict : "refused" by read_netlist, "fatal" or "note" in its findings, "clean"
    real : "refuses" to load; loads, then the "run" fails; gives v(b) silently (a number); None where it isn't tried
    later : what ngspice 44 does, where that is something else; "loads" where it takes it
    """

    name: str
    body: str
    verdict: str
    says: str
    real: str | float | None = None
    later: str | float | None = None


FAULTS = (
    # what is silently wrong: ngspice loads and runs each, and v(b) is not what the text says
    Fault("resistor without value", "r3 b c\nr4 c 0 1k", "fatal", "1 mΩ", 1 / 3, 0.5),
    Fault("resistor with a coefficient alone", "r3 b c tc1=1\nr4 c 0 1k", "fatal", "1 mΩ", 1 / 3),
    Fault("resistor whose model has no value", "r3 b c m\nr4 c 0 1k\n.model m r tc1=0", "fatal", "1 mΩ", 1 / 3),
    Fault("capacitor without value", "c3 b 0", "fatal", "0 F", 0.5),
    Fault("inductor without value", "l3 b c\nr4 c 0 1k", "fatal", "0 H", 1 / 3, 0.5),
    Fault("two values", "r3 b c 1k 5\nr4 c 0 995", "fatal", "takes the last", 1 / 3),
    Fault("decimal comma", "r3 b 0 1,5k", "fatal", "2 values", 5 / 11),
    Fault("4k7", "r3 b 0 4k7", "fatal", "reads 4k", 4 / 9),
    Fault("hexadecimal", "r3 b 0 0x10", "fatal", "reads 0", None),
    Fault("two points", "r3 b 0 1.5.5", "fatal", "reads 1.5", 1.5 / 1001.5),
    Fault("1M", "r3 b 0 1M", "note", "milli", 1e-6),
    Fault("1MOhm", "r3 b 0 1MOhm", "note", "milli", 1e-6),
    Fault("5F", "c3 b 0 5F", "note", "femto", 0.5),
    Fault("atto", "r3 b 0 1000a", "note", "atto", 1 / 3, 1e-15),
    Fault("unknown unit", "r3 b 0 1000x", "note", "drops the letters", 1 / 3),
    Fault("line beginning with %", "%r3 b 0 1k", "fatal", "begins with '%'", 0.5),
    Fault("line beginning with &", "&r3 b 0 1k", "fatal", "begins with '&'", 0.5),
    Fault("line beginning with @", "@r3 b 0 1k\nr4 b 0 1", "fatal", "stops reading", 0.5),
    Fault("second model", "d3 b 0 m\n.model m d is=1e-20\n.model m d is=1", "fatal", "takes the first", 0.5),
    Fault("second subcircuit", f"x1 b 0 s{SUB}\n.subckt s p q\nr3 p q 1\n.ends", "fatal", "takes the one of", 1 / 3),
    Fault(
        "subcircuit by condition",
        ".param k=2\n.if (k==1)" + SUB + "\n.else\n.subckt s p q\nr3 p q 1\n.ends\n.endif\nx1 b 0 s",
        "fatal",
        "takes the one of",
        1 / 3,
    ),
    Fault("same subcircuit twice", f"x1 b 0 s{SUB}{SUB}", "clean", "", 1 / 3),
    Fault("pin twice", "x1 b 0 s\n.subckt s p p\nr3 p 0 1\n.ends", "fatal", "a pin twice", None),
    Fault("only capacitors", "c3 b c 1u\nc4 c 0 1u", "fatal", "no path for direct current", None),
    Fault("current into nothing", "i3 0 c 1m", "fatal", "no path for direct current", 0.5),
    Fault("island", "r3 c d 1k\nc3 c b 1u", "fatal", "no path for direct current", None),
    Fault("held by an initial condition", "i3 0 c 1m\nc3 c 0 1u\n.ic v(c)=0", "clean", "", None),
    Fault("dangling", "r3 b c 1k", "note", "connected to r3 alone", 0.5),
    Fault("ground misspelt", "r3 b gnd! 1", "note", "connected to r3 alone", 0.5),
    Fault("ground spelt out", "r3 b GND 1k", "clean", "", 1 / 3),
    Fault("limit as a clamp", "b3 c 0 v=limit(v(a),0.2,0.3)\nr3 c 0 1", "fatal", "one random number", None),
    Fault("parameter named after a quantity", ".param temper=1000\nr3 b 0 {temper}", "fatal", "of its own", None),
    Fault("parameter twice", ".param x=1\n.param x=1k\nr3 b 0 {x}", "note", "takes the last", 1 / 3),
    Fault("option without =", "r3 b 0 1k\n.options reltol 1e-5", "note", "dropped", None),
    Fault("unknown option", "r3 b 0 1k\n.options relto=1e-5", "note", "no setting of the solver", 1 / 3),
    Fault("sticky options", ".options interp cshunt=1u", "note", "later circuits", None),
    Fault("case alone", "r3 B 0 1k", "note", "case does not count", 1 / 3),
    Fault("no value", "v3 c 0\nr3 c 0 1", "note", "takes 0", 0.5),
    Fault("noise without a seed", "v3 c 0 dc 0 trnoise(1 1u 0 0)\nr3 c 0 1", "note", "seeded", 0.5),
    Fault("random resistor", ".param x=agauss(1k,10,1)\nr3 b 0 {x}", "note", "one random number", None),
    # what ngspice refuses, without our file and line, or dies of
    Fault("undefined parameter", "r3 b 0 {nope}", "fatal", "undefined parameter nope", "refuses"),
    Fault("undefined in quotes", "r3 b 0 '2*nope'", "fatal", "undefined parameter nope", "refuses"),
    Fault("undefined in a B source", "b3 c 0 v=v(a)*k\nr3 c 0 1", "fatal", "undefined parameter k", "refuses"),
    Fault(
        "undefined within", "x1 b 0 s\n.subckt s p q\nr3 p q {k}\n.ends", "fatal", "undefined parameter k", "refuses"
    ),
    Fault("a call's own", "x1 b 0 s k=500 l='2*k'\n.subckt s p q l=1 k=1\nr3 p q {l}\n.ends", "clean", "", 1 / 3),
    Fault(
        "a call's own by default",
        "x1 b 0 s l={2*k}\n.subckt s p q\n.param l=1 k=500\nr3 p q {l}\n.ends",
        "clean",
        "",
        1 / 3,
    ),
    Fault(
        "a call's own, worked out within",
        "x1 b 0 s l={j}\n.subckt s p q k=1 l=1\n.param j={2*k}\nr3 p q {l}\n.ends",
        "fatal",
        "undefined parameter j",
        "refuses",
    ),
    Fault(
        "a call in a circle",
        "x1 b 0 s l={k} k={2*l}\n.subckt s p q k=1 l=1\nr3 p q {l}\n.ends",
        "fatal",
        "undefined parameter k",
        "refuses",
    ),
    Fault("undefined in a model", "d3 b 0 m\n.model m d is={k}", "fatal", "undefined parameter k", "refuses"),
    Fault("undefined for an instance", "x1 b 0 s k=kk\n.subckt s p q k=1\nr3 p q {k}\n.ends", "fatal", "kk", "refuses"),
    Fault(
        "known from the caller",
        "x1 b 0 s k=1k\n.subckt s p q k=1\nx2 p q t\n.ends\n.subckt t p q\nr3 p q {k}\n.ends",
        "clean",
        "",
        1 / 3,
    ),
    Fault(
        "undefined but unused", "r3 b 0 1k\n.subckt s p q\nr3 p q {k}\n.ends", "note", "undefined parameter k", 1 / 3
    ),
    Fault("constant in braces", "r3 b 0 {pi*1k}", "fatal", "undefined parameter pi", "refuses"),
    Fault("constant in a B source", "b3 c 0 v=pi+e+time+temper\nr3 c 0 1", "clean", "", 0.5),
    Fault("undefined function", "b3 c 0 v=idt(v(a))\nr3 c 0 1", "fatal", "undefined function idt", "refuses"),
    Fault(
        "LTspice's if",
        "b3 c 0 v=if(v(a)>0.5,1,0)\nr3 c 0 1",
        "fatal",
        r"if, .* write \(condition \? then : else\)",
        "refuses",
    ),
    Fault("function of one's own", ".func f(x) {x*1k}\nr3 b 0 {f(1)}", "clean", "", 1 / 3),
    Fault("function of itself", ".func f(x) {f(x)}\nr3 b 0 {f(1)}", "fatal", "circle", "refuses"),
    Fault("circle of parameters", ".param x={y}\n.param y={x}\nr3 b 0 {x}", "fatal", "circle", "refuses"),
    Fault("parameter without =", ".param x 1k\nr3 b 0 {x}", "fatal", "without =", "refuses"),
    Fault("comma between parameters", ".param x=1k,y=2k\nr3 b 0 {x}", "fatal", "hang", None),  # it would hang the test
    Fault("open brace", "r3 b 0 {1k", "fatal", "other half", "refuses"),
    Fault("braces in braces", "r3 b 0 {1k*{2}}", "fatal", "braces within", "refuses"),
    Fault("open quote", "r3 b 0 '1k", "fatal", "other half", "refuses"),
    Fault("undefined subcircuit", "x1 b 0 t", "fatal", "subcircuit t is not defined", "refuses"),
    Fault("too few nodes", f"x1 b s{SUB}", "fatal", "1 nodes for s, which has 2", "run"),
    Fault("too many nodes", f"x1 b 0 c s{SUB}", "fatal", "3 nodes for s, which has 2", "run"),
    Fault("unknown parameter of a call", f"x1 b 0 s k=5{SUB}", "fatal", "no parameter k", "refuses"),
    Fault("subcircuit in itself", "x1 b 0 s\n.subckt s p q\nx2 p q s\n.ends", "fatal", "contains itself", "refuses"),
    Fault(
        "too deep",
        "x1 b 0 s0\n"
        + "\n".join(f".subckt s{n} p q\nx1 p q s{n + 1}\n.ends" for n in range(25))
        + "\n.subckt s25 p q\nr3 p q 1k\n.ends",
        "fatal",
        "deep, more than the 20",
        "refuses",
    ),
    Fault(
        "a billion resistors",
        "x1 b 0 s0\n"
        + "\n".join(
            f".subckt s{n} p q\n" + "\n".join(f"x{k} p q s{n + 1}" for k in range(10)) + "\n.ends" for n in range(9)
        )
        + "\n.subckt s9 p q\nr3 p q 1k\n.ends",
        "fatal",
        "expands to",
        None,
    ),
    Fault(
        "1500 pins",
        f"x1 {' '.join(f'n{n}' for n in range(1500))} s\n.subckt s {' '.join(f'p{n}' for n in range(1500))}"
        "\nr3 p0 p1 1k\n.ends",
        "fatal",
        "1500 pins",
        "refuses",
        "loads",
    ),
    Fault("no .ends", f"x1 b 0 s{SUB.removesuffix('.ends')}", "fatal", "without .ends", "refuses"),
    Fault("stray .ends", ".ends", "fatal", "without .subckt", "refuses"),
    Fault("undefined model", "d3 b 0 nope", "fatal", "model nope is not defined", "refuses"),
    Fault(
        "model of another scope",
        "d3 b 0 m\nx1 b 0 s\n.subckt s p q\nd1 p q m\n.model m d\n.ends",
        "fatal",
        "model m is not defined",
        "refuses",
    ),
    Fault("undefined value", "r3 b 0 nope", "fatal", "neither a value", "refuses"),
    Fault("bare parameter", "r3 b 0 rr\n.param rr=1k", "clean", "", 1 / 3),
    Fault("element twice", "R1 b 0 1k", "fatal", "r1 is there already .*, as case", "refuses"),
    Fault("element twice within", f"x1 b 0 s{SUB.replace('.ends', 'r3 p q 2k')}\n.ends", "fatal", "already", "refuses"),
    Fault("B source without expression", "b3 c 0\nr3 c 0 1", "fatal", "without v= or i=", "refuses"),
    Fault("controlled source without gain", "e3 c 0 a 0\nr3 c 0 1", "fatal", "control-nodes gain", "refuses"),
    Fault("source that isn't followed", "f3 b 0 vnope 2", "fatal", "no source vnope", "run"),
    Fault("node that isn't there", "b3 c 0 v=v(nope)\nr3 c 0 1", "fatal", "node nope is looked at", "run"),
    Fault("node named temper", "r3 b temper 1k\nr4 temper 0 1k", "fatal", "temper", "refuses"),
    Fault(
        "condition without parentheses", ".param k=1\n.if k==1\nr3 b 0 1k\n.endif", "fatal", "parentheses", "refuses"
    ),
    Fault("condition without end", ".param k=1\n.if (k==1)\nr3 b 0 1k", "fatal", "don't match", "refuses"),
    # what a stranger's netlist must not do
    Fault("model that reads a file", 'a1 %v([c]) f\n.model f filesource (file="/etc/passwd")', "refused", "file"),
    Fault("model that may read a file", "a1 [c d] f\n.model f d_source", "refused", "'d_source' may open files"),
    Fault("numerical device", "d3 b 0 f\n.model f numd", "refused", "'numd' may open files"),
    Fault("model that runs a program", "a1 [c] k [d] f\n.model f d_process", "refused", "'d_process' may open files"),
    Fault("model type by parameter", ".param t=1\na1 c d f\n.model f {t}", "refused", "not `.model name type"),
    Fault("model without type", "d3 b 0 m\n.model m", "refused", "can crash"),
    Fault("source from a file", "v3 c 0 pwl file=data.txt", "refused", "names a file"),
    Fault("external source", "v3 c 0 dc 0 external", "refused", "external source"),
    Fault("card that looks like include", ".incorporate models.inc", "refused", "known to be harmless"),
    Fault("card that looks like a library", ".libfoo models.lib tt", "refused", "known to be harmless"),
    Fault("write", ".write canary", "refused", "known to be harmless"),
    Fault("shared library", ".osdi x.osdi", "refused", "known to be harmless"),
    Fault("commands without end", ".control\nshell true", "refused", "without .endc"),
    Fault("name that runs", "v`id` c 0 1", "refused", "shell runs"),
    Fault("name that redirects", "v>x c 0 1", "refused", "redirect"),
    Fault("name that is a variable", "v$x c 0 1", "refused", "shell runs or substitutes"),
    Fault("control character", "r3 b c\x1b 1k", "refused", "control character"),
    Fault("unicode", "r3 b c 1µ", "refused", "not ASCII"),
    Fault("long name in an expression", f"b3 c 0 v={'x' * 600}\nr3 c 0 1", "refused", "overruns", "refuses"),
    Fault("long node in an expression", f"b3 c 0 v=v({'x ' * 300})\nr3 c 0 1", "refused", "overruns"),
    Fault("open v(", "b3 c 0 v=v(a\nr3 c 0 1", "refused", "overruns", "refuses"),
    Fault("deep parentheses", f"r3 b 0 {{{'(' * 300}1k{')' * 300}}}", "refused", "300 deep", "refuses"),
    Fault("continuation of nothing", "", "refused", "continues nothing"),
)


def fault_text(fault: Fault) -> str:
    return "title\n+ 1\n" if fault.name == "continuation of nothing" else f"{DIVIDER}{fault.body}\n.end\n"


def write(folder: Path, text: str, name: str = "block.cir") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    each = Worker(timeout=20.0)
    yield each
    each.close()


@pytest.fixture(scope="module")
def version(worker: Worker) -> float:
    """Of ngspice: 39, 44, …"""
    worker.load(f"{DIVIDER}.end\n")
    return float(worker.version)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_has_its_verdict(fault: Fault, tmp_path: Path) -> None:
    path = write(tmp_path, fault_text(fault))
    if fault.verdict == "refused":
        with pytest.raises(NetlistError, match=r"^block\.cir:\d+: ") as refusal:
            read_netlist(path)
        assert re.search(fault.says, str(refusal.value))
        assert any(found.fatal for found in lint(path.read_text("utf-8")))
        return
    found = lint(read_netlist(path))
    if fault.verdict == "clean":
        assert found == []
        return
    assert any(re.search(fault.says, str(each)) for each in found), found
    assert any(each.fatal for each in found) == (fault.verdict == "fatal"), found
    assert all(each.file == "block.cir" and each.line > 1 for each in found)


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.real is not None], ids=lambda fault: fault.name)
def test_ngspice_does_what_the_verdict_says(fault: Fault, worker: Worker, version: float) -> None:
    worker.close()  # a fresh process: several of these leave ngspice dead
    real = fault.real if fault.later is None or version < 44 else fault.later
    if real == "refuses":
        with pytest.raises(SimulationError):
            worker.load(fault_text(fault))
        return
    worker.load(fault_text(fault))
    if real == "loads":
        return
    result = worker.run([], "op", ("b",))
    if real == "run":
        assert not result.vectors.shape[1] or any("failed" in line for line in result.log)
    else:
        assert result.vectors[0, -1] == pytest.approx(real, rel=2e-3, abs=1e-6)


def test_a_file_that_uses_all_that_it_may_is_clean_and_runs(worker: Worker) -> None:
    netlist = read_netlist(NETLISTS / "block.cir")
    assert lint(netlist) == []
    assert lint(netlist, top="soma") == []
    assert {statement.file for statement in netlist.statements} == {
        "block.cir",
        "models/diodes.inc",
        "models/corners.lib",
    }
    worker.load(netlist.text)
    result = worker.run([], "op", ("y", "x1.sum"))
    total = result.vectors[1, 0]
    assert total == pytest.approx((0.3 / 10e3 - 0.1 / 10e3 + 0.2 / 2e3) / (2 / 10e3 + 1 / 2e3), rel=1e-3)
    assert result.vectors[0, 0] == pytest.approx(
        1e-3 * (2.718281828 ** (20 * total) - 1) / (2.718281828 ** (20 * total) + 1)
    )


def test_an_unknown_top_is_named() -> None:
    (found,) = lint(read_netlist(NETLISTS / "block.cir"), top="axon")
    assert found.fatal
    assert "no subcircuit axon; there are: soma" in str(found)


def test_what_the_top_does_not_call_is_never_fatal(tmp_path: Path) -> None:
    text = f"library\n{SUB}\n.subckt t p q\nr3 p q {{nope}}\n.ends\n"
    netlist = read_netlist(write(tmp_path, text))
    assert [found.fatal for found in lint(netlist)] == [True]
    assert [found.fatal for found in lint(netlist, top="s")] == [False]
    assert [found.fatal for found in lint(netlist, top="t")] == [True]


def test_our_own_decks_are_clean(graph: nx.Graph) -> None:
    assert lint(deck(graph)) == []


@pytest.mark.parametrize(
    "text", ["*ng_script\nshell true\n", "t\n*# shell true\n", "t\n.include x\n", "t\nv\u2028x 1 0\n"]
)
def test_a_deck_that_runs_something_is_found(text: str) -> None:
    assert any(found.fatal for found in lint(text))


# ---- nothing is executed, read or written ----


def test_raw_it_runs_commands_and_read_it_runs_none(worker: Worker, tmp_path: Path) -> None:
    text = (NETLISTS / "stranger.cir").read_text("utf-8").replace("CANARY", str(tmp_path / "canary"))
    path = write(tmp_path, text)
    plain = write(tmp_path, text.split("\n", 1)[1], "plain.cir")
    for each in (path, plain):
        netlist = read_netlist(each)
        worker.close()
        worker.load(netlist.text)
        assert worker.run([], "op", ("b",)).vectors[0, 0] == pytest.approx(0.5)
        worker.run([], "tran 1u 10u", ("b",))
        assert [each.name for each in Path(worker._home.name).iterdir()] == ["output.log"]
        assert not list(tmp_path.glob("canary*"))
        assert len([found for found in netlist.findings if "dropped" in found.problem]) >= 12
        assert not any(found.fatal for found in lint(netlist))
    worker.close()
    with suppress(SimulationError):  # raw, so that the test can fail
        worker.load(plain.read_text("utf-8"))
    worker.close()
    assert {"canary1", "canary2", "canary3"} <= {each.name for each in tmp_path.glob("canary*")}


@pytest.mark.parametrize(
    "body",
    [
        "*#shell touch {}",
        "  *# shell touch {}",
        ".control\nshell touch {}\n.endc",
        "* x\n.CONTROLS\nshell touch {}\n.endc",
        ".control\n* .endc\nshell touch {}\n.endc",
    ],
)
def test_each_way_of_running_a_command_does_run_one_when_it_is_raw(body: str, worker: Worker, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    text = f"{DIVIDER}{body.format(canary)}\n.end\n"
    netlist = read_netlist(write(tmp_path, text))
    worker.close()
    worker.load(netlist.text)
    assert not canary.exists()
    assert any("dropped" in found.problem for found in netlist.findings)
    worker.load(text)
    assert canary.exists()


def test_csparam_stays_which_is_why_it_is_dropped(worker: Worker, tmp_path: Path) -> None:
    text = f"{DIVIDER}.csparam pi=3\n.end\n"
    for load, expected in ((read_netlist(write(tmp_path, text)).text, 3.14159265), (text, 3.0)):
        worker.close()
        worker.load(load)
        worker.load(f"{DIVIDER}.end\n")
        assert worker.run([], "op", ("pi",)).vectors[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["filesource", "d_source", "d_state", "table2d", "table3d", "numd", "numos", "nbjt"])
def test_models_that_open_files_are_not_among_those_let_through(kind: str) -> None:
    assert kind not in MODEL_TYPES
    with pytest.raises(NetlistError, match="may open files"):
        refuse_hazards(Statement("x", 1, f".model m {kind.upper()} (a=1)"))


@pytest.mark.parametrize(
    "card",
    [".model m,filesource gain", ".model m (filesource) x", ".model m=filesource gain", ".model 'm' gain", ".model m"],
)
def test_the_type_of_a_model_cannot_be_hidden(card: str) -> None:
    with pytest.raises(NetlistError, match=r"not `\.model name type"):
        refuse_hazards(Statement("x", 1, card))


def test_a_strangers_text_is_in_lower_case(worker: Worker, tmp_path: Path) -> None:
    """ngspice keeps the case of a line that looks like a command, and then does not find the model it names."""
    text = f"{DIVIDER}source1 b 0 a 0 CLOSED\n.model CLOSED sw(ron=1k vt=0.5)\n.end\n"
    worker.close()
    with pytest.raises(SimulationError, match="can't find model 'CLOSED'"):
        worker.load(text)
    worker.load(read_netlist(write(tmp_path, text)).text)
    assert worker.run([], "op", ("b",)).vectors[0, 0] == pytest.approx(1 / 3)


# ---- files ----


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


# ---- commands ----


def test_ngspice_ignores_and_runs_what_a_command_says_and_a_session_refuses_what_would_be_cut(
    worker: Worker, tmp_path: Path
) -> None:
    worker.close()
    worker.load(f"{DIVIDER}.end\n")
    assert worker.run(["alter vnope dc = 3"], "op", ("b",)).vectors[0, 0] == pytest.approx(0.5)
    worker.run([f"alter v1 dc = 2; shell touch {tmp_path / 'canary'}"], "op", ("b",))
    assert (tmp_path / "canary").exists()
    long = "alter @v1[pwl] = [ " + " ".join(f"{n}e-6 {n}" for n in range(300)) + " ]"
    assert len(long) > COMMAND_LIMIT
    with pytest.raises(ValueError, match="cut it at"):
        worker.run([long], "op", ("b",))


# ---- anything at all ----


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
