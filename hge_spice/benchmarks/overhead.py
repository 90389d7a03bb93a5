"""What an extraction costs beyond ngspice's own transient, and what it leaves behind."""

import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import psutil

from hge_spice.drive import Drive
from hge_spice.gradient import homodyne
from hge_spice.netlist import deck, transient_command
from hge_spice.ngspice.library import find_library
from hge_spice.study.bench import Bench
from hge_spice.study.files import load_study
from hge_spice.study.spec import parse_study

BLOCKS, BLOCK = 21, 10
EXTRACTIONS = 1000

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
    """One extraction (drive set, transient, vectors back, demodulated) against the same `tran` on a bare libngspice."""
    study = parse_study(load_study("xor", ["perturbation.amplitude=2 mV"]))
    rng = np.random.default_rng(0)
    with Bench.of(study) as bench:
        measurement, inputs = bench.recipe.measurement, bench.recipe.inputs[1:2]
        tones = measurement.tones(bench.dut.controls)
        drive = Drive(bench.control(), inputs[0], tones, measurement.transient)
        with _bare(deck(bench.dut.graph, drive), transient_command(measurement.transient)) as bare:
            ours, theirs = [], []
            for block in range(BLOCKS):
                # in blocks, since a training extracts back to back: taking turns singly would time cold caches
                controls = rng.uniform(-0.7, 0.7, (BLOCK, len(bench.dut.controls)))
                for control in controls:
                    pairs = zip(bench.dut.controls, control.tolist(), strict=True)
                    reference = _ask(bare, ";".join(f"alter vdc_{n} dc = {v!r}" for n, v in pairs))
                    theirs += [reference] if block else []  # the first block warms both sides up
                for control in controls:
                    began = time.perf_counter()
                    homodyne(bench.dut, control, inputs, measurement)
                    ours += [time.perf_counter() - began] if block else []
        growth = _growth(bench)
    return {
        "ratio": float(np.median(ours) / np.median(theirs)),
        "reference": "tran of the same deck on a bare libngspice through PySpice's binding, loaded once",
        "milliseconds": float(np.median(ours) * 1e3),
        "reference_milliseconds": float(np.median(theirs) * 1e3),
        "pairs": len(ours),
        "sites": study.device.sites,
        "points": measurement.plan.points,
        "cores": {"ours": 1, "reference": 1},
        **growth,
    }


def _growth(bench: Bench) -> dict[str, Any]:
    """Memory growth a call of worker and caller over EXTRACTIONS calls; time of the last hundred over the first."""
    rng = np.random.default_rng(1)
    measurement, inputs = bench.recipe.measurement, bench.recipe.inputs[1:2]
    worker, caller = psutil.Process(bench.dut.devices[0].worker.pid), psutil.Process()
    seconds = []
    before = (worker.memory_info().rss, caller.memory_info().rss)
    for _ in range(EXTRACTIONS):
        control = rng.uniform(-0.7, 0.7, len(bench.dut.controls))
        began = time.perf_counter()
        homodyne(bench.dut, control, inputs, measurement)
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
