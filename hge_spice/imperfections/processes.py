"""How things change over time: linear, random walk, Ornstein and Uhlenbeck's process, logarithm of time.

Each is exact at any steps, starts at zero at time zero (Ornstein and Uhlenbeck's: stationary), and goes on between the
times at which it is asked.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from hge_spice.drive import Floats


class Process(Protocol):
    """Something that changes over time."""

    def samples(self, time: Floats, rng: np.random.Generator) -> Floats:
        """Values at increasing times, s, none before those asked for earlier: [point]."""
        ...


class Linear:
    """x = size·t/scale; scale : s."""

    def __init__(self, size: float, scale: float) -> None:
        self._slope = size / scale

    def samples(self, time: Floats, _: np.random.Generator) -> Floats:
        """Values at times, s: [point]."""
        return np.asarray(self._slope * time)


class LogTime:
    """x = size·log₁₀(1 + t/scale), so much a decade: retention loss as charge leaves traps of all depths; scale : s."""

    def __init__(self, size: float, scale: float) -> None:
        self._size, self._scale = size, scale

    def samples(self, time: Floats, _: np.random.Generator) -> Floats:
        """Values at times, s: [point]."""
        return np.asarray(self._size * np.log1p(time / self._scale) / np.log(10))


class RandomWalk:
    """Brownian motion: variance `growth` a second, from zero at time zero."""

    def __init__(self, growth: float) -> None:
        self._growth = growth
        self._value, self._now = 0.0, 0.0

    def samples(self, time: Floats, rng: np.random.Generator) -> Floats:
        """Values at increasing times, s, none before those asked for earlier: [point]."""
        after = np.maximum(np.diff(time, prepend=self._now), 0.0)
        track = self._value + np.cumsum(np.sqrt(self._growth * after) * rng.standard_normal(len(time)))
        self._value, self._now = float(track[-1]), float(time[-1])
        return np.asarray(track)


class OrnsteinUhlenbeck:
    """Stationary, Gaussian, correlation e^(−t/scale); size : its standard deviation; scale : s.

    x(t + dt) = x·e^(−dt/scale) + size·√(1 − e^(−2dt/scale))·N(0, 1), exact (Gillespie, Phys. Rev. E 54, 2084 (1996)).
    """

    def __init__(self, size: float, scale: float) -> None:
        self._size, self._scale = size, scale
        self._value: float | None = None
        self._now = 0.0

    def samples(self, time: Floats, rng: np.random.Generator) -> Floats:
        """Values at increasing times, s, none before those asked for earlier: [point]."""
        value = float(self._size * rng.standard_normal()) if self._value is None else self._value
        after = np.maximum(np.diff(time, prepend=time[0] if self._value is None else self._now), 0.0)
        kept = np.exp(-after / self._scale)
        kicks = self._size * np.sqrt(-np.expm1(-2 * after / self._scale)) * rng.standard_normal(len(time))
        found = np.empty(len(time))
        for n in range(len(time)):
            value = float(kept[n] * value + kicks[n])
            found[n] = value
        self._value, self._now = value, float(time[-1])
        return found


def at_once(process: Process, time: float, rng: np.random.Generator) -> float:
    """Value at one time, s, none before those asked for earlier."""
    return float(process.samples(np.array([time]), rng)[0])


# of a size and a time scale, s: what it reaches by then (linear, random walk: its standard deviation), or as above
PROCESSES: dict[str, Callable[[float, float], Process]] = {
    "linear": Linear,
    "random_walk": lambda size, scale: RandomWalk(size**2 / scale),
    "ornstein_uhlenbeck": OrnsteinUhlenbeck,
    "log_time": LogTime,
}
