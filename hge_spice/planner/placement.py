"""Plans without hits, placed tone by tone: all are tried, or those with a symmetry, or the lowest that fit."""

import math
import sys
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from hge_spice.planner.intermodulation import alias_bins

Placed = tuple[int, int, int]

UNLIMITED = sys.maxsize
# Work limits in steps, not seconds: the same call gives the same plan on any machine.
SYMMETRIC_STEPS = 600
SYMMETRIC_SURPLUS = 3
FIRST_FIT_STEPS = 1_000_000
MULTIPLES = 2000

# A plan has no hits exactly if no four or fewer of its tones and their negatives add up to a multiple of `points`,
# pairs that cancel aside: then 0, the tones and their 2nd-order products are 2n² + 2n + 1 different residues (a packing
# of Lee spheres of radius 2: Golomb and Welch, SIAM J. Appl. Math. 18, 302 (1970)). Such plans stay such when every
# harmonic is multiplied by one that has no factor in common with `points`.
#
# While tones are placed, three integers used as bitsets say what they leave free: the residues `once` that are 0 or a
# tone, those `twice` that are sums of up to two, both written twice in a row so that a shift rotates them, and the
# harmonics `free` that are not sums of up to three.


def nothing_placed(points: int, low: int = 1, high: int = UNLIMITED, avoid: int = 0) -> Placed:
    """The state of a search before the first tone: harmonics from low to high are free, multiples of `avoid` aren't."""
    top = min(high, (points - 1) // 2)
    zero = 1 | 1 << points
    free = (1 << top + 1) - (1 << low) if top >= low else 0
    if avoid:
        free &= ~sum(1 << multiple for multiple in range(avoid, top + 1, avoid))
    return zero, zero, free


def place(harmonic: int, placed: Placed, points: int) -> Placed | None:
    """The state with one more harmonic; None where a product would then fall on a tone."""
    once, twice, free = placed
    if not free >> harmonic & 1 or twice >> 2 * harmonic & 1 or once >> 3 * harmonic & 1 or 4 * harmonic == points:
        return None
    pair = 1 << harmonic | 1 << points - harmonic
    once |= pair | pair << points
    sums = (once >> harmonic | once >> points - harmonic) & (1 << points) - 1
    twice |= sums | sums << points
    return once, twice, free & ~(twice >> harmonic | twice >> points - harmonic)


def _place_narrowest(missing: int, placed: Placed, points: int) -> tuple[int, ...] | None:
    """Place the missing tones, the highest as low as can be, then the next below it, by trying all."""
    if missing == 0:
        return ()
    tops = placed[2]
    while tops:
        top = (tops & -tops).bit_length() - 1
        tops &= tops - 1
        if after := place(top, placed, points):
            once, twice, free = after
            below = free & (1 << top) - 1
            others = None
            if below.bit_count() >= missing - 1:
                others = _place_narrowest(missing - 1, (once, twice, below), points)
            if others is not None:
                return (*others, top)
    return None


@cache
def _exists(count: int, points: int) -> bool:
    """Whether there is any plan without hits: multiplied suitably, it holds a divisor of `points`."""
    once, twice, free = nothing_placed(points)
    for divisor in (d for d in range(1, (points + 1) // 2) if points % d == 0):
        placed = place(divisor, (once, twice, free), points)
        if placed and _place_narrowest(count - 1, placed, points) is not None:
            return True
        # Every harmonic of this kind can be multiplied into the divisor, so none of them is in a plan.
        free &= ~sum(1 << h for h in range(1, (points + 1) // 2) if math.gcd(h, points) == divisor)
    return False


def narrowest_at_points(count: int, points: int, low: int, high: int, avoid: int = 0) -> tuple[int, ...] | None:
    """So many harmonics without a hit at so many points, the highest as low as may be; None where there are none."""
    return _place_narrowest(count, nothing_placed(points, low, high, avoid), points) if _exists(count, points) else None


def narrowest_multiple(
    tones: Sequence[int], count: int, points: int, low: int, high: int, avoid: int = 0
) -> tuple[int, ...] | None:
    """The lowest `count` tones of the plan multiplied by whatever makes them end lowest."""
    multipliers = [m for m in range(1, points // 2 + 1) if math.gcd(m, points) == 1][:MULTIPLES]
    plans = alias_bins(np.outer(multipliers, tones), points)
    barred = (plans < low) | (plans % avoid == 0 if avoid else False)
    plans = np.sort(np.where(barred, points, plans), axis=1)[:, :count]
    best = plans[np.argmin(plans[:, -1])]
    return tuple(best.tolist()) if best[-1] <= min(high, points // 2) else None


def _place_orbits(
    missing: int, placed: Placed, orbits: Sequence[tuple[int, ...]], points: int, steps: Iterator[int]
) -> tuple[int, ...] | None:
    """Place the missing tones, or a few more, as whole orbits, until the steps run out."""
    if missing <= 0:
        return ()
    fitting = []
    for orbit in orbits:
        if next(steps, None) is None:
            return None
        after: Placed | None = placed
        for harmonic in orbit:
            after = after and place(harmonic, after, points)
        if after:
            fitting.append((orbit, after))
    for position, (orbit, after) in enumerate(fitting):
        later = [other for other, _ in fitting[position + 1 :]]
        if len(orbit) + sum(map(len, later)) >= missing:
            others = _place_orbits(missing - len(orbit), after, later, points, steps)
            if others is not None:
                return orbit + others
    return None


def symmetric(count: int, points: int, low: int, high: int, avoid: int = 0) -> tuple[int, ...] | None:
    """The narrowest plan found among those that a group of multipliers, the powers of one, maps onto themselves."""
    groups = set()
    for multiplier in range(2, points // 2):
        power, powers = multiplier, {1}
        # A few tones may be left over: a group of 14 serves 13 tones.
        while power not in powers and len(powers) <= count + SYMMETRIC_SURPLUS:
            powers.add(power)
            power = min(power * multiplier % points, -power * multiplier % points)
        if power == 1:
            groups.add(tuple(sorted(powers)))
    plans = []
    for group in sorted(groups):
        multiples = alias_bins(np.outer(np.arange(1, (points + 1) // 2), group), points)
        # The row of the lowest member stands for the whole orbit.
        rows = multiples[multiples.min(axis=1) == multiples[:, 0]].tolist()
        orbits = [tuple(sorted(set(row))) for row in rows]
        tones = _place_orbits(count, nothing_placed(points), orbits, points, iter(range(SYMMETRIC_STEPS)))
        if tones and (plan := narrowest_multiple(tones, count, points, low, high, avoid)):
            plans.append(plan)
    return min(plans, key=lambda plan: plan[::-1], default=None)


def first_fit(count: int, points: int, low: int, high: int, avoid: int = 0) -> tuple[int, ...] | None:
    """A plan of the lowest harmonics that fit, trying others within a limited number of steps."""
    harmonics = [(harmonic,) for harmonic in range(low, min(high, (points - 1) // 2) + 1)]
    placed, steps = nothing_placed(points, low, high, avoid), iter(range(FIRST_FIT_STEPS))
    tones = _place_orbits(count, placed, harmonics, points, steps)
    return narrowest_multiple(tones, count, points, low, high, avoid) if tones else None
