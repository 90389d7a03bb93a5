"""Demodulation: in-phase and quadrature amplitude of every tone in one output, with standard errors.

All tones, their 2nd-order products and the mean are fitted together by least squares on the solver's own time points,
never on resampled ones. On a uniform grid a product beyond half the point rate appears at its alias; products that
share a bin share a column. Over whole periods on a uniform grid this is the lock-in with a boxcar of one window, whose
equivalent noise bandwidth is 1/(2·window) for the mean and 1/window for a tone's amplitude.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

from hge_spice.drive import Floats, Tone, Waveform

LINES = 16  # spectral lines for each that a window resolves, at which a density is weighed
MARGIN = 8  # points beyond the unknowns that the 3rd-order fit must have


@dataclass(frozen=True)
class Demodulated:
    """Lock-in results of one waveform.

    mean : A
    response : [tone], A complex: in_phase + i·quadrature, the reference being the tone's own sin(2πft + φ)
    stderr : [tone], A, standard error of in_phase from the residual
    residual : [point], A, what mean, tones and 2nd-order products leave over
    product : A, largest amplitude of a 2nd-order product
    degrees_of_freedom : points less unknowns
    """

    mean: float
    response: np.ndarray
    stderr: Floats
    residual: Floats
    product: float
    degrees_of_freedom: int

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


def demodulate(waveform: Waveform, tones: tuple[Tone, ...], window: float) -> Demodulated:
    """Fit mean, tones and 2nd-order products to the output.

    waveform : its points span one window, s
    tones : whole harmonics of 1/window, below half the point rate

    Raises ValueError: no tones, two tones that the window can't resolve, fewer points than unknowns.
    """
    if not tones:
        raise ValueError("there are no tones to demodulate")
    frequencies = tuple(tone.frequency for tone in tones)
    apart = np.diff(np.sort(frequencies))
    if len(apart) and apart.min() < (1 - 1e-9) / window:
        raise ValueError(
            f"tone spacing {apart.min():.6g} Hz is below the {1 / window:.6g} Hz that a {window:.6g} s window "
            "resolves; lengthen the window or space the tones"
        )
    phases = tuple(tone.phase for tone in tones)
    design, inverse = _basis(np.ascontiguousarray(waveform.time).tobytes(), frequencies, phases, window)
    coefficients = inverse @ waveform.output
    residual = waveform.output - design @ coefficients
    degrees = len(waveform.time) - design.shape[1]
    count = len(tones)
    spread = float(np.sqrt(residual @ residual / degrees)) if degrees > 0 else np.nan
    stderr = spread * np.sqrt(np.sum(inverse[1 : 1 + count] ** 2, axis=1))
    products = coefficients[1 + 2 * count :]
    return Demodulated(
        mean=float(coefficients[0]),
        response=coefficients[1 : 1 + count] + 1j * coefficients[1 + count : 1 + 2 * count],
        stderr=stderr,
        residual=residual,
        product=float(np.abs(products).max()) if len(products) else 0.0,
        degrees_of_freedom=degrees,
    )


def distortion(waveform: Waveform, tones: tuple[Tone, ...]) -> tuple[Floats, Floats]:
    """Predict how far 3rd-order products have moved each tone's in-phase amplitude, and how sure that is.

    A quasi-static device's output is a polynomial of the tone voltages: fitted up to 3rd order, the terms v_i³ and
    v_i·v_k² tell what they add at tone i (¾ and ½ of their coefficients at unit amplitude), with its sign.

    Returns the shift and its standard error: [tone], A; nan where there are too few points to tell.
    """
    settings = tuple((tone.frequency, tone.phase) for tone in tones)
    operator, fitted, degrees = _cubic(np.ascontiguousarray(waveform.time).tobytes(), settings)
    if operator.size == 0:
        unknown = np.full(len(tones), np.nan)
        return unknown, unknown
    residual = waveform.output - fitted @ waveform.output
    spread = float(np.sqrt(residual @ residual / degrees))
    stderr: Floats = np.linalg.norm(operator, axis=1) * spread
    return operator @ waveform.output, stderr


def noise_of_tones(density: Callable[[Floats], Floats], time: Floats, tones: tuple[Tone, ...]) -> Floats:
    """Standard deviation that noise gives each in-phase amplitude: [tone], A.

    density : frequencies [line], Hz -> one-sided density [line], A²/Hz; time : [point], s, of one window

    √(S(f)/T) where the density is flat about the tone. Steep noise leaks through the window's side lobes, and how much
    depends on the tone's phase too: the density is weighed with |2/N Σ sin(2πft_n + φ)·e^(2πi·f't_n)|².
    """
    settings = tuple((tone.frequency, tone.phase) for tone in tones)
    lines, weights = _response(np.ascontiguousarray(time).tobytes(), settings)
    return np.asarray(np.sqrt(density(lines) @ weights))


@lru_cache(maxsize=8)
def _response(time_bytes: bytes, settings: tuple[tuple[float, float], ...]) -> tuple[Floats, Floats]:
    """Lines [line], Hz, up to half the mean point rate, and what each adds to a tone's variance: [line, tone], Hz."""
    time = np.frombuffer(time_bytes)
    points = len(time)
    spacing = (points - 1) / (LINES * points * (time[-1] - time[0]))
    lines: Floats = spacing * np.arange(1, LINES * points // 2 + 1, dtype=np.float64)
    waves = np.array([np.sin(2 * np.pi * frequency * time + phase) for frequency, phase in settings])
    turned = np.exp(2j * np.pi * np.outer(lines, time)) @ waves.T
    return lines, np.asarray(np.abs(2 / points * turned) ** 2 * spacing)


@lru_cache(maxsize=32)
def _cubic(time_bytes: bytes, settings: tuple[tuple[float, float], ...]) -> tuple[Floats, Floats, int]:
    """Operators [tone, point] from output to shift and [point, point] from output to fit, and the degrees left.

    Empty where points lack.
    """
    time = np.frombuffer(time_bytes)
    count = len(settings)
    waves = [np.sin(2 * np.pi * frequency * time + phase) for frequency, phase in settings]
    terms = [term for order in range(4) for term in combinations_with_replacement(range(count), order)]
    if len(terms) + MARGIN > len(time):
        return np.empty((0, 0)), np.empty((0, 0)), 0
    design = np.array([np.prod([waves[i] for i in term], axis=0) if term else np.ones_like(time) for term in terms]).T
    shift = np.zeros((count, len(terms)))
    for column, term in enumerate(terms):
        for i in set(term):
            if len(term) == 3 and term.count(i) != 2 and len(set(term)) < 3:
                shift[i, column] = 0.75 if term.count(i) == 3 else 0.5
    inverse = np.linalg.pinv(design)
    return shift @ inverse, design @ inverse, len(time) - int(np.linalg.matrix_rank(design))


@lru_cache(maxsize=32)
def _basis(
    time_bytes: bytes, frequencies: tuple[float, ...], phases: tuple[float, ...], window: float
) -> tuple[Floats, Floats]:
    """Design matrix [point, unknown] and its pseudo-inverse: mean, sines, cosines, products.

    A training repeats the same grid and tones thousands of times: factored once.
    """
    time = np.frombuffer(time_bytes)
    steps = np.diff(time)
    uniform = bool(np.ptp(steps) < 1e-6 * steps.mean())
    points = len(time)
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
    columns = [np.ones(points)]
    columns += [np.sin(2 * np.pi * f * time + p) for f, p in zip(frequencies, phases, strict=True)]
    columns += [np.cos(2 * np.pi * f * time + p) for f, p in zip(frequencies, phases, strict=True)]
    for harmonic in products:
        angle = 2 * np.pi * harmonic * (time - time[0]) / window
        columns.append(np.cos(angle))
        if not (uniform and abs(2 * harmonic - points) < 1e-6):  # at half the point rate a sine is zero everywhere
            columns.append(np.sin(angle))
    design = np.array(columns).T
    if design.shape[1] > points:
        raise ValueError(
            f"{points} points for {design.shape[1]} unknowns (mean, tones, 2nd-order products); take more points"
        )
    return design, np.asarray(np.linalg.pinv(design), dtype=np.float64)
