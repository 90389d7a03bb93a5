"""What 3rd-order products move each tone by, against closed forms, at any number of points: told, sketched, bounded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hge_spice.drive import Floats, Tone, Waveform
from hge_spice.gradient.trust import hidden_bias
from hge_spice.lockin import demodulate, distortion, fewest_points, sketch
from hge_spice.tones import TonePlan, plan_from_harmonics, plan_tones

WINDOW = 0.02
ROUNDING = 1e-7  # of shifts about one, beside a response of ten
KINDS = ("one tone", "two tones", "each for itself", "neuron", "at random")


def played(plan: TonePlan, phases: Floats) -> tuple[Tone, ...]:
    return tuple(Tone(f"c{i}", f, 1.0, float(p)) for i, (f, p) in enumerate(zip(plan.frequencies, phases, strict=True)))


def waves(tones: tuple[Tone, ...], time: Floats, late: float = 0.0) -> Floats:
    return np.array([np.sin(2 * np.pi * tone.frequency * time + tone.phase - late) for tone in tones])


def cubic(kind: str, v: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """3rd-order part of a device's output [point], and how far it moves each tone [tone], by hand.

    ⟨v_i³⟩ has ¾ of tone i, and v_i·v_k² half of it.
    """
    count = len(v)
    if kind == "two tones":
        i, k = rng.choice(count, 2, replace=False)
        return v[i] * v[k] ** 2, 0.5 * np.eye(count)[i]
    if kind == "neuron":
        w = rng.standard_normal(count)
        return (w @ v) ** 3, 0.75 * w**3 + 1.5 * w * (np.sum(w**2) - w**2)
    if kind == "at random":
        c = rng.standard_normal((count, count, count))
        c += np.swapaxes(c, 0, 1)
        c += np.swapaxes(c, 0, 2) + np.swapaxes(c, 1, 2)
        own = np.einsum("iii->i", c)
        others = sum(np.einsum(f"{axes}->i", c) for axes in ("ikk", "kik", "kki")) - 3 * own
        return np.einsum("ijk,it,jt,kt->t", c, v, v, v), 0.75 * own + 0.5 * others
    c = rng.standard_normal(count) if kind == "each for itself" else np.eye(count)[rng.integers(count)]
    return c @ v**3, 0.75 * c


def measured(
    plan: TonePlan, kind: str, seed: int, late: float = 0.0, phases: Floats | None = None
) -> tuple[Waveform, tuple[Tone, ...], Floats]:
    """A device with first, second and third order in its output; its tones; and how far the third moves each."""
    rng = np.random.default_rng(seed)
    count = len(plan.harmonics)
    tones = played(plan, rng.uniform(0, 2 * np.pi, count) if phases is None else phases)
    time = WINDOW / plan.points * np.arange(plan.points)
    v = waves(tones, time)
    third, shift = cubic(kind, v, rng)
    second = rng.standard_normal((count, count))
    linear = 10 * rng.standard_normal(count) @ waves(tones, time, late)
    return Waveform(time, linear + np.einsum("it,ij,jt->t", v, second, v) + third, WINDOW), tones, shift


@pytest.mark.parametrize("count", [1, 2, 5, 7])
@pytest.mark.parametrize("kind", ["each for itself", "at random"])
def test_at_the_planners_points_up_to_seven_tones_are_told(count: int, kind: str) -> None:
    plan = plan_tones(count, WINDOW)
    assert plan.points >= fewest_points(count)
    waveform, tones, expected = measured(plan, kind, count)
    shift, stderr = distortion(waveform, tones)
    assert shift == pytest.approx(expected, abs=ROUNDING)
    assert stderr.max() < ROUNDING


@pytest.mark.parametrize("lag", [0.02, 0.2])
def test_a_lag_of_the_tones_hides_no_curvature(lag: float) -> None:
    """A response out of phase is no product: it adds nothing to what is doubtful about them."""
    for count in (3, 5, 7, 8):
        waveform, tones, expected = measured(plan_tones(count, WINDOW), "each for itself", count, lag)
        if count < 8:
            shift, stderr = distortion(waveform, tones)
        else:
            found = sketch(waveform, tones)
            shift, stderr = found.shift, found.stderr
        assert shift == pytest.approx(expected, abs=ROUNDING)
        assert stderr.max() < ROUNDING


@pytest.mark.parametrize("count", [8, 9, 20])
@pytest.mark.parametrize("kind", ["one tone", "two tones", "each for itself"])
def test_terms_of_one_and_two_tones_are_told_at_any_planned_points(count: int, kind: str) -> None:
    plan = plan_tones(count, WINDOW)
    waveform, tones, expected = measured(plan, kind, count)
    if plan.points < fewest_points(count):
        assert np.isnan(distortion(waveform, tones)[0]).all()
    found = sketch(waveform, tones)
    assert found.shift == pytest.approx(expected, abs=1e-9)
    assert found.stderr.max() < 1e-9


@pytest.mark.parametrize("count", [8, 9])
def test_what_three_tones_make_is_in_the_error_bar_of_a_sketch(count: int) -> None:
    """Products that aren't in the fit act as noise: the rms of what it is off by is one bar."""
    plan = plan_tones(count, WINDOW)
    off, bars, reach = [], [], []
    for seed in range(12):
        for kind in ("neuron", "at random"):
            waveform, tones, expected = measured(plan, kind, seed)
            found = sketch(waveform, tones)
            off += list(found.shift - expected)
            bars += list(found.stderr)
            largest = np.abs(expected).max()
            reach.append(hidden_bias(found, 0.0).max() / largest)
    score = np.array(off) / np.array(bars)
    assert 0.6 < np.sqrt(np.mean(score**2)) < 1.4
    assert np.mean(np.abs(score) > 2) < 0.1
    # what is said to be possible is never less than what is, and not without measure more
    assert min(reach) > 1
    assert np.median(reach) < 15


def test_a_grid_on_which_another_polynomial_looks_the_same_says_so() -> None:
    """Tones that all start at zero are odd in time: half of the points repeat the other half."""
    for count, told in ((3, True), (4, False), (5, False), (6, False)):
        waveform, tones, expected = measured(plan_tones(count, WINDOW), "neuron", count, phases=np.zeros(count))
        shift, _ = distortion(waveform, tones)
        assert np.isfinite(shift).all() == told
        known = np.isfinite(shift)
        assert shift[known] == pytest.approx(expected[known], abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.integers(1, 40), min_size=1, max_size=6),
    st.integers(3, 260),
    st.booleans(),
    st.sampled_from(KINDS),
    st.integers(0, 10),
)
def test_what_is_told_is_right_and_what_isnt_is_bounded(harmonics, points, aligned, kind, seed):
    """Whatever tones, points and phases a user gives: no shift is told that isn't the true one, none beyond its bound.

    The bound is on what terms move that leave something orthogonal; it holds here with a factor of two to spare.
    """
    if kind == "two tones" and len(harmonics) == 1:
        return
    points = max(points, 2 * max(harmonics) + 1)
    plan = plan_from_harmonics(sorted(harmonics), WINDOW, points)
    phases = np.zeros(len(harmonics)) if aligned else None
    waveform, tones, expected = measured(plan, kind, seed, phases=phases)
    shift, _ = distortion(waveform, tones)
    known = np.isfinite(shift)
    if not plan.flags:  # a collision is a flag of its own
        assert shift[known] == pytest.approx(expected[known], abs=1e-6)
    if not known.all() and not plan.flags:
        hidden = hidden_bias(sketch(waveform, tones), 0.0)
        assert np.abs(expected).max() < 2 * hidden.max() + 1e-9


def straight(tones: tuple[Tone, ...], time: Floats) -> Waveform:
    v = waves(tones, time)
    return Waveform(time, v.sum(axis=0) + v[0] * v[1] + v[2] ** 2, WINDOW)


@pytest.mark.parametrize("kind", KINDS[:4])
def test_many_tones_are_bounded_by_what_their_terms_leave(kind: str) -> None:
    waveform, tones, expected = measured(plan_tones(26, WINDOW), kind, 3)
    found = sketch(waveform, tones)
    assert not found.shift.any()
    assert 1 <= hidden_bias(found, 0.0).max() / np.abs(expected).max() < 40
    assert sketch(straight(tones, waveform.time), tones).spread < 1e-9


@pytest.mark.parametrize("kind", ["each for itself", "neuron"])
def test_very_many_tones_are_bounded_by_what_their_bins_hold(kind: str) -> None:
    waveform, tones, expected = measured(plan_tones(44, WINDOW), kind, 3)
    found = sketch(waveform, tones)
    assert 1 <= hidden_bias(found, 0.0).max() / np.abs(expected).max() < 60
    assert sketch(straight(tones, waveform.time), tones).spread < 1e-9
    uneven = Waveform(waveform.time**1.01, waveform.output, WINDOW)
    assert np.isinf(hidden_bias(sketch(uneven, tones), 0.0)).all()


def test_noise_that_is_known_explains_its_part_of_a_bound() -> None:
    rng = np.random.default_rng(0)
    plan = plan_tones(8, WINDOW)
    time = WINDOW / plan.points * np.arange(plan.points)
    tones = played(plan, rng.uniform(0, 2 * np.pi, 8))
    v = waves(tones, time)
    noises = 0.01 * rng.standard_normal((8, len(time)))
    noisy = [sketch(Waveform(time, v.sum(axis=0) + noise, WINDOW), tones) for noise in noises]
    assert all(hidden_bias(found, 0.0).max() > 0.01 for found in noisy)
    assert np.mean([hidden_bias(found, 0.01).max() < 0.005 for found in noisy]) > 0.7
    bent = sketch(Waveform(time, v.sum(axis=0) + v[0] ** 3 + noises[0], WINDOW), tones)
    assert hidden_bias(bent, 0.01).max() > 0.7


@pytest.mark.parametrize(("count", "order"), [(5, 4), (5, 5), (8, 4), (8, 5)])
def test_products_of_higher_order_on_a_tone_are_in_its_error_bar(count: int, order: int) -> None:
    """Plans keep 2nd and 3rd order off the tones; what of 4th and 5th falls on them is no more than falls elsewhere.

    So the residual around the tones tells it. The device here is a polynomial without its parts that move tones at any
    number of points: those are the 3rd order's, and the tests above have them.
    """
    plan = plan_tones(count, WINDOW)
    score = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        tones = played(plan, rng.uniform(0, 2 * np.pi, count))
        fine = 8 * plan.points
        time = WINDOW / fine * np.arange(fine)
        whole = (rng.standard_normal(count) @ waves(tones, time)) ** order
        reference = demodulate(Waveform(time, whole, WINDOW), tones, WINDOW).in_phase
        found = demodulate(Waveform(time[::8], whole[::8], WINDOW), tones, WINDOW)
        score += list((found.in_phase - reference) / found.stderr)
    assert np.sqrt(np.mean(np.square(score))) < 1.5
    assert np.any(np.abs(score) > 0.1)
