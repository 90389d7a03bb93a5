"""How sure each tone's amplitude is, from what a fit leaves over in the bins that no tone and no product occupies.

The noise is taken for Gaussian with a one-sided density S(f) = c·f^(−α), and everything about it follows from its
covariance over the window, C(τ) = ∫ S(f)·cos(2πfτ) df. A demodulated amplitude is a weighted sum of the samples, w·y:
its variance is c·wᵀC_α·w. That is S(f)/T where S is flat about the tone; steep noise also comes in through the window's
side lobes from far below it. What is slower than the window is a straight line there, −bT/(πk) of harmonic k in the
sine that begins at the window's edge and nothing in the cosine: a pink density at the tone itself misses a fifth of the
variance of harmonic 2 at one phase and a hundredth at another, and the 95 % bar made of it held in 92 %.

c is estimated from the n = 2·bins·patterns cosine and sine amplitudes z of free bins, whose covariance is c·K_α by the
same rule, leakage and correlations included: ĉ = q/n, q = zᵀK_α⁻¹z, and (w·y)/√(ĉ·wᵀC_α·w) follows Student's t with n
degrees (where leakage correlates it with z, with lighter tails). A likelihood of what a fit leaves over is a restricted
one (Patterson & Thompson, Biometrika 58, 545 (1971)); Whittle's, and its debiased form which corrects each bin for
leakage (Sykulski et al., Biometrika 106, 251 (2019)), are approximations of it that take bins for independent.

An α that isn't known is not set to its best value, which a few bins don't tell and which would make the bar too short.
It is averaged over: each α of EXPONENTS weighs |K_α|^(−½)·q_α^(−n/2), its likelihood with c integrated out (Jeffreys'
prior 1/c, uniform in α). The mixture of Student's t's that follows for a tone is told as the one t whose variance has
the same mean and variance of its logarithm (Smyth, Stat. Appl. Genet. Mol. Biol. 3, 3 (2004)): the same to 1e-3.

Seen with 5 tones and 7 free bins, 95 % asked for: 95 % at each tone with α stated; 97 % in white and 95 % in pink noise
with one pattern and α unknown, 96 and 94 % with four. One power law is all there is: a random walk beside pink noise
of a stated exponent, as dense as it at 1/window, takes the bar of harmonic 2 to 83 %; α left open, to 91 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import linalg
from scipy.special import digamma, zeta

from hge_spice.drive import Floats
from hge_spice.lockin.fit import Demodulated

# random walks are the steepest; a little below white, so that white noise isn't at an edge where α can only err upwards
EXPONENTS = tuple(np.linspace(-0.5, 2.0, 26).tolist())
FEWEST_BINS = 4  # per fit; with fewer the residual is taken for white
MOST_BINS = 64  # those nearest to a tone: 128 degrees are as good as any, and a power law holds for a few octaves only
LINES = 16  # at which a density is integrated, for each that the window resolves


@dataclass(frozen=True)
class ErrorBars:
    """Standard error of each tone's in-phase amplitude.

    stderr, degrees_of_freedom : [tone], A and of Student's t: the 95 % bar is t(0.975) times stderr
    exponent : α of f^(−α), stated or averaged
    """

    stderr: Floats
    degrees_of_freedom: Floats
    exponent: float


def error_bars(found: Sequence[Demodulated], window: float, exponent: float | None) -> tuple[ErrorBars, ...]:
    """Learn the noise from waveforms demodulated on one grid: bars of each waveform, or none where few bins are free.

    What they leave over tells of one noise; what it does to a tone depends on the tone's phase in the window, which
    patterns of one transient each have of their own.

    found : [pattern], all measured together, with the same tones, filter and trend or none; window : s
    exponent : of the noise where it is known, None to average over what it may be
    """
    first = found[0]
    if len(first.free_bins) < FEWEST_BINS:
        return ()
    tried = EXPONENTS if exponent is None else (exponent,)
    bins = _nearest(first.free_bins, tuple(f * window for f in first.frequencies))
    line = np.ascontiguousarray(first.line).tobytes()
    rows = np.array([each.residual for each in found])
    free = _free(rows.shape[1], bins, tried, line)
    amplitudes = rows @ _seen(rows.shape[1], bins, line).T
    whitened = free.whiten @ amplitudes.T
    count = amplitudes.size
    misfit = np.sum(whitened**2, axis=(1, 2))
    if not misfit.all():  # nothing left over at all: no noise
        tones = len(first.frequencies)
        return (ErrorBars(np.zeros(tones), np.full(tones, float(count)), 0.0),) * len(found)
    likelihood = -0.5 * (len(found) * free.log_determinant + count * np.log(misfit))
    share = np.exp(likelihood - likelihood.max())
    share /= share.sum()
    told: dict[int, ErrorBars] = {}
    # windows of one grid share its weights: they need not be compared
    grids = [id(each.weights if each.weights.base is None else each.weights.base) for each in found]
    for grid, each in zip(grids, found, strict=True):
        if grid in told:
            continue
        weights = np.ascontiguousarray(each.weights).tobytes()
        logarithm = np.log(misfit[:, None] / count * _variance(weights, rows.shape[1], tried))
        middle = share @ logarithm
        spread = share @ (logarithm - middle) ** 2
        degrees = _degrees(_trigamma(count / 2) + spread)
        # a sample variance of ν degrees lies below the true one on the scale of logarithms, by ψ(ν/2) − ln(ν/2)
        raised = digamma(degrees / 2) - np.log(degrees / 2) - digamma(count / 2) + np.log(count / 2)
        told[grid] = ErrorBars(np.exp((middle + raised) / 2), degrees, float(share @ np.array(tried)))
    return tuple(told[grid] for grid in grids)


def _degrees(spread: Floats) -> Floats:
    """Degrees ν of which ψ′(ν/2), the variance of a logarithmic sample variance, is `spread`: [tone].

    Newton's steps on 1/ψ′, which is nearly straight, from above (Smyth 2004, appendix).
    """
    half = 0.5 + 1 / spread
    for _ in range(8):
        slope = _trigamma(half)
        step = slope * (1 - slope / spread) / (-2 * zeta(3, half))
        half = half + step
        if (np.abs(step) < 1e-8 * half).all():  # squared by the next
            break
    return np.asarray(2 * half)


def _trigamma(x: float | Floats) -> Floats:
    """ψ′, as scipy's polygamma has it less its checks; ψ″ is −2ζ(3, x)."""
    return np.asarray(zeta(2, x))


def _nearest(free: tuple[int, ...], harmonics: tuple[float, ...]) -> tuple[int, ...]:
    if len(free) <= MOST_BINS:
        return free
    return tuple(sorted(sorted(free, key=lambda b: min(abs(b - h) for h in harmonics))[:MOST_BINS]))


@lru_cache(maxsize=32)
def _waves(points: int, bins: tuple[int, ...]) -> Floats:
    """Cosines, then sines, of the bins: [2·bin, point]."""
    angle = 2 * np.pi * np.outer(bins, np.arange(points)) / points
    return np.vstack([np.cos(angle), np.sin(angle)])


@lru_cache(maxsize=32)
def _seen(points: int, bins: tuple[int, ...], line: bytes) -> Floats:
    """What a fit leaves untouched: the bins' waves, or with a trend those sums of them to which a line adds nothing."""
    waves = _waves(points, bins)
    if not line:
        return waves
    _, _, right = linalg.svd((waves @ np.frombuffer(line))[None, :])
    return np.asarray(right[1:] @ waves)


@dataclass(frozen=True)
class _Free:
    """What noise of density (f·window)^(−α) does to the free bins, for each α tried.

    whiten : [α, 2·bin, 2·bin] (one less with a trend), makes the bins' amplitudes independent, of unit variance
    log_determinant : [α], of the bins' covariance
    """

    whiten: Floats
    log_determinant: Floats


@lru_cache(maxsize=32)
def _free(points: int, bins: tuple[int, ...], exponents: tuple[float, ...], line: bytes) -> _Free:
    rows = _seen(points, bins, line)
    whiten, log_determinant = [], []
    for exponent in exponents:
        root = linalg.cholesky(rows @ _times_covariance(rows, exponent).T, lower=True)
        whiten.append(linalg.solve_triangular(root, np.eye(len(root)), lower=True))
        log_determinant.append(2 * np.log(np.diag(root)).sum())
    return _Free(np.array(whiten), np.array(log_determinant))


@lru_cache(maxsize=128)
def _variance(weights: bytes, points: int, exponents: tuple[float, ...]) -> Floats:
    """Of the in-phase amplitudes in the same noise: [α, tone]."""
    read = np.frombuffer(weights).reshape(-1, points)
    return np.array([np.sum(read * _times_covariance(read, exponent), axis=1) for exponent in exponents])


def _times_covariance(rows: Floats, exponent: float) -> Floats:
    """Each row [row, point] times the noise's covariance, by the circle that a Toeplitz matrix is a part of.

    The density is integrated at the middles of LINES parts of 1/window up to half the point rate: white noise comes out
    exactly. What no window resolves below 1/(2·LINES) of its resolution is left out: rows that sum to zero, as those
    of every fit do, see nothing of it; a hardware lock-in's, with its share of the mean, might.
    """
    points = rows.shape[1]
    lines = LINES * points
    middles = np.arange(lines // 2) + 0.5
    turned = lines * np.fft.ifft((middles / LINES) ** -exponent / LINES, lines)[: points + 1]
    covariance = np.real(turned * np.exp(1j * np.pi * np.arange(points + 1) / lines))
    circle = np.concatenate([covariance, covariance[-2:0:-1]])
    spectrum = np.fft.rfft(rows, 2 * points, axis=1) * np.fft.rfft(circle)
    return np.asarray(np.fft.irfft(spectrum, 2 * points, axis=1)[:, :points])
