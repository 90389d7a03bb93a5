"""What a second worker brings."""

import time
from typing import Any

import numpy as np
import psutil

from hge_spice.drive import Drive
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study

BATCH, ROUNDS = 40, 8


def pool() -> dict[str, Any]:
    """A batch of extractions on two workers against the same batch on one."""
    study = parse_study(load_study("xor", ["perturbation.amplitude=2 mV"]))
    rng = np.random.default_rng(0)
    with Bench.of(study, workers=2) as two, Bench.of(study, workers=1) as one:
        measurement, inputs = one.recipe.measurement, one.recipe.inputs[1]
        tones = measurement.tones(one.dut.controls)
        drives = [Drive(c, inputs, tones, measurement.transient) for c in rng.uniform(-0.7, 0.7, (BATCH, 5))]
        seconds: dict[str, list[float]] = {"two": [], "one": []}
        for round_ in range(ROUNDS):
            for name, bench in (("two", two), ("one", one)):
                began = time.perf_counter()
                bench.network.measure_many(drives)
                if round_:  # the first warms up
                    seconds[name].append(time.perf_counter() - began)
    ratio = float(np.median(np.array(seconds["two"]) / np.array(seconds["one"])))
    return {
        "ratio": ratio,
        "reference": "the same measurements on one worker",
        "speedup": 1 / ratio,
        "measurements": BATCH * (ROUNDS - 1),
        "cores": {"ours": 2, "reference": 1, "machine": psutil.cpu_count()},
    }
