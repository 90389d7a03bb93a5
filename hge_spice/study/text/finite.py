"""Numbers for JSON, which has no nan and no infinity: None stands for both."""

from collections.abc import Iterable

import numpy as np


def finite(value: float) -> float | None:
    """Return the value, or None where it is nan or infinite."""
    return float(value) if np.isfinite(value) else None


def all_finite(values: Iterable[float]) -> list[float | None]:
    """Return the values, None where one is nan or infinite."""
    return [finite(value) for value in values]
