"""When the derivatives of one pattern are not to be trusted: what the flags of every estimator go by."""

import numpy as np

from hge_spice.drive import Floats

NONLINEAR = (
    5e-3  # share of the largest derivative; a predicted bias was never below 0.6 of the true one, so 1e-2 is caught
)
LAG = 0.1  # quadrature over the largest in-phase derivative: at 0.1, in-phase alone loses half a per cent
SILENT = 1e-3  # of the largest response of all patterns, below which one is off: points and dead times resolve no less
SIGNIFICANT = 2.0  # standard errors
RESOLVED = 5.0  # standard errors; Gaussian noise alone exceeds them on one side once in 3.5 million tones


def is_nonlinear(response: np.ndarray, bias: Floats, bias_stderr: Floats) -> bool:
    """Whether 3rd-order products move a derivative by more than may be: the flag `nonlinear`; all [control]."""
    size = np.abs(bias)
    return bool(((size > NONLINEAR * np.abs(response).max()) & (size > SIGNIFICANT * bias_stderr)).any())


def lags(response: np.ndarray, stderr: Floats) -> bool:
    """Whether a response, its known lag taken off, is late beside its tone: the flag `lag`; both [control]."""
    late = np.abs(np.imag(response))
    return bool(((late > LAG * np.abs(response).max()) & (late > SIGNIFICANT * stderr)).any())


def is_below(response: np.ndarray, *errors: Floats | float) -> bool:
    """Whether the largest derivative doesn't stand out of the largest of errors: `low_snr`, `below_tolerance`."""
    return bool(np.abs(response).max() < RESOLVED * max(np.asarray(error).max() for error in errors))
