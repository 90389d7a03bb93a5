"""The tone planner against a count of products written out by hand, and against the plans known to exist."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hge_spice.planner import construction, placement, search
from hge_spice.planner.intermodulation import count_hits, count_products, intermodulation_hits
from hge_spice.planner.phases import random_phases
from hge_spice.tones import TonePlan, plan_from_harmonics, plan_tones

WINDOW = 0.025
UNALIASED = 10**6


def fold(harmonic: int, points: int) -> float:
    return abs((harmonic + points / 2) % points - points / 2)


def counted(harmonics, points: int, order: int) -> int:
    """Hits by definition: every way to pick `order` signed tones, none with its own negative; each comes twice."""
    signed = [(tone, sign) for tone in range(len(harmonics)) for sign in (1, -1)]
    bins = [fold(harmonic, points) for harmonic in harmonics]
    landed = 0
    for terms in itertools.combinations_with_replacement(signed, order):
        if not any((tone, -sign) in terms for tone, sign in terms):
            landed += bins.count(fold(sum(sign * harmonics[tone] for tone, sign in terms), points))
    return landed // 2


def assert_clean(plan: TonePlan) -> None:
    assert plan.second_order_hits == plan.third_order_hits == []
    assert plan.flags == ()
    assert plan.degrees_of_freedom >= search.MIN_DEGREES_OF_FREEDOM
    assert len(set(plan.harmonics)) == len(plan.harmonics)
    assert 0 < min(plan.harmonics) <= max(plan.harmonics) < plan.points / 2


@settings(max_examples=150, deadline=None)
@given(st.sets(st.integers(1, 60), min_size=1, max_size=6), st.integers(3, 250), st.sampled_from([2, 3]))
def test_hits_are_those_counted_by_definition(harmonics, points, order):
    harmonics = sorted(harmonics)
    hits = intermodulation_hits(harmonics, points, order)
    assert len(hits) == counted(harmonics, points, order)
    for hit in hits:
        assert hit.order == len(hit.product) == order
        assert hit.bin == fold(sum(hit.product), points) == fold(hit.tone, points)
        assert {abs(h) for h in hit.product} <= set(harmonics)
        assert hit.tone in harmonics


def test_a_tone_may_be_hit_by_its_own_product_and_a_cancelling_pair_is_none():
    products = {hit.product for hit in intermodulation_hits([5, 9, 13], UNALIASED, 3)}
    assert products == {(-5, 9, 9), (5, -9, 13), (9, 9, -13)}
    assert intermodulation_hits([5, 9], UNALIASED, 3) == []


@pytest.mark.parametrize(
    ("harmonics", "points", "second", "third"),
    [
        ([1, 3, 9, 13], UNALIASED, 0, 8),
        ([5, 9, 13, 19, 23], UNALIASED, 0, 20),
        ([1, 2, 3], UNALIASED, 5, 5),
        ([7, 11, 16, 17, 19], 75, 0, 0),
        # 3·19 = 57 comes back at 19.
        ([7, 11, 16, 17, 19], 76, 0, 1),
        ([7, 11, 16, 17, 19], 64, 0, 6),
        *(([7, 11, 16, 17, 19], points, 0, 0) for points in (77, 78, 79, 80, 96, 128, 256)),
    ],
)
def test_known_sets(harmonics, points, second, third):
    plan = plan_from_harmonics(harmonics, WINDOW, points)
    assert (len(plan.second_order_hits), len(plan.third_order_hits)) == (second, third)
    assert plan.flags == (("collision",) if second + third else ())
    assert counted(harmonics, points, 3) == third


@pytest.mark.parametrize(
    "golomb", [(0, 1, 4, 9, 11), (0, 2, 7, 8, 11), (0, 1, 4, 10, 12, 17), (0, 1, 4, 10, 18, 23, 25)]
)
def test_twice_a_golomb_ruler_on_27_has_no_hits_until_aliases_come(golomb):
    harmonics = [27 + 2 * mark for mark in golomb]
    assert 3 * min(harmonics) > max(harmonics)
    assert plan_from_harmonics(harmonics, WINDOW, 4 * max(harmonics) + 1).flags == ()


def test_degrees_of_freedom_are_what_a_fit_leaves():
    for harmonics, points in (([7, 11, 16, 17, 19], 75), ([1, 3, 5, 7], 33), ([2, 3, 5], 20), ([5], 20)):
        time_in_windows = np.arange(points) / points
        products = [0, *harmonics]
        for a, b in itertools.combinations_with_replacement(harmonics, 2):
            products += [a + b, a - b]
        columns = [f(2 * np.pi * m * time_in_windows) for m in products for f in (np.cos, np.sin)]
        rank = np.linalg.matrix_rank(np.array(columns), tol=1e-9)
        assert plan_from_harmonics(harmonics, WINDOW, points).degrees_of_freedom == points - rank


def test_bins_are_where_a_transform_sees_the_products():
    plan = plan_from_harmonics([7, 19], WINDOW, 40)
    samples = np.cos(2 * np.pi * 7 * np.arange(40) / 40) + np.cos(2 * np.pi * 19 * np.arange(40) / 40)
    for order in (2, 3):
        spectrum = np.abs(np.fft.rfft(samples**order))
        seen = set(np.flatnonzero(spectrum > 1e-6).tolist())
        assert set(plan.bins(order).tolist()) <= seen
        # The rest are the products that cancel: the mean, and the tones themselves.
        assert seen <= set(plan.bins(order).tolist()) | {0, 7, 19}
    np.testing.assert_array_equal(plan.bins(), [7, 19])


@pytest.mark.parametrize("count", range(1, 9))
def test_automatic_plans_have_no_hits(count):
    plan = plan_tones(count, WINDOW)
    assert_clean(plan)
    assert len(plan.harmonics) == count
    assert counted(plan.harmonics, plan.points, 2) == counted(plan.harmonics, plan.points, 3) == 0
    np.testing.assert_allclose(plan.frequencies, np.array(plan.harmonics) / WINDOW)


def test_five_tones_take_75_points_and_nothing_smaller_or_narrower_will_do():
    plan = plan_tones(5, WINDOW)
    assert (plan.points, plan.harmonics, plan.degrees_of_freedom) == (75, (7, 11, 16, 17, 19), 14)
    # Without hits, the mean, 5 tones and 25 products are 61 unknowns, so 74 points leave 13 degrees of freedom at best.
    assert plan_tones(5, WINDOW, 74).degrees_of_freedom == 13
    with pytest.raises(ValueError, match="raise the limit to 760 Hz"):
        plan_tones(5, WINDOW, max_frequency=18 / WINDOW)


@pytest.mark.parametrize("points", range(62, 80))
def test_five_tones_without_hits_exist_at_just_these_points(points):
    plan = plan_tones(5, WINDOW, points)
    assert plan.second_order_hits == []
    assert (plan.third_order_hits == []) == (points in {69, 70, 71, *range(74, 80)})


@pytest.mark.parametrize(("count", "points"), [(3, 24), (3, 27), (4, 41), (4, 46), (4, 47)])
def test_the_search_for_few_tones_misses_no_plan(count, points):
    third = [
        counted(harmonics, points, 3)
        for harmonics in itertools.combinations(range(1, (points + 1) // 2), count)
        if counted(harmonics, points, 2) == 0
    ]
    plan = plan_tones(count, WINDOW, points)
    assert plan.second_order_hits == []
    assert len(plan.third_order_hits) == min(third)


# The least top harmonic of any plan, however many points: tests/test_tone_band.py.
@pytest.mark.parametrize(("count", "narrowest"), [(3, 7), (4, 12), (5, 19), (6, 29), (7, 40), (8, 53)])
def test_few_points_cost_little_band(count, narrowest):
    assert narrowest <= max(plan_tones(count, WINDOW).harmonics) <= 1.3 * narrowest


def test_seven_tones_in_a_tenth_of_a_second():
    plan = plan_tones(7, 0.1)
    assert_clean(plan)
    assert (plan.points, max(plan.frequencies)) == (130, pytest.approx(410))


@pytest.mark.parametrize("count", [17, 24, 32, 64])
def test_many_tones_come_from_a_construction(count):
    plan = plan_tones(count, WINDOW)
    assert_clean(plan)
    assert len(plan.harmonics) == count
    # The bound on points is about 2n²; primes q ≥ 2n + 1 with q² + 1 points stay near twice that.
    assert plan.points < 2.5 * (2 * count * (count + 1) + 1)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 8, 9, 11])
def test_the_construction_is_a_plan_for_any_prime(count):
    points, harmonics = next(construction._construction(count))
    assert len(harmonics) == (math.isqrt(points - 1) - 1) // 2 >= count
    assert counted(harmonics, points, 2) == counted(harmonics, points, 3) == 0


@pytest.mark.parametrize("count", range(9, 16))
@pytest.mark.long
def test_symmetric_plans_have_no_hits(count):
    assert_clean(plan_tones(count, WINDOW))


@pytest.mark.long
def test_128_tones():
    assert_clean(plan_tones(128, WINDOW))


def test_limits_of_frequency_are_kept():
    plan = plan_tones(5, WINDOW, min_frequency=400, max_frequency=1000)
    assert_clean(plan)
    assert plan.frequencies.min() >= 400
    assert plan.frequencies.max() <= 1000
    assert_clean(plan_tones(8, WINDOW, max_frequency=54 / WINDOW))
    assert plan_tones(17, WINDOW, min_frequency=2000).frequencies.min() >= 2000
    # 0.3 s times 10 Hz is 3 but for rounding.
    assert plan_tones(2, 0.3, max_frequency=10).harmonics == (2, 3)


def test_a_set_with_hits_of_its_own_gets_points_that_add_none():
    plan = plan_from_harmonics([23, 5, 9, 13, 19], WINDOW)
    assert plan.harmonics == (23, 5, 9, 13, 19)
    assert len(plan.third_order_hits) == 20
    assert plan.flags == ("collision",)
    assert plan.degrees_of_freedom >= search.MIN_DEGREES_OF_FREEDOM
    for points in range(2 * 23 + 1, plan.points):
        fewer = plan_from_harmonics(plan.harmonics, WINDOW, points)
        assert len(fewer.third_order_hits) > 20 or fewer.second_order_hits or fewer.degrees_of_freedom < 14


@pytest.mark.parametrize("count", [5, 9])
def test_plans_are_the_same_every_time(count):
    first = plan_tones(count, WINDOW), plan_tones(count, WINDOW, 64)
    for cached in (search.fewest, search.at_points, placement._exists):
        cached.cache_clear()
    assert (plan_tones(count, WINDOW), plan_tones(count, WINDOW, 64)) == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([5, 5.1], 0.1), "tone spacing 1 Hz is below the 10 Hz that a 0.1 s window resolves; lengthen the window"),
        (([5, 9, 5], 0.1), "tone spacing 0 Hz is below the 10 Hz"),
        (([5, 9.3], 0.1), "harmonic 9.3 is not a whole number of cycles in a 0.1 s window; take 9"),
        (([5, 0], 0.1), "harmonic 0 is not above zero; take 1 or more"),
        (([5, math.nan], 0.1), "harmonic nan is not above zero"),
        (([], 0.1), "give 1 or more"),
        (([5, 9], 0.0), "the window is 0.0 s; it must be above zero"),
        (([5, 9], math.inf), "the window is inf s"),
        (([5, 16], 0.1, 32), "the tone at 160 Hz is not below the 160 Hz that 32 points .* take 33 points or more"),
        (([1], 0.1, 2), "take 3 or more"),
    ],
)
def test_harmonics_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        plan_from_harmonics(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "0 tones make no perturbation; ask for 1 or more"),
        ({"count": 5, "window": -1.0}, "the window is -1.0 s; it must be above zero"),
        ({"count": 5, "points": 2}, "2 points cannot resolve a tone; take 3 or more"),
        ({"count": 5, "points": 10}, "but 4 lie within the limits and below half of 10 points; take 11 points or more"),
        ({"count": 5, "points": 16}, "free of 2nd-order hits was found at 16 points; take 75 points or more"),
        ({"count": 3, "points": 50, "min_frequency": 1000}, "but 0 lie within the limits"),
        ({"count": 5, "max_frequency": 30}, "no multiple of 40 Hz, .* between 0 and 30 Hz; widen the limits"),
        ({"count": 5, "max_frequency": 800, "min_frequency": 900}, "between 900 and 800 Hz; widen the limits"),
        ({"count": 5, "max_frequency": math.inf}, "the highest frequency is inf Hz"),
        ({"count": 5, "min_frequency": -1}, "the lowest frequency is -1 Hz"),
        ({"count": 7, "max_frequency": 39 / WINDOW}, r"7 tones .* at or below 1560 Hz, .* raise the limit to 1640 Hz"),
        ({"count": 32, "max_frequency": 500 / WINDOW}, r"32 tones .* harmonics 1 to 500; raise the limit"),
    ],
)
def test_plans_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        plan_tones(**({"window": WINDOW} | arguments))


def test_random_phases_break_the_repetition_of_odd_harmonics():
    phases = random_phases(4, np.random.default_rng(1))
    np.testing.assert_array_equal(phases, random_phases(4, np.random.default_rng(1)))
    assert phases.shape == (4,)
    assert ((phases >= 0) & (phases < 2 * np.pi)).all()
    turns = np.outer(np.arange(64) / 64, [5, 9, 13, 19])
    levels = [len(np.unique(np.sin(2 * np.pi * turns + phase).sum(axis=1).round(9))) for phase in (0, phases)]
    assert levels[0] < 40
    assert levels[1] == 64


@settings(max_examples=80, deadline=None)
@given(st.sets(st.integers(1, 40), min_size=1, max_size=4), st.integers(3, 200), st.integers(1, 5))
def test_products_of_any_order_are_counted_without_being_written_out(harmonics, points, order):
    """Brute force over every choice of signed tones, and the same number as the list of hits has."""
    harmonics = sorted(harmonics)
    counts = count_products(harmonics, points, order)
    signed = [(tone, sign) for tone in harmonics for sign in (1, -1)]
    expected = np.zeros(points // 2 + 1)
    for terms in itertools.combinations_with_replacement(signed, order):
        if not any((tone, -sign) in terms for tone, sign in terms):
            expected[int(fold(sum(sign * tone for tone, sign in terms), points))] += 0.5
    np.testing.assert_array_equal(counts, expected)
    assert count_hits(harmonics, points, order) == counted(harmonics, points, order)
    assert count_hits(harmonics, points, order) == len(intermodulation_hits(harmonics, points, order))


def test_of_a_plan_without_hits_some_of_higher_order_land_on_tones():
    plan = plan_tones(5, WINDOW)
    counts = [count_hits(plan.harmonics, plan.points, order) for order in (2, 3, 4, 5)]
    assert counts[:2] == [0, 0]
    assert min(counts[2:]) > 0
    assert counts[2] == len(intermodulation_hits(plan.harmonics, plan.points, 4))


def off_mains(count: int, avoid: int, top: int) -> tuple[int, tuple[int, ...]]:
    """By trying all: the fewest points for a plan without hits and multiples of `avoid`, then the narrowest."""
    allowed = [h for h in range(1, top + 1) if h % avoid]
    for points in itertools.count(2 * count * (count + 1) + 1 + 14):
        plans = [
            plan
            for plan in itertools.combinations(allowed, count)
            if 2 * plan[-1] < points and not plan_from_harmonics(plan, 1.0, points=points).flags
        ]
        if plans:
            return points, min(plans, key=lambda plan: plan[::-1])
    raise AssertionError


@pytest.mark.parametrize("avoid", [2, 3, 5])
def test_tones_off_the_mains_are_the_narrowest_of_all_such(avoid: int) -> None:
    plan = plan_tones(3, 1.0, mains=float(avoid))
    assert (plan.points, plan.harmonics) == off_mains(3, avoid, 12)


@pytest.mark.parametrize(
    ("count", "aim"), [(1, "points"), (7, "points"), (9, "points"), (20, "points"), (5, "band"), (9, "band")]
)
def test_no_tone_is_a_harmonic_of_the_mains(count: int, aim: str) -> None:
    plan = plan_tones(count, 0.1, min_frequency=60, aim=aim, mains=50)  # type: ignore[arg-type]
    assert len(plan.harmonics) == count
    assert plan.flags == ()
    assert all(h % 5 for h in plan.harmonics)
    assert min(plan.frequencies) >= 60


def test_at_few_points_they_keep_off_it_too() -> None:
    plan = plan_tones(5, 0.1, points=64, mains=60)
    assert all(h % 6 for h in plan.harmonics)
    with pytest.raises(ValueError, match="3 tones need as many harmonics, but 2 lie within the limits"):
        plan_tones(3, 0.1, points=64, min_frequency=40, max_frequency=60, mains=50)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (25e-3, r"50 Hz has 1.25 periods in a window of 0.025 s, so that it leaks into every tone; .* such as 0.04 s"),
        (20e-3, r"has 1 periods in a window of 0.02 s, so that each tone is a harmonic of it; .* such as 0.04 s"),
    ],
)
def test_mains_need_whole_periods(window: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_tones(3, window, mains=50)
