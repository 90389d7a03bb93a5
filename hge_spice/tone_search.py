"""The searches and constructions behind the tone planner: plans with no hits, or with the fewest."""

import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from hge_spice.intermodulation import Integers, alias_bins, degrees_of_freedom, hit_counts, signed_terms

Placed = tuple[int, int, int]

MIN_DEGREES_OF_FREEDOM = 14
"""Leaves the residual's standard deviation known to 1/√(2·14) = 19 %."""

# Up to here every plan is looked at; then those with a symmetry; then one construction, which needs no search at all.
EXHAUSTIVE_COUNT = 7
SYMMETRIC_COUNT = 16
UNLIMITED = sys.maxsize
# Work limits in steps, not seconds: the same call gives the same plan on any machine.
SYMMETRIC_STEPS = 600
SYMMETRIC_SURPLUS = 3
FIRST_FIT_STEPS = 1_000_000
EXCHANGE_CELLS = 2**20
EXCHANGE_STARTS = 1000
MULTIPLES = 2000


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


# A plan has no hits exactly if no four or fewer of its tones and their negatives add up to a multiple of `points`,
# pairs that cancel aside: then 0, the tones and their 2nd-order products are 2n² + 2n + 1 different residues (a packing
# of Lee spheres of radius 2: Golomb and Welch, SIAM J. Appl. Math. 18, 302 (1970)). Such plans stay such when every
# harmonic is multiplied by one that has no factor in common with `points`.
#
# While tones are placed, three integers used as bitsets say what they leave free: the residues `once` that are 0 or a
# tone, those `twice` that are sums of up to two, both written twice in a row so that a shift rotates them, and the
# harmonics `free` that are not sums of up to three.


def nothing_placed(points: int, low: int = 1, high: int = UNLIMITED) -> Placed:
    """The state of a search before the first tone: harmonics from low to high are free."""
    top = min(high, (points - 1) // 2)
    zero = 1 | 1 << points
    return zero, zero, (1 << top + 1) - (1 << low) if top >= low else 0


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


def narrowest_at_points(count: int, points: int, low: int, high: int) -> tuple[int, ...] | None:
    """So many harmonics without a hit at so many points, the highest as low as may be; None where there are none."""
    return _place_narrowest(count, nothing_placed(points, low, high), points) if _exists(count, points) else None


def _narrowest_multiple(tones: Sequence[int], count: int, points: int, low: int, high: int) -> tuple[int, ...] | None:
    """The lowest `count` tones of the plan multiplied by whatever makes them end lowest."""
    multipliers = [m for m in range(1, points // 2 + 1) if math.gcd(m, points) == 1][:MULTIPLES]
    plans = alias_bins(np.outer(multipliers, tones), points)
    plans = np.sort(np.where(plans < low, points, plans), axis=1)[:, :count]
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


def _symmetric(count: int, points: int, low: int, high: int) -> tuple[int, ...] | None:
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
        if tones and (plan := _narrowest_multiple(tones, count, points, low, high)):
            plans.append(plan)
    return min(plans, key=lambda plan: plan[::-1], default=None)


def _first_fit(count: int, points: int, low: int, high: int) -> tuple[int, ...] | None:
    """A plan of the lowest harmonics that fit, trying others within a limited number of steps."""
    harmonics = [(harmonic,) for harmonic in range(low, min(high, (points - 1) // 2) + 1)]
    placed, steps = nothing_placed(points, low, high), iter(range(FIRST_FIT_STEPS))
    tones = _place_orbits(count, placed, harmonics, points, steps)
    return _narrowest_multiple(tones, count, points, low, high) if tones else None


def _construction(count: int) -> Iterator[tuple[int, list[int]]]:
    """Plans without hits of (q − 1)/2 ≥ `count` tones at q² + 1 points, for every prime q.

    Let θ² = w be in the field of q² elements, but not a square there. Modulo factors from that field, the elements
    a + θ with a ≠ 0 of the field of q elements are powers g^k of one g of order q² + 1; their exponents k are the
    tones, since −k belongs to −a. Four exponents add up to 0 only if the odd part in θ of (a+θ)(b+θ)(c+θ)(d+θ)
    vanishes, that is w·(a+b+c+d) + abc+abd+acd+bcd = 0. As w is not in the field of q elements both sums vanish, so
    (a+b)(a+c)(b+c) = 0: a pair cancels. Three or two exponents fail likewise, and so does half of q² + 1 (a = 0).
    """
    for q in itertools.count(2 * count + 1, 2):
        if any(q % divisor == 0 for divisor in range(3, math.isqrt(q) + 1, 2)):
            continue
        squares = {x * x % q for x in range(q)}
        d = next(x for x in range(2, q) if x not in squares)
        # w = e + √d is no square there because its norm e² − d is none here.
        e = next(x for x in range(q) if (x * x - d) % q not in squares)
        for s in range(1, q):
            # g = s + θ; its power is (x + y√d) + (u + v√d)θ, with x + y√d in ratio a to u + v√d at a tone.
            x, y, u, v = 1, 0, 0, 0
            tones, power = [], 0
            while power == 0 or u or v:
                x, y, u, v = (s * x + e * u + d * v) % q, (s * y + u + e * v) % q, (x + s * u) % q, (y + s * v) % q
                power += 1
                if (y * u - x * v) % q == 0 and 2 * power < q * q + 1:
                    tones.append(power)
            if power == q * q + 1:
                yield q * q + 1, tones
                break


def _constructed(count: int, low: int, high: int) -> tuple[int, tuple[int, ...]] | None:
    for points, tones in _construction(count):
        found = _narrowest_multiple(tones, count, points, low, high)
        if found:
            return points, found
        # Wider plans hold fewer tones below a limit, but more above one.
        if high < UNLIMITED:
            break
    return None


def _exchanged(count: int, points: int, low: int, high: int) -> tuple[int, ...]:
    """The plan with fewest hits, 2nd order before 3rd, that exchanging one tone at a time reaches from a few starts."""
    rng = np.random.default_rng(0)
    allowed = np.arange(low, high + 1)
    # Odd harmonics have no 2nd-order hits at an even number of points: the best place to start from.
    odd = allowed[allowed % 2 == 1]
    plans = []
    for _ in range(max(1, EXCHANGE_STARTS // count**2)):
        harmonics = rng.choice(odd if len(odd) >= count else allowed, count, replace=False)
        while sum(_exchange(harmonics, position, allowed, points, rng) for position in range(count)):
            pass
        plan = tuple(sorted(harmonics.tolist()))
        plans.append((hit_counts(plan, points), plan))
        if plans[-1][0] == (0, 0):
            break
    return min(plans)[1]


def _exchange(harmonics: Integers, position: int, allowed: Integers, points: int, rng: np.random.Generator) -> bool:
    """Put the harmonic that makes for the fewest hits in one tone's place; say whether that is another one."""
    others = np.delete(harmonics, position)
    candidates = np.append(harmonics[position], rng.permutation(np.setdiff1d(allowed, harmonics)))
    # A 2nd-order hit costs more than all 3rd-order products together.
    cost = np.zeros(len(candidates))
    for order, weight in ((2, 1e9), (3, 1.0)):
        index, sign = signed_terms(len(harmonics), order)
        times = (sign * (index == position)).sum(axis=1)
        rest = (sign * np.where(index == position, 0, harmonics[index])).sum(axis=1)
        moving = times != 0
        # Where candidates are too many for the work limit, a random part of them is looked at.
        candidates = candidates[: max(2, EXCHANGE_CELLS // np.count_nonzero(moving))]
        cost = cost[: len(candidates)]
        unmoved = np.bincount(alias_bins(rest[~moving], points), minlength=points)
        moved = alias_bins(rest[moving] + times[moving] * candidates[:, None], points)
        landed = np.isin(moved, others) | (moved == candidates[:, None])
        cost += weight * (landed.sum(axis=1) + unmoved[candidates])
    # The tone in place comes first, so that it stays unless beaten.
    best = int(np.argmin(cost))
    harmonics[position] = candidates[best]
    return best > 0


@cache
def fewest(count: int, low: int, high: int) -> tuple[int, tuple[int, ...]] | None:
    """The fewest points for a plan without hits between two harmonics, and the plan."""
    least = max(2 * count * (count + 1) + 1 + MIN_DEGREES_OF_FREEDOM, 2 * (low + count) - 1)
    # From here on there are no aliases left to make a difference.
    unaliased = max(least, 4 * high + 1)
    if high - low + 1 < count or 2 * high < count * (count + 1):
        return None
    if count <= EXHAUSTIVE_COUNT:
        if high < UNLIMITED and not narrowest_at_points(count, unaliased, low, high):
            return None
        tried = ((points, narrowest_at_points(count, points, low, high)) for points in itertools.count(least))
        return next((points, found) for points, found in tried if found)
    constructed = _constructed(count, low, high)
    if count <= SYMMETRIC_COUNT:
        for points in range(least, constructed[0] if constructed else unaliased):
            if found := _symmetric(count, points, low, high):
                return points, found
    if constructed:
        return constructed
    plan = _first_fit(count, unaliased, low, high)
    return (fewest_points(plan), plan) if plan else None


def _clean_plans(count: int, points: int, low: int, high: int) -> Iterator[tuple[int, ...] | None]:
    """Plans that may have no hits at this many points, the cheapest to find first."""
    if points <= 2 * count * (count + 1):
        return
    if count <= EXHAUSTIVE_COUNT:
        yield narrowest_at_points(count, points, low, high)
        return
    found = fewest(count, low, high)
    if found and 2 * found[1][-1] < points and hit_counts(found[1], points) == (0, 0):
        yield found[1]
    if count <= SYMMETRIC_COUNT:
        yield _symmetric(count, points, low, high)
    yield _first_fit(count, points, low, high)


@cache
def at_points(count: int, points: int, low: int, high: int) -> tuple[int, ...]:
    """The plan with fewest hits found at this many points."""
    top = min(high, (points - 1) // 2)
    if top - low + 1 < count:
        raise ValueError(
            f"{count} tones need as many harmonics, but {max(0, top - low + 1)} lie within the limits "
            f"and below half of {points} points; take {2 * (low + count) - 1} points or more, or wider limits"
        )
    plan = next((plan for plan in _clean_plans(count, points, low, high) if plan), None)
    plan = plan or _exchanged(count, points, low, top)
    if hit_counts(plan, points)[0] > 0:
        raise ValueError(
            f"no plan of {count} tones free of 2nd-order hits was found at {points} points; "
            f"take {2 * count * (count + 1) + 1 + MIN_DEGREES_OF_FREEDOM} points or more, or leave them to the planner"
        )
    return plan
