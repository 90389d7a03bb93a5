"""Each verdict of the lint is held against what the ngspice of this machine does with the same text."""

import re
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import pytest

from hge_spice.drive import SimulationError
from hge_spice.netlist import deck
from hge_spice.ngspice.lint import NetlistError, lint, read_netlist
from hge_spice.ngspice.session import COMMAND_LIMIT
from hge_spice.ngspice.worker import Worker

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
