"""A dry run's estimate: bounded in what it measures, and by hand in what it makes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hge_spice.cli.dry_run import estimate_run
from hge_spice.study.run import estimate as estimating
from hge_spice.study.run.estimate import WHOLE, estimate
from hge_spice.study.run.plan import plan_study
from hge_spice.study.text.files import load_study

QUASISTATIC = ["device.engine=quasistatic", "perturbation.amplitude=2 mV"]
RING = ["task.train=24", "task.test=30", "task.confirm=0", "training.steps=7", "training.starts=3"]


@dataclass
class Clock:
    """Time that passes only where it is made to."""

    now: float = 0.0

    def perf_counter(self) -> float:
        return self.now

    def taking(self, seconds: float, calls: list[int], patterns: Callable[..., int]) -> Callable[..., None]:
        """A measurement that takes so long for each of its patterns."""

        def measure(*arguments: Any) -> None:
            calls.append(patterns(*arguments))
            self.now += seconds * calls[-1]

        return measure


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(estimating, "time", made)
    return made


def measured_on(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[int]]:
    """Extractions of 2 s and read-outs of 0.5 s a pattern; how many patterns each call was of."""
    extracted: list[int] = []
    read: list[int] = []
    of_recipe = clock.taking(2.0, extracted, lambda _dut, _control, recipe: len(recipe.inputs))
    of_inputs = clock.taking(0.5, read, lambda _dut, _control, inputs, _recipe: len(inputs))
    monkeypatch.setattr(estimating, "extract", of_recipe)
    monkeypatch.setattr(estimating, "outputs_of", of_inputs)
    return extracted, read


def test_few_patterns_stand_for_all(clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """3 starts of 7 steps of 24 patterns, then as many random settings, and 3 times the 30 kept apart."""
    extracted, read = measured_on(clock, monkeypatch)
    (planned,) = plan_study(load_study("ring", [*QUASISTATIC, *RING]))
    found = estimate(planned.trial, tmp_path, bound=10.0)
    assert extracted == read == [1, 2]  # 7.5 s, when 3 s were to be spent on it
    training, settings = 3 * 7 * 24 * (2 + 0.5), 3 * 7 * 2
    assert found.seconds == pytest.approx(training + 0.5 * (settings * 24 + 3 * 30))
    assert found.measured == "2 of 24 patterns of a step"
    assert not found.whole


def test_batches_are_extracted_and_epochs_read(clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured_on(clock, monkeypatch)
    batch = ["training.batch=8", "training.rule=adam", "training.patience=none"]
    (planned,) = plan_study(load_study("ring", [*QUASISTATIC, *RING, *batch]))
    found = estimate(planned.trial, tmp_path, bound=10.0)
    training = 3 * 7 * (8 * 2 + 24 * 0.5 / 3)
    assert found.seconds == pytest.approx(training + 0.5 * (3 * 7 * 2 * 24 + 3 * 30))


def test_a_gate_that_is_long_has_a_least_and_a_most(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    extracted, _ = measured_on(clock, monkeypatch)
    (planned,) = plan_study(load_study("xor", [*QUASISTATIC, "training.starts=5", "training.steps=60"]))
    found = estimate(planned.trial, tmp_path, bound=10.0)
    assert extracted == [1, 2]
    assert (found.least, found.seconds) == pytest.approx((4 * 2.5, 300 * 4 * 2.5))
    assert found.where == "its first step solves it"


def test_a_screening_is_cut_short_and_told_in_all(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = []

    def choose(_study: object, _build: object, _names: object, told: Callable[[int, int], None]) -> None:
        for k in range(1, 1001):
            clock.now += 1.0
            done.append(k)
            told(k, 1000)

    measured_on(clock, monkeypatch)
    monkeypatch.setattr(estimating, "choose", choose)
    (planned, *_) = plan_study(load_study("yield"))
    found = estimate(planned.trial, tmp_path, bound=10.0)
    assert len(done) == 4  # the first beyond 3 s
    assert found.seconds == pytest.approx(1000 + 5 * 60 * 4 * 2.5)
    assert found.measured.startswith("0.4 % of the screening and ")


def test_short_steps_are_run_until_the_trial_ends(tmp_path: Path) -> None:
    raw = load_study("xor", [*QUASISTATIC, "training.seed=1", "training.gap_over_span=0.3"])
    (planned,) = plan_study(raw)
    found = estimate(planned.trial, tmp_path, bound=1000.0)
    assert found.measured == WHOLE
    assert found.seconds == found.least > 0


def test_steps_are_counted_where_the_time_is_up_before_the_end(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rates of 1 µV solve nothing: 40 steps, of which the fifth is the first beyond the bound."""

    def perform(_trial: object, _home: object, told: Callable[[int, object], None], _workers: int) -> None:
        for _ in range(40):
            clock.now += 2.0
            told(0, None)

    monkeypatch.setattr(estimating, "perform", perform)
    (planned,) = plan_study(load_study("xor", [*QUASISTATIC, "training.starts=2", "training.steps=20"]))
    found = estimate(planned.trial, tmp_path, bound=9.0)
    assert found.measured == "5 steps"
    assert (found.least, found.seconds) == pytest.approx((2.0, 80.0))


def test_a_circuit_is_told_from_the_epochs_of_two_short_runs(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    epochs = []

    def learn(bench: Any, _start: int, _folder: Path) -> None:
        epochs.append(bench.study.training.steps)
        clock.now += 5.0 + 0.5 * epochs[-1]

    monkeypatch.setattr(estimating, "learn", learn)
    (planned,) = plan_study(load_study("xor_in_circuit", ["training.steps=100", "training.starts=5"]))
    found = estimate(planned.trial, tmp_path)
    assert epochs == [1, 3]
    assert (found.least, found.seconds) == pytest.approx((55.0, 5 * 55.0))


def test_the_sentence_says_what_was_measured_and_of_what_it_is_an_estimate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def estimated(_trial: object, _home: Path, workers: int) -> estimating.Estimate:
        asked.append(workers)
        return estimating.Estimate(300.0, "7 steps", 4.0, "its first step solves it")

    monkeypatch.setattr(estimating, "estimate", estimated)
    raw = load_study("gates")
    assert estimate_run(raw, plan_study(raw), 2, as_json=False) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        "estimated from 7 steps, on this machine with 2 jobs: a trial takes about 4 s if its first step solves it, "
        "5 min 00 s with every step and start; all of them 12 s to 15 min 00 s"
    )
    assert estimate_run(raw, plan_study(raw)[:1], 2, as_json=False) == 0
    assert "all of them" not in capsys.readouterr().out
    assert asked == [1, 2]  # a trial alone has all jobs for its patterns
