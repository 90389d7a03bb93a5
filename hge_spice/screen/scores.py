"""What operating points say of a choice of electrodes: how near a task is to solved at each control setting."""

import numpy as np

from hge_spice.drive import Floats
from hge_spice.loss import FLOOR
from hge_spice.margin import CONTRAST, D_PRIME, GAP_OVER_SPAN


def score(outputs: Floats, classes: Floats, noise: float) -> tuple[Floats, np.ndarray]:
    """Gap over (span + 0.1·largest |output|), −1 without contrast, and whether it is solved: [setting] each.

    outputs : [setting, pattern], A; noise : A. Solved as in `margin`, but for the solver's error.
    """
    gap = outputs[:, classes > 0.5].min(axis=1) - outputs[:, classes <= 0.5].max(axis=1)
    span, largest = np.ptp(outputs, axis=1), np.abs(outputs).max(axis=1)
    contrast = span >= CONTRAST * largest
    solved = contrast & (gap >= GAP_OVER_SPAN * span) & (gap >= D_PRIME * noise) & (span > 0)
    scale = span + FLOOR * largest
    return np.where(contrast & (scale > 0), gap / np.where(scale > 0, scale, 1.0), -1.0), solved


def explained(outputs: Floats, wanted: Floats, noise: float) -> Floats:
    """Share of the wanted columns' variance that a linear read-out explains, 1 − `linear.fit(…).left`: [setting].

    outputs : [setting, pattern], A; wanted : [pattern, column]; noise : A. 0 where the output doesn't change at all.
    """
    centred, target = outputs - outputs.mean(axis=1, keepdims=True), wanted - wanted.mean(axis=0)
    size = np.sum(centred**2, axis=1) + wanted.shape[0] * noise**2
    met = np.sum((centred @ target) ** 2, axis=1) / np.where(size > 0, size, 1.0)
    return np.asarray(met / np.sum(target**2))
