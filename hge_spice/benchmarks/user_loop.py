"""The loop that a competent PySpice user writes today: the reference of the `naive` benchmark, in a process of its own.

Circuit objects are rebuilt for every measurement, ngspice's options are left at their defaults, and results come
through PySpice's analysis objects. Two ways to a gradient: central finite differences over the controls, each from a
transient of the same window; or all tones at once, resampled to a uniform grid and multiplied with sine and cosine.
"""

import json
import logging
import sys
import time

import networkx as nx
import numpy as np

from hge_spice.drive import Floats, Tone
from hge_spice.netlist import build_circuit

DIFFERENCE = 2e-3  # V, the step of a finite difference: as small as the tone that it stands against
SAMPLES = 512  # points of a window for the lock-in: several per period of the highest product, a power of two


def main() -> None:
    """Read the task from standard input, descend, print seconds and gradients as JSON."""
    logging.disable(logging.CRITICAL)
    task = json.load(sys.stdin)
    graph = nx.node_link_graph(task["graph"], edges="edges")
    window, controls, inputs = task["window"], task["controls"], task["inputs"]

    def simulate(control: Floats, pattern: Floats, tones: dict[str, Tone], points: int) -> tuple[Floats, Floats]:
        values = dict(zip([*controls, *task["input_names"]], [*control, *pattern], strict=True))
        circuit = build_circuit(graph, values, tones)
        simulator = circuit.simulator(simulator="ngspice-shared")
        step = window / points
        analysis = simulator.transient(step_time=step, end_time=window, max_time=step)
        return np.array(analysis.time), np.array(analysis.branches[task["output"]])

    def mean(control: Floats, pattern: Floats) -> float:
        return float(np.mean(simulate(control, pattern, {}, task["points"])[1]))

    def finite_difference(control: Floats, pattern: Floats) -> Floats:
        shifts = DIFFERENCE * np.eye(len(control))
        return np.array([(mean(control + s, pattern) - mean(control - s, pattern)) / (2 * DIFFERENCE) for s in shifts])

    def lock_in(control: Floats, pattern: Floats) -> Floats:
        tones = {
            name: Tone(name, f, task["amplitude"], p)
            for name, f, p in zip(controls, task["frequencies"], task["phases"], strict=True)
        }
        time_points, output = simulate(control, pattern, tones, SAMPLES)
        uniform = np.arange(SAMPLES) * window / SAMPLES
        resampled = np.interp(uniform, time_points, output)
        references = [np.sin(2 * np.pi * t.frequency * uniform + t.phase) for t in tones.values()]
        return np.array([2 * np.mean(resampled * r) / task["amplitude"] for r in references])

    method = {"finite_difference": finite_difference, "lock_in": lock_in}[task["method"]]
    steps, began = [], 0.0
    for number, control in enumerate(np.array(task["path"])):
        if number == 1:
            began = time.perf_counter()  # the first step pays for imports and caches on either side
        steps.append([method(control, pattern).tolist() for pattern in np.array(inputs)])
        for pattern in np.array(inputs):
            mean(control, pattern)  # the read-out after the update
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began, "jacobians": steps}) + "\n")


if __name__ == "__main__":
    main()
