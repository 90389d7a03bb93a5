"""A block of the user's own in the decks for Xyce and Spectre: what passes, what becomes another word, what is refused.

Neither simulator is to be had from a package, so the decks are read back into SPICE by a small reader here and run
by ngspice: what they measure must be `.ac`'s.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from test_dialects import NUMBER, measured

from hge_spice.devices import ELEMENTS
from hge_spice.devices.library import subcircuit
from hge_spice.devices.subcircuit import block
from hge_spice.dialects import DIALECTS
from hge_spice.drive import Drive, Floats
from hge_spice.gradient import small_signal
from hge_spice.gradient.estimate import Measurement
from hge_spice.graph import Network, assign_roles
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.worker import Worker
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.tones import plan_tones

CELL = """A cell
.param gain=0.5m
.subckt cell a b wa vdd out
.param r0={20k*5^1} half='gain*2'
xm1 a wa sum 0 wrapped L=10 W=3 nf=1 ad='W/nf * 0.3' m=1
r1 b sum 200k
r2 sum y r0
d1 sum y bent
d2 y sum bent
x1 mid sum y opamp g={half}
r3 y far r0
l1 far out 1n
r4 vdd mid r={r0} tc1=1m
r5 mid 0 100k
q1 vdd mid foot npnlike 2
j1 vdd foot foot jf
r6 foot 0 1meg
c1 mid 0 10p
i1 0 mid dc 10n
.model bent d is=1f cjo=20f
.model npnlike npn(is=1e-16 bf=80)
.model jf njf (beta=1u vto=-0.2)
.nodeset v(sum)=0.9
.ends
.subckt wrapped d g s b l=1 w=1 nf=1 ad=0
m1 d g s b weight l={l*1u} w={w*1u} ad={ad*1p}
.model weight nmos level=1 vto=0.2 kp=50u
.ends
.subckt opamp plus minus out g=1u
g1 0 y plus minus {g}
r1 y 0 100meg
c1 y 0 159p
e1 o 0 y 0 1
v1 o out 0
.ends
.options gmin=1e-13
"""
MEMORY = """A cell with a memristor
.include hge_yakopcic.lib
.subckt cell a b wa vdd out
r1 a x 20k
r4 b x 20k
r2 wa x 20k
x1 x out s hge_yakopcic x0=0.3
r3 vdd x 100k
.ends
"""
STUDY = """
[device]
subcircuit = "cell.cir"
name = "cell"
[electrodes]
inputs = ["a", "b"]
controls = ["wa"]
control_range = ["0.8 V", "1.8 V"]
output = "out"
output_voltage = "0.9 V"
[bias]
vdd = "1.8 V"
[probe]
nodes = ["x1.x1.y", "v.x1.x1.v1#branch", "@m.x1.xm1.m1[id]"]
[task]
name = "and"
levels = ["0.9 V", "1.2 V"]
[perturbation]
amplitude = "2 mV"
window = "25 ms"
"""


def opened(folder: Path, text: str) -> Bench:
    (folder / "cell.cir").write_text(text)
    (folder / "hge_yakopcic.lib").write_text(subcircuit(ELEMENTS["yakopcic"]))
    (folder / "s.toml").write_text(STUDY if "opamp" in text else re.sub(r"\[probe\]\n.*\n", "", STUDY))
    return Bench.of(parse_study(load_study(folder / "s.toml")))


def built(statement: str) -> tuple[Network, Drive]:
    """A block that has this statement in it, for what is written without being run."""
    text = f".subckt cell a b out\nr1 a out 1k\nv0 x 0 1\nrx x b 1k\n{statement}\n.model mod nmos\n.ends"
    graph = assign_roles(
        block(text=text, name="cell", pins=("a", "b", "out")), output="out", inputs=("b",), controls=("a",)
    )
    how = Measurement(plan_tones(1, window=25e-3), amplitude=np.full(1, 1e-3), phase=np.zeros(1))
    return graph, Drive(np.array([0.1]), np.array([0.2]), how.tones(("a",)), how.transient)


def run(cards: list[str], step: str, stop: str) -> tuple[Floats, Floats]:
    """Time and the output's current on ngspice."""
    worker = Worker()
    try:
        options = ".options reltol=1e-6 abstol=1e-15 vntol=1e-9"
        worker.load("\n".join(["read back", *cards, options, ".save i(vout_out)", ".end", ""]))
        found = worker.run([], f"tran {step} {stop} 0 {step}", ("vout_out#branch",))
    finally:
        worker.close()
    return found.scale, found.vectors[0]


def of_spectre(text: str) -> list[str]:
    """A netlist for Spectre as SPICE cards: what stands as SPICE, its own sources and calls, modules as `.subckt`s."""
    cards, spice = [], False
    for line in text.splitlines():
        if line.startswith("simulator lang="):
            spice = line.endswith("spice")
        elif spice:
            cards.append(line)
        elif found := re.fullmatch(r'ahdl_include "hge_(\w+)\.va"', line):
            cards += subcircuit(ELEMENTS[found[1]]).splitlines() if found[1] in ELEMENTS else []
        elif found := re.fullmatch(r"(\w+) \((\w+ \w+)\) vsource dc=(\S+)", line):
            cards.append(f"{found[1]} {found[2]} dc {found[3]}")
        elif line.startswith("v"):
            name, given = line.split()[0], dict(re.findall(r"(\w+)=(\S+)", line))
            nodes = re.findall(r"\((.*)\)", line)[0]
            cards.append(f"{name} {nodes} sin(0 {given['ampl']} {given['freq']} 0 0 {given['sinephase']})")
        elif found := re.fullmatch(r"(x1) \((.+)\) (.+)", line):
            cards.append(f"{found[1]} {found[2]} {found[3]}")
        else:
            assert re.match(r"//|hread|lockin_|simulatorOptions |extraction tran |save ", line), line
    return cards


@pytest.mark.parametrize("text", [CELL, MEMORY], ids=["transistors", "a memristor"])
def test_what_either_deck_measures_is_the_truth(text: str, tmp_path: Path) -> None:
    with opened(tmp_path, text) as bench:
        drive, graph = bench.drives()[0], bench.network.graph
        with NgspiceDevice(graph) as dut:
            how = bench.recipe.measurement
            (exact,) = small_signal(dut, drive.control, drive.inputs[None], how)[0].jacobian
        xyce, spectre = (DIALECTS[name](graph, drive) for name in ("xyce", "spectre"))
    cards = [line for line in xyce.splitlines() if not line.startswith((".OPT", ".TRAN", ".PRINT", ".MEAS", ".END"))]
    ((step, stop),) = re.findall(rf"^\.TRAN ({NUMBER}) ({NUMBER}) 0", xyce, re.MULTILINE)
    found = measured(xyce, *run(cards, step, stop))
    assert found["derivative_wa"] == pytest.approx(exact, rel=1e-3)
    ((stop, step),) = re.findall(rf"stop=({NUMBER}) .*maxstep=({NUMBER})", spectre)
    time, current = run(of_spectre(spectre), step, stop)
    lockin = {key: float(value) for key, value in re.findall(r"(\w+)=(\S+)", re.findall(r"lockin_wa.*", spectre)[0])}
    wave = np.sin(2 * np.pi * lockin["frequency"] * time + lockin["phase"]) / lockin["amplitude"]
    assert 2 * np.trapezoid(current * wave, time) / time[-1] == pytest.approx(exact, rel=1e-3)


def test_each_language_has_its_own_words(tmp_path: Path) -> None:
    with opened(tmp_path, CELL) as bench:
        xyce, spectre = (DIALECTS[name](bench.network.graph, bench.drives()[0]) for name in ("xyce", "spectre"))
    assert "xm1 a wa sum 0 wrapped PARAMS: l=10 w=3 nf=1 ad={(3)/(1) * 0.3}" in xyce  # W and nf are the call's own
    assert "xm1 a wa sum 0 wrapped l=10 w=3 nf=1 ad='(3)/(1) * 0.3' m=1" in spectre
    assert ".param r0={20k*5**1} half={gain*2}" in xyce
    assert ".param r0='20k*5**1' half='gain*2'" in spectre
    assert ".PRINT TRAN FORMAT=CSV I(vout_out) V(x1:x1:y) I(x1:x1:v1)" in xyce
    assert "save vout_out:p x1.x1.y x1.x1.v1:p x_wa y_wa" in spectre
    for text in (xyce, spectre):
        assert "left out, a hint to ngspice's operating point: cell.cir:23: .nodeset v(sum)=0.9" in text
        assert "left out, a setting of ngspice's solver: cell.cir:36: .options gmin=1e-13" in text
        assert "left out, a name of ngspice's: @m.x1.xm1.m1[id]" in text


@pytest.mark.parametrize(
    ("statement", "xyce", "spectre"),
    [
        ("m1 a b out 0 mod w=1u delvto=1m", None, "parameter delvto"),
        (".model n49 nmos level=49 vth0=0.4", "level=9 ", "level=49 "),
        (".model n8 nmos level=8 version=3.3", "level=9 ", "level=49 "),
        (".model n14 nmos (level=14.0 vth0={0.4*2})", "level=14 vth0={0.4*2}", "level=54 vth0='0.4*2'"),
        (".model n9 nmos level=9", "level 9 of ngspice", "level 9 of ngspice"),
        (".model d3 d level=3", "level 3 of ngspice", "level 3 of ngspice"),
        (".model rm r rsh=10", "rm r (rsh=10)", "a model of a kind"),
        (".model n1 nmos nlev=2", "parameter nlev isn't one", "nlev=2"),
        (".model s sw vt=1", "a model of a kind", "a model of a kind"),
        ("b1 x 0 v={v(a)^2*tanh(v(b))}", "v={v(a)**2*tanh(v(b))}", "a B source"),
        ("b1 x 0 i=uramp(v(a))", "uramp(…) isn't known", "a B source"),
        ("b1 x 0 i=temper*v(a)", "more than sums", "a B source"),
        ("e1 x 0 a 0 2", "e1 x 0 a 0 2", "e1 x 0 a 0 2"),
        ("e1 x 0 vol='v(a)*v(b)'", "value={v(a)*v(b)}", "not linear"),
        ("e1 x 0 poly(1) a 0 1 2", "not linear", "not linear"),
        ("r1 x 0 r='1k*v(a)'", "follows a voltage", "follows a voltage"),
        ("r1 x 0 1k noisy=0", "parameter noisy", "parameter noisy"),
        ("v1 x 0 sin(0 1 1k)", "v1 x 0 sin(0 1 1k)", "v1 x 0 sin(0 1 1k)"),
        ("v1 x 0 trnoise(1m 1u 0 0)", "neither constant nor", "neither constant nor"),
        ("v1 x 0 1 ac 1", "dc 1 ac 1", "dc 1 ac 1"),
        ("a1 x a mod", "a code model", "a code model"),
        ("s1 x a b 0 mod", "jumps in ngspice", "jumps in ngspice"),
        (".ic v(x)=1", "an initial condition", "an initial condition"),
        (".func f(x) {x*2}", "function of the netlist's own", "function of the netlist's own"),
        (".options scale=1u", "in metres", "in metres"),
        ("d1 a b mod off", "a hint to ngspice's", "a hint to ngspice's"),
        ("x1 a b cell2 m=2", "m=2 of a call", "m=2"),
        (".param k={nint(2.5)}", "nint(…) isn't known", "nint(…) isn't known"),
        (".param k=2 * 3", "no name=value", "no name=value"),
    ],
)
def test_each_statement_is_known_or_refused_by_its_line(statement: str, xyce: str | None, spectre: str) -> None:
    graph, drive = built(statement)
    for name, expected in (("xyce", xyce), ("spectre", spectre)):
        if expected is None:
            assert statement in DIALECTS[name](graph, drive)
            continue
        try:
            text = DIALECTS[name](graph, drive)
        except ValueError as error:
            text = str(error)
            assert re.match("line 5 of cell: .* can't be handed to", text)
        assert expected in text


def test_a_line_of_a_file_is_named_by_it(tmp_path: Path) -> None:
    with opened(tmp_path, CELL.replace("i1 0 mid dc 10n", "b1 0 sum i={1u*v(a)}")) as bench:
        with pytest.raises(ValueError, match=r"cell\.cir:19: a B source.*can't be handed to Spectre"):
            DIALECTS["spectre"](bench.network.graph, bench.drives()[0])
        assert "b1 0 sum i={1u*v(a)}" in DIALECTS["xyce"](bench.network.graph, bench.drives()[0])
