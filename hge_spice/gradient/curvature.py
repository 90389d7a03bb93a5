"""What 3rd-order products do to derivatives, as far as the points of a window tell: predicted, flagged, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

import numpy as np

from hge_spice.drive import Floats, Tone, Waveform
from hge_spice.gradient.trust import NONLINEAR, hidden_bias, is_nonlinear, is_unseen
from hge_spice.lockin import distortion, fewest_points, sketch
from hge_spice.planner.intermodulation import hit_counts

PRODUCTS = "3rd-order products"  # in all notes of what is told here
NO_FEWER = 10  # a remedy asks for no amplitude below this share


@dataclass(frozen=True)
class Curvature:
    """What 3rd-order products have done to the tones of one waveform.

    shift, stderr : [tone], output units; nan where it can't be told
    flags : `nonlinear`, or `curvature_unseen` where the points are too few to tell and it may matter; notes say why
    """

    shift: Floats
    stderr: Floats
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def curvature(
    waveform: Waveform, tones: tuple[Tone, ...], window: float, response: np.ndarray, noise: float = 0.0
) -> Curvature:
    """Judge a waveform, freed of its trend, by the products that it shows.

    response : [tone], output units, as demodulated, or of its size; window : s
    noise : rms at a point of what is known to be in the output and no product
    """
    return judged(distortion(waveform, tones), waveform, tones, window, response, noise)


def judged(
    told: tuple[Floats, Floats],
    waveform: Waveform,
    tones: tuple[Tone, ...],
    window: float,
    response: np.ndarray,
    noise: float,
) -> Curvature:
    """The same where `distortion` of this waveform, and maybe of others like it, has told shift and standard error."""
    shift, stderr = told
    if is_nonlinear(response, shift, stderr):
        return Curvature(shift, stderr, ("nonlinear",))
    if np.isfinite(shift).all():
        return Curvature(shift, stderr)
    found = sketch(waveform, tones)
    largest = np.abs(response).max()
    if is_nonlinear(response, found.shift, found.stderr):
        worst = int(np.argmax(np.abs(found.shift)))
        note = (
            f"{PRODUCTS} of one and two tones are predicted to move the derivative to {tones[worst].electrode} "
            f"by {abs(found.shift[worst]) / largest:.1%} of the largest; these points can't tell those of three tones"
        )
        return Curvature(shift, stderr, ("nonlinear",), (note,))
    hidden = hidden_bias(found, noise)
    if not is_unseen(response, hidden):
        return Curvature(shift, stderr)
    share = hidden.max() / max(largest, np.finfo(float).tiny)
    return Curvature(shift, stderr, ("curvature_unseen",), (_unseen(share, tones, window, waveform),))


def _unseen(share: float, tones: tuple[Tone, ...], window: float, waveform: Waveform) -> str:
    harmonics = tuple(round(tone.frequency * window) for tone in tones)
    points, enough = len(waveform.time), points_that_tell(harmonics)
    amplitude = max(tone.amplitude for tone in tones)
    smaller = max(float(np.sqrt(NONLINEAR / share)), 1 / NO_FEWER) if np.isfinite(share) else 1 / NO_FEWER
    size = f"by up to {share:.1%} of the largest" if np.isfinite(share) else "by no one knows how much"
    more = f"take perturbation.points = {enough}" if enough > points else "take random phases, or other harmonics"
    return (
        f"{points} points can't tell by how much {PRODUCTS} move the derivatives of {len(tones)} tones, and by "
        f"what they leave in other places it may be {size}; {more}, or amplitudes of about "
        f"{1e3 * amplitude * smaller:.2g} mV, where it would not matter"
    )


@lru_cache(maxsize=32)
def points_that_tell(harmonics: Sequence[int]) -> int:
    """The fewest points at which 3rd-order products of these tones can be told, and aliases add no hit."""
    unaliased = hit_counts(harmonics, 4 * max(harmonics) + 1)
    return next(
        points
        for points in count(max(fewest_points(len(harmonics)), 2 * max(harmonics) + 1))
        if hit_counts(harmonics, points) == unaliased
    )
