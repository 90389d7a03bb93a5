"""Device time to learn: the shipped training of the six gates against Adam at the best of five rates."""

from dataclasses import replace
from typing import Any

import numpy as np

from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study
from hge_spice.train import Recipe, train
from hge_spice.update import RULES

GATES = ("and", "nand", "or", "nor", "xor", "xnor")
RATES = (10e-3, 20e-3, 30e-3, 50e-3, 100e-3)  # V
STARTS = 10
STUDY = (
    'device.engine="quasistatic"',
    'perturbation.amplitude="30 mV"',
    'imperfections.readout_noise={psd="1e-5 nA^2/Hz", at="1 kHz"}',
)


def learning() -> dict[str, Any]:
    """Time of the device, not of this machine: noise injected, tones and read-outs simulated quasi-statically.

    A gate's figure is the device time of all single starts over the number solved; Adam descends the same loss from the
    same starts. `ratio` is the median over the gates; beside it Adam that jumps when it has stalled, as the shipped
    training does.
    """
    ours, plain, jumping = [], [], []
    for gate in GATES:
        with Bench.of(parse_study(load_study("xor", [*STUDY, f"task.name={gate}"]))) as bench:
            adam = replace(bench.recipe, rule=RULES["adam"], residuals=None)
            ours.append(_per_solution(bench, bench.recipe))
            plain.append([_per_solution(bench, replace(adam, rate=rate, patience=None)) for rate in RATES])
            jumping.append([_per_solution(bench, replace(adam, rate=rate)) for rate in RATES])
    best, best_jumping = np.min(plain, axis=1), np.min(jumping, axis=1)
    return {
        "ratio": float(np.median(np.array(ours) / best)),
        "reference": "Adam at the best of five rates for each gate, on the same loss from the same starts",
        "cores": 1,
        "seconds_per_solution": dict(zip(GATES, ours, strict=True)),
        "reference_seconds_per_solution": dict(zip(GATES, best.tolist(), strict=True)),
        "reference_rates": [RATES[k] for k in np.argmin(plain, axis=1)],
        "ratio_to_adam_with_jumps": float(np.median(np.array(ours) / best_jumping)),
        "starts": STARTS,
    }


def _per_solution(bench: Bench, recipe: Recipe) -> float:
    """Device time of all starts over the number solved, s; infinite where none is."""
    spent, solved = 0.0, 0
    training = bench.study.training
    for start in range(STARTS):
        for step in train(bench.dut, bench.control(start), recipe, training.steps, (training.seed, start)):
            spent += step.cost.simulated_seconds
            solved += step.margin.solved
    return spent / solved if solved else np.inf
