"""The .lib files that ship are what the code makes, and are the elements of the networks."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq
from test_memristors import LOOPS, measured

from hge_spice.devices import DEVICES, ELEMENTS
from hge_spice.devices.library import PREFIX, RESERVED, subcircuit
from hge_spice.graph import assign_roles
from hge_spice.netlist import deck
from hge_spice.ngspice.lint import lint
from hge_spice.ngspice.worker import Worker

# what ngspice, LTspice and Xyce all list
FUNCTIONS = frozenset({"abs", "cosh", "exp", "ln", "max", "min", "sgn", "sinh", "sqrt", "tanh"})
NETLISTS = Path(__file__).parent.parent / "netlists"
SHIPPED = sorted(set(ELEMENTS) - {"resistor"})


def bench(family: str, source: str, **parameters: float) -> str:
    element = ELEMENTS[family]
    states = " ".join(f"s{k}" for k in range(len(element.states)))
    gate = "g " if element.gated else ""
    given = " ".join(f"{name}={value!r}" for name, value in parameters.items())
    lines = [f"bench\n{subcircuit(element)}v1 a 0 {source}"]
    lines += ["vg g 0 1.4\nrg g 0 1"] if element.gated else []
    lines += [f"x1 a 0 {gate}{states} {PREFIX}{family} {given}", ".save all"]
    return "\n".join([*lines, ".options abstol=1e-15 reltol=1e-6 vntol=1e-9 gmin=1e-18", ".end", ""])


def test_the_files_are_what_the_code_makes_today() -> None:
    """`hge-spice subckt NAME --output netlists/hge_NAME.lib` makes one anew."""
    assert {path.stem for path in NETLISTS.glob("*.lib")} == {f"{PREFIX}{name}" for name in SHIPPED}
    for family in SHIPPED:
        assert (NETLISTS / f"{PREFIX}{family}.lib").read_text() == subcircuit(ELEMENTS[family])


NUMBER = r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?![\w.])"
NODES = r"V\((?:inner|plus|minus|gate|s_\w+)(?:,minus)?\)"
CARDS = "|".join(
    (
        r"\.subckt hge_\w+( \w+)+",
        rf"\+ (params: )?\w+=-?{NUMBER}",
        r"\.param \w+=\{[^{}]+\}",
        r"B\w+ \w+ \w+ I=\{[^{}]+\}",
        r"C\w+ \w+ \w+ (\{capacitance\}|1)",
        r"Vsense plus sense 0",
        r"Hseries sense inner Vsense \{series_resistance\}",
        r"\.ends hge_\w+",
    )
)


def syntax_faults(text: str) -> list[str]:
    """What in a .lib is not in the manuals of all three tools it is for; only ngspice can be run here.

    LTspice: its help on the B and H devices and on .param (operators, among which ^ is XOR). Xyce: Reference Guide, on
    .SUBCKT, the B device (braces required) and the tables of operators and arithmetic functions. ngspice: its manual,
    on B sources and parametric netlists.
    """
    faults = [] if text.isascii() and "\t" not in text else ["not plain ASCII"]
    faults += [] if text.count("params:") == 1 else ["params: belongs before the first parameter, once"]
    faults += [ln for ln in text.splitlines() if not (ln.startswith("*") or re.fullmatch(CARDS, ln))]
    known = set(re.findall(r"^(?:\.param |\+ (?:params: )?)(\w+)=", text, re.MULTILINE))
    faults += [f"{name} means something else" for name in sorted(known & RESERVED)]
    for body in re.findall(r"\{([^{}]+)\}", text):
        left = re.sub(NUMBER, " ", re.sub(NODES, " ", body))
        words = re.findall(r"([A-Za-z_]\w*)(\(?)", left)
        faults += [f"{name} is no function of all three" for name, call in words if call and name not in FUNCTIONS]
        faults += [f"{name} is no parameter" for name, call in words if not call and name not in known | {"time"}]
        faults += [f"operator {each}" for each in re.sub(r"\*\*|[-+*/(),]|[A-Za-z_]\w*", " ", left).split()]
        faults += ["parentheses that don't match"] if body.count("(") != body.count(")") else []
    return faults


def test_the_files_keep_to_what_three_tools_document() -> None:
    for family in SHIPPED:
        assert syntax_faults(subcircuit(ELEMENTS[family])) == [], family
    text = subcircuit(ELEMENTS["yakopcic"])
    for change, fault in (
        (("min(time", "limit(time"), "limit is no function of all three"),
        (("sinh(b*", "u(b*"), "u is no function of all three"),
        (("eta*(", "eta^("), "operator ^"),
        (("eta*(", "gain*("), "gain is no parameter"),
        (("eta", "vt"), "vt means something else"),
        (("I={", "I="), "Bcurrent inner minus I=max"),
        (("Hseries", "Rseries"), "Rseries sense inner"),
    ):
        assert any(found.startswith(fault) for found in syntax_faults(text.replace(*change))), fault


def test_small_signal_analysis_sees_the_series_resistance() -> None:
    """To LTspice a current in a B source is a constant in `.ac`; the source that follows it here is linear."""
    worker = Worker()
    try:
        worker.load(bench("sinh", "0.1 ac 1", series_resistance=2e7))
        found = -worker.run([], "ac lin 1 1 1", ("v1#branch",)).vectors[0]
    finally:
        worker.close()
    element = ELEMENTS["sinh"]
    values = element.values({"series_resistance": 2e7})
    function, constants = element.compiled_current(), [values[name] for name in element.symbols]
    v = brentq(lambda x: 0.1 - x - 2e7 * float(function(x, *constants)[0]), 0, 0.1, xtol=1e-15)
    slope = float(function(v, *constants)[1])
    assert np.real(found[0]) == pytest.approx(slope / (1 + 2e7 * slope), rel=1e-6)
    assert slope * 2e7 > 0.1


def test_at_rest_they_are_the_elements() -> None:
    """Other temperatures, series resistances and initial states than the default, at several voltages."""
    worker = Worker()
    try:
        for family in SHIPPED:
            element = ELEMENTS[family]
            given = {"temperature": 310.0, "series_resistance": 50.0}
            given |= {s.initial: float(np.mean(s.bounds(element.values()))) for s in element.states.values() if s.held}
            assert [f for f in lint(bench(family, "0.1", **given)) if f.fatal] == []
            graph = DEVICES[family].build(**given)
            controls = ("e1", "e2") if element.gated else ("e1",)
            network = deck(assign_roles(graph, output="e0", inputs=(), controls=controls))
            for voltage in (-0.2, 0.05, 0.6):
                worker.load(bench(family, repr(voltage), **given))
                alone = -worker.run([], "op", ("v1#branch",)).vectors[0, 0]
                worker.load(network)
                gate = ["alter vdc_e2 dc = 1.4"] if element.gated else []
                run = worker.run([f"alter vdc_e1 dc = {voltage}", *gate], "op", ("vout_e0#branch",))
                # the native diode has gmin across it: 1e-18 S
                assert alone == pytest.approx(run.vectors[0, 0], rel=2e-6, abs=1e-18), (family, voltage)
    finally:
        worker.close()


@pytest.mark.parametrize("family", ["hp_biolek", "yakopcic", "pershin"])
def test_in_time_they_are_the_elements(family: str) -> None:
    loop, waveform = LOOPS[family], measured(family)
    worker = Worker()
    try:
        worker.load(bench(family, f"sin(0 {loop.amplitude} {loop.frequency})", **loop.parameters))
        step = 2 / loop.frequency / loop.points
        run = worker.run([], f"tran {step!r} {2 / loop.frequency!r} 0 {step!r}", ("v1#branch",))
    finally:
        worker.close()
    alone = np.interp(waveform.time, run.scale, -run.vectors[0])
    assert np.abs(alone - waveform.output).max() < 1e-3 * np.abs(waveform.output).max()
