"""What an extraction costs beyond ngspice's own transient, and what it leaves behind."""

import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import psutil

from hge_spice.benchmarks.mesh import mesh
from hge_spice.drive import Drive, Floats
from hge_spice.gradient import Measurement, homodyne
from hge_spice.netlist import deck, transient_command
from hge_spice.ngspice.library import find_library
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.tones import plan_tones

BLOCKS, BLOCK = 21, 10
EXTRACTIONS = 1000
WARM = 2000  # before memory is counted: the worker's allocator fills a pool of 0.4 MB in some 1700 runs and then rests

# The reference: libngspice through PySpice's own binding, the deck loaded once, `tran` timed and nothing else.
# What it reads: a deck, then lines of commands to apply untimed; what it answers: seconds of one `tran`.
_BARE = """
import logging, os, sys, time
os.environ["NGSPICE_LIBRARY_PATH"] = sys.argv[1]
logging.disable(logging.CRITICAL)
from PySpice.Spice.NgSpice.Shared import NgSpiceShared, ffi
class Bare(NgSpiceShared):
    def exec_command(self, command, join_lines=True):
        self.clear_output()
        self._ngspice_shared.ngSpice_Command(command.encode())
        return self.stdout
with open(sys.argv[2]) as file:
    text = file.read()
bare = Bare()
bare.load_circuit(text)
for line in sys.stdin:
    for command in line.rstrip().split(";"):
        bare.exec_command(command)
    began = time.perf_counter()
    bare.exec_command(sys.argv[3])
    print(time.perf_counter() - began, flush=True)
    bare.exec_command("destroy all")
"""


def overhead() -> dict[str, Any]:
    """One extraction (drive set, transient, vectors back, demodulated) against the same `tran` on a bare libngspice.

    On the shipped device, on 20 sites with 64 points, and on a mesh of 300 nodes of diodes.
    """
    two_millivolts = "perturbation.amplitude=2 mV"
    study = parse_study(load_study("xor", [two_millivolts]))
    larger = parse_study(load_study("xor", [two_millivolts, "device.sites=20", "perturbation.points=64"]))
    with Bench.of(study) as bench:
        shipped = against_bare(bench.pool, bench.recipe.measurement, bench.recipe.inputs[1:2])
        growth = _growth(bench)
    with Bench.of(larger) as bench:
        twenty = against_bare(bench.pool, bench.recipe.measurement, bench.recipe.inputs[1:2])
    with NgspicePool(mesh(17)) as dut:
        plan = plan_tones(5, study.perturbation.window)
        large = against_bare(dut, Measurement(plan, np.full(5, 2e-3), np.arange(5.0)), np.zeros((1, 2)))
    return {
        "ratio": shipped["ratio"],
        "reference": "tran of the same deck on a bare libngspice through PySpice's binding, loaded once",
        "cores": {"ours": 1, "reference": 1},
        "cases": {"12 sites, 75 points": shipped, "20 sites, 64 points": twenty, "300 nodes": large},
        **growth,
    }


def against_bare(
    dut: NgspicePool, measurement: Measurement, inputs: Floats, seconds: float = np.inf
) -> dict[str, float]:
    """Median seconds of our extraction and of the bare transient, over the same control settings.

    seconds : of bare transients after which no further block is begun, but for the first two
    """
    rng = np.random.default_rng(0)
    tones = measurement.tones(dut.controls)
    drive = Drive(np.zeros(len(dut.controls)), inputs[0], tones, measurement.transient)
    ours: list[float] = []
    theirs: list[float] = []
    with _bare(deck(dut.graph, drive), transient_command(measurement.transient)) as bare:
        for block in range(BLOCKS):
            if block > 1 and sum(theirs) > seconds:
                break
            # in blocks, since a training extracts back to back: taking turns singly would time cold caches
            size = BLOCK if seconds == np.inf else max(1, min(BLOCK, int(seconds / 2 / np.median(theirs or [seconds]))))
            controls = rng.uniform(-0.7, 0.7, (size, len(dut.controls)))
            for control in controls:
                pairs = zip(dut.controls, control.tolist(), strict=True)
                reference = _ask(bare, ";".join(f"alter vdc_{n} dc = {v!r}" for n, v in pairs))
                theirs += [reference] if block else []  # the first block warms both sides up
            for control in controls:
                began = time.perf_counter()
                homodyne(dut, control, inputs, measurement)
                ours += [time.perf_counter() - began] if block else []
    return {
        "ratio": float(np.median(ours) / np.median(theirs)),
        "milliseconds": float(np.median(ours) * 1e3),
        "reference_milliseconds": float(np.median(theirs) * 1e3),
        "pairs": len(ours),
    }


def _growth(bench: Bench) -> dict[str, Any]:
    """Memory growth a call of worker and caller over EXTRACTIONS calls; time of the last hundred over the first."""
    rng = np.random.default_rng(1)
    measurement, inputs = bench.recipe.measurement, bench.recipe.inputs[1:2]
    worker, caller = psutil.Process(bench.pool.devices[0].worker.pid), psutil.Process()
    seconds = []
    for _ in range(WARM):
        homodyne(bench.network, rng.uniform(-0.7, 0.7, len(bench.network.controls)), inputs, measurement)
    before = (worker.memory_info().rss, caller.memory_info().rss)
    for _ in range(EXTRACTIONS):
        control = rng.uniform(-0.7, 0.7, len(bench.network.controls))
        began = time.perf_counter()
        homodyne(bench.network, control, inputs, measurement)
        seconds.append(time.perf_counter() - began)
    after = (worker.memory_info().rss, caller.memory_info().rss)
    return {
        "extractions": EXTRACTIONS,
        "worker_bytes_per_extraction": (after[0] - before[0]) / EXTRACTIONS,
        "caller_bytes_per_extraction": (after[1] - before[1]) / EXTRACTIONS,
        "last_hundred_over_first": float(np.median(seconds[-100:]) / np.median(seconds[:100])),
    }


class _bare:  # noqa: N801 - a context manager named like the function it replaces
    def __init__(self, text: str, command: str) -> None:
        self.text, self.command = text, command

    def __enter__(self) -> subprocess.Popen[str]:
        self.file = tempfile.NamedTemporaryFile("w", suffix=".cir")
        self.file.write(self.text)
        self.file.flush()
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter on the text above
            [sys.executable, "-c", _BARE, str(find_library()), self.file.name, self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.file.close()


def _ask(process: subprocess.Popen[str], commands: str) -> float:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the reference process has no pipes")
    process.stdin.write(commands + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())
