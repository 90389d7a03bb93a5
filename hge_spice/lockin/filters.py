"""Lock-in filters: how the points of a window are weighted, and what that costs in bandwidth and in time.

`window` is the boxcar over whole periods; `hann`, `hamming`, `blackman` and `blackman_harris` taper it; `rc` is the
cascade of 1 to 8 equal RC stages that lock-in makers build. All are linear and time-invariant, so each has an
equivalent noise bandwidth ENBW = ∫|H(f)|²df over f > 0 with H(0) = 1, and by Parseval ENBW = ½∫h²dt/(∫h dt)². In white
noise of one-sided density S the variance of an amplitude is 2·S·ENBW.

Sources: F. J. Harris, Proc. IEEE 66, 51 (1978), for the tapers' coefficients; the RC cascade's impulse response
t^(n−1)·e^(−t/τ)/(τⁿ(n−1)!) gives ENBW·τ = C(2n−2, n−1)/4ⁿ (1/4, 1/8, 3/32, 5/64, …), a step response that is the
regularised incomplete gamma function P(n, t/τ), and −3 dB at √(2^(1/n) − 1)/(2πτ).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb, pi, sqrt
from types import MappingProxyType

import numpy as np
from scipy.special import gammaincinv

from hge_spice.drive import Floats

SETTLED = 0.99
HIGHEST_ORDER = 8
# coefficients of 1, cos(2πu), cos(4πu), … for u from 0 to 1 along the window
TAPERS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "window": (1.0,),
        "hann": (0.5, -0.5),
        "hamming": (0.54, -0.46),
        "blackman": (0.42, -0.5, 0.08),
        "blackman_harris": (0.35875, -0.48829, 0.14128, -0.01168),
    }
)
FILTERS = (*TAPERS, "rc")


@dataclass(frozen=True)
class Filter:
    """A lock-in filter over one window.

    length : s, the window; time_constant : s, and order 1 to 8, both of `rc` alone

    Raises ValueError where an `rc` filter has not settled to 1 % within the window.
    """

    name: str
    length: float
    time_constant: float = 0.0
    order: int = 0

    def __post_init__(self) -> None:
        if self.name not in FILTERS:
            raise ValueError(f"there is no lock-in filter {self.name!r}; there are {', '.join(FILTERS)}")
        if self.name != "rc":
            return
        if not 1 <= self.order <= HIGHEST_ORDER or not self.time_constant > 0:
            raise ValueError(
                f"an rc filter of order {self.order} with a time constant of {self.time_constant:g} s can't be built; "
                f"take orders 1 to {HIGHEST_ORDER} and a time constant above zero"
            )
        if self.settling > self.length * (1 + 1e-9):
            raise ValueError(
                f"an rc filter of order {self.order} with a time constant of {self.time_constant:g} s takes "
                f"{self.settling:.4g} s to settle to 1 %, longer than the window of {self.length:g} s; lengthen the "
                f"window, or take {self.length * self.time_constant / self.settling:.4g} s or less"
            )

    @property
    def enbw(self) -> float:
        """Equivalent noise bandwidth, Hz; 1/(2·length) for the boxcar."""
        if self.name == "rc":
            return float(comb(2 * self.order - 2, self.order - 1) / 4**self.order / self.time_constant)
        first, *others = TAPERS[self.name]
        return (1 + sum(a**2 for a in others) / (2 * first**2)) / (2 * self.length)

    @property
    def settling(self) -> float:
        """Time for the answer to a step to come within 1 %, s."""
        if self.name == "rc":
            return float(self.time_constant * gammaincinv(self.order, SETTLED))
        from scipy.optimize import brentq  # noqa: PLC0415 - slow to import, and most windows are boxcars

        first, *others = TAPERS[self.name]

        def missing(u: float) -> float:
            waves = sum(a * np.sin(2 * pi * k * u) / (2 * pi * k) for k, a in enumerate(others, 1))
            return float(u + waves / first - SETTLED)

        return self.length * float(brentq(missing, 0.5, 1.0))

    @property
    def half_power(self) -> float:
        """Frequency off the tone at which the power falls to one half (−3 dB), Hz."""
        if self.name == "rc":
            return sqrt(2 ** (1 / self.order) - 1) / (2 * pi * self.time_constant)
        from scipy.optimize import brentq  # noqa: PLC0415 - as above

        return float(brentq(lambda x: self._power(x) - 0.5, 1e-6, 2.0)) / self.length

    def _power(self, x: float) -> float:
        """|H|² of a taper at x cycles per window: a cosine moves half of a sinc to either side."""
        first, *others = TAPERS[self.name]
        amplitude = np.sinc(x) + sum(
            (-1) ** k * a / (2 * first) * (np.sinc(x - k) + np.sinc(x + k)) for k, a in enumerate(others, 1)
        )
        return float(amplitude**2)

    def weights(self, time: Floats) -> Floats:
        """Weight of each point of a window that begins at the first: [point], sum one."""
        if len(time) < 2:
            raise ValueError(f"{len(time)} points make no window; take 3 or more")
        since = time - time[0]
        step = since[-1] / (len(time) - 1)
        if self.name == "rc":
            before_end = self.length - since - 0.5 * step
            weight = np.maximum(before_end, 0.0) ** (self.order - 1) * np.exp(-before_end / self.time_constant)
        else:
            # the window's period is one step longer than from first to last point: periodic tapers sum exactly
            u = since / (since[-1] + step)
            weight = sum(
                (a * np.cos(2 * pi * k * (u + 0.5 / len(time))) for k, a in enumerate(TAPERS[self.name])),
                np.zeros_like(u),
            )
        return np.asarray(weight / weight.sum())

    def summary(self, settle: float) -> dict[str, float | str]:
        """Figures a lock-in's front panel shows, SI units; settle : s, dead time of the device before the window."""
        shown: dict[str, float | str] = {
            "filter": self.name,
            "enbw": self.enbw,
            "settling": self.settling,
            "half_power": self.half_power,
            "dead_time": settle + (self.settling if self.name == "rc" else self.length),
        }
        if self.name == "rc":
            shown |= {"time_constant": self.time_constant, "order": float(self.order)}
        return shown


def rc(length: float, order: int, time_constant: float | None = None) -> Filter:
    """RC filter of an order; without a time constant (s) the longest that settles to 1 % within `length` (s)."""
    longest = length / float(gammaincinv(order, SETTLED)) if time_constant is None else time_constant
    return Filter("rc", length, longest, order)
