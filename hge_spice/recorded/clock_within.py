"""The clock's error from a single window, where no phases of a second one can tell it."""

import numpy as np

from hge_spice.lockin.least_squares import fitted
from hge_spice.recorded.clock import SIGNIFICANT, Clock
from hge_spice.recorded.windows import SLICE, Setup, Window, slices

HARMONIC_MARGIN = 64  # samples beyond the unknowns of a fit of all harmonics
RESOLUTION = 1e-9  # of a column, below which rounding is all that is left of it


def clock_within(window: Window, setup: Setup) -> Clock:
    """The clock's error from a single window: least squares of all harmonics and the error, by Gauss-Newton.

    Every harmonic that the tones' products up to 5th order may have is fitted (3rd where samples lack): one left out
    would leak into t·cos and pass for an error of the clock. Unknown where samples lack for that.
    """
    start, relative, output = next(slices(window, SLICE))
    time = start + relative
    top = int(np.rint(setup.frequencies.max() * setup.window))
    highest = min(5 * top, (len(time) - HARMONIC_MARGIN) // 2)
    if highest < 3 * top:
        return Clock()
    rate = 2 * np.pi * np.arange(1, highest + 1) / setup.window
    error, stderr = 0.0, np.nan
    for _ in range(4):
        angle = np.outer(np.fmod(time - error * time, setup.window), rate)
        sine, cosine = np.sin(angle), np.cos(angle)
        design = np.column_stack([np.ones(len(time)), sine, cosine, *([relative] if setup.trend else [])])
        found = fitted(design, output)
        slope = (cosine * rate) @ found[1 : highest + 1] - (sine * rate) @ found[highest + 1 : 2 * highest + 1]
        # reduced to what no harmonic explains
        upright, triangle = np.linalg.qr(np.column_stack([design, -slope * time]))
        moved = float(triangle[-1, -1])
        if abs(moved) < RESOLUTION * np.linalg.norm(slope * time):
            return Clock()
        step = float(upright[:, -1] @ output) / moved
        left = output - upright @ (upright.T @ output)
        stderr = float(np.linalg.norm(left)) / np.sqrt(len(time) - triangle.shape[0]) / abs(moved)
        error += step
        if abs(step) < 1e-3 * stderr:
            break
    return Clock(error if abs(error) > SIGNIFICANT * stderr else 0.0, 0.0, stderr)
