"""The narrowest plans against searches written independently here, and every one against a count by definition."""

import itertools

import pytest
from test_tones import WINDOW, assert_clean

from hge_spice.planner import band
from hge_spice.tones import plan_tones

# The least highest harmonic of any plan, however many points: 8 by an exhaustive search outside this package.
LEAST_TOP = {3: 7, 4: 12, 5: 19, 6: 29, 7: 40, 8: 53}


def clean(harmonics: tuple[int, ...], points: int = 10**6) -> bool:
    """By definition: no sum of two or three signed tones, cancelling pairs left out, is a tone after sampling."""
    signed = [sign * harmonic for harmonic in harmonics for sign in (1, -1)]
    tones = {harmonic % points for harmonic in signed}
    pairs = {(a + b) % points for a, b in itertools.combinations_with_replacement(signed, 2) if a != -b}
    triples = {
        (a + b + c) % points
        for a, b, c in itertools.combinations_with_replacement(signed, 3)
        if -b not in {a, c} and a != -c
    }
    return not (pairs | triples) & tones


def exists(count: int, top: int, placed: tuple[int, ...] = ()) -> bool:
    """Whether `count` harmonics, the highest at `top`, have no hits, aliases aside: by trying all."""
    placed = placed or (top,)
    if len(placed) == count:
        return True
    lower = range(1, placed[-1])
    return any(clean((*placed, h)) and exists(count, top, (*placed, h)) for h in lower)


@pytest.mark.parametrize("count", [2, 3, 4, 5, pytest.param(6, marks=pytest.mark.long)])
def test_nothing_narrower_exists(count: int) -> None:
    top = max(plan_tones(count, WINDOW, aim="band").harmonics)
    assert exists(count, top)
    assert not any(exists(count, lower) for lower in range(count, top))


@pytest.mark.parametrize("count", LEAST_TOP)
def test_the_narrowest_band_known_is_found(count: int) -> None:
    plan = plan_tones(count, WINDOW, aim="band")
    assert_clean(plan)
    assert max(plan.harmonics) == LEAST_TOP[count]
    assert plan.band == (min(plan.harmonics) / WINDOW, LEAST_TOP[count] / WINDOW)


@pytest.mark.parametrize("count", [5, 7])
def test_few_points_cost_at_most_1_3_times_the_band(count: int) -> None:
    wide, narrow = (plan_tones(count, 0.1, aim=aim) for aim in ("points", "band"))
    assert wide.points <= narrow.points
    assert narrow.band[1] <= wide.band[1] <= 1.3 * narrow.band[1]


@pytest.mark.parametrize("count", [5, 7, 16, 32])
@pytest.mark.parametrize("aim", ["points", pytest.param("band", marks=pytest.mark.long)])
def test_no_hits_by_brute_force(count: int, aim: str) -> None:
    """Every product up to 3rd order by definition, aliases at the plan's own points included."""
    plan = plan_tones(count, 0.1, aim=aim)  # type: ignore[arg-type]
    assert_clean(plan)
    assert len(plan.harmonics) == count
    if (count, aim) == (16, "points"):
        assert plan.points <= 769
    assert clean(plan.harmonics, plan.points)
    assert not clean((*plan.harmonics[:-1], 2 * plan.harmonics[0]), plan.points)


@pytest.mark.long
def test_a_longer_search_narrows_larger_sets() -> None:
    wide, narrow = (plan_tones(12, WINDOW, aim=aim) for aim in ("points", "band"))
    assert_clean(narrow)
    assert max(narrow.harmonics) < max(wide.harmonics)
    band.narrowest.cache_clear()
    assert plan_tones(12, WINDOW, aim="band") == narrow


def test_limits_and_points_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(band, "STEPS", 2000)
    plan = plan_tones(5, WINDOW, min_frequency=400, aim="band")
    assert_clean(plan)
    assert plan.band[0] >= 400
    assert max(plan.harmonics) <= max(plan_tones(5, WINDOW, min_frequency=400).harmonics)
    at = plan_tones(8, WINDOW, points=301, aim="band")
    assert at.points == 301
    assert max(at.harmonics) <= max(plan_tones(8, WINDOW, points=301).harmonics)
    assert at.flags == ()
    least_bad = plan_tones(5, WINDOW, points=64, aim="band")
    assert least_bad.flags == ("collision",)
    assert str(least_bad.third_order_hits[0]).endswith(f"lands on {least_bad.third_order_hits[0].tone}")
    with pytest.raises(ValueError, match="raise the limit"):
        plan_tones(7, WINDOW, max_frequency=39 / WINDOW, aim="band")
