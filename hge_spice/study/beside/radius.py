"""What a trained network answers to the patterns kept apart, over their distance from the middle of the features."""

from typing import Any

import numpy as np

from hge_spice.drive import Floats
from hge_spice.linear import Decision
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.generalise import Judged
from hge_spice.study.judge.statistics import wilson
from hge_spice.train import outputs_of

SHELLS, FEWEST = 12, 10  # shells, and patterns in one


def over_radius(bench: Bench, best: Judged) -> dict[str, Any]:
    """Answers and threshold for `plot.data.answers_over_radius`; nothing for a task that has no inside and outside.

    best : the setting that was kept; the read-out and its threshold are learned from the training patterns

    `answer` is the output's current or voltage, `unit` says which; of several outputs the read-out's score, without a
    unit. `shells` of equally many patterns have the share of right answers and Wilson's 95 % interval.
    Raises SimulationError where the device gives no result.
    """
    task = bench.task
    if task.border is None:
        return {}
    outputs, _ = outputs_of(bench.dut, best.control, task.test_inputs(bench.study.task.levels), bench.recipe)
    decision = Decision.learned(best.outputs, task.classes, task.wanted, bench.recipe.target.noise)
    answer, threshold, unit = decision.readout.scores(outputs)[:, 0], decision.threshold, ""
    if outputs.ndim == 1 and decision.readout.weights.all():
        weight, offset = float(decision.readout.weights[0, 0]), float(decision.readout.offset[0])
        answer, threshold, unit = outputs, (threshold - offset) / weight, bench.unit
    radius, decided = np.linalg.norm(task.test_bits - 0.5, axis=1), decision.decided(outputs)
    return {
        "radius": radius.tolist(),
        "answer": answer.tolist(),
        "classes": task.test_classes.tolist(),
        "decided": decided.tolist(),
        "shells": _shells(radius, decided == task.test_classes),
        "labels": list(task.labels),
        "border": task.border,
        "threshold": threshold,
        "unit": unit,
    }


def _shells(radius: Floats, right: np.ndarray) -> list[dict[str, float]]:
    order = np.argsort(radius)
    found = []
    for own in np.array_split(order, max(1, min(SHELLS, len(order) // FEWEST))):
        count = int(right[own].sum())
        low, high = wilson(count, len(own))
        ends = {"from": float(radius[own].min()), "to": float(radius[own].max())}
        found.append({**ends, "patterns": len(own), "right": count / len(own), "low": low, "high": high})
    return found
