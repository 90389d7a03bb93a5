from typing import Any

import numpy as np
import pytest

from hge_spice.plot.curves import curves
from hge_spice.plot.gates import Gate, gates
from hge_spice.study.judge.curves import points, write_curves
from hge_spice.study.judge.statistics import wilson
from hge_spice.study.sweep.sampling import trials
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study

KEY, LINE = "perturbation.amplitude", "perturbation.tones"


def row(amplitude: str, tones: list[int], status: str = "done", **result: Any) -> dict[str, Any]:
    return {"parameters": {KEY: amplitude, LINE: tones}, "status": status, "result": result}


ROWS = [
    *(row("2 mV", [1, 2], loss=value, solved=value > 2, gap=1e-9) for value in (1.0, 2.0, 3.0, 4.0, 10.0)),
    *(row("50 mV", [1, 2], loss=value, solved=True, gap=3e-8) for value in (100.0, 300.0)),
    row("50 mV", [1, 2], "failed"),
    row("50 mV", [1, 2], "created"),
    row("2 mV", [3, 4], loss=7.0, solved=False, gap=-1e-9),
]


def test_medians_quartiles_and_shares() -> None:
    found = {(each.by, each.over, each.metric): each for each in points(ROWS, KEY, LINE, ("loss", "solved", "gap"))}
    loss = found["[1, 2]", "2 mV", "loss"]
    assert (loss.trials, loss.failed, loss.low, loss.middle, loss.high) == (5, 0, 2.0, 3.0, 4.0)
    assert loss.number == pytest.approx(2e-3)
    later = found["[1, 2]", "50 mV", "loss"]
    assert (later.trials, later.failed, later.middle) == (2, 1, 200.0)
    solved = found["[1, 2]", "2 mV", "solved"]
    assert (solved.middle, solved.low, solved.high) == (pytest.approx(0.6), *wilson(3, 5))
    assert found["[3, 4]", "2 mV", "gap"].unit == "A"
    assert {each.by for each in points(ROWS, KEY, None, ("loss",))} == {""}


def test_a_metric_that_no_trial_has_is_a_gap_and_not_a_zero() -> None:
    (point,) = points([row("2 mV", [1], loss=1.0)], KEY, LINE, ("gradient_error",))
    assert point.trials == 0
    assert np.isnan([point.low, point.middle, point.high]).all()


def test_the_table_is_named_after_the_keys(tmp_path: Any) -> None:
    write_curves(tmp_path, ROWS, {"over": KEY, "by": LINE, "metrics": ["loss"]})
    head, first, *_ = (tmp_path / "curves.csv").read_text("utf-8").splitlines()
    assert head == f"{KEY},{LINE},metric,unit,trials,failed,middle,low,high"
    assert first == '2 mV,"[1, 2]",loss,,5,0,3.0,2.0,4.0'


def test_axes_are_logarithmic_where_values_lie_far_apart() -> None:
    found = [vars(each) for each in points(ROWS, KEY, LINE, ("loss", "gap"))]
    loss, gap = curves(found, KEY, LINE).axes
    assert (loss.get_xscale(), loss.get_yscale()) == ("log", "log")
    assert gap.get_yscale() == "log"
    assert gap.get_ylabel() == "gap / nA"
    assert [tick.get_text() for tick in gap.get_xticklabels()] == ["2 mV", "50 mV"]
    assert loss.lines[0].get_xydata() == pytest.approx(np.array([[2e-3, 3.0], [50e-3, 200.0]]))
    (words,) = curves([vars(each) for each in points(ROWS, LINE, None, ("solved",))], LINE).axes
    assert words.get_xscale() == "linear"
    assert [tick.get_text() for tick in words.get_xticklabels()] == ["[1, 2]", "[3, 4]"]


def test_gates_are_drawn_window_after_window() -> None:
    traces = [np.full(4, level) for level in (1e-9, 2e-9)]
    gate = Gate("or", traces, 25e-3, [1e-9, 2e-9], [0.0, 1.0], ["0", "1"], solved=False)
    (axes,) = gates([gate]).axes
    drawn = {line.get_label(): line.get_xydata() for line in axes.lines if not line.get_label().startswith("_")}
    assert drawn["tones off, class 1"] == pytest.approx(np.array([[25.0, 2.0], [50.0, 2.0]]))
    assert drawn["midway"][0][1] == pytest.approx(1.5)
    assert axes.get_title() == "OR, not solved"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["curves.over=perturbation.amplitud"], "curves.over: 'perturbation.amplitud' is not swept; did you mean"),
        (["curves.by=training.rate"], "curves.by: 'training.rate' is not swept"),
        (['curves.metrics=["gradient_eror"]'], "unknown metric 'gradient_eror'; did you mean gradient_error"),
        (["curves.metrics=[]"], "should have 1 or more"),
    ],
)
def test_what_does_not_fit_is_said(settings: list[str], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        parse_study(load_study("repro_amplitude", settings))


def test_what_is_drawn_doesnt_change_what_is_measured() -> None:
    plain, other = (
        trials(load_study("repro_amplitude", ['sweep={"training.seed"=[0]}', "perturbation.amplitude=5 mV", *more]))
        for more in ((), ['curves={over="training.seed", metrics=["loss"]}'])
    )
    assert [each.id for each in plain] == [each.id for each in other]
