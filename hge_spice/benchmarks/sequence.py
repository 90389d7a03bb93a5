"""What an extraction costs when its patterns are played in one transient, against one transient per pattern."""

import time
from typing import Any

import numpy as np

from hge_spice.gradient import Estimate, homodyne
from hge_spice.in_one_transient import InOneTransient
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study

ROUNDS = 30
RAMP = 15e-3  # s


def sequence() -> dict[str, Any]:
    """The four patterns of XOR, homodyne, in one transient with ramps.

    apart : median over extractions of the largest difference of a derivative, as a share of its pattern's largest
    of_bars : largest difference of any derivative, over the sum of both 95 % bars: below one they agree
    simulated_ratio : device time, ramps included; loading the levels falls to the first extraction
    """
    with Bench.of(parse_study(load_study("xor", ["perturbation.amplitude=2 mV"]))) as bench:
        measurement, inputs = bench.recipe.measurement, bench.recipe.inputs
        rng = np.random.default_rng(0)
        together = InOneTransient(bench.network, RAMP)
        ways = {"one": together, "four": bench.network}
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        apart: list[float] = []
        of_bars: list[float] = []
        for round_ in range(ROUNDS + 1):
            control = rng.uniform(-0.7, 0.7, len(bench.dut.controls))
            found: dict[str, tuple[Estimate, ...]] = {}
            for name, dut in ways.items():
                began = time.perf_counter()
                found[name] = homodyne(dut, control, inputs, measurement)
                if round_:  # the first loads
                    seconds[name].append(time.perf_counter() - began)
            for one, four in zip(found["one"], found["four"], strict=True):
                difference = np.abs(one.jacobian - four.jacobian)
                apart.append(float(difference.max() / np.abs(four.jacobian).max()))
                of_bars.append(float((difference / (one.bar + four.bar)).max()))
        simulated = [sum(e.simulated_seconds for e in found[name]) for name in ways]
    ratios = np.array(seconds["one"]) / np.array(seconds["four"])
    return {
        "ratio": float(np.median(ratios)),
        "ratio_range": [float(v) for v in np.quantile(ratios, [0.1, 0.9])],
        "reference": "the same extraction, one transient per pattern",
        "simulated_ratio": simulated[0] / simulated[1],
        "apart": float(np.median(apart)),
        "of_bars": max(of_bars),
        "extractions": ROUNDS,
        "seconds": {name: float(np.median(values)) for name, values in seconds.items()},
        "cores": {"ours": 1, "reference": 1},
    }
