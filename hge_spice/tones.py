"""The tone planner: which harmonics of 1/window to drive, sampled at how many points."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hge_spice.planner.band import narrowest, narrowest_at
from hge_spice.planner.intermodulation import (
    Hit,
    Integers,
    alias_bins,
    degrees_of_freedom,
    intermodulation_hits,
    products,
)
from hge_spice.planner.phases import random_phases
from hge_spice.planner.placement import UNLIMITED
from hge_spice.planner.search import at_points, fewest, fewest_points

__all__ = ["TonePlan", "plan_from_harmonics", "plan_tones", "random_phases"]

FEWEST_PERIODS = 2  # of the mains in a window; in one, every harmonic of 1/window is one of the mains

Floats = NDArray[np.float64]


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
    def band(self) -> tuple[float, float]:
        """Lowest and highest tone, Hz: what the device and its read-out must pass."""
        return min(self.harmonics) / self.window, max(self.harmonics) / self.window

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
        return degrees_of_freedom(self.harmonics, self.points)

    def bins(self, order: int = 1) -> Integers:
        """Alias bins of the tones (order 1, [tone]) or of their products (order 2 or 3, [product]), for plots."""
        return alias_bins(products(self.harmonics, order).sum(axis=1), self.points)


MOST_HARMONIC = 10_000_000  # of the lowest tone: twice as many points a window
FAR = 1_000_000  # harmonics above the lowest; the 128 tones that the command plans at most reach to 31351


def plan_tones(
    count: int,
    window: float,
    points: int | Literal["auto"] = "auto",
    max_frequency: float | None = None,
    min_frequency: float | None = None,
    aim: Literal["points", "band"] = "points",
    mains: float | None = None,
) -> TonePlan:
    """Choose `count` tones in a window (s), between two frequencies (Hz) if given, off all harmonics of `mains` (Hz).

    With points="auto": the fewest points at which no 2nd- or 3rd-order product lands on a tone and at least
    MIN_DEGREES_OF_FREEDOM are left, and there the narrowest plan: lowest highest harmonic, then lowest second highest,
    and so on. That is exact up to 7 tones. Beyond, the search is for plans with a symmetry (to 16 tones) or a
    construction (from 17): no hits either, but fewer points or a narrower band may exist.
    At n tones no plan without hits has fewer than 2n² + 2n + 1 points.

    With aim="band": the plan with the lowest highest tone, and the fewest points that add no hit to it. Exact up to 7
    tones; beyond, the best that a search of limited length finds.

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
        low = max(1, math.ceil(min(min_frequency * window, UNLIMITED) - 1e-9))
    if max_frequency is not None:
        _check_above_zero("highest frequency", max_frequency, "Hz")
        high = math.floor(min(max_frequency * window, UNLIMITED) + 1e-9)
    if low > MOST_HARMONIC:
        raise ValueError(
            f"the lowest frequency, {min_frequency:g} Hz, is harmonic {low:.3g} of a {window:g} s window, above "
            f"{MOST_HARMONIC}; lower it or shorten the window"
        )
    if high < low:
        raise ValueError(
            f"no multiple of {1 / window:g} Hz, which a {window:g} s window resolves, lies between "
            f"{min_frequency or 0:g} and {max_frequency:g} Hz; widen the limits or lengthen the window"
        )
    if high > low + FAR:
        high = UNLIMITED  # no plan reaches so far, and a search would lay out every harmonic up to there
    avoid = _periods_of(mains, window) if mains is not None else 0
    if points != "auto":
        plan = _plan(at_points(count, _check_points(points), low, high, avoid), window, points)
        if aim == "band" and not plan.flags:
            return _plan(narrowest_at(plan.harmonics, points, low, avoid), window, points)
        return plan
    found = (fewest if aim == "points" else narrowest)(count, low, high, avoid)
    if found is None:
        unlimited = fewest(count, low, UNLIMITED, avoid)
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
    return _plan(whole, window, fewest_points(whole) if points == "auto" else _check_points(points))


def with_even_points(plan: TonePlan) -> TonePlan:
    """The plan at the next even number of points that brings no product more onto a tone."""
    points = plan.points + plan.points % 2
    while True:
        even = plan_from_harmonics(plan.harmonics, plan.window, points=points)
        if len(even.second_order) + len(even.third_order) <= len(plan.second_order) + len(plan.third_order):
            return even
        points += 2


def _periods_of(mains: float, window: float) -> int:
    """Whole periods of the mains in a window: multiples of it are the harmonics that hum falls on."""
    _check_above_zero("mains frequency", mains, "Hz")
    periods = mains * window
    whole = round(periods)
    if whole >= FEWEST_PERIODS and abs(periods - whole) <= 1e-6 * periods:
        return whole
    remedy = max(FEWEST_PERIODS, math.ceil(periods)) / mains
    why = "each tone is a harmonic of it" if whole == 1 and abs(periods - 1) <= 1e-6 else "it leaks into every tone"
    raise ValueError(
        f"mains of {mains:g} Hz has {periods:g} periods in a window of {window:g} s, so that {why}; take whole "
        f"periods, {FEWEST_PERIODS} or more, such as {remedy:g} s"
    )


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
