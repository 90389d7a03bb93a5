"""What a table on every electrode adds to a long transient."""

import time
from dataclasses import replace
from typing import Any

import numpy as np

from hge_spice.drive import Drive, Tables
from hge_spice.gradient import Measurement
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.study.bench.network import build_graph
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.tones import plan_tones

POINTS, ROUNDS = 2000, 15


def tables() -> dict[str, Any]:
    """A transient of 2000 points with a table on each of 8 electrodes against the same one without.

    New values every time, so that writing, reading and loading again are counted; `kept` is the same with old values.
    """
    study = parse_study(load_study("xor"))
    graph = build_graph(study)
    rng = np.random.default_rng(0)
    with NgspiceDevice(graph) as dut:
        plan = plan_tones(len(dut.controls), study.perturbation.window, points=POINTS)
        names = (*dut.controls, *dut.inputs, *study.electrodes.outputs)
        measurement = Measurement(plan, np.full(5, 2e-3), rng.uniform(0, 6, 5))
        tones, transient = measurement.tones(dut.controls), measurement.transient
        inputs = np.array([-0.3, 0.3])
        seconds: dict[str, list[float]] = {"plain": [], "new": [], "kept": []}
        for round_ in range(ROUNDS + 1):
            control = rng.uniform(-0.5, 0.5, len(dut.controls))
            values = rng.normal(0, 1e-4, (len(names), POINTS + 1))
            values[-1] *= 1e-6  # the output's are A
            drive = Drive(control, inputs, tones, transient)
            tabled = replace(drive, tables=Tables(names, values, transient.step, held=True))
            for name, asked in (("plain", drive), ("new", tabled), ("kept", tabled)):
                began = time.perf_counter()
                dut.measure(asked)
                if round_:  # the first starts processes
                    seconds[name].append(time.perf_counter() - began)
    plain, new, kept = (np.array(seconds[name]) for name in ("plain", "new", "kept"))
    return {
        "ratio": float(np.median(new / plain)),
        "reference": "the same transient without tables",
        "kept": float(np.median(kept / plain)),
        "milliseconds": float(np.median(new) * 1e3),
        "reference_milliseconds": float(np.median(plain) * 1e3),
        "points": POINTS,
        "electrodes": len(names),
        "cores": {"ours": 1, "reference": 1},
    }
