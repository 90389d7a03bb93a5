"""Least squares that always come to an end.

LAPACK's divide and conquer (gesdd, gelsd), which numpy's pinv and lstsq use, gives up on some harmless matrices of
tones, whose singular values lie close together: OpenBLAS 0.3.31 on Zen processors, seen at a condition number of 1.5.
The older routines (gesvd, gelsy) don't.
"""

import numpy as np
from scipy import linalg

from hge_spice.drive import Floats


def pseudo_inverse(design: Floats) -> tuple[Floats, int]:
    """Moore–Penrose inverse [unknown, point] of a design matrix [point, unknown], and its rank."""
    left, values, right = linalg.svd(design, full_matrices=False, lapack_driver="gesvd")
    rank = int(np.sum(values > max(design.shape) * np.finfo(float).eps * values.max(initial=0.0)))
    inverse = (right[:rank].T / values[:rank]) @ left[:, :rank].T
    return np.asarray(inverse, dtype=np.float64), rank


def fitted(design: Floats, values: Floats) -> Floats:
    """Unknowns [unknown] (or [unknown, column]) that make design @ unknowns nearest to the values."""
    return np.asarray(linalg.lstsq(design, values, lapack_driver="gelsy")[0], dtype=np.float64)
