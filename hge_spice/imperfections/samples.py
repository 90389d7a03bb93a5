"""What an instrument may do to samples of a window: filter them, take them at other times, know their step.

On a uniform grid a window is taken for one period of what goes on for ever, which it is for tones on whole harmonics
of 1/window once all has settled: filters and shifts in time are then exact at every harmonic below half the point rate,
however few points there are. On the solver's own uneven points, which lie as densely as the waveform needs, straight
lines (filters) and cubic splines (shifts) join them.
"""

import math
from collections.abc import Callable

import numpy as np

from hge_spice.drive import Floats
from hge_spice.lockin.basis import is_uniform

FURTHEST = 20.0  # rad: beyond it the series loses digits
PRECISION = 1e-13


def mean_step(time: Floats) -> float:
    """Step of a uniform grid, or the mean one, s. time : [point], s, at least 2."""
    return float((time[-1] - time[0]) / (len(time) - 1))


def one_pole(time: Floats, values: Floats, bandwidth: float) -> Floats:
    """Settled output of a low-pass of first order, H = 1/(1 + i·f/bandwidth): [point].

    bandwidth : Hz, at −3 dB
    """
    if is_uniform(time):
        return _transformed(time, values, lambda f: 1 / (1 + 1j * f / bandwidth))
    kept = np.exp(-2 * np.pi * bandwidth * np.diff(time))
    # exact for straight lines between the points: y' = (x − y)/τ
    slope = np.diff(values) / np.diff(time)
    delay = 1 / (2 * np.pi * bandwidth)
    lag = values - np.concatenate([slope[:1], slope]) * delay  # where a long straight line leaves the output
    begins = values[:-1] - slope * delay
    found = np.empty_like(values)
    found[0] = lag[0]
    for n, a in enumerate(kept):
        found[n + 1] = values[n + 1] - slope[n] * delay + a * (found[n] - begins[n])
    return found


def taken_at(time: Floats, values: Floats, wanted: Floats) -> Floats:
    """Values at times somewhat beside the grid's: [point].

    wanted : [point], s
    """
    if not is_uniform(time):
        from scipy.interpolate import CubicSpline  # noqa: PLC0415 - slow to import, and rarely needed

        return np.asarray(CubicSpline(time, values)(wanted))
    # Taylor's series about the grid shifted as a whole: x(t + d + r) = Σ rᵏ/k!·x⁽ᵏ⁾(t + d), each derivative exact
    shift = wanted - time
    whole = float(shift.mean())
    rest = shift - whole
    angular = 2j * np.pi * np.fft.rfftfreq(len(time), mean_step(time))
    spectrum = np.fft.rfft(values) * np.exp(angular * whole)
    reach = float(np.abs(angular[-1]) * np.abs(rest).max())
    if reach > FURTHEST:
        raise ValueError(
            f"samples taken up to {np.abs(rest).max():.3g} s from their places, {reach:.3g} rad of the fastest "
            f"harmonic, can't be told; keep jitter and clock errors within a window below {FURTHEST:g} rad"
        )
    found = np.fft.irfft(spectrum, len(time))
    term = np.ones(len(time))
    order = 0
    while reach**order > PRECISION * math.factorial(order):
        order += 1
        spectrum = spectrum * angular
        term = term * rest / order
        found = found + term * np.fft.irfft(spectrum, len(time))
    return np.asarray(found)


def _transformed(time: Floats, values: Floats, response: Callable[[Floats], np.ndarray]) -> Floats:
    frequencies: Floats = np.fft.rfftfreq(len(time), mean_step(time)).astype(np.float64)
    return np.asarray(np.fft.irfft(np.fft.rfft(values) * response(frequencies), len(time)), dtype=np.float64)
