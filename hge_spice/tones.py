"""The tone planner and its intermodulation table: which harmonics of 1/window to drive, sampled at how many points."""

import itertools
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
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


@dataclass(frozen=True)
class Hit:
    """One intermodulation product that lands on a tone.

    Products of order 2 are h_i ± h_j, 2h_i among them; of order 3, ±h_i ± h_j ± h_k, 3h_i and 2h_i ± h_j among them.
    Each counts once, whatever its overall sign. Where a pair cancels, as in h + k − k, there is no product. A product
    lands on a tone when both appear in one bin after sampling; the tone may be one of the product's own constituents.

    product : the signed harmonics whose sum it is, (9, 9, -13) for 2·9 − 13
    bin : where it appears, in harmonics of 1/window
    tone : the harmonic of the tone it lands on
    """

    product: tuple[int, ...]
    order: int
    bin: int
    tone: int


@dataclass(frozen=True)
class TonePlan:
    """Tones at harmonics of 1/window, sampled at `points` equal steps per window.

    harmonics : [tone], whole cycles per window
    window : s
    second_order, third_order : the products of that order that land on a tone
    """

    harmonics: tuple[int, ...]
    window: float
    points: int
    second_order: tuple[Hit, ...]
    third_order: tuple[Hit, ...]

    @property
    def frequencies(self) -> Floats:
        """[tone], Hz."""
        return np.asarray(self.harmonics, dtype=np.float64) / self.window

    @property
    def second_order_hits(self) -> list[Hit]:
        """The 2nd-order products that land on a tone."""
        return list(self.second_order)

    @property
    def third_order_hits(self) -> list[Hit]:
        """The 3rd-order products that land on a tone."""
        return list(self.third_order)

    @property
    def flags(self) -> tuple[str, ...]:
        """("collision",) where a product lands on a tone, so that its derivative is off by more than noise."""
        return ("collision",) if self.second_order or self.third_order else ()

    @property
    def degrees_of_freedom(self) -> int:
        """Points minus the unknowns of a least-squares fit of the mean, the tones and all 2nd-order products."""
        return _degrees_of_freedom(self.harmonics, self.points)

    def bins(self, order: int = 1) -> Integers:
        """Alias bins of the tones (order 1, [tone]) or of their products (order 2 or 3, [product]), for plots."""
        return alias_bins(_products(self.harmonics, order).sum(axis=1), self.points)


def plan_tones(
    count: int,
    window: float,
    points: int | Literal["auto"] = "auto",
    max_frequency: float | None = None,
    min_frequency: float | None = None,
) -> TonePlan:
    """Choose `count` tones in a window (s), between two frequencies (Hz) if given.

    With points="auto": the fewest points at which no 2nd- or 3rd-order product lands on a tone and at least
    MIN_DEGREES_OF_FREEDOM are left, and there the narrowest plan: lowest highest harmonic, then lowest second highest,
    and so on. That is exact up to 7 tones. Beyond, the search is for plans with a symmetry (to 16 tones) or a
    construction (from 17): no hits either, but fewer points or a narrower band may exist.
    At n tones no plan without hits has fewer than 2n² + 2n + 1 points.

    With a number of points: a plan without hits if one is found (exact up to 7 tones), otherwise one without 2nd-order
    and with the fewest 3rd-order hits that an exchange of single tones finds.

    Raises ValueError where no such plan is found or a bound makes no sense.
    """
    _check_above_zero("window", window, "s")
    if count < 1:
        raise ValueError(f"{count} tones make no perturbation; ask for 1 or more")
    low, high = 1, UNLIMITED
    # A bound that is meant to be a harmonic may miss it by a rounding error.
    if min_frequency:
        _check_above_zero("lowest frequency", min_frequency, "Hz")
        low = max(1, math.ceil(min_frequency * window - 1e-9))
    if max_frequency is not None:
        _check_above_zero("highest frequency", max_frequency, "Hz")
        high = math.floor(max_frequency * window + 1e-9)
    if high < low:
        raise ValueError(
            f"no multiple of {1 / window:g} Hz, which a {window:g} s window resolves, lies between "
            f"{min_frequency or 0:g} and {max_frequency:g} Hz; widen the limits or lengthen the window"
        )
    if points != "auto":
        return _plan(_at_points(count, _check_points(points), low, high), window, points)
    found = _fewest(count, low, high)
    if found is None:
        unlimited = _fewest(count, low, UNLIMITED)
        remedy = f"raise the limit to {unlimited[1][-1] / window:g} Hz" if unlimited else "raise the limit"
        raise ValueError(
            f"{count} tones without intermodulation hits were not found at or below {max_frequency:g} Hz, where a "
            f"{window:g} s window has harmonics {low} to {high}; {remedy}, lengthen the window, or give the points to "
            "see the plan with the fewest hits"
        )
    return _plan(found[1], window, found[0])


def plan_from_harmonics(harmonics: Sequence[float], window: float, points: int | Literal["auto"] = "auto") -> TonePlan:
    """The plan of given harmonics of 1/window (s), in their order, with its hits.

    With points="auto": the fewest at which sampling adds no hit to those that the harmonics have of themselves, and at
    least MIN_DEGREES_OF_FREEDOM are left.

    Raises ValueError for harmonics that the window does not hold, or at or above half the points.
    """
    _check_above_zero("window", window, "s")
    if len(harmonics) == 0:
        raise ValueError("no harmonics make no perturbation; give 1 or more")
    for harmonic in harmonics:
        if not (math.isfinite(harmonic) and harmonic > 0):
            raise ValueError(f"harmonic {harmonic!r} is not above zero; take 1 or more")
    spacing = min((b - a for a, b in itertools.pairwise(sorted(harmonics))), default=1)
    if spacing < 1:
        raise ValueError(
            f"tone spacing {spacing / window:g} Hz is below the {1 / window:g} Hz that a {window:g} s window resolves; "
            "lengthen the window or space the tones"
        )
    for harmonic in harmonics:
        if harmonic != round(harmonic):
            raise ValueError(
                f"harmonic {harmonic:g} is not a whole number of cycles in a {window:g} s window; "
                f"take {max(1, round(harmonic))}"
            )
    whole = tuple(int(harmonic) for harmonic in harmonics)
    return _plan(whole, window, _fewest_points(whole) if points == "auto" else _check_points(points))


def random_phases(count: int, rng: np.random.Generator) -> Floats:
    """Phases uniform over a turn: [tone], rad.

    Odd harmonics that all start at zero repeat their samples in pairs, which doubles the variance of quantisation.
    """
    return rng.uniform(0.0, 2 * math.pi, count)


def alias_bins(harmonics: ArrayLike, points: int) -> Integers:
    """Where harmonics appear after sampling: |((m + N/2) mod N) − N/2|, same shape, between 0 and N/2."""
    residues = np.asarray(harmonics, dtype=np.int64) % points
    return np.minimum(residues, points - residues)


def intermodulation_hits(harmonics: Sequence[int], points: int, order: int) -> list[Hit]:
    """Every product of this order (2 or 3) that lands on a tone, aliases included, as `Hit` defines it."""
    products = _products(harmonics, order)
    # Of the two overall signs, the one that people write: 2·9 − 5, not 5 − 2·9.
    products[products.sum(axis=1) < 0] *= -1
    bins, tone_bins = alias_bins(products.sum(axis=1), points), alias_bins(harmonics, points)
    landed = np.flatnonzero(np.isin(bins, tone_bins))
    rows, tones = np.nonzero(bins[landed, None] == tone_bins)
    return [
        Hit(tuple(products[row].tolist()), order, int(bins[row]), int(harmonics[tone]))
        for row, tone in zip(landed[rows], tones.tolist(), strict=True)
    ]


@cache
def _signed_terms(count: int, order: int) -> tuple[Integers, Integers]:
    """Which tones each product is made of and with which signs: two arrays [product, order]."""
    sets = np.array(list(itertools.combinations_with_replacement(range(count), order)), dtype=np.int64)
    signs = np.array([(1, *rest) for rest in itertools.product((1, -1), repeat=order - 1)], dtype=np.int64)
    index, sign = np.repeat(sets, len(signs), axis=0), np.tile(signs, (len(sets), 1))
    cancels = np.zeros(len(index), dtype=bool)
    for a, b in itertools.combinations(range(order), 2):
        cancels |= (index[:, a] == index[:, b]) & (sign[:, a] != sign[:, b])
    return index[~cancels], sign[~cancels]


def _products(harmonics: Sequence[int], order: int) -> Integers:
    index, sign = _signed_terms(len(harmonics), order)
    return sign * np.asarray(harmonics, dtype=np.int64)[index]


def _degrees_of_freedom(harmonics: Sequence[int], points: int) -> int:
    bins = {0}.union(*(alias_bins(_products(harmonics, order).sum(axis=1), points).tolist() for order in (1, 2)))
    return points - sum(1 if 2 * b in {0, points} else 2 for b in bins)


def _check_above_zero(name: str, value: float, unit: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"the {name} is {value!r} {unit}; it must be above zero")


def _check_points(points: int) -> int:
    if points < 3:
        raise ValueError(f"{points} points cannot resolve a tone; take 3 or more")
    return points


def _plan(harmonics: Sequence[int], window: float, points: int) -> TonePlan:
    if 2 * max(harmonics) >= points:
        raise ValueError(
            f"the tone at {max(harmonics) / window:g} Hz is not below the {points / window / 2:g} Hz that "
            f"{points} points in {window:g} s resolve; "
            f"take {2 * max(harmonics) + 1} points or more, or lower harmonics"
        )
    second, third = (tuple(intermodulation_hits(harmonics, points, order)) for order in (2, 3))
    return TonePlan(tuple(harmonics), window, points, second, third)


def _hit_counts(harmonics: Sequence[int], points: int) -> tuple[int, int]:
    second, third = (len(intermodulation_hits(harmonics, points, order)) for order in (2, 3))
    return second, third


def _fewest_points(harmonics: tuple[int, ...]) -> int:
    top = max(harmonics)
    unaliased = _hit_counts(harmonics, 4 * top + 1)
    return next(
        points
        for points in itertools.count(2 * top + 1)
        if _degrees_of_freedom(harmonics, points) >= MIN_DEGREES_OF_FREEDOM
        and _hit_counts(harmonics, points) == unaliased
    )


# A plan has no hits exactly if no four or fewer of its tones and their negatives add up to a multiple of `points`,
# pairs that cancel aside: then 0, the tones and their 2nd-order products are 2n² + 2n + 1 different residues (a packing
# of Lee spheres of radius 2: Golomb and Welch, SIAM J. Appl. Math. 18, 302 (1970)). Such plans stay such when every
# harmonic is multiplied by one that has no factor in common with `points`.
#
# While tones are placed, three integers used as bitsets say what they leave free: the residues `once` that are 0 or a
# tone, those `twice` that are sums of up to two, both written twice in a row so that a shift rotates them, and the
# harmonics `free` that are not sums of up to three.


def _nothing_placed(points: int, low: int = 1, high: int = UNLIMITED) -> Placed:
    top = min(high, (points - 1) // 2)
    zero = 1 | 1 << points
    return zero, zero, (1 << top + 1) - (1 << low) if top >= low else 0


def _place(harmonic: int, placed: Placed, points: int) -> Placed | None:
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
        if after := _place(top, placed, points):
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
    once, twice, free = _nothing_placed(points)
    for divisor in (d for d in range(1, (points + 1) // 2) if points % d == 0):
        placed = _place(divisor, (once, twice, free), points)
        if placed and _place_narrowest(count - 1, placed, points) is not None:
            return True
        # Every harmonic of this kind can be multiplied into the divisor, so none of them is in a plan.
        free &= ~sum(1 << h for h in range(1, (points + 1) // 2) if math.gcd(h, points) == divisor)
    return False


def _narrowest(count: int, points: int, low: int, high: int) -> tuple[int, ...] | None:
    return _place_narrowest(count, _nothing_placed(points, low, high), points) if _exists(count, points) else None


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
            after = after and _place(harmonic, after, points)
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
        tones = _place_orbits(count, _nothing_placed(points), orbits, points, iter(range(SYMMETRIC_STEPS)))
        if tones and (plan := _narrowest_multiple(tones, count, points, low, high)):
            plans.append(plan)
    return min(plans, key=lambda plan: plan[::-1], default=None)


def _first_fit(count: int, points: int, low: int, high: int) -> tuple[int, ...] | None:
    """A plan of the lowest harmonics that fit, trying others within a limited number of steps."""
    harmonics = [(harmonic,) for harmonic in range(low, min(high, (points - 1) // 2) + 1)]
    placed, steps = _nothing_placed(points, low, high), iter(range(FIRST_FIT_STEPS))
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
        plans.append((_hit_counts(plan, points), plan))
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
        index, sign = _signed_terms(len(harmonics), order)
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
def _fewest(count: int, low: int, high: int) -> tuple[int, tuple[int, ...]] | None:
    """The fewest points for a plan without hits between two harmonics, and the plan."""
    fewest = max(2 * count * (count + 1) + 1 + MIN_DEGREES_OF_FREEDOM, 2 * (low + count) - 1)
    # From here on there are no aliases left to make a difference.
    unaliased = max(fewest, 4 * high + 1)
    if high - low + 1 < count or 2 * high < count * (count + 1):
        return None
    if count <= EXHAUSTIVE_COUNT:
        if high < UNLIMITED and not _narrowest(count, unaliased, low, high):
            return None
        tried = ((points, _narrowest(count, points, low, high)) for points in itertools.count(fewest))
        return next((points, found) for points, found in tried if found)
    constructed = _constructed(count, low, high)
    if count <= SYMMETRIC_COUNT:
        for points in range(fewest, constructed[0] if constructed else unaliased):
            if found := _symmetric(count, points, low, high):
                return points, found
    if constructed:
        return constructed
    plan = _first_fit(count, unaliased, low, high)
    return (_fewest_points(plan), plan) if plan else None


def _clean_plans(count: int, points: int, low: int, high: int) -> Iterator[tuple[int, ...] | None]:
    """Plans that may have no hits at this many points, the cheapest to find first."""
    if points <= 2 * count * (count + 1):
        return
    if count <= EXHAUSTIVE_COUNT:
        yield _narrowest(count, points, low, high)
        return
    fewest = _fewest(count, low, high)
    if fewest and 2 * fewest[1][-1] < points and _hit_counts(fewest[1], points) == (0, 0):
        yield fewest[1]
    if count <= SYMMETRIC_COUNT:
        yield _symmetric(count, points, low, high)
    yield _first_fit(count, points, low, high)


@cache
def _at_points(count: int, points: int, low: int, high: int) -> tuple[int, ...]:
    """The plan with fewest hits found at this many points."""
    top = min(high, (points - 1) // 2)
    if top - low + 1 < count:
        raise ValueError(
            f"{count} tones need as many harmonics, but {max(0, top - low + 1)} lie within the limits "
            f"and below half of {points} points; take {2 * (low + count) - 1} points or more, or wider limits"
        )
    plan = next((plan for plan in _clean_plans(count, points, low, high) if plan), None)
    plan = plan or _exchanged(count, points, low, top)
    if _hit_counts(plan, points)[0] > 0:
        raise ValueError(
            f"no plan of {count} tones free of 2nd-order hits was found at {points} points; "
            f"take {2 * count * (count + 1) + 1 + MIN_DEGREES_OF_FREEDOM} points or more, or leave them to the planner"
        )
    return plan
