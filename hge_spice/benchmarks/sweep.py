"""What a second process brings to a sweep, what the ledger and the scheduling cost, and how both grow with trials."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from hge_spice.benchmarks.closed_form import closed_form
from hge_spice.study.run.ledger import iterate_ledger
from hge_spice.study.run.plan import plan_study
from hge_spice.study.run.runner import run_study
from hge_spice.study.text.files import load_study

TRIALS, ROUNDS = 120, 1  # enough that the 2 s in which a process imports its libraries hardly count
SIZES = (10, 100, 1000, 10_000)
SMALL = ["training.steps=2", "training.starts=1", "perturbation.settle=0", "perturbation.amplitude=2 mV"]


def sweep() -> dict[str, Any]:
    """A sweep of small trainings in ngspice in two processes against the same in one."""
    settings = [*SMALL, f"sweep.training.seed={{ linspace = [0, {TRIALS - 1}, {TRIALS}] }}"]
    seconds: dict[int, list[float]] = {1: [], 2: []}
    idle = []
    for _ in range(ROUNDS):
        for jobs, taken in seconds.items():
            wall, worked = _run(settings, jobs)
            taken.append(wall)
            idle.append(1 - worked / (jobs * wall))
    ratio = float(np.median(np.array(seconds[2]) / np.array(seconds[1])))
    return {
        "ratio": ratio,
        "reference": "the same sweep in one process",
        "speedup": 1 / ratio,
        "trials_per_second": TRIALS / float(np.median(seconds[2])),
        "share_beside_trials": float(np.median(idle)),
        "trials": TRIALS * ROUNDS,
        "cores": {"ours": 2, "reference": 1, "machine": psutil.cpu_count()},
    }


def trials() -> dict[str, Any]:
    """A trial of 10 000 against one of 100, the device a closed form, so that nothing hides what a study costs.

    In processor time, which a busy machine doesn't stretch.
    """
    by_size = {}
    for size in SIZES:
        settings = ["training.steps=2", f"sweep.training.seed={{ linspace = [0, {size - 1}, {size}] }}"]
        by_size[size] = _cost(settings, size)
    return {
        "ratio": by_size[10_000]["milliseconds_a_trial"] / by_size[100]["milliseconds_a_trial"],
        "reference": "a trial of a study of 100",
        "by_size": by_size,
        "cores": {"ours": 1, "reference": 1, "machine": psutil.cpu_count()},
    }


def _cost(settings: list[str], size: int) -> dict[str, float]:
    raw = load_study("xor", settings)
    process = psutil.Process()
    before, began = process.memory_info().rss, time.process_time()
    planned = plan_study(raw)
    ready = time.process_time()
    with tempfile.TemporaryDirectory(prefix="hge-spice-bench-") as home:
        run_study(raw, Path(home), planned=planned, work=closed_form)
        ended, grown = time.process_time(), process.memory_info().rss - before
        worked = sum(row["result"]["cpu_seconds"] for row in iterate_ledger(Path(home)))
        stored = (Path(home) / "ledger.sqlite").stat().st_size
    return {
        "milliseconds_a_trial": 1e3 * (ended - began) / size,
        "of_them_in_the_trial": 1e3 * worked / size,
        "of_them_planning": 1e3 * (ready - began) / size,
        "kilobytes_of_memory_a_trial": grown / 1e3 / size,
        "kilobytes_of_ledger_a_trial": stored / 1e3 / size,
    }


def _run(settings: list[str], jobs: int) -> tuple[float, float]:
    """Seconds in all, and in the trials."""
    raw = load_study("xor", settings)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="hge-spice-bench-") as home:
        run_study(raw, Path(home), jobs=jobs)
        wall = time.perf_counter() - began
        return wall, sum(row["seconds"] for row in iterate_ledger(Path(home)))
