"""The axes of a sweep: lists, ranges, keys that run together, corners and distributions, each a list of settings.

A sweep is the product of its axes. What is drawn from distributions is one axis, all its keys at once, so that a device
Monte Carlo crossed with a grid is written by naming both.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from hge_spice.study.text.files import CORNERS, DISTRIBUTIONS, RANGES, SWEEP_OPTIONS, suggestion
from hge_spice.study.text.units import DIMENSIONS, number_and_unit, quantity

Setting = dict[str, Any]  # swept keys and their values as written
SAMPLINGS = ("monte_carlo", "latin", "sobol")
MOST = 1_000_000  # trials; more is a slip of the pen in a range


@dataclass(frozen=True)
class Axis:
    """One factor of the product: how many settings it has, and a function that makes them."""

    keys: tuple[str, ...]
    count: int
    settings: Callable[[], list[Setting]]


def axes_of(sweep: Mapping[str, Any]) -> list[Axis]:
    """The axes, in the order in which their first keys are written. Raises ValueError where one is wrong.

    Nothing is laid out before the product is known to be within bounds.
    """
    options = {name: sweep[name] for name in SWEEP_OPTIONS if name in sweep}
    spread = {key: value for key, value in sweep.items() if key not in SWEEP_OPTIONS}
    drawn = {key: value for key, value in spread.items() if _is(value, DISTRIBUTIONS)}
    cornered = {key: value for key, value in spread.items() if _is(value, CORNERS)}
    together = _zipped(options.get("zip", []), spread)
    if drawn:
        _check_draws(options)
    elif {"sampling", "samples", "seed"} & set(options):
        raise ValueError("sampling, samples and seed are for keys with a distribution, such as { normal = [0, 1] }")
    made: list[Axis] = []
    seen: set[str] = set()
    for key in spread:
        if key in seen:
            continue
        if key in drawn:
            axis = Axis(tuple(drawn), options["samples"], lambda: _draws(drawn, options))
        elif key in cornered:
            # the nominal is one trial, not one more level of every key
            axis = Axis(tuple(cornered), 2 ** len(cornered) + 1, lambda: _corners(cornered))
        else:
            keys = together.get(key, (key,))
            axis = _listed({k: spread[k] for k in keys})
        seen |= set(axis.keys)
        made.append(axis)
    count = math.prod(axis.count for axis in made)
    if count > MOST:
        raise ValueError(f"{count} trials are more than {MOST}; shorten a list or a range, or draw samples")
    return made


def values_of(written: Any) -> list[Any]:
    """The values of a list or a range, in the unit in which its ends are written."""
    if isinstance(written, list):
        return written
    ((spacing, (first, last, count)),) = written.items()
    if count > MOST:
        raise ValueError(f"{spacing} = {[first, last, count]} has {count} values, more than {MOST}")
    low, high, unit = _ends(first, last)
    if spacing == "linspace":
        points = [low + (high - low) * i / (count - 1) for i in range(count)]
    elif low > 0 and high > 0:
        ratio = (high / low).ln() / (count - 1)
        points = [low * (ratio * i).exp() for i in range(count)]
    else:
        raise ValueError(f"logspace = {[first, last, count]} should begin and end above zero")
    points[-1] = high
    whole = isinstance(first, int) and isinstance(last, int)
    return [_written(point, unit, whole=whole) for point in points]


def is_list_or_range(written: Any) -> bool:
    """Whether a key is swept over values that have neighbours."""
    return isinstance(written, list) or _is(written, RANGES)


def number_of(written: Any) -> float | None:
    """A swept value as a number, in SI units where it has one; None where it is something else."""
    if isinstance(written, bool | list | dict):
        return None
    for dimension in DIMENSIONS if isinstance(written, str) else ("ratio",):
        try:
            return quantity(written, dimension)
        except ValueError:
            continue
    return None


def between(first: Any, last: Any, *, logarithmic: bool) -> Any:
    """The value half way, in the unit of both: the geometric mean where logarithmic; whole between whole numbers."""
    if type(first) is int and type(last) is int and not logarithmic:
        return (first + last) // 2
    kind = "logspace" if logarithmic else "linspace"
    return values_of({kind: [first, last, 3]})[1]


def _written(point: Decimal | float, unit: str, *, whole: bool) -> Any:
    number = float(f"{point:.12g}")
    if unit:
        return f"{number:.12g} {unit}"
    return int(number) if whole and number.is_integer() else number


def _is(value: Any, kinds: Iterable[str]) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in kinds


def _size(written: Any) -> int:
    return len(written) if isinstance(written, list) else int(next(iter(written.values()))[2])


def _listed(written: Mapping[str, Any]) -> Axis:
    """Keys that run together; one, mostly."""
    sizes = {key: _size(value) for key, value in written.items()}
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{key} has {size}" for key, size in sizes.items())
        raise ValueError(f"zip: keys that run together need equally many values; {said}")

    def settings() -> list[Setting]:
        columns = [values_of(value) for value in written.values()]
        return [dict(zip(written, values, strict=True)) for values in zip(*columns, strict=True)]

    return Axis(tuple(written), next(iter(sizes.values())), settings)


def _zipped(groups: Any, spread: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    if isinstance(groups, list) and groups and all(isinstance(key, str) for key in groups):
        groups = [groups]
    if not isinstance(groups, list) or not all(isinstance(g, list) and len(g) > 1 for g in groups):
        raise ValueError(f"zip = {groups!r} should list swept keys that run together, two or more")
    found: dict[str, tuple[str, ...]] = {}
    for group in groups:
        for key in group:
            if not isinstance(key, str) or key not in spread:
                raise ValueError(f"zip: {key!r} is not swept{suggestion(str(key), spread)}")
            if key in found or group.count(key) > 1:
                raise ValueError(f"zip: {key!r} comes twice")
            if not is_list_or_range(spread[key]):
                raise ValueError(f"zip: {key!r} is {spread[key]!r}; only lists and ranges can run together")
            found[key] = tuple(group)
    return found


def _corners(written: Mapping[str, Any]) -> list[Setting]:
    """Every combination of low and high, the last key fastest, and the nominal of all keys at the end."""
    keys = tuple(written)
    ends = {key: value["corners"] for key, value in written.items()}
    made = [
        {key: ends[key][2 if (k >> (len(keys) - 1 - place)) & 1 else 0] for place, key in enumerate(keys)}
        for k in range(2 ** len(keys))
    ]
    return [*made, {key: ends[key][1] for key in keys}]


def _check_draws(options: Mapping[str, Any]) -> None:
    how, count, seed = options.get("sampling", "monte_carlo"), options.get("samples"), options.get("seed", 0)
    if how not in SAMPLINGS:
        raise ValueError(f"sampling = {how!r}{suggestion(str(how), SAMPLINGS)}")
    if type(count) is not int or count < 1:
        raise ValueError(f"samples = {count!r}; keys with a distribution need the number of samples, 1 or more")
    if type(seed) is not int or seed < 0:
        raise ValueError(f"seed = {seed!r} should be a whole number, 0 or more")
    if how == "sobol" and count & (count - 1):
        raise ValueError(f"samples = {count}: a Sobol sequence is balanced only at powers of two; take {_near(count)}")


def _near(count: int) -> str:
    return f"{2 ** (count.bit_length() - 1)} or {2 ** count.bit_length()}"


def _draws(written: Mapping[str, Any], options: Mapping[str, Any]) -> list[Setting]:
    """Points of the unit cube, scrambled by the sweep's own seed, through every key's inverse distribution function."""
    from scipy.stats import qmc  # noqa: PLC0415 - takes longer to import than most sweeps to lay out

    how, count, rng = options.get("sampling", "monte_carlo"), options["samples"], options.get("seed", 0)
    width = len(written)
    if how == "monte_carlo":
        cube = np.random.default_rng(rng).random((count, width))
    else:
        sampler = {"latin": qmc.LatinHypercube, "sobol": qmc.Sobol}[how]
        cube = sampler(width, rng=np.random.default_rng(rng)).random(count)
    columns = [_inverse(key, value, cube[:, k]) for k, (key, value) in enumerate(written.items())]
    return [dict(zip(written, values, strict=True)) for values in zip(*columns, strict=True)]


def _inverse(key: str, written: Any, u: np.ndarray) -> Sequence[Any]:
    """Values at the probabilities u, [sample], as written."""
    from scipy.special import ndtri  # noqa: PLC0415 - as above

    ((kind, given),) = written.items()
    if kind == "choice":
        return [given[min(int(p * len(given)), len(given) - 1)] for p in u.tolist()]
    if len(given) != 2:
        raise ValueError(f"{key}: {kind} = {given!r} should have two values")
    if kind == "integers":
        low, high = given
        if type(low) is not int or type(high) is not int or low > high:
            raise ValueError(f"{key}: integers = {given!r} should be two whole numbers, the lower first, both included")
        return [min(low + int(p * (high - low + 1)), high) for p in u.tolist()]
    u = np.clip(u, 2**-53, 1 - 2**-53)  # a normal has no value at 0 or 1
    if kind == "lognormal":
        first, unit = number_and_unit(given[0]) if isinstance(given[0], str) else (Decimal(repr(given[0])), "")
        median, sigma = float(first), quantity(given[1], "ratio")
        if median <= 0 or sigma <= 0:
            raise ValueError(f"{key}: lognormal = {given!r} should be a median and the σ of the logarithm, above zero")
        points = median * np.exp(sigma * ndtri(u))
    else:
        first, last, unit = _ends(*given)
        a, b = float(first), float(last)
        if kind == "normal":
            if b <= 0:
                raise ValueError(f"{key}: normal = {given!r} should be a mean and a σ above zero")
            points = a + b * ndtri(u)
        elif not a < b or (kind == "loguniform" and a <= 0):
            raise ValueError(f"{key}: {kind} = {given!r} should be two values, the lower first, above zero for logs")
        else:
            points = a + (b - a) * u if kind == "uniform" else a * (b / a) ** u
    return [_written(point, unit, whole=False) for point in points.tolist()]


def _ends(first: Any, last: Any) -> tuple[Decimal, Decimal, str]:
    """Both ends in one unit: the one they are written in, or the SI unit of what both can be."""
    if isinstance(first, str) and isinstance(last, str):
        (low, unit), (high, other) = number_and_unit(first), number_and_unit(last)
        if unit == other:
            return low, high, unit
    elif not isinstance(first, str) and not isinstance(last, str):
        return Decimal(repr(quantity(first, "ratio"))), Decimal(repr(quantity(last, "ratio"))), ""
    for dimension, kind in DIMENSIONS.items():
        try:
            return Decimal(repr(quantity(first, dimension))), Decimal(repr(quantity(last, dimension))), kind.si
        except ValueError:
            continue
    raise ValueError(f"a range can't go from {first!r} to {last!r}: they have no unit in common")
