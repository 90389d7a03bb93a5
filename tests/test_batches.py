"""Mini-batches: every pattern once an epoch, classes dealt evenly, loss and gradient of the batch, `solved` of all."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_train import Product, recipe

from hge_spice.batches import batch_of_step, epoch_batches
from hge_spice.gradient import ESTIMATORS
from hge_spice.loss import LOSSES, Target
from hge_spice.study.bench.check import check
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study
from hge_spice.study.trial.trial import run_trial
from hge_spice.train import train

# the shipped studies' own rule compares losses from step to step
ADAM = ["training.rule=adam", "training.rate=30 mV", "training.loss=gap", "training.patience=none"]


@given(
    classes=st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=60),
    size=st.integers(1, 70),
    seed=st.integers(0, 9),
)
def test_an_epoch_takes_every_pattern_once_and_deals_the_classes_evenly(classes, size, seed):
    dealt = epoch_batches(np.array(classes), size, np.random.default_rng(seed))
    assert sorted(np.concatenate(dealt).tolist()) == list(range(len(classes)))
    sizes = [len(batch) for batch in dealt]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    for each in set(classes):
        counts = [int(np.sum(np.array(classes)[batch] == each)) for batch in dealt]
        assert max(counts) - min(counts) <= 1


def test_epochs_differ_and_a_step_knows_its_batch_by_number_and_seed():
    classes = np.arange(12) % 2.0
    first = [batch_of_step(classes, 4, number, (3, 0)).tolist() for number in range(1, 7)]
    again = [batch_of_step(classes, 4, number, (3, 0)).tolist() for number in (6, 1, 3)]
    assert again == [first[5], first[0], first[2]]
    assert sorted(map(tuple, first[:3])) != sorted(map(tuple, first[3:]))
    assert first != [batch_of_step(classes, 4, number, (4, 0)).tolist() for number in range(1, 7)]


def test_all_pairs_of_patterns_are_as_likely():
    classes = np.array([0.0] * 4 + [1.0] * 4)
    together = np.zeros((8, 8))
    draws = 4000
    for draw in range(draws):
        for batch in epoch_batches(classes, 4, np.random.default_rng((draw, 1))):
            together[np.ix_(batch, batch)] += 1
    # two of four of the same class share a batch with probability 1/3, two of different classes with 1/2
    same = together[:4, :4][~np.eye(4, dtype=bool)] / draws
    across = together[:4, 4:].ravel() / draws
    assert np.abs(same - 1 / 3).max() < 5 * np.sqrt(2 / 9 / draws)
    assert np.abs(across - 1 / 2).max() < 5 * np.sqrt(1 / 4 / draws)


def many(size: int | None, loss: str = "mse", estimator: str = "homodyne", rate: float = 1e-12):
    """Ten patterns of a gate on a device whose outputs have a closed form."""
    inputs = np.linspace(-1, 1, 10)[:, None]
    return replace(
        recipe(loss=loss, rate=rate),
        inputs=inputs,
        target=Target((inputs[:, 0] > 0).astype(float), (-1e-9, 1e-9)),
        estimator=ESTIMATORS[estimator],
        batch=size,
    )


def test_loss_and_gradient_are_the_batchs_and_average_to_the_whole():
    control = np.array([-0.3, 0.2, 0.1])
    asked = many(2)
    steps = list(train(Product(), control, asked, 5, seed=(7,)))
    for step in steps:
        outputs = 1e-9 * (control[0] * asked.inputs[step.patterns, 0] + control[1])
        loss, by_output = asked.loss(outputs, Target(asked.target.classes[step.patterns], (-1e-9, 1e-9)))
        assert step.loss == pytest.approx(loss)
        slope = 1e-9 * np.array([by_output @ asked.inputs[step.patterns, 0], by_output.sum(), 0.0])
        assert np.allclose(step.gradient, slope, atol=1e-5)
        assert step.cost.extractions == len(step.patterns) == len(step.estimates) == 2
    whole = next(train(Product(), control, many(None), 1))
    # the mean squared error of all is the mean of that of equal batches
    assert np.mean([step.loss for step in steps]) == pytest.approx(whole.loss)
    assert np.allclose(np.mean([step.gradient for step in steps], axis=0), whole.gradient, atol=1e-5)


def test_solved_is_judged_by_all_patterns_once_an_epoch_and_at_the_end():
    steps = list(train(Product(), np.array([-0.3, 0.2, 0.1]), many(4), 7))
    read = [not np.isnan(step.outputs).any() for step in steps]
    assert read == [False, False, True, False, False, True, True]
    assert all(len(step.outputs) == 10 for step in steps)
    assert not any(step.margin.solved for step, told in zip(steps, read, strict=True) if not told)
    window = many(4).measurement.plan.window
    seconds = [round(step.cost.simulated_seconds / window) for step in steps]
    batches = [len(step.patterns) for step in steps]
    assert seconds == [n + 10 * told for n, told in zip(batches, read, strict=True)]


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "least_squares"])  # which takes either sign
def test_batches_train(loss):
    steps = list(train(Product(), np.array([-0.3, 0.2, 0.1]), many(4, loss, rate=0.05), 300))
    # the batch's own gradient goes downhill for all: the gate is turned round, or as far as its loss rewards
    assert steps[-1].control[0] > 0
    assert steps[-1].margin.gap > 0


def test_a_demodulated_loss_is_the_batchs():
    control = np.array([-0.3, 0.2, 0.1])
    asked = many(2, estimator="multiplexed_walsh")
    measurement = replace(asked.measurement, loss=lambda outputs: asked.loss(outputs, asked.target)[0])
    whole = replace(asked, measurement=measurement)
    step = next(train(Product(), control, whole, 1))
    chained = next(train(Product(), control, many(2), 1))
    assert step.patterns.tolist() == chained.patterns.tolist()
    assert np.allclose(step.gradient, chained.gradient, rtol=1e-2, atol=1e-3)


def test_a_study_with_batches_in_ngspice(tmp_path):
    text = [*ADAM, "training.batch=2", "training.steps=3", "training.starts=1", "perturbation.amplitude=2 mV"]
    result = run_trial(parse_study(load_study("xor", text)), tmp_path)
    steps = pd.read_parquet(tmp_path / "steps.parquet")
    assert [len(row.split()) for row in steps["patterns"]] == [2, 2, 2]
    classes = np.array([0, 1, 1, 0])
    assert all(set(classes[list(map(int, row.split()))]) == {0, 1} for row in steps["patterns"])
    assert steps["gap"].isna().tolist() == [True, False, False]
    assert result["extractions"] == 6
    assert result["simulated_seconds"] == pytest.approx((6 + 2 * 4) * 25e-3)
    assert len(result["outputs"]) == 4
    for row in steps.to_dict("records"):
        own = set(map(int, row["patterns"].split()))
        assert {p for p in range(4) if not np.isnan(row.get(f"jacobian.{p}.e1", np.nan))} == own


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["training.batch=0"], r"training\.batch: 0 should be a whole number, 1 or more \(or 'all'\)"),
        (["training.batch=8"], r"training\.batch: 8 of the 4 patterns of xor; take fewer"),
        (
            [*ADAM, "training.batch=2", "training.rule=levenberg_marquardt", "training.loss=correlation"],
            r"training\.batch: levenberg_marquardt compares the losses",
        ),
    ],
)
def test_batches_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(StudyError, match=message):
        parse_study(load_study("xor", [*ADAM, *settings]))


def test_a_batch_of_one_class_is_refused_where_the_loss_needs_both():
    check(parse_study(load_study("xor", [*ADAM, "training.batch=2"])))
    with pytest.raises(ValueError, match=r"training\.batch: of 4 batches an epoch, some suit no gap"):
        check(parse_study(load_study("xor", [*ADAM, "training.batch=1"])))
    with pytest.raises(ValueError, match="all of one class"):  # one pattern of four is a one
        check(parse_study(load_study("and", [*ADAM, "training.batch=2"])))
    mse = [*ADAM, "training.batch=1", "training.loss=mse", 'task.targets=["2 nA", "8 nA"]']
    check(parse_study(load_study("and", mse)))
