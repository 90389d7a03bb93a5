from pathlib import Path

import numpy as np
import pytest

from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.retrain import lost, retrain
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study
from hge_spice.study.trial.trial import run_starts
from hge_spice.train import read_out


def test_what_changes_nothing_loses_nothing_and_what_was_lost_is_won_back(tmp_path: Path) -> None:
    raw = load_study("xor", ["perturbation.amplitude=2 mV"])
    with Bench.of(parse_study(raw | {"retrain": {"after": {"temperature": {"offset": "0 K"}}}})) as bench:
        control = list(run_starts(bench, tmp_path))[-1].step.control
        assert lost(bench, control) == {}
        same = retrain(bench, control)
    assert same["retrain_before_gap"] == same["retrain_after_gap"] == same["retrain_again_gap"] > 0
    assert same["retrain_steps"] == 0
    with Bench.of(parse_study(raw | {"retrain": {"after": {"temperature": {"offset": "40 K"}}}})) as bench:
        moved = retrain(bench, control)
    assert moved["retrain_before_gap"] == same["retrain_before_gap"]
    assert not np.isclose(moved["retrain_after_gap"], moved["retrain_before_gap"], rtol=0.01, atol=0)
    assert moved["retrain_again_solved"] or moved["retrain_steps"] == 60
    assert moved["retrain_after_solved"] == (moved["retrain_steps"] == 0)


def test_what_drifts_drifts_on_in_training_in_the_wait_and_behind_the_change() -> None:
    """Temperature rising linearly: each margin is that of a bench without drift at the temperature of that moment."""
    raw = load_study("xor", ["perturbation.amplitude=2 mV", "device.engine=quasistatic"])
    rising = {"kind": "linear", "time": "10 s", "temperature": "5 K"}
    given = {
        "imperfections": {"device_drift": rising},
        "retrain": {"wait": "40 s", "steps": 1, "after": {"temperature": {"offset": "-3 K"}}},
    }
    with Bench.of(parse_study(raw | given)) as bench:
        control = bench.control()
        window = bench.recipe.measurement.transient.duration
        taken = lost(bench, control)["drift"]  # four patterns at the mean temperature of their windows
        found = retrain(bench, control)

    def gap(kelvin: list[float]) -> float:
        outputs = []
        for pattern, offset in enumerate(kelvin):
            at = {"imperfections": {"temperature": {"offset": f"{offset!r} K"}}}
            with Bench.of(parse_study(raw | at)) as still:
                outputs.append(read_out(still.dut, control, still.recipe).outputs[pattern])
        classes = bench.recipe.target.classes.astype(bool)
        return float(min(np.array(outputs)[classes]) - max(np.array(outputs)[~classes]))

    def rise(first: int, seconds: float = 0.0) -> list[float]:
        return [0.5 * (seconds + (first + k + 0.5) * window) for k in range(4)]

    assert taken["as_made_gap"] == pytest.approx(gap([0.0] * 4), rel=1e-9)
    assert taken["as_it_is_gap"] == pytest.approx(gap(rise(0)), rel=1e-6)
    assert found["retrain_before_gap"] == pytest.approx(gap(rise(4)), rel=1e-6)
    assert found["retrain_waited_seconds"] == 40.0
    assert found["retrain_waited_gap"] == pytest.approx(gap(rise(8, 40.0)), rel=1e-6)
    assert found["retrain_after_gap"] == pytest.approx(gap([k - 3.0 for k in rise(12, 40.0)]), rel=1e-6)


def test_a_wait_may_be_as_long_as_the_bench_was_at_work_pauses_included() -> None:
    raw = load_study("xor", ["perturbation.amplitude=2 mV", "device.engine=quasistatic", "perturbation.pause=1 s"])
    given = {"imperfections": {"device_drift": {"links": "1 %"}}, "retrain": {"wait": "training", "steps": 1}}
    with Bench.of(parse_study(raw | given)) as bench:
        found = retrain(bench, bench.control())
        window = bench.recipe.measurement.transient.duration
    assert found["retrain_waited_seconds"] == pytest.approx(4 * (1.0 + window))


def test_patterns_in_one_transient_drift_on_too() -> None:
    settings = ["perturbation.amplitude=2 mV", "device.engine=quasistatic", "perturbation.patterns=sequence"]
    rising = {"device_drift": {"kind": "linear", "time": "10 s", "temperature": "5 K"}}
    given = {
        "imperfections": rising,
        "retrain": {"wait": "40 s", "steps": 1, "after": {"temperature": {"offset": "0 K"}}},
    }
    with Bench.of(parse_study(load_study("xor", settings) | given)) as bench:
        found = retrain(bench, bench.control())
    gaps = [found[f"retrain_{when}_gap"] for when in ("before", "waited", "after")]
    assert found["retrain_waited_seconds"] == 40.0
    assert abs(gaps[1] / gaps[0] - 1) > 0.05
    assert gaps[2] == pytest.approx(gaps[1], rel=0.01)  # a tenth of a second later


def test_a_wrong_change_is_refused_with_its_path() -> None:
    raw = load_study("xor")
    with pytest.raises(StudyError, match=r"retrain\.after: unknown imperfection 'rust'"):
        parse_study(raw | {"retrain": {"after": {"rust": {}}}})
    with pytest.raises(StudyError, match=r"retrain\.wait: .*or 'training'"):
        parse_study(raw | {"retrain": {"wait": "-1 s"}})
