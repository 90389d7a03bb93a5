from dataclasses import replace

import numpy as np
import pytest
from test_train import Product, recipe

from hge_spice.loss import Target
from hge_spice.patience import Patience, Progress, middle_half
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study
from hge_spice.train import Step, read_out, scout, train
from hge_spice.update import shorten


class Plateau(Product):
    """As its parent where control a is positive; where it isn't, the output hangs on nothing: descent can't start."""

    def measure(self, drive):  # type: ignore[no-untyped-def]  # as the parent's
        waveform = super().measure(drive)
        if drive.control[0] > 0:
            return waveform
        return type(waveform)(waveform.time, np.full(len(waveform.time), 1e-9), waveform.simulated_seconds)


def trained(patience: Patience | None, steps: int = 40) -> list[Step]:
    asked = replace(recipe("adam", rate=0.03), patience=patience)
    return list(train(Plateau(), np.array([-0.3, 0.2, 0.1]), asked, steps, seed=(3,)))


def test_a_descent_that_goes_nowhere_jumps_and_says_so() -> None:
    assert not trained(None)[-1].margin.solved
    steps = trained(Patience(3, 4))
    assert steps[-1].margin.solved
    jumped = [step.number for step in steps if "jumped" in step.flags]
    assert jumped[0] == 4  # the first extraction is the loss to fall below, three more that don't
    window = recipe().measurement.plan.window
    assert steps[3].cost.simulated_seconds == pytest.approx((2 + 4 * 2) * window)  # an extraction and four read-outs
    assert steps[2].cost.simulated_seconds == pytest.approx((2 + 2) * window)


def test_jumps_are_drawn_from_the_seed_alone() -> None:
    once, again = trained(Patience(2, 2)), trained(Patience(2, 2))
    assert [s.control.tolist() for s in once] == [s.control.tolist() for s in again]
    other = list(
        train(Plateau(), np.array([-0.3, 0.2, 0.1]), replace(recipe("adam"), patience=Patience(2, 2)), 3, seed=(4,))
    )
    assert other[2].control.tolist() != once[2].control.tolist()


def test_a_scout_takes_the_setting_of_the_lowest_loss() -> None:
    dut, asked = Product(), recipe()
    found, reading = scout(dut, np.zeros(3), asked, 6, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    drawn = [middle_half(3, asked.control_range, rng) for _ in range(6)]
    losses = [asked.loss(read_out(dut, each, asked).outputs, asked.target)[0] for each in drawn]
    assert np.array_equal(found, drawn[int(np.argmin(losses))])
    assert np.array_equal(reading.outputs, read_out(dut, found, asked).outputs)


def test_an_unphysical_setting_is_the_last_choice() -> None:
    class Unphysical(Product):
        def measure(self, drive):  # type: ignore[no-untyped-def]  # as the parent's
            waveform = super().measure(drive)
            return replace(waveform, flags=("unphysical",) if drive.control[0] > -0.1 else ())

    for seed in range(20):
        found, _ = scout(Unphysical(), np.zeros(3), recipe(), 6, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        drawn = np.array([middle_half(3, (-0.7, 0.7), rng) for _ in range(6)])
        assert found[0] <= -0.1 or (drawn[:, 0] > -0.1).all()


def test_a_loss_that_falls_by_less_than_a_hundredth_has_not_fallen() -> None:
    progress = Progress().after(1.0)
    assert progress == Progress(1.0, 0)
    assert progress.after(0.995) == Progress(1.0, 1)
    assert progress.after(0.995).after(0.98) == Progress(0.98, 0)
    assert Progress().after(-0.5).after(-0.504).idle == 1  # a loss below zero falls downwards too
    assert Progress().after(-0.5).after(-0.51).idle == 0
    assert Progress().after(0.0).after(-1e-9).idle == 0


def test_what_can_not_be_had_is_refused() -> None:
    with pytest.raises(ValueError, match="take 1 or more"):
        Patience(0)
    with pytest.raises(ValueError, match="drop the batch"):
        replace(recipe(), patience=Patience(3), batch=1)


def test_converters_that_slew_take_their_time_and_power() -> None:
    """Ramps last |ΔV|/slew of the control that moves furthest, at the power of the read-out that follows."""
    control, window = np.array([-0.3, 0.2, 0.1]), recipe().measurement.plan.window

    class Warm(Product):
        def measure(self, drive):  # type: ignore[no-untyped-def]  # as the parent's
            waveform = super().measure(drive)
            return replace(waveform, energy=2e-9 * waveform.simulated_seconds)

    quick = list(train(Warm(), control, recipe("adam"), 5))
    slow = list(train(Warm(), control, replace(recipe("adam"), slew=0.5), 5))
    places = np.array([control, *(s.control for s in slow)])
    ramps = np.abs(np.diff(places, axis=0)).max(axis=1) / 0.5
    for a, b, ramp in zip(quick, slow, ramps, strict=True):
        assert np.array_equal(a.control, b.control)
        assert a.cost.simulated_seconds == pytest.approx(4 * window)
        assert b.cost.simulated_seconds == pytest.approx(4 * window + ramp)
        assert b.cost.energy - a.cost.energy == pytest.approx(2e-9 * ramp)


def test_updates_are_no_longer_than_the_converters_may_step() -> None:
    change = np.array([0.4, -0.1, 0.0])
    assert shorten(change, 0.1).tolist() == pytest.approx([0.1, -0.025, 0.0])
    assert np.array_equal(shorten(change, 0.4), change)
    assert np.array_equal(shorten(np.zeros(2), 0.1), np.zeros(2))
    steps = list(train(Product(), np.array([-0.3, 0.2, 0.1]), replace(recipe("adam", rate=0.5), longest_step=0.01), 6))
    places = np.array([[-0.3, 0.2, 0.1], *(s.control for s in steps)])
    assert np.abs(np.diff(places, axis=0)).max() == pytest.approx(0.01)


class Bent(Product):
    """I = a·x + c·x³: how even the levels are hangs on c over a."""

    def measure(self, drive):  # type: ignore[no-untyped-def]  # as the parent's
        linear = super().measure(replace(drive, control=drive.control * (1, 0, 1), tones=self.of(drive, "a")))
        shape = drive.inputs[0] ** 3
        bend = super().measure(
            replace(
                drive,
                control=np.array([drive.control[2], 0.0, 0.0]),
                inputs=np.array([shape]),
                tones=tuple(replace(tone, electrode="a") for tone in self.of(drive, "c")),
            )
        )
        return replace(linear, output=linear.output + bend.output)

    @staticmethod
    def of(drive, name):  # type: ignore[no-untyped-def]  # of this test alone
        return tuple(tone for tone in drive.tones if tone.electrode == name)


def test_training_for_margin_goes_on_beyond_the_first_solved_step() -> None:
    asked = replace(
        recipe("adam", 0.02, "correlation"),
        inputs=np.array([[-1.0], [-0.5], [0.5], [1.0]]),
        target=Target(np.array([0.0, 0, 1, 1])),
    )
    start = np.array([0.3, 0.0, 0.0])
    first = list(train(Bent(), start, asked, 100))
    further = list(train(Bent(), start, replace(asked, gap_over_span=0.8), 100))
    assert [s.margin.solved for s in further].index(True) + 1 == len(first) < len(further)
    assert first[-1].margin.gap_over_span < 0.8 <= further[-1].margin.gap_over_span
    assert all(s.margin.gap_over_span < 0.8 for s in further[:-1])


def test_a_studys_limits_reach_the_recipe() -> None:
    quick = ["device.engine=quasistatic", "training.estimator=adjoint", "perturbation.amplitude=2 mV"]
    asked = ["slew=10 V/ms", "longest_step=50 mV", "gap_over_span=40 %", "scouts=7"]
    with Bench.of(parse_study(load_study("xor", [*quick, *(f"training.{each}" for each in asked)]))) as bench:
        found = bench.recipe
    assert (found.slew, found.longest_step, found.gap_over_span) == (1e4, 0.05, 0.4)
    assert found.patience == Patience(3, 7)
    none = [f"training.{key}=none" for key in ("slew", "longest_step", "patience")]
    with Bench.of(parse_study(load_study("xor", [*quick, *none]))) as bench:
        found = bench.recipe
    assert (found.slew, found.longest_step, found.patience) == (np.inf, np.inf, None)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.patience=0", r"training\.patience: 0 should be a whole number, 1 or more \(or 'none'\)"),
        ("training.slew=10 V", r"training\.slew: .*V/s"),
        ("training.longest_step=0 V", r"training\.longest_step: '0 V' should be above 0 V"),
        ("training.gap_over_span=0.2", r"training\.gap_over_span: 0\.2 should be 0\.3 or more"),
        ("training.first=screned", r"training\.first: unknown first setting 'screned'; did you mean screened\?"),
    ],
)
def test_limits_that_make_no_sense_are_refused(setting: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        parse_study(load_study("xor", [setting]))
