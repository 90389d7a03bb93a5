"""Whether an output drifts while a trace is recorded, and by how much a second."""

import numpy as np

from hge_spice.drive import Floats
from hge_spice.lockin.least_squares import fitted
from hge_spice.recorded.clock import SIGNIFICANT
from hge_spice.recorded.windows import Setup

FEWEST = 3  # windows whose means tell a slope and how far they scatter about it
TOLERATED = 0.3  # standard errors of a derivative, that a drift may add before a line is fitted


def slope_of(middle: Floats, mean: Floats, stderr: float) -> tuple[float, float]:
    """How fast the output drifts over the trace, A/s, and its standard error; nan of a lone window.

    middle, mean : [window], s and A; stderr : A, of one window's mean, which is used where two windows tell no scatter

    Means alone are looked at: tones and products have none, whereas a line within a window takes a slow product for a
    drift.
    """
    if len(mean) < 2:
        return np.nan, np.nan
    design = np.column_stack([np.ones(len(mean)), middle - middle.mean()])
    found = fitted(design, mean)
    left = mean - design @ found
    spread = stderr if len(mean) < FEWEST else float(np.sqrt(left @ left / (len(mean) - 2)))
    return float(found[1]), spread / float(np.linalg.norm(design[:, 1]))


def harms(slope: float, slope_stderr: float, stderr: Floats, setup: Setup) -> bool:
    """Whether a drift must be taken out: it is seen, and moves a tone's amplitude beside its standard error.

    stderr : [tone], A, of the amplitudes over the whole trace

    A line leaks into harmonic k as −1/(πk) of its change over a window, alike in all windows: no average takes it out.
    """
    harmonic = setup.frequencies * setup.window
    leaked = np.abs(slope) * setup.window / (np.pi * harmonic)
    return bool(abs(slope) > SIGNIFICANT * slope_stderr and (leaked > TOLERATED * stderr).any())
