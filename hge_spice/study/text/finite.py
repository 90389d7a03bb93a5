"""Numbers for JSON, which has no nan and no infinity: None stands for both."""

from collections.abc import Iterable
from typing import Any

import numpy as np


def finite(value: float) -> float | None:
    """Return the value, or None where it is nan or infinite."""
    return float(value) if np.isfinite(value) else None


def strict(value: Any) -> Any:
    """The same value for JSON, None in place of every nan and infinity in it, however deep."""
    if isinstance(value, dict):
        return {key: strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [strict(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def all_finite(values: Iterable[float]) -> list[float | None]:
    """Return the values, None where one is nan or infinite."""
    return [finite(value) for value in values]
