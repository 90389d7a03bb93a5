import math

import numpy as np
import pytest
from scipy.stats import binomtest

from hge_spice.study.judge.statistics import failures, passes, sensitivities, value_of, variance_share, worst, yields
from hge_spice.study.tables.spec import Spec


def row(result, status="done", name="t", reason=None, **parameters):
    return {"id": name, "status": status, "reason": reason, "result": result, "parameters": parameters}


@pytest.mark.parametrize(("passed", "total"), [(37, 50), (0, 7), (7, 7), (1, 1), (119, 120), (902, 1000)])
def test_wilsons_interval_is_scipys(passed, total):
    found, *_ = yields([row({"solved": k < passed}) for k in range(total)], {})
    theirs = binomtest(passed, total).proportion_ci(0.95, method="wilson")
    assert (found.passed, found.total) == (passed, total)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilsons_interval_covers_as_often_as_it_says():
    rng, truth = np.random.default_rng(0), 0.8
    covered = 0
    for _ in range(300):
        found, *_ = yields([row({"solved": bool(s)}) for s in rng.random(60) < truth], {})
        covered += found.low <= truth <= found.high
    assert 0.90 < covered / 300 < 0.99


def test_specs_include_their_bounds_and_a_failed_trial_meets_none():
    specs = {"loss": Spec(max=0.3), "gap": Spec(min=1e-9, max=2e-9)}
    assert passes(row({"loss": 0.3, "gap": 1e-9}), specs)
    assert not passes(row({"loss": 0.31, "gap": 1e-9}), specs)
    assert not passes(row({"gap": 1e-9}), specs)
    assert not passes(row({"loss": 0.1, "gap": 1.5e-9}, status="failed"), specs)
    both, loss, gap = yields([row({"loss": 0.1, "gap": 3e-9}), row({}, status="failed"), row({}, "running")], specs)
    assert (both.passed, loss.passed, gap.passed, both.total) == (0, 1, 0, 2)
    assert "≤ 2 nA" in gap.what


def test_an_infinite_margin_meets_any_minimum():
    assert value_of({"d_prime": None, "gap": 1e-9}, "d_prime") == math.inf
    assert value_of({"d_prime": None, "gap": -1e-9}, "d_prime") == -math.inf


def ishigami(count, seed):
    x = np.random.default_rng(seed).uniform(-np.pi, np.pi, (count, 3))
    return x, np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_shares_of_variance_are_the_known_first_order_indices_of_ishigamis_function():
    # closed form for a = 7, b = 0.1: Ishigami & Homma 1990; S1 = 0.3139, S2 = 0.4424, S3 = 0
    x, y = ishigami(8000, 0)
    rows = [row({"loss": value}, a=p, b=q, c=r) for (p, q, r), value in zip(x.tolist(), y.tolist(), strict=True)]
    found = {each.key: each for each in sensitivities(rows)}
    assert found["a"].share == pytest.approx(0.3139, abs=0.03)
    assert found["b"].share == pytest.approx(0.4424, abs=0.03)
    assert found["c"].share < 0.01
    assert abs(found["b"].rank) < 0.05  # which a rank correlation can't see
    assert next(each.key for each in sensitivities(rows)) == "b"


def test_a_share_of_what_has_no_influence_is_nothing_at_any_number_of_trials():
    # uncorrected, classes of 4 trials would explain a quarter by chance
    rng = np.random.default_rng(1)
    found = [variance_share(np.arange(64) // 4, rng.normal(size=64)) for _ in range(200)]
    raw = np.mean([max(s, 0) for s in found])
    assert raw < 0.06


def test_a_key_of_words_has_a_share_and_no_rank():
    levels = {"and": 1e-9, "or": 2e-9}
    rows = [
        row({"gap": g + 1e-12 * k, "solved": True}, **{"task.name": n}) for k in range(10) for n, g in levels.items()
    ]
    (found,) = sensitivities(rows)
    assert (found.metric, found.rank) == ("gap", None)
    assert found.share > 0.99


def test_a_monotonic_key_has_rank_one():
    rows = [row({"loss": math.exp(k)}, **{"perturbation.amplitude": f"{k + 1} mV"}) for k in range(20)]
    (found,) = sensitivities(rows)
    assert found.rank == pytest.approx(1.0)


def test_the_worst_are_furthest_below_their_bound():
    rows = [row({"loss": loss}, name=str(loss)) for loss in (0.2, 0.9, 0.5)]
    assert [each["id"] for each in worst(rows, {"loss": Spec(max=0.3)}, 2)] == ["0.9", "0.5"]


def test_reasons_that_differ_in_numbers_are_one():
    rows = [row({}, "failed", f"t{k}", f"stopped at {k} ms\nlog") for k in range(3)] + [row({}, "failed", "u", "other")]
    assert failures(rows) == [("stopped at 0 ms", 3, "t0"), ("other", 1, "u")]
