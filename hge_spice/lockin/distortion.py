"""How far 3rd-order products have moved each tone's amplitude, predicted from the output itself."""

from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

from hge_spice.drive import Floats, Tone, Waveform
from hge_spice.lockin.least_squares import pseudo_inverse

MARGIN = 8  # points beyond the unknowns that the 3rd-order fit must have


def distortion(waveform: Waveform, tones: tuple[Tone, ...]) -> tuple[Floats, Floats]:
    """Predict how far 3rd-order products have moved each tone's in-phase amplitude, and how sure that is.

    A quasi-static device's output is a polynomial of the tone voltages: fitted up to 3rd order, the terms v_i³ and
    v_i·v_k² tell what they add at tone i (¾ and ½ of their coefficients at unit amplitude), with its sign.

    Returns the shift and its standard error: [tone], A; nan where there are too few points to tell.
    """
    settings = tuple((tone.frequency, tone.phase) for tone in tones)
    operator, norms, fitted, degrees = _cubic(np.ascontiguousarray(waveform.time).tobytes(), settings)
    if operator.size == 0:
        unknown = np.full(len(tones), np.nan)
        return unknown, unknown
    residual = waveform.output - fitted @ waveform.output
    spread = float(np.sqrt(residual @ residual / degrees))
    return operator @ waveform.output, norms * spread


@lru_cache(maxsize=32)
def _cubic(time_bytes: bytes, settings: tuple[tuple[float, float], ...]) -> tuple[Floats, Floats, Floats, int]:
    """Operator from output to shift [tone, point], its rows' norms, operator to fit [point, point], degrees left.

    Empty where points lack.
    """
    time = np.frombuffer(time_bytes)
    count = len(settings)
    waves = [np.sin(2 * np.pi * frequency * time + phase) for frequency, phase in settings]
    terms = [term for order in range(4) for term in combinations_with_replacement(range(count), order)]
    if len(terms) + MARGIN > len(time):
        return np.empty((0, 0)), np.empty(0), np.empty((0, 0)), 0
    design = np.array([np.prod([waves[i] for i in term], axis=0) if term else np.ones_like(time) for term in terms]).T
    shift = np.zeros((count, len(terms)))
    for column, term in enumerate(terms):
        for i in set(term):
            if len(term) == 3 and term.count(i) != 2 and len(set(term)) < 3:
                shift[i, column] = 0.75 if term.count(i) == 3 else 0.5
    inverse, rank = pseudo_inverse(design)
    operator: Floats = shift @ inverse
    return operator, np.linalg.norm(operator, axis=1), design @ inverse, len(time) - rank
