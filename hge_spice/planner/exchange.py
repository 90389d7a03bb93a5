"""Plans with the fewest hits where none is without: one tone exchanged at a time."""

import numpy as np

from hge_spice.planner.intermodulation import Integers, alias_bins, hit_counts, signed_terms

# Work limits in steps, not seconds: the same call gives the same plan on any machine.
EXCHANGE_CELLS = 2**20
EXCHANGE_STARTS = 1000


def exchanged(count: int, points: int, low: int, high: int, avoid: int = 0) -> tuple[int, ...]:
    """The plan with fewest hits, 2nd order before 3rd, that exchanging one tone at a time reaches from a few starts."""
    rng = np.random.default_rng(0)
    allowed = np.arange(low, high + 1)
    if avoid:
        allowed = allowed[allowed % avoid != 0]
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
