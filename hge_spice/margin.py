"""Whether a table of outputs counts as solved: gap, span, contrast, and the read-out noise they must stand against."""

from dataclasses import dataclass

import numpy as np

from hge_spice.drive import Floats

GAP_OVER_SPAN = 0.3
CONTRAST = 0.05
D_PRIME = 6.2  # midway threshold: an error rate of at most 1e-3 on either side
SOLVER_FACTOR = 100.0


@dataclass(frozen=True)
class Margin:
    """What separates the ones from the zeros, tones off.

    gap : A, smallest output of the ones less the largest of the zeros
    span : A, largest less smallest output of all patterns
    contrast : span over the largest |output|
    d_prime : gap over the read-out noise of one window
    """

    gap: float
    span: float
    contrast: float
    d_prime: float
    solved: bool

    @property
    def gap_over_span(self) -> float:
        """1 where the outputs are two levels; negative where the classes overlap; nan where they weren't read."""
        return 0.0 if self.span <= 0 else self.gap / self.span


UNREAD = Margin(np.nan, np.nan, np.nan, np.nan, solved=False)


def mean_noise(density: float, window: float, at: float = 1e3, exponent: float | None = None) -> float:
    """Standard deviation of a mean over one window in noise of a one-sided density S·(at/f)^α, A.

    density : S, A²/Hz; window : T, s; at : Hz; exponent : α, 0 white, 1 pink; None is taken for white

    The Allan deviation, by which means of neighbouring windows differ, since in pink noise the plain variance grows
    without end: √(S/2T) in white noise, √(2 ln 2 · S·at) in pink, whatever the window (IEEE Std 1139).
    Raises ValueError for other colours.
    """
    if exponent not in {None, 0.0, 1.0}:
        raise ValueError(f"noise that goes as f^(-{exponent:g}) has no deviation here; 0 is white, 1 is pink")
    return float(np.sqrt(2 * np.log(2) * density * at if exponent else density / (2 * window)))


def margin(outputs: Floats, classes: Floats, noise: float, solver_error: float) -> Margin:
    """Judge one table of outputs.

    outputs : [pattern], A, tones off; classes : [pattern], 0 or 1. One class alone has no gap: 0, and never solved
    noise : A, standard deviation of one read-out; solver_error : A, a span within 100 times of it is never solved
    """
    ones, zeros = outputs[classes > 0.5], outputs[classes <= 0.5]
    gap = float(ones.min() - zeros.max()) if len(ones) and len(zeros) else 0.0
    span = float(np.ptp(outputs))
    largest = float(np.abs(outputs).max())
    contrast = span / largest if largest > 0 else 0.0
    solved = (
        span > SOLVER_FACTOR * solver_error
        and gap > 0
        and gap >= GAP_OVER_SPAN * span
        and contrast >= CONTRAST
        and gap >= D_PRIME * noise
    )
    return Margin(gap, span, contrast, gap / noise if noise > 0 else np.inf if gap > 0 else -np.inf, solved)
