"""When the derivatives of one pattern are not to be trusted: what the flags of every estimator go by."""

import numpy as np

from hge_spice.drive import Floats
from hge_spice.lockin import Sketch

NONLINEAR = (
    5e-3  # share of the largest derivative; a predicted bias was never below 0.6 of the true one, so 1e-2 is caught
)
LAG = 0.1  # quadrature over the largest in-phase derivative: at 0.1, in-phase alone loses half a per cent
SILENT = 1e-3  # of the largest response of all patterns, below which one is off: points and dead times resolve no less
SIGNIFICANT = 2.0  # standard errors
RESOLVED = 5.0  # standard errors; Gaussian noise alone exceeds them on one side once in 3.5 million tones
BY_CHANCE = 3.0  # standard deviations up to which something is put down to noise that is known to be there


def is_nonlinear(response: np.ndarray, bias: Floats, bias_stderr: Floats) -> bool:
    """Whether 3rd-order products move a derivative by more than may be: the flag `nonlinear`; all [control]."""
    size = np.abs(bias)
    return bool(((size > NONLINEAR * np.abs(response).max()) & (size > SIGNIFICANT * bias_stderr)).any())


def hidden_bias(found: Sketch, noise: float) -> Floats:
    """How far 3rd-order products may have moved each tone, where points are too few to tell: [tone], in output units.

    That is the shift sketched and SIGNIFICANT of its standard errors.

    noise : rms at a point of what is known to be in the output and no product, which explains its part of both
    """
    if not np.isfinite(found.gain * found.spread).all():
        return np.full(len(found.gain), np.inf)
    explained = noise**2 * (1 + BY_CHANCE * np.sqrt(2 / max(found.degrees, 1)))
    left = np.sqrt(max(found.spread**2 - explained, 0.0))
    seen = np.maximum(np.abs(found.shift) - BY_CHANCE * found.gain * noise, 0.0)
    return np.asarray(seen + SIGNIFICANT * found.gain * left)


def is_unseen(response: np.ndarray, hidden: Floats) -> bool:
    """Whether what can't be told of 3rd-order products may move a derivative too far: `curvature_unseen`; [control]."""
    return bool(hidden.max() > NONLINEAR * np.abs(response).max())


def lags(response: np.ndarray, stderr: Floats) -> bool:
    """Whether a response, its known lag taken off, is late beside its tone: the flag `lag`; both [control]."""
    late = np.abs(np.imag(response))
    return bool(((late > LAG * np.abs(response).max()) & (late > SIGNIFICANT * stderr)).any())


def is_below(response: np.ndarray, *errors: Floats | float) -> bool:
    """Whether the largest derivative doesn't stand out of the largest of errors: `low_snr`, `below_tolerance`."""
    return bool(np.abs(response).max() < RESOLVED * max(np.asarray(error).max() for error in errors))
