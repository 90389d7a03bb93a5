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

import numpy as np

from hge_spice.drive import Floats, Tone, Transient, Waveform
from hge_spice.lockin.basis import UNIFORM, basis_of
from hge_spice.lockin.filters import Filter
from hge_spice.lockin.least_squares import fitted


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
    basis = basis_of(np.ascontiguousarray(waveform.time).tobytes(), frequencies, phases, window, lockin, trend)
    read = basis.read @ waveform.output
    residual, product = basis.leftover(waveform.output)
    count = len(tones)
    degrees = len(waveform.time) - basis.unknowns
    spread = float(np.sqrt(residual @ residual / basis.trace)) if degrees > 0 else np.nan
    return Demodulated(
        mean=float(read[0]),
        response=read[1 : 1 + count] + 1j * read[1 + count :],
        stderr=spread * np.sqrt(basis.norms),
        residual=residual,
        product=product,
        degrees_of_freedom=degrees,
        gain=basis.norms * len(waveform.time) / (2 * window),
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


@lru_cache(maxsize=32)
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
