from typing import Any

from hge_spice.study.judge.holding import exactly, held, told


def result(gap_over_span: float, *, holds: bool) -> dict[str, Any]:
    return {"holds_in_exact_model": holds, "exact": {"gap_over_span": gap_over_span}}


def test_what_does_not_hold_is_said_with_its_number_and_the_remedy() -> None:
    (line,) = told([result(0.129, holds=False)])
    assert line.startswith("holds in the exact model, without mean field: no (gap/span 0.13)")
    assert "--set training.gap_over_span=0.5" in line
    assert told([result(0.617, holds=True)]) == ["holds in the exact model, without mean field: yes (gap/span 0.62)"]
    (line,) = told([result(0.6, holds=True), result(0.1, holds=False), {"solved": False}])
    assert "1 of 2; train" in line


def test_nothing_is_said_of_what_was_not_held_against_it() -> None:
    assert told([{"solved": True}]) == []
    assert held([{"solved": True}]) == (0, 0)
    assert held([result(0.6, holds=True), result(0.1, holds=False), {}]) == (1, 2)
    assert exactly({}) == "–"
    assert exactly(result(0.129, holds=False)) == "no (0.13)"
