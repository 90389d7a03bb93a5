"""Why a trial was not solved, in one word, told from the read-out that came nearest; and what to try next."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hge_spice.loss import FLOOR
from hge_spice.margin import CONTRAST, GAP_OVER_SPAN, Margin
from hge_spice.train import Step

REASONS = {
    "multistable": "more than one operating point there: which one is met hangs on what came before",
    "span": "the levels are apart, but the read-out noise is too large for their span",
    "contrast": "the levels are apart, by a ripple on a large current",
    "clipped": "controls rest at their bounds",
    "stuck": "a gap too small, in the middle of the range",
}

NEXT = {
    "multistable": "a narrower electrodes.control_range, or another training.seed; the report says where they are",
    "span": "a longer perturbation.window, whose noise falls with its root, or task.levels further apart",
    "contrast": "task.levels further apart, another electrodes.output, or readout.differential",
    "clipped": "a wider electrodes.control_range, or other starts: training.starts, training.seed",
    "stuck": (
        "other starts (training.starts, training.seed), training.rate, task.levels or more controls; where none comes "
        "nearer, the circuit may be unable to do the task, as one neuron is to do xor"
    ),
}


def told(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each reason among results that have one: how often, what it means and what to try next."""
    unsolved = [result for result in results if "unsolved_because" in result]
    lines = []
    for word, count in Counter(str(result["unsolved_because"]) for result in unsolved).most_common():
        gaps = [result["nearest_gap_over_span"] for result in unsolved if result["unsolved_because"] == word]
        known = [gap for gap in gaps if gap is not None]
        nearest_gap = f", nearest gap/span {max(known):.2f}" if known else ""
        times = f" ({count} trials)" if count > 1 else ""
        lines.append(f"not solved{times}{nearest_gap}: {REASONS[word]}. Try: {NEXT[word]}")
    return lines


def nearness(margin: Margin) -> float:
    """Gap over (span + 0.1·largest |output|), −1 … 1: what a ripple doesn't raise; −∞ where nothing was read."""
    if not np.isfinite(margin.gap):
        return -np.inf
    largest = margin.span / margin.contrast if margin.contrast > 0 else 0.0
    scale = margin.span + FLOOR * largest
    return margin.gap / scale if scale > 0 else -1.0


def nearest(steps: Sequence[Step]) -> Step:
    """The step whose read-out came nearest to a solution, the first of equals."""
    return max(steps, key=lambda step: nearness(step.margin))


def reason(step: Step, control_range: tuple[float, float], operating_points: int) -> str:
    """One of REASONS, for the nearest step of a trial without a solution.

    operating_points : the most that a pattern was found to have there; 1 where it isn't known
    """
    margin = step.margin
    if operating_points > 1:
        return "multistable"
    if margin.gap >= GAP_OVER_SPAN * margin.span > 0:
        return "contrast" if margin.contrast < CONTRAST else "span"
    low, high = control_range
    return "clipped" if ((step.control <= low) | (step.control >= high)).any() else "stuck"
