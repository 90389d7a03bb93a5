"""The mean advantage over random settings against scipy's own interval, and how often it covers."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from hge_spice.study.judge.advantage import KEY, advantage, of_sweep, says


def rows(found: list[float]) -> list[dict[str, object]]:
    return [{"status": "done", "result": {KEY: each}} for each in found]


def test_it_is_students_interval_of_the_finished_trials_of_data() -> None:
    found = [0.02, -0.01, 0.08, 0.05]
    unfit = [{"status": "failed", "result": {}}, {"status": "done", "result": {"gap": 1e-9}}]
    told = advantage([*rows(found), *unfit])
    assert told is not None
    expected = ttest_1samp(found, 0.0).confidence_interval(0.95)
    assert (told.low, told.high) == pytest.approx((expected.low, expected.high))
    assert told.mean == pytest.approx(np.mean(found))
    assert (told.ahead, told.trials) == (3, 4)
    assert of_sweep(rows(found))["advantage"]["mean"] == told.mean
    (line,) = says(rows(found))
    assert "by 0.035 of the test patterns" in line
    assert "in 3 of 4 trials" in line


def test_one_trial_has_no_spread() -> None:
    assert advantage(rows([0.1])) is None
    assert of_sweep([]) == {}
    assert says([]) == []
