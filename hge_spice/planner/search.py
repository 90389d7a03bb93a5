"""Which search or construction plans so many tones: the fewest points, or the fewest hits at so many."""

import itertools
from collections.abc import Iterator
from functools import cache

from hge_spice.planner.construction import constructed
from hge_spice.planner.exchange import exchanged
from hge_spice.planner.intermodulation import degrees_of_freedom, hit_counts
from hge_spice.planner.placement import UNLIMITED, first_fit, narrowest_at_points, symmetric

MIN_DEGREES_OF_FREEDOM = 14
"""Leaves the residual's standard deviation known to 1/√(2·14) = 19 %."""

# Up to here every plan is looked at; then those with a symmetry; then one construction, which needs no search at all.
EXHAUSTIVE_COUNT = 7
SYMMETRIC_COUNT = 16


def fewest_points(harmonics: tuple[int, ...]) -> int:
    """The fewest points a window at which sampling adds no hit by aliasing and degrees of freedom are left."""
    top = max(harmonics)
    unaliased = hit_counts(harmonics, 4 * top + 1)
    return next(
        points
        for points in itertools.count(2 * top + 1)
        if degrees_of_freedom(harmonics, points) >= MIN_DEGREES_OF_FREEDOM
        and hit_counts(harmonics, points) == unaliased
    )


@cache
def fewest(count: int, low: int, high: int, avoid: int = 0) -> tuple[int, tuple[int, ...]] | None:
    """The fewest points for a plan without hits between two harmonics, no multiple of `avoid` in it, and the plan."""
    least = max(2 * count * (count + 1) + 1 + MIN_DEGREES_OF_FREEDOM, 2 * (low + count) - 1)
    # From here on there are no aliases left to make a difference.
    unaliased = max(least, 4 * high + 1)
    if high - low + 1 < count or 2 * high < count * (count + 1):
        return None
    if count <= EXHAUSTIVE_COUNT:
        if high < UNLIMITED and not narrowest_at_points(count, unaliased, low, high, avoid):
            return None
        tried = ((points, narrowest_at_points(count, points, low, high, avoid)) for points in itertools.count(least))
        return next((points, found) for points, found in tried if found)
    built = constructed(count, low, high, avoid)
    if count <= SYMMETRIC_COUNT:
        for points in range(least, built[0] if built else unaliased):
            if found := symmetric(count, points, low, high, avoid):
                return points, found
    if built:
        return built
    plan = first_fit(count, unaliased, low, high, avoid)
    return (fewest_points(plan), plan) if plan else None


def _clean_plans(count: int, points: int, low: int, high: int, avoid: int) -> Iterator[tuple[int, ...] | None]:
    """Plans that may have no hits at this many points, the cheapest to find first."""
    if points <= 2 * count * (count + 1):
        return
    if count <= EXHAUSTIVE_COUNT:
        yield narrowest_at_points(count, points, low, high, avoid)
        return
    found = fewest(count, low, high, avoid)
    if found and 2 * found[1][-1] < points and hit_counts(found[1], points) == (0, 0):
        yield found[1]
    if count <= SYMMETRIC_COUNT:
        yield symmetric(count, points, low, high, avoid)
    yield first_fit(count, points, low, high, avoid)


@cache
def at_points(count: int, points: int, low: int, high: int, avoid: int = 0) -> tuple[int, ...]:
    """The plan with fewest hits found at this many points."""
    top = min(high, (points - 1) // 2)
    allowed = top - low + 1 - (top // avoid - (low - 1) // avoid if avoid and top >= low else 0)
    if allowed < count:
        raise ValueError(
            f"{count} tones need as many harmonics, but {max(0, allowed)} lie within the limits "
            f"and below half of {points} points; take {2 * (low + count) - 1} points or more, or wider limits"
        )
    plan = next((plan for plan in _clean_plans(count, points, low, high, avoid) if plan), None)
    plan = plan or exchanged(count, points, low, top, avoid)
    if hit_counts(plan, points)[0] > 0:
        raise ValueError(
            f"no plan of {count} tones free of 2nd-order hits was found at {points} points; "
            f"take {2 * count * (count + 1) + 1 + MIN_DEGREES_OF_FREEDOM} points or more, or leave them to the planner"
        )
    return plan
