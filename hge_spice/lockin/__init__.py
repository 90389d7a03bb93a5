"""The lock-in: demodulation of every tone at once, its filters, its error bars, and what distorts it."""

from hge_spice.lockin.distortion import distortion
from hge_spice.lockin.filters import FILTERS, Filter, rc
from hge_spice.lockin.fit import Demodulated, crosstalk, demodulate, harmonics
from hge_spice.lockin.noise import Density, density_at_tones

__all__ = [
    "FILTERS",
    "Demodulated",
    "Density",
    "Filter",
    "crosstalk",
    "demodulate",
    "density_at_tones",
    "distortion",
    "harmonics",
    "rc",
]
