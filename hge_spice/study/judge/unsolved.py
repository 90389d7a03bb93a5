"""Why a trial was not solved, in one word, told from the read-out that came nearest."""

from collections.abc import Sequence

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
