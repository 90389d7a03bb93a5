"""Demodulation: in-phase and quadrature amplitude of every tone in one output, with standard errors.

All tones, their 2nd-order products and the mean are fitted together by least squares on the solver's own time points,
never on resampled ones. On a uniform grid a product beyond half the point rate appears at its alias; products that
share a bin share a column. Over whole periods on a uniform grid this is the lock-in with a boxcar of one window, whose
equivalent noise bandwidth is 1/(2·window) for the mean and 1/window for a tone's amplitude; in white noise it reaches
the Cramér–Rao bound 2σ²/N of a sinusoid's amplitude.

A straight line over the window, such as a memristor's drift makes, leaks into harmonic k as −1/(πk) of its change over
the window. Asked for, it is one unknown more. White noise then moves a tone by more: the line is told from the products
that lie near it by the bins that are left, and a variance grows by up to a half for the tones of a tight plan.

With a taper the same unknowns are fitted with the taper as weights. An `rc` filter is what a hardware lock-in does
instead: each tone is multiplied by its reference and low-passed, and what the filter lets through of the other tones,
of products and of the mean is in the result; `crosstalk` says how much.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from hge_spice.drive import Floats, Tone, Transient, Waveform
from hge_spice.lockin.filters import Filter
from hge_spice.lockin.least_squares import fitted, pseudo_inverse

UNIFORM = 1e-6  # share of the mean step by which steps may differ on a grid that counts as uniform


@dataclass(frozen=True)
class Demodulated:
    """Lock-in results of one waveform.

    mean : A
    response : [tone], A complex: in_phase + i·quadrature, the reference being the tone's own sin(2πft + φ)
    stderr : [tone], A, standard error of in_phase from the residual
    residual : [point], A, what mean, tones and 2nd-order products leave over
    product : A, largest amplitude of a 2nd-order product
    degrees_of_freedom : points less unknowns
    gain : [tone], variance of in_phase over the density at the tone, 1/s: 1/window for the boxcar
    free_bins : harmonics of 1/window that nothing in the fit occupies, on a uniform grid; else empty
    weights : [tone, point], in_phase = weights @ output; frequencies : [tone], Hz
    trend, trend_stderr : A, change over the window of the straight line that was fitted, and its standard error; zero
    where none was. line : [point], per ampere of it; else empty
    """

    mean: float
    response: np.ndarray
    stderr: Floats
    residual: Floats
    product: float
    degrees_of_freedom: int
    gain: Floats
    free_bins: tuple[int, ...]
    weights: Floats
    frequencies: tuple[float, ...]
    trend: float = 0.0
    trend_stderr: float = 0.0
    line: Floats = field(default_factory=lambda: np.empty(0))

    def straightened(self, waveform: Waveform) -> Waveform:
        """The waveform less the line that was fitted to it."""
        return replace(waveform, output=waveform.output - self.trend * self.line) if len(self.line) else waveform

    @property
    def in_phase(self) -> Floats:
        """X: [tone], A."""
        return np.real(self.response)

    @property
    def quadrature(self) -> Floats:
        """Y: [tone], A."""
        return np.imag(self.response)

    @property
    def magnitude(self) -> Floats:
        """R: [tone], A."""
        return np.asarray(np.abs(self.response))

    @property
    def theta(self) -> Floats:
        """Phase of the response against the tone: [tone], rad."""
        return np.asarray(np.angle(self.response))


def demodulate(
    waveform: Waveform,
    tones: tuple[Tone, ...],
    window: float,
    lockin: Filter | None = None,
    *,
    trend: bool = False,
) -> Demodulated:
    """Fit mean, tones and 2nd-order products to the output.

    waveform : its points span one window, s
    tones : whole harmonics of 1/window, below half the point rate
    lockin : the filter; the boxcar where none is given
    trend : whether a straight line over the window is fitted with them

    Raises ValueError: no tones, two tones that the window can't resolve, fewer points than unknowns, a trend behind a
    filter that fits nothing.
    """
    frequencies, phases = _settings(tones, window)
    if trend and lockin is not None and lockin.name == "rc":
        raise ValueError('an "rc" filter fits nothing, and so no trend; take filter = "window" or a taper')
    basis = _basis(np.ascontiguousarray(waveform.time).tobytes(), frequencies, phases, window, lockin, trend)
    read = basis.read @ waveform.output
    residual, product = basis.leftover(waveform.output)
    count = len(tones)
    degrees = len(waveform.time) - basis.unknowns
    spread = float(np.sqrt(residual @ residual / basis.trace)) if degrees > 0 else np.nan
    norms = np.sum(basis.read[1 : 1 + count] ** 2, axis=1)
    return Demodulated(
        mean=float(read[0]),
        response=read[1 : 1 + count] + 1j * read[1 + count :],
        stderr=spread * np.sqrt(norms),
        residual=residual,
        product=product,
        degrees_of_freedom=degrees,
        gain=norms * len(waveform.time) / (2 * window),
        free_bins=basis.free_bins,
        weights=basis.read[1 : 1 + count],
        frequencies=frequencies,
        trend=float(basis.fit[-1] @ waveform.output) if trend else 0.0,
        trend_stderr=spread * float(np.linalg.norm(basis.fit[-1])) if trend else 0.0,
        line=basis.design[:, -1] if trend else np.empty(0),
    )


def crosstalk(tones: tuple[Tone, ...], transient: Transient, lockin: Filter | None = None) -> np.ndarray:
    """What each lock-in reads of each tone at unit amplitude, in phase: [lock-in, tone], complex.

    One on the diagonal; off it zero for a fit of all tones, and what the filter lets through otherwise.
    """
    time: Floats = transient.settle + transient.step * np.arange(transient.points, dtype=np.float64)
    columns = []
    for tone in tones:
        alone = np.sin(2 * np.pi * tone.frequency * time + tone.phase)
        columns.append(demodulate(Waveform(time, alone, transient.duration), tones, transient.window, lockin).response)
    return np.array(columns).T


def harmonics(waveform: Waveform, tones: tuple[Tone, ...], window: float, highest: int) -> np.ndarray:
    """Amplitudes at 1 to `highest` times each tone's frequency: [harmonic, tone], A complex.

    The reference of the m-th is sin(m·(2πft + φ)). All are fitted together with the mean; the output should hold
    nothing else, as when one tone is on at a time.

    Raises ValueError where two of them, or one and the mean, appear in one bin, or points lack.
    """
    turns = [(m, 2 * np.pi * m * t.frequency, m * t.phase, t) for m in range(1, highest + 1) for t in tones]
    points = len(waveform.time)
    taken: dict[float, str] = {0.0: "the mean"}
    for m, _, _, tone in turns:
        folded = (m * tone.frequency * window) % points
        place = round(min(folded, points - folded), 6)
        name = f"harmonic {m} of {tone.frequency:.6g} Hz"
        if place in taken or abs(2 * place - points) < UNIFORM:
            other = taken.get(place, "half the point rate")
            raise ValueError(f"{name} can't be told from {other} at {points} points; take other points or tones")
        taken[place] = name
    angles = [speed * waveform.time + phase for _, speed, phase, _ in turns]
    design = np.array([np.ones(points), *map(np.sin, angles), *map(np.cos, angles)]).T
    if design.shape[1] > points:
        raise ValueError(f"{points} points for {design.shape[1]} unknowns; take more points or fewer harmonics")
    found = fitted(design, waveform.output)[1:]
    count = len(turns)
    return np.asarray(found[:count] + 1j * found[count:]).reshape(highest, len(tones))


def _settings(tones: tuple[Tone, ...], window: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if not tones:
        raise ValueError("there are no tones to demodulate")
    frequencies = tuple(tone.frequency for tone in tones)
    apart = np.diff(np.sort(frequencies))
    if len(apart) and apart.min() < (1 - 1e-9) / window:
        raise ValueError(
            f"tone spacing {apart.min():.6g} Hz is below the {1 / window:.6g} Hz that a {window:.6g} s window "
            "resolves; lengthen the window or space the tones"
        )
    return frequencies, tuple(tone.phase for tone in tones)


@dataclass(frozen=True)
class _Basis:
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
def _basis(
    time_bytes: bytes,
    frequencies: tuple[float, ...],
    phases: tuple[float, ...],
    window: float,
    lockin: Filter | None,
    trend: bool,
) -> _Basis:
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
        return _Basis(read, unknowns, float(points - unknowns), layout.free, bins, products, empty, empty)
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
    return _Basis(read, unknowns, trace, layout.free, nothing, nothing, design, fit, trend)


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
    uniform = bool(np.ptp(steps) < UNIFORM * steps.mean())
    signed = [f * window for f in frequencies] + [-f * window for f in frequencies]
    orders = [abs(a + b) for a, b in combinations_with_replacement(signed, 2)]

    def place(harmonic: float) -> float:
        if not uniform:
            return round(harmonic, 6)
        folded = harmonic % points
        return round(min(folded, points - folded), 6)

    taken = {place(h) for h in signed if h > 0}
    if len(taken) < len(frequencies) or (uniform and max(f * window for f in frequencies) >= points / 2):
        raise ValueError(
            f"a tone at {max(frequencies):.6g} Hz is above half the point rate of {points / window:.6g} points per "
            "second; take more points"
        )
    products = sorted({place(h) for h in orders} - taken - {0.0})
    halved = frozenset(h for h in products if uniform and abs(2 * h - points) < UNIFORM)
    whole = uniform and abs(steps.mean() * points / window - 1) < UNIFORM
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
