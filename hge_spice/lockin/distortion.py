"""How far 3rd-order products have moved each tone's amplitude, predicted from the output itself.

A quasi-static device's output is a polynomial of the tone voltages. Of its 3rd-order terms only those of one or two
tones, v_i³ and v_i·v_k², move tone i: by ¾ and ½ of their coefficients at unit amplitude, always in phase and at any
number of points, so that no choice of tones avoids it and nothing at the tone itself tells it from the derivative.
Everything else that they make tells: at 3h_i, and at h_i ± 2h_k.

`distortion` fits all terms. Those are (n+1)(n+2)(n+3)/6, more than the 2nd-order products that a plan of tones is made
for, and from some eight tones on more than the points that it takes: `sketch` is for these.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from hge_spice.drive import Floats, Tone, Waveform
from hge_spice.lockin.basis import UNIFORM, is_uniform
from hge_spice.lockin.least_squares import pseudo_inverse
from hge_spice.planner.intermodulation import alias_bins

MARGIN = 8  # points beyond the unknowns that a fit must have
BEYOND_QUADRATURES = 3  # and beyond these, which are unknowns too, but of no product
MOST_UNKNOWNS = 1000  # of a fit: a second once for each grid; terms of one and two tones of 24 tones
ESTIMABLE = 1e-6  # share of a shift that may lie where the grid shows nothing
HIDDEN = 1e-6  # of a term's size: what is left of it beside the lower orders when nothing is

Settings = tuple[tuple[float, float], ...]


def fewest_points(tones: int) -> int:
    """Points in a window below which `distortion` can't tell."""
    return comb(tones + 3, 3) + max(MARGIN, tones + BEYOND_QUADRATURES)


def distortion(waveform: Waveform, tones: tuple[Tone, ...]) -> tuple[Floats, Floats]:
    """Predict how far 3rd-order products have moved each tone's in-phase amplitude, and how sure that is.

    All terms up to 3rd order are fitted, and the tones' quadratures, which are poles' doing.

    Returns the shift and its standard error: [tone], A; nan where there are too few points to tell, or where tones and
    phases are such that on this grid another polynomial makes the same output but another shift.
    """
    operator, norms, fitted, degrees = _cubic(*_grid(waveform, tones))
    if operator.size == 0:
        unknown = np.full(len(tones), np.nan)
        return unknown, unknown
    residual = waveform.output - fitted @ waveform.output
    spread = float(np.sqrt(residual @ residual / degrees))
    return operator @ waveform.output, norms * spread


@dataclass(frozen=True)
class Sketch:
    """How far 3rd-order products have moved each tone, as far as too few points tell.

    shift : [tone], A; zero where nothing tells
    gain : [tone], standard error of it over `spread`
    spread : A, rms of what the fit leaves over: products of three tones, and noise; degrees : of freedom behind it
    """

    shift: Floats
    gain: Floats
    spread: float
    degrees: int

    @property
    def stderr(self) -> Floats:
        """Of the shift: [tone], A; products of three tones, which are not in the fit, make most of it."""
        return self.gain * self.spread


def sketch(waveform: Waveform, tones: tuple[Tone, ...]) -> Sketch:
    """Predict the same with fewer points: terms of three tones, which move no tone, are left to the residual.

    There are n² terms of one or two tones. Where these are too many as well, for the grid or to be fitted, the shift is
    taken for zero and `gain` is such that it isn't beyond two of its standard errors: each term would leave something
    beside the lower orders, and by Cauchy and Schwarz √Σ(moves/leaves)² times the rms of all that is left bounds what
    they move together, if what they leave is orthogonal. It is infinite where a term leaves nothing. Of more than some
    40 tones lower orders are too many as well, and are taken for all that their bins hold; terms that leave nothing
    beside them, as one whose only bin another has, are then taken for no larger than the tone's others.
    """
    plain = _sketch(*_grid(waveform, tones))
    output = waveform.output
    if plain.occupied.size:
        spectrum = np.fft.rfft(output)
        spectrum[plain.occupied] = 0
        residual = np.fft.irfft(spectrum, len(output))
    else:
        residual = output - plain.span @ (plain.span.T @ output)
    spread = float(np.sqrt(residual @ residual / plain.degrees)) if plain.degrees > 0 else np.inf
    shift = plain.operator @ output if plain.operator.size else np.zeros(len(tones))
    return Sketch(shift, plain.gain, spread, plain.degrees)


def _grid(waveform: Waveform, tones: tuple[Tone, ...]) -> tuple[bytes, Settings]:
    settings = tuple((tone.frequency, tone.phase) for tone in tones)
    return np.ascontiguousarray(waveform.time).tobytes(), settings


def _terms(count: int, orders: range) -> list[tuple[int, ...]]:
    return [term for order in orders for term in combinations_with_replacement(range(count), order)]


def _columns(waves: Floats, terms: Sequence[tuple[int, ...]]) -> Floats:
    """[point, term]."""
    return np.array([np.prod(waves[list(term)], axis=0) for term in terms]).reshape(len(terms), -1).T


def _waves(time_bytes: bytes, settings: Settings) -> tuple[Floats, Floats]:
    """The tones at unit amplitude, and their quadratures: [tone, point] each."""
    time = np.frombuffer(time_bytes)
    angles = np.array([2 * np.pi * frequency * time + phase for frequency, phase in settings])
    return np.sin(angles), np.cos(angles)


def _moves(count: int, terms: Sequence[tuple[int, ...]]) -> Floats:
    """How far each term, its coefficient one, moves each tone: [tone, term]."""
    shift = np.zeros((count, len(terms)))
    for column, term in enumerate(terms):
        for i in set(term):
            if len(term) == 3 and term.count(i) != 2 and len(set(term)) < 3:
                shift[i, column] = 0.75 if term.count(i) == 3 else 0.5
    return shift


@lru_cache(maxsize=32)
def _cubic(time_bytes: bytes, settings: Settings) -> tuple[Floats, Floats, Floats, int]:
    """Operator from output to shift [tone, point], its rows' norms, operator to fit [point, point], degrees left.

    Empty where points lack; nan in the rows of shifts that the grid leaves open.
    """
    count, points = len(settings), len(time_bytes) // np.dtype(float).itemsize
    if points < fewest_points(count):
        return np.empty((0, 0)), np.empty(0), np.empty((0, 0)), 0
    waves, quadratures = _waves(time_bytes, settings)
    terms = _terms(count, range(4))
    design = np.hstack([_columns(waves, terms), quadratures.T])
    shift = np.hstack([_moves(count, terms), np.zeros((count, count))])
    inverse, rank = pseudo_inverse(design)
    operator: Floats = shift @ inverse
    # what of a shift lies outside the rows of the design, no output of the device can show
    outside = shift - operator @ design
    operator[np.abs(outside).max(axis=1) > ESTIMABLE] = np.nan
    return operator, np.linalg.norm(operator, axis=1), design @ inverse, points - rank


@dataclass(frozen=True)
class _Fit:
    """What `sketch` does on one grid.

    operator : from output to shift [tone, point], empty where nothing tells it; gain : [tone]
    span : orthonormal columns of what is fitted [point, unknown]; or occupied : bins that are, on a uniform grid
    degrees : left
    """

    operator: Floats
    gain: Floats
    span: Floats
    occupied: NDArray[np.int64]
    degrees: int


NOTHING: Floats = np.empty((0, 0))
NO_BINS = np.empty(0, dtype=np.int64)


@lru_cache(maxsize=8)
def _sketch(time_bytes: bytes, settings: Settings) -> _Fit:
    count, time = len(settings), np.frombuffer(time_bytes)
    pairs = [(i, i, k) for i in range(count) for k in range(count)]
    own_moves = _moves(count, pairs)
    lower = 1 + 2 * count + comb(count + 1, 2)
    unknowns = lower + len(pairs)
    if lower > MOST_UNKNOWNS:
        return _by_bins(time, settings, own_moves)
    waves, quadratures = _waves(time_bytes, settings)
    below = np.hstack([quadratures.T, _columns(waves, _terms(count, range(3)))])
    own = _columns(waves, pairs)
    if unknowns <= MOST_UNKNOWNS and unknowns + MARGIN <= len(time):
        span, right = linalg.qr(np.hstack([below, own]), mode="economic")
        diagonal = np.abs(np.diag(right))
        if diagonal.min() > ESTIMABLE * diagonal.max():
            every = np.hstack([np.zeros((count, below.shape[1])), own_moves])
            operator: Floats = linalg.solve_triangular(right, every.T, trans="T").T @ span.T
            gain = np.linalg.norm(operator, axis=1)
            return _Fit(operator, gain, np.asarray(span), NO_BINS, len(time) - unknowns)
    span, rank = _span(below)
    squares = np.sum(own**2, axis=0) - np.sum((span.T @ own) ** 2, axis=0)
    ratios = _ratios(own_moves, np.sqrt(np.maximum(squares, 0.0) / len(time)))
    gain = np.sqrt(np.sum(np.where(np.isnan(ratios), np.inf, ratios) ** 2, axis=1)) / 2
    return _Fit(NOTHING, gain, span, NO_BINS, len(time) - rank)


def _by_bins(time: Floats, settings: Settings, moves: Floats) -> _Fit:
    """Without a fit: what bins hold that neither mean nor tones nor 2nd-order products occupy, over a whole window."""
    count, points = len(settings), len(time)
    unknown = _Fit(NOTHING, np.full(count, np.inf), np.empty((points, 0)), NO_BINS, points)
    if not is_uniform(time):
        return unknown
    place = np.array([frequency for frequency, _ in settings]) * (time[-1] - time[0]) * points / (points - 1)
    harmonics = np.round(place).astype(np.int64)
    if np.abs(place - harmonics).max() > UNIFORM * harmonics.max():
        return unknown
    second = np.array([harmonics[:, None] + harmonics, harmonics[:, None] - harmonics])
    occupied = np.unique(alias_bins(np.concatenate([[0], harmonics, second.ravel()]), points))
    # v_k·v_i² makes a quarter each at h_k ± 2h_i, v_i³ one at 3h_i
    third = alias_bins([2 * harmonics[:, None] + harmonics, 2 * harmonics[:, None] - harmonics], points)
    free = ~np.isin(third, occupied)
    free[1] &= ~np.eye(count, dtype=bool)
    left = np.sqrt(free.sum(axis=0) / 32).ravel()
    taken = sum(1 if 2 * b in {0, points} else 2 for b in occupied.tolist())
    ratios = _ratios(moves, left)
    shown = np.sum(np.isfinite(ratios) & (moves > 0), axis=1)
    total = np.nansum(ratios**2, axis=1) * count
    gain: Floats = np.sqrt(np.divide(total, shown, out=np.full(count, np.inf), where=shown > 0)) / 2
    return _Fit(NOTHING, gain, NOTHING, occupied, points - taken)


def _ratios(moves: Floats, left: Floats) -> Floats:
    """Of what each term moves to what it leaves: [tone, term]; nan where it leaves nothing. left : rms, [term]."""
    return np.asarray(np.where(moves > 0, moves / np.where(left > HIDDEN, left, np.nan), 0.0))


def _span(design: Floats) -> tuple[Floats, int]:
    """Orthonormal columns that span those of a design [point, unknown], and how many they are."""
    columns, right, _ = linalg.qr(design, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(right))
    rank = int(np.sum(diagonal > max(design.shape) * np.finfo(float).eps * diagonal.max(initial=0.0)))
    return np.asarray(columns[:, :rank]), rank
