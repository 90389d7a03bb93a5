"""The lock-in: demodulation of every tone at once, its filters, its error bars, and what distorts it."""

from hge_spice.lockin.distortion import Sketch, distortion, fewest_points, sketch
from hge_spice.lockin.filters import FILTERS, Filter, rc
from hge_spice.lockin.fit import Demodulated, crosstalk, demodulate, harmonics
from hge_spice.lockin.noise import ErrorBars, error_bars

__all__ = [
    "FILTERS",
    "Demodulated",
    "ErrorBars",
    "Filter",
    "Sketch",
    "crosstalk",
    "demodulate",
    "distortion",
    "error_bars",
    "fewest_points",
    "harmonics",
    "rc",
    "sketch",
]
