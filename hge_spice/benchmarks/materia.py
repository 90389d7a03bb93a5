"""A learning circuit on its clock against the same circuit as one first draws it."""

import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from hge_spice.gradient import small_signal
from hge_spice.materia import Circuit, Schedule, learning_deck, read_trajectory
from hge_spice.materia.sequencer import DETECT, FIRST_EPOCH, SAMPLE, SWITCH, TRANSFER, UPDATE
from hge_spice.ngspice.batch import run_batch
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.study.trial.circuit import build_circuit

EPOCHS, ROUNDS = 1, 2
PER_PERIOD = 30  # points in a period of the highest tone
EDGE = 1e-6  # s, of a pulse


def materia() -> dict[str, Any]:
    """An epoch of xor_in_circuit on the clock, its gates functions of time, against PULSE gates and adaptive steps."""
    study = parse_study(load_study("xor_in_circuit", []))
    with Bench.of(study) as bench, tempfile.TemporaryDirectory(prefix="hge-spice-bench-") as home:
        graph, circuit = bench.network.graph, build_circuit(bench, 0)
        ours = learning_deck(graph, circuit, EPOCHS)
        decks = {"ours": ours, "reference": first_drawn(ours, circuit)}
        truth = small_signal(bench.dut, circuit.control, circuit.inputs, bench.recipe.measurement)
        exact = np.array([each.jacobian for each in truth])
        seconds: dict[str, list[float]] = {name: [] for name in decks}
        points, errors = {}, {}
        for _ in range(ROUNDS):
            for name, text in decks.items():
                began = time.perf_counter()
                vectors = run_batch(text, Path(home, f"{name}.cir"), 600)
                seconds[name].append(time.perf_counter() - began)
                points[name] = len(vectors["time"])
                found = read_trajectory(circuit, vectors, EPOCHS).jacobian[0]
                errors[name] = float((np.abs(found - exact).max(axis=1) / np.abs(exact).max(axis=1)).max())
    simulated = circuit.schedule.duration(EPOCHS)
    ratio = float(np.median(np.array(seconds["ours"]) / np.array(seconds["reference"])))
    return {
        "ratio": ratio,
        "reference": "the same circuit with PULSE gates and the solver's own steps, 30 or more in a period",
        "speedup": 1 / ratio,
        "seconds_per_simulated_second": {name: float(np.median(s)) / simulated for name, s in seconds.items()},
        "points": points,
        "lockin_error_max": errors,
        "cores": {"ours": 1, "reference": 1, "machine": psutil.cpu_count()},
    }


def first_drawn(deck: str, circuit: Circuit) -> str:
    """The deck with PULSE sources for its gates, default control of truncation errors, and steps for the tones."""
    schedule = circuit.schedule
    pulses = _pulses(schedule)
    lines = []
    for line in deck.splitlines():
        gate = re.match(r"B(g[wstrepu]|sel\d+) ", line)
        if gate:
            lines.append(f"V{gate[1]} {gate[1]} 0 {pulses[gate[1]]}")
        elif line.startswith(".tran"):
            step = 1 / (PER_PERIOD * max(tone.frequency for tone in circuit.tones))
            lines.append(f".tran {step!r} {line.split()[2]} 0 {step!r}")
        else:
            lines.append(re.sub(r" trtol=\S+", "", line))
    return "\n".join([*lines, ""])


def _pulses(schedule: Schedule) -> dict[str, str]:
    end, slot, epoch = schedule.begin + schedule.points, schedule.slot, schedule.epoch

    def pulse(first: int, last: int, period: float, later: float = 0.0) -> str:
        delay, width = schedule.start + first * schedule.step + later, (last - first) * schedule.step - EDGE
        return f"PULSE(0 1 {delay!r} {EDGE!r} {EDGE!r} {width!r} {period!r})"

    slots = {p: pulse(0, schedule.slot_steps, epoch, p * slot) for p in range(schedule.patterns)}
    return {f"sel{p}": text for p, text in slots.items()} | {
        "gw": pulse(schedule.begin, end, slot),
        "gs": pulse(end, end + SAMPLE, slot),
        "gt": pulse(end + SAMPLE, end + SAMPLE + TRANSFER, slot, FIRST_EPOCH * epoch),
        "gr": pulse(0, SWITCH, slot),
        "ge": pulse(end, end + SAMPLE, epoch),
        "gp": pulse(0, DETECT, epoch),
        "gu": pulse(DETECT, DETECT + UPDATE, epoch, (FIRST_EPOCH + 1) * epoch),
    }
