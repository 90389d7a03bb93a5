"""A training by this toolkit against the loop that a PySpice user would write today (user_loop.py)."""

import json
import os
import subprocess
import sys
import time
from typing import Any

import networkx as nx
import numpy as np

from hge_spice.drive import Floats
from hge_spice.gradient import homodyne, small_signal
from hge_spice.netlist import output_source
from hge_spice.ngspice.library import find_library
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.train import read_out, train

STEPS = 7
AMPLITUDE = "2 mV"


def naive() -> dict[str, Any]:
    """The XOR study's steps, one worker, against the same steps by finite differences and by a resampled lock-in.

    Both sides visit the same control settings, so that they do the same work and their gradients can be compared; the
    truth is small-signal. `ratio` is against finite differences.
    """
    study = parse_study(load_study("xor", [f"perturbation.amplitude={AMPLITUDE}", "training.rate=5 mV"]))
    with Bench.of(study) as bench:
        path = [bench.control(), *(s.control for s in train(bench.network, bench.control(), bench.recipe, STEPS))]
        ours, jacobians = _ours(bench, path)
        truth = np.array(
            [
                [t.jacobian for t in small_signal(bench.network, c, bench.recipe.inputs, bench.recipe.measurement)]
                for c in path
            ]
        )
        points = _operating_points(bench, path)
        references = {name: _reference(bench, path, name) for name in ("finite_difference", "lock_in")}
    against = {name: seconds for name, (seconds, _) in references.items()}
    return {
        "ratio": ours / against["finite_difference"],
        "reference": "PySpice objects rebuilt per measurement, default options, central differences from transients",
        "ratio_lock_in": ours / against["lock_in"],
        "ratio_operating_points": ours / points,
        "faster_than_finite_difference": against["finite_difference"] / ours,
        "faster_than_lock_in": against["lock_in"] / ours,
        "seconds": {"ours": ours, **against, "operating_points_on_the_loaded_circuit": points},
        "relative_error_max": {"ours": _error(jacobians, truth)}
        | {name: _error(found, truth) for name, (_, found) in references.items()},
        "steps": len(path) - 1,
        "cores": {"ours": 1, "reference": 1},
        "note": "finite differences by .op on the loaded circuit cost less where nothing is noisy and no pole matters; "
        "they say nothing of tones, windows, noise or lag",
    }


def _ours(bench: Bench, path: list[Floats]) -> tuple[float, Floats]:
    found, began = [], 0.0
    for number, control in enumerate(path):
        if number == 1:
            began = time.perf_counter()
        estimates = homodyne(bench.network, control, bench.recipe.inputs, bench.recipe.measurement)
        found.append([estimate.jacobian for estimate in estimates])
        read_out(bench.network, control, bench.recipe)
    return time.perf_counter() - began, np.array(found)


def _operating_points(bench: Bench, path: list[Floats]) -> float:
    """Seconds of the same steps by central differences of `.op` on our loaded circuit."""
    shifts = 2e-3 * np.eye(len(path[0]))
    began = time.perf_counter()
    for control in path[1:]:
        for inputs in bench.recipe.inputs:
            for shift in shifts:
                bench.network.operating_point(control + shift, inputs)
                bench.network.operating_point(control - shift, inputs)
            bench.network.operating_point(control, inputs)
    return time.perf_counter() - began


def _reference(bench: Bench, path: list[Floats], method: str) -> tuple[float, Floats]:
    measurement, dut = bench.recipe.measurement, bench.network
    task = {
        "method": method,
        "graph": nx.node_link_data(dut.graph, edges="edges"),
        "controls": dut.controls,
        "input_names": dut.inputs,
        "output": output_source(bench.study.electrodes.outputs[0]),
        "inputs": bench.recipe.inputs.tolist(),
        "window": measurement.plan.window,
        "points": measurement.plan.points,
        "amplitude": float(measurement.amplitude[0]),
        "frequencies": [float(f) for f in measurement.plan.frequencies],
        "phases": measurement.phase.tolist(),
        "path": [control.tolist() for control in path],
    }
    command = [sys.executable, "-W", "ignore", "-m", "hge_spice.benchmarks.user_loop"]
    environment = {**os.environ, "NGSPICE_LIBRARY_PATH": str(find_library())}
    done = subprocess.run(  # noqa: S603 - our own module
        command, input=json.dumps(task), capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"the reference loop failed:\n{done.stderr[-2000:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    return float(answer["seconds"]), np.array(answer["jacobians"])


def _error(found: Floats, truth: Floats) -> float:
    """Median over settings of the worst pattern's largest error over its largest derivative."""
    worst = (np.abs(found - truth).max(axis=2) / np.abs(truth).max(axis=2)).max(axis=1)
    return float(np.median(worst))
