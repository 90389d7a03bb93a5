from typing import Any

import numpy as np

from hge_spice.margin import margin
from hge_spice.study.judge.holding import exactly, held, missed, remedies, told

NOISE = 1e-12


def result(outputs: tuple[float, float, float, float], noise: float = NOISE) -> dict[str, Any]:
    """As beside/exactly.py has it, of XOR's outputs in nA, judged by the same conditions."""
    judged = margin(1e-9 * np.array(outputs), np.array([0.0, 1, 1, 0]), noise, 0.0)
    exact = {"outputs": [1e-9 * each for each in outputs], "gap_over_span": judged.gap_over_span}
    return {"holds_in_exact_model": judged.solved, "exact": exact | {"d_prime": judged.d_prime}}


GOOD = result((0, 7.17, 10, 1))
NARROW = result((0, 5.29, 10, 4))
RIPPLE = result((100, 104.4, 104, 101))
NOISY = result((0, 7.17, 10, 1), noise=2e-9)


def test_what_does_not_hold_is_said_with_its_number_and_the_remedy() -> None:
    (line,) = told([NARROW])
    assert line.startswith("holds in the exact model, without mean field: no (gap/span 0.13). Try: a larger")
    assert "training.gap_over_span" in line
    assert told([GOOD]) == ["holds in the exact model, without mean field: yes (gap/span 0.62)"]
    (line,) = told([GOOD, NARROW, {"solved": False}])
    assert "1 of 2. Try: a larger training.gap_over_span" in line


def test_the_condition_that_is_missed_is_the_one_that_is_named() -> None:
    """A gap that is wide enough isn't helped by a larger one where contrast or noise is what fails."""
    assert [each["holds_in_exact_model"] for each in (GOOD, NARROW, RIPPLE, NOISY)] == [True, False, False, False]
    assert missed(GOOD) is None
    for found, word in ((NARROW, "gap/span"), (RIPPLE, "contrast"), (NOISY, "d′")):
        named = missed(found)
        assert named is not None
        assert named[0] == word
    assert exactly(RIPPLE) == "no (contrast 0.042)"
    assert exactly(NOISY) == "no (d′ 3.1)"
    assert told([RIPPLE])[0].startswith("holds in the exact model, without mean field: no (contrast 0.042). Try: ")
    assert "gap_over_span" not in remedies([RIPPLE, NOISY])
    assert remedies([RIPPLE, NARROW, NARROW]).count("gap_over_span") == 1
    assert remedies([GOOD, {}]) == ""


def test_nothing_is_said_of_what_was_not_held_against_it() -> None:
    assert told([{"solved": True}]) == []
    assert held([{"solved": True}]) == (0, 0)
    assert held([GOOD, NARROW, {}]) == (1, 2)
    assert exactly({}) == "–"
    assert exactly(NARROW) == "no (0.13)"
