"""The verdict over made-up points whose outcome is known, and its picture."""

from typing import Any

from hge_spice.plot.signoff import Square, matrix
from hge_spice.study.judge.verdict import DEPENDS, summary, verdict
from hge_spice.study.tables.metrics import METRICS, Spec

SPECS = {"headroom": Spec(min=0.1), "nominal_error": Spec(max=0.01), "solved": Spec(min=1.0)}


def point(section: str, draw: int, *, headroom: float = 0.2, error: float | None = 1e-3, solved: bool = True) -> Any:
    result = {"headroom": headroom, "solved": solved, "nominal_control": [0.0]}
    result |= {} if error is None else {"nominal_error": error}
    return {
        "id": f"{section}-{draw}",
        "status": "done",
        "reason": None,
        "parameters": {"pdk.section": section, "bias.vdd": "1.8 V", "corners.draw": draw},
        "result": result,
    }


def test_corners_are_judged_by_their_worst_draw() -> None:
    rows = [
        *(point("tt", k) for k in range(4)),
        point("ss", 0, headroom=0.05),
        point("ss", 1, headroom=0.12),
        point("ff", 0, headroom=0.11),
        point("ff", 1, error=0.004),
    ]
    found = verdict(rows, SPECS)
    assert found is not None
    assert [corner.name for corner in found.corners] == ["tt, 1.8 V", "ss, 1.8 V", "ff, 1.8 V"]
    tt, ss, ff = found.corners
    assert (tt.passed.passed, ss.passed.passed, ff.passed.passed) == (4, 1, 2)
    assert ss.cells[0].worst == 0.05
    assert abs(ss.cells[0].margin + 0.5) < 1e-12
    assert ss.cells[0].met == 1
    assert abs(ff.cells[0].margin - 0.1) < 1e-12
    assert found.worst == {"headroom": "ss-0", "nominal_error": "ff-1", "solved": "tt-0"}
    passing, nearest, first, on_what = found.says
    assert passing == "2 of 3 corners pass at every draw, 7 of 8 points."
    assert nearest == "Of the corners that pass, ff, 1.8 V is nearest to failing: headroom 110 mV (+10 % of its bound)."
    assert first.startswith(
        "Change what headroom depends on first: 1 of 8 points miss it, worst at ss, 1.8 V, headroom "
    )
    assert first.endswith(" 50 mV (-50 % of its bound).")
    assert on_what.startswith("It depends on the supply")
    assert summary(found)["corners"][1]["headroom"] == {"worst": 0.05, "margin": ss.cells[0].margin}


def test_a_nominal_training_that_solved_nothing_comes_first() -> None:
    rows = [point("tt", 0) for _ in range(2)]
    for row in rows:
        row["result"]["nominal_solved"] = True
    before = verdict(rows, SPECS)
    rows[1]["result"]["nominal_solved"] = False
    after = verdict(rows, SPECS)
    assert before is not None
    assert after is not None
    assert {*after.says} - {*before.says} == {after.says[1]}
    assert after.says[1].startswith("The nominal training didn't solve the task")


def test_every_metric_that_says_what_it_depends_on_is_one() -> None:
    assert DEPENDS.keys() <= METRICS.keys()


def test_points_without_a_result_pass_nothing_and_are_told() -> None:
    lost = point("ss", 0) | {"status": "failed", "reason": "no operating point", "result": {}}
    found = verdict([point("tt", 0), lost], SPECS)
    assert found is not None
    assert found.corners[1].passed.passed == 0
    assert found.corners[1].cells[0].worst is None
    assert "1 of 2 points have no result, the first since no operating point." in found.says


def test_a_point_left_after_the_cheap_checks_lacks_the_rest() -> None:
    found = verdict([point("tt", 0, error=None, solved=False, headroom=0.0)], SPECS)
    assert found is not None
    assert found.corners[0].cells[1].worst is None


def test_other_studies_have_no_verdict() -> None:
    plain = point("tt", 0)
    del plain["result"]["nominal_control"]
    assert verdict([plain], SPECS) is None
    assert verdict([point("tt", 0)], {}) is None


def test_the_matrix_shows_every_cell() -> None:
    squares = [[Square("200 mV", 1.0, missed=False), Square("–", None, missed=True)]]
    axes = matrix(["tt   1/1"], ["headroom", "lag"], squares).axes[0]
    assert [text.get_text() for text in axes.texts] == ["200 mV", "–"]
    assert [text.get_fontweight() for text in axes.texts] == ["normal", "bold"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["tt   1/1"]


def test_a_point_left_before_its_training_has_not_failed_to_learn() -> None:
    left = point("ss", 0, headroom=0.05, solved=False)
    left["result"]["stopped"] = ["headroom"]
    found = verdict([point("ss", 1), left], SPECS)
    assert found is not None
    assert [cell.worst for cell in found.corners[0].cells] == [0.05, 1e-3, 1.0]
    assert found.corners[0].passed.passed == 1
    alone = verdict([left], SPECS)
    assert alone is not None
    assert alone.corners[0].cells[2].worst is None
