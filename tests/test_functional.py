import pandas as pd
import pytest

from hge_spice.study.judge.functional import explained, functional_yield, told, write_functional_yield
from hge_spice.study.judge.unsolved import REASONS
from hge_spice.study.run import plan, runner
from hge_spice.study.text.files import load_study


def row(seed: int, task: str, *, solved: bool = True, status: str = "done", **result) -> dict:
    whole = {
        "solved": solved,
        "starts": 1,
        "steps": 3,
        "extractions": 12,
        "simulated_seconds": 1.0,
        "energy_joule": 1e-8,
    }
    return {
        "parameters": {"device.seed": seed, "task.name": task},
        "status": status,
        "result": whole | result if status == "done" else {},
    }


ROWS = [
    row(0, "and", steps=1),
    row(1, "and", starts=2, steps=1, simulated_seconds=5.0),
    row(2, "and", status="failed"),
    row(0, "xor", steps=5, simulated_seconds=3.0),
    row(1, "xor", solved=False, unsolved_because="clipped"),
    row(2, "xor", solved=False, unsolved_because="clipped"),
    row(3, "xor", solved=False, unsolved_because="span"),
    row(4, "xor", status="created"),
]


def test_pairs_are_counted_by_task_and_in_all() -> None:
    lines = {line.task: line for line in functional_yield(ROWS)}
    assert list(lines) == ["and", "xor", "all"]
    assert [(line.solved, line.pairs) for line in lines.values()] == [(2, 3), (1, 4), (3, 7)]
    assert lines["and"].first_step == 1  # a first step of a second start isn't one
    assert (lines["and"].simulated_seconds, lines["all"].simulated_seconds) == (3.0, 3.0)
    assert lines["and"].slow_seconds == pytest.approx(4.6)
    assert lines["and"].reasons == "no result 1"
    assert lines["xor"].reasons == "clipped 2, span 1"
    # Wilson's interval of 1 of 4, by hand: (p + z²/2n ± z√(p(1−p)/n + z²/4n²))/(1 + z²/n)
    z2, p, n = 1.959964**2, 0.25, 4
    half = (z2 * (p * (1 - p) / n + z2 / (4 * n * n))) ** 0.5
    assert lines["xor"].low == pytest.approx((p + z2 / (2 * n) - half) / (1 + z2 / n))
    assert lines["xor"].high == pytest.approx((p + z2 / (2 * n) + half) / (1 + z2 / n))


def test_other_sweeps_have_none() -> None:
    assert functional_yield([{"parameters": {"task.name": "and"}, "status": "done", "result": {"solved": True}}]) == []
    assert functional_yield([row(0, "and", status="created")]) == []


def test_it_is_told_explained_and_written(tmp_path) -> None:
    lines = write_functional_yield(ROWS, tmp_path)
    assert pd.read_csv(tmp_path / "functional_yield.csv")["task"].tolist() == ["and", "xor", "all"]
    assert set(explained(lines)) == {"clipped", "span"}
    assert told(lines)[1].startswith(
        "xor: 1 of 4 (95 %: 4.6% … 69.9%), 3 s and 1e-08 J in the median; not solved: clipped 2"
    )
    unsolved = functional_yield([row(0, "and", solved=False, unsolved_because="stuck")])
    assert told(unsolved)[0] == "and: 0 of 1 (95 %: 0.0% … 79.3%); not solved: stuck 1"


@pytest.mark.parametrize("name", ["yield", "population"])
def test_the_shipped_studies_run_at_the_tests_size(name: str, tmp_path) -> None:
    results = runner.run_study(load_study(name, smoke=True), tmp_path)["results"]
    assert {each["status"] for each in results} == {"done"}
    for each in results:
        assert each["solved"] or each["unsolved_because"] in REASONS
        assert each["screening"]["choices"]
    assert functional_yield([{**each, "parameters": each, "result": each} for each in results])[-1].pairs == len(
        results
    )


def test_a_thousand_devices_are_checked_once_a_task(monkeypatch) -> None:
    checked = []

    def check(study):
        checked.append(study.task.name)
        return ()

    monkeypatch.setattr(plan, "check", check)
    planned = plan.plan_study(load_study("population", ["sweep.device.seed={linspace=[0, 49, 50]}"]))
    assert len(planned) == 300
    assert sorted(checked) == ["and", "nand", "nor", "or", "xnor", "xor"]
