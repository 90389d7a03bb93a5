"""The unknowns of a demodulation on one time grid: where tones and products appear, and the matrices that read them."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from hge_spice.drive import Floats
from hge_spice.lockin.filters import Filter
from hge_spice.lockin.least_squares import pseudo_inverse

UNIFORM = 1e-6  # share of the mean step by which steps may differ on a grid that counts as uniform


def is_uniform(time: Floats) -> bool:
    """Whether all steps are one step."""
    steps = np.diff(time)
    return bool(np.ptp(steps) < UNIFORM * steps.mean())


@dataclass(frozen=True)
class Basis:
    """The fit of one grid and its tones.

    read : [1 + 2·tone, point], what the lock-ins show
    unknowns : mean, tones, products and a trend; trace : of the residual's covariance in unit white noise
    bins, product_bins : what the unknowns occupy where they are orthogonal on the grid; else design [point, unknown]
    and fit [unknown, point], its pseudo-inverse; a trend is the last unknown
    """

    read: Floats
    unknowns: int
    trace: float
    free_bins: tuple[int, ...]
    bins: NDArray[np.int64]
    product_bins: NDArray[np.int64]
    design: Floats
    fit: Floats
    trend: bool = False

    def __post_init__(self) -> None:
        for each in (self.read, self.design, self.fit):  # kept for all who demodulate on this grid
            each.setflags(write=False)

    @cached_property
    def norms(self) -> Floats:
        """Variance of each in-phase amplitude in white noise of unit variance: [tone]."""
        return np.asarray(np.sum(self.read[1 : (len(self.read) + 1) // 2] ** 2, axis=1))

    def leftover(self, output: Floats) -> tuple[Floats, float]:
        """What the fit leaves of an output [point], and the largest amplitude of a product."""
        if len(self.bins):  # hundreds of columns need no matrix: each is one bin of the spectrum
            spectrum = np.fft.rfft(output)
            products = np.abs(spectrum[self.product_bins]) * 2 / len(output)
            spectrum[self.bins] = 0
            return np.fft.irfft(spectrum, len(output)), float(products.max(initial=0.0))
        fitted = self.fit @ output
        products = fitted[len(self.read) : len(fitted) - self.trend]
        return output - self.design @ fitted, float(np.abs(products).max(initial=0.0))


@lru_cache(maxsize=32)
def basis_of(
    time_bytes: bytes,
    frequencies: tuple[float, ...],
    phases: tuple[float, ...],
    window: float,
    lockin: Filter | None,
    trend: bool,
) -> Basis:
    """Factor the fit. A training repeats the same grid and tones thousands of times: once is enough."""
    time = np.frombuffer(time_bytes)
    points = len(time)
    layout = _layout(time, frequencies, window)
    unknowns = 1 + 2 * len(frequencies) + sum(1 if h in layout.halved else 2 for h in layout.products) + trend
    if unknowns > points:
        which = f"mean, tones, 2nd-order products{', trend' if trend else ''}"
        raise ValueError(f"{points} points for {unknowns} unknowns ({which}); take more points")
    angles = [2 * np.pi * f * time + p for f, p in zip(frequencies, phases, strict=True)]
    first = np.array([np.ones(points), *map(np.sin, angles), *map(np.cos, angles)])
    weights = None if lockin is None or lockin.name == "window" else lockin.weights(time)
    plain = lockin is not None and lockin.name == "rc"
    nothing, empty = np.empty(0, dtype=np.int64), np.empty((0, 0))
    if layout.orthogonal and (weights is None or plain) and not trend:
        fit: Floats = first / np.sum(first**2, axis=1)[:, None]
        bins = np.unique(np.array([0.0, *layout.tones, *layout.products])).astype(np.int64)
        read = fit if weights is None else _multiplied(weights, first)
        products = np.array(layout.products).astype(np.int64)
        return Basis(read, unknowns, float(points - unknowns), layout.free, bins, products, empty, empty)
    line = [(time - time.mean()) / window] if trend else []
    design = np.vstack([first, *_product_rows(time, window, layout), *line]).T
    trace = float(points - unknowns)
    if weights is None or plain:
        fit, _ = pseudo_inverse(design)
    else:
        root = np.sqrt(np.maximum(weights, 0.0))
        fit = pseudo_inverse(root[:, None] * design)[0] * root
        trace = float(points - 2 * unknowns + np.sum((design.T @ design) * (fit @ fit.T)))
    read = _multiplied(weights, first) if weights is not None and plain else fit[: len(first)]
    return Basis(read, unknowns, trace, layout.free, nothing, nothing, design, fit, trend)


def _multiplied(weights: Floats, first: Floats) -> Floats:
    """A hardware lock-in: reference times signal, low-passed; nothing else is known of the signal."""
    read = weights * first
    read[1:] *= 2
    return np.asarray(read)


@dataclass(frozen=True)
class _Layout:
    """Where tones and 2nd-order products appear, in harmonics of 1/window.

    halved : products at half the point rate, where a sine is zero everywhere
    orthogonal : whether mean, tones and products are so on this grid
    """

    tones: tuple[float, ...]
    products: tuple[float, ...]
    halved: frozenset[float]
    free: tuple[int, ...]
    orthogonal: bool


def _layout(time: Floats, frequencies: tuple[float, ...], window: float) -> _Layout:
    steps = np.diff(time)
    points = len(time)
    uniform = is_uniform(time)
    signed = [f * window for f in frequencies] + [-f * window for f in frequencies]
    orders = [abs(a + b) for a, b in combinations_with_replacement(signed, 2)]

    whole = uniform and abs(steps.mean() * points / window - 1) < UNIFORM
    rate = float(points) if whole else window / steps.mean()  # points per window, where they were in step with it

    def place(harmonic: float) -> float:
        if not uniform:
            return round(harmonic, 6)
        folded = harmonic % rate
        return round(min(folded, rate - folded), 6)

    taken = {place(h) for h in signed if h > 0}
    if len(taken) < len(frequencies) or (uniform and max(f * window for f in frequencies) >= rate / 2):
        raise ValueError(
            f"a tone at {max(frequencies):.6g} Hz is not below half the point rate of {rate / window:.6g} points per "
            "second; take more points"
        )
    products = sorted({place(h) for h in orders} - taken - {0.0})
    halved = frozenset(h for h in products if uniform and abs(2 * h - rate) < UNIFORM)
    coherent = whole and all(abs(f * window - round(f * window)) < UNIFORM for f in frequencies)
    occupied = {0.0, *taken, *products}
    free = tuple(b for b in range(1, (points + 1) // 2) if whole and float(b) not in occupied)
    return _Layout(tuple(sorted(taken)), tuple(products), halved, free, coherent)


def _product_rows(time: Floats, window: float, layout: _Layout) -> list[Floats]:
    rows: list[Floats] = []
    for harmonic in layout.products:
        angle = 2 * np.pi * harmonic * (time - time[0]) / window
        rows.append(np.cos(angle))
        if harmonic not in layout.halved:
            rows.append(np.sin(angle))
    return rows
