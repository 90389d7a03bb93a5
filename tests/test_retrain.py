import numpy as np
import pytest

from hge_spice.study.bench import Bench
from hge_spice.study.files import load_study
from hge_spice.study.retrain import retrain
from hge_spice.study.spec import StudyError, parse_study
from hge_spice.study.trial import run_starts


def test_what_changes_nothing_loses_nothing_and_what_was_lost_is_won_back() -> None:
    raw = load_study("xor", ["perturbation.amplitude=2 mV"])
    with Bench.of(parse_study(raw | {"retrain": {"after": {"temperature": {"offset": "0 K"}}}})) as bench:
        control = list(run_starts(bench))[-1].step.control
        same = retrain(bench, control)
    assert same["retrain_before_gap"] == same["retrain_after_gap"] == same["retrain_again_gap"] > 0
    assert same["retrain_steps"] == 0
    with Bench.of(parse_study(raw | {"retrain": {"after": {"temperature": {"offset": "40 K"}}}})) as bench:
        moved = retrain(bench, control)
    assert moved["retrain_before_gap"] == same["retrain_before_gap"]
    assert not np.isclose(moved["retrain_after_gap"], moved["retrain_before_gap"], rtol=0.01, atol=0)
    assert moved["retrain_again_solved"] or moved["retrain_steps"] == 60
    assert moved["retrain_after_solved"] == (moved["retrain_steps"] == 0)


def test_a_wrong_change_is_refused_with_its_path() -> None:
    raw = load_study("xor")
    with pytest.raises(StudyError, match=r"retrain\.after: unknown imperfection 'rust'"):
        parse_study(raw | {"retrain": {"after": {"rust": {}}}})
