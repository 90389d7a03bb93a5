"""Phases of the tones: random, or chosen so that the sum of all tones has a low peak."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from hge_spice.drive import Floats

OVERSAMPLING = 16  # points per period of the highest tone, at which a peak is seen to 1 − cos(π/16) = 2 %
FINE = 128  # the same for the figure that is shown: 0.03 %
STARTS = 64  # random ones
POWERS = (4, 8, 16, 32)  # of the norm: each closer to the peak than the one before, and harder to descend


def random_phases(count: int, rng: np.random.Generator) -> Floats:
    """Phases uniform over a turn: [tone], rad.

    Odd harmonics that all start at zero repeat their samples in pairs, which doubles the variance of quantisation.
    """
    return rng.uniform(0.0, 2 * math.pi, count)


def crest_factor(harmonics: Sequence[int], phases: Floats, amplitude: Floats | None = None) -> float:
    """Peak over rms of the sum of all tones, each as strong as its amplitude (equal by default).

    It is what the output's range has to hold where all controls act alike; one tone has √2, n tones at most √(2n).
    """
    weight = np.ones(len(harmonics)) if amplitude is None else np.asarray(amplitude, dtype=np.float64)
    wave = _wave(np.asarray(harmonics), np.asarray(phases), weight, next_fast_len(FINE * max(harmonics)))
    return float(np.abs(wave).max() / np.sqrt(np.sum(weight**2) / 2))


def schroeder_phases(harmonics: Sequence[int], amplitude: Floats | None = None) -> Floats:
    """Phases that spread the tones' energy over the period: [tone], rad, for the sine of each tone.

    Source: M. R. Schroeder, IEEE Trans. Inf. Theory 16, 85 (1970): φ_n = −2π Σ_{l<n} (n − l)·p_l, p the shares of
    power. Made for harmonics in a row; for a sparse set it is no more than a start.
    """
    order = np.argsort(harmonics)
    power = np.ones(len(harmonics)) if amplitude is None else np.asarray(amplitude, dtype=np.float64) ** 2
    shares = power[order] / power.sum()
    before = np.concatenate([[0.0], np.cumsum(np.cumsum(shares))[:-1]])
    phases = np.empty(len(harmonics))
    phases[order] = np.mod(-2 * math.pi * before, 2 * math.pi)
    return phases


def low_crest_phases(harmonics: Sequence[int], rng: np.random.Generator, amplitude: Floats | None = None) -> Floats:
    """The phases of lowest crest factor found: [tone], rad.

    From Schroeder's phases and from random ones, norms of the wave of rising power are descended in turn (Guillaume et
    al., IEEE Trans. Instrum. Meas. 40, 982 (1991), do so by Gauss-Newton), and the best end is kept.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to import, and most studies keep their phases

    count = len(harmonics)
    weight = np.ones(count) if amplitude is None else np.asarray(amplitude, dtype=np.float64)
    best = schroeder_phases(harmonics, weight)
    if count == 1:
        return best
    starts = [best, *(random_phases(count, rng) for _ in range(STARTS))]
    for start in starts:
        phases = start
        for power in POWERS:
            found = minimize(_norm, phases, args=(np.asarray(harmonics), weight, power), jac=True, method="L-BFGS-B")
            phases = np.mod(found.x, 2 * math.pi)
        best = min(best, phases, key=lambda p: crest_factor(harmonics, p, weight))
    return best


def _wave(harmonics: np.ndarray, phases: Floats, weight: Floats, points: int) -> Floats:
    """Σ weight·sin(2π·harmonic·t + phase) over one period: [point]."""
    spectrum = np.zeros(points // 2 + 1, dtype=np.complex128)
    spectrum[harmonics] = -0.5j * points * weight * np.exp(1j * phases)
    return np.asarray(irfft(spectrum, points), dtype=np.float64)


def _norm(phases: Floats, harmonics: np.ndarray, weight: Floats, power: int) -> tuple[float, Floats]:
    """Log of the wave's norm of this power, and its derivative by each phase."""
    points = next_fast_len(OVERSAMPLING * int(harmonics.max()))
    wave = _wave(harmonics, phases, weight, points)
    peak = np.abs(wave).max()
    high = (wave / peak) ** (power - 1)
    total = float(high @ wave) / peak
    # d wave/dφ_k = weight·cos(2π·harmonic·t + φ): its product with `high`, summed over t, is a Fourier coefficient
    moved = np.real(np.exp(1j * phases) * np.conj(rfft(high)[harmonics])) * weight
    return math.log(peak) + math.log(total / points) / power, moved / (peak * total)


PHASES: Mapping[str, Callable[[Sequence[int], np.random.Generator], Floats]] = {
    "random": lambda harmonics, rng: random_phases(len(harmonics), rng),
    "low_crest": low_crest_phases,
}
