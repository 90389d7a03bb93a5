"""The problem that every peer gets: a block's netlist, what is driven and read, tones, and the settings to visit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hge_spice.devices.names import terminal
from hge_spice.drive import Floats
from hge_spice.gradient import small_signal
from hge_spice.graph import Network
from hge_spice.netlist import build_circuit
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.study.bench.bench import Bench
from hge_spice.study.bench.network import build_graph
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study

AMPLITUDE = 0.5e-3  # V: its bias, of 3rd order, stays below 1e-4 of the gradient on all three circuits
SETTINGS = 4  # control settings visited; the first warms all sides up
LIBRARY = "device.lib"
NAME = "block"
OPTIONS = "abstol=1e-15 reltol=1e-6 vntol=1e-9 gmin=1e-12 itl1=500"  # of every side: the defaults drown nanoamperes
CIRCUITS = {"dopant": "xor", "diode": "xor_diode", "transistor": "xor_mosfet"}  # a shipped study each


@dataclass(frozen=True)
class Problem:
    """Text and numbers alone, so that it goes to another process as JSON.

    folder : where LIBRARY and study.toml are; pins : of the block, in order
    outputs : held at 0 V; what is read is the sum of the currents into them, each times its sign
    patterns : [pattern][input], V; window : s; frequencies : [control], Hz; amplitude : V
    """

    circuit: str
    folder: str
    pins: list[str]
    outputs: dict[str, int]
    inputs: list[str]
    controls: list[str]
    patterns: list[list[float]]
    window: float
    frequencies: list[float]
    amplitude: float


@dataclass(frozen=True)
class Visit:
    """Control settings [setting, control], V, and the true gradients there [setting, pattern, control], A/V."""

    controls: Floats
    truth: Floats


def library(graph: Network) -> str:
    """The network without its sources as a .subckt whose pins are its electrodes, with the options that it needs."""
    body = [line for line in str(build_circuit(graph)).splitlines() if not line.startswith((".title", "V"))]
    pins = [terminal(name) for name, data in graph.nodes(data=True) if data.get("kind") == "electrode"]
    return "\n".join([f".subckt {NAME} {' '.join(pins)}", *body, f".ends {NAME}", ""])


def pose(circuit: str, folder: Path) -> tuple[Problem, Visit]:
    """Write a circuit's files into the folder, and find the truth by `.ac` at the tones on the block as ngspice has it.

    Raises SimulationError where ngspice finds no operating point.
    """
    base = parse_study(load_study(CIRCUITS[circuit]))
    graph, named = build_graph(base), base.electrodes
    (folder / LIBRARY).write_text(library(graph), "utf-8")
    study = folder / "study.toml"
    study.write_text(_study(base.task.levels, named.outputs, named.inputs, named.controls), "utf-8")
    with Bench.of(parse_study(load_study(study))) as bench:
        measurement = bench.recipe.measurement
        problem = Problem(
            circuit,
            str(folder),
            [name for name, data in graph.nodes(data=True) if data.get("kind") == "electrode"],
            dict(zip(named.outputs, (1, -1), strict=False)),
            list(named.inputs),
            list(named.controls),
            bench.recipe.inputs.tolist(),
            measurement.plan.window,
            [float(f) for f in measurement.plan.frequencies],
            AMPLITUDE,
        )
        low, high = named.control_range
        controls = np.random.default_rng(0).uniform(low / 2, high / 2, (SETTINGS, len(problem.controls)))
        device = NgspiceDevice(bench.network.graph)
        with device:
            truth = [[e.jacobian for e in small_signal(device, c, bench.recipe.inputs, measurement)] for c in controls]
    return problem, Visit(controls, np.array(truth))


def _study(levels: Any, outputs: Any, inputs: Any, controls: Any) -> str:
    """Write what a user of this toolkit writes for a block of their own."""
    low, high = levels[0]
    lines = [
        f'device = {{ subcircuit = "{LIBRARY}", name = "{NAME}" }}',
        f'task = {{ name = "xor", levels = ["{low} V", "{high} V"] }}',
        f'perturbation = {{ amplitude = "{AMPLITUDE * 1e3} mV", window = "25 ms" }}',
        *(["readout = { differential = true }"] if len(outputs) > 1 else []),
        "[electrodes]",
        f"output = {list(outputs)}",
        f"inputs = {list(inputs)}",
        f"controls = {list(controls)}",
    ]
    return "\n".join([*lines, ""])


def relative_error(found: Floats, truth: Floats) -> float:
    """Largest error over a pattern's largest true derivative, of the worst pattern and setting."""
    return float((np.abs(found - truth).max(axis=-1) / np.abs(truth).max(axis=-1)).max())
