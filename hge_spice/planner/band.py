"""The narrowest band: plans without hits whose highest harmonic is as low as can be found."""

import random
from functools import cache

from hge_spice.planner.placement import Placed, narrowest_at_points, nothing_placed, place
from hge_spice.planner.search import EXHAUSTIVE_COUNT, fewest, fewest_points

# Work limits in steps, not seconds; a step costs more where there are more tones.
STEPS = 100_000
STEPS_BY_TONES_SQUARED = 25_000_000


@cache
def narrowest(count: int, low: int, high: int, avoid: int = 0) -> tuple[int, tuple[int, ...]] | None:
    """The plan with the lowest highest harmonic found, and the fewest points at which sampling adds no hit to it.

    Exact up to EXHAUSTIVE_COUNT tones. Beyond, the plan of fewest points is improved: its highest tone is taken out,
    and as long as the steps last a few tones are taken out at random and as many as fit are put back, below.
    """
    start = fewest(count, low, high, avoid)
    if start is None:
        return None
    top = start[1][-1]
    if count <= EXHAUSTIVE_COUNT:
        exact = narrowest_at_points(count, 4 * top + 1, low, top, avoid)
        return fewest(count, low, exact[-1], avoid) if exact and exact[-1] < top else start
    plan = _lowered(start[1], low, None, avoid)
    return (fewest_points(plan), plan) if plan[-1] < top else start


@cache
def narrowest_at(plan: tuple[int, ...], points: int, low: int, avoid: int = 0) -> tuple[int, ...]:
    """A plan without hits at this many points, its highest tone lowered as far as is found."""
    return plan if len(plan) <= EXHAUSTIVE_COUNT else _lowered(plan, low, points, avoid)


def _lowered(plan: tuple[int, ...], low: int, points: int | None, avoid: int) -> tuple[int, ...]:
    # the same call gives the same plan
    draw = random.Random(0)  # noqa: S311 - nothing secret; ten times quicker for single numbers than NumPy's
    best = tuple(sorted(plan))
    count = len(best)
    kept = list(best[:-1])
    for _ in range(min(STEPS, STEPS_BY_TONES_SQUARED // count**2)):
        modulus = points or 4 * best[-1] + 1
        tones = list(kept)
        for _ in range(min(draw.choice((1, 1, 2, 2, 3)), len(tones))):
            tones.pop(draw.randrange(len(tones)))
        free = nothing_placed(modulus, low, best[-1] - 1, avoid)
        tones = _refilled(tones, count, free, modulus, draw)
        if len(tones) >= len(kept):
            kept = tones
        if len(kept) == count:
            best = tuple(sorted(kept))
            kept = list(best[:-1])
    return best


def _refilled(tones: list[int], count: int, placed: Placed, points: int, draw: random.Random) -> list[int]:
    """The tones and, up to `count`, others that fit, drawn at random."""
    for harmonic in tones:
        placed = place(harmonic, placed, points) or placed
    tones = list(tones)
    while placed[2] and len(tones) < count:
        free = placed[2]
        drawn = draw.randrange(free.bit_length())
        above = free >> drawn
        harmonic = drawn + (above & -above).bit_length() - 1
        after = place(harmonic, placed, points)
        if after is None:
            placed = placed[0], placed[1], free & ~(1 << harmonic)
        else:
            placed = after
            tones.append(harmonic)
    return tones
