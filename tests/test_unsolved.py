import numpy as np
import pytest
from test_patience import trained

from hge_spice.loss import LOSSES, Target
from hge_spice.margin import UNREAD, margin
from hge_spice.study.judge.unsolved import NEXT, REASONS, nearest, nearness, reason, told
from hge_spice.train import Step

CLASSES = np.array([0.0, 1, 1, 0])
STEP = trained(None, 1)[0]


def step(outputs: list[float], control: tuple[float, ...] = (0.1, 0.2, 0.3), noise: float = 14e-12) -> Step:
    judged = margin(1e-9 * np.array(outputs), CLASSES, noise, 0.0)
    return Step(**{**vars(STEP), "control": np.array(control), "margin": judged})


@pytest.mark.parametrize(
    ("outputs", "control", "points", "word"),
    [
        ([0, 1, 0.2, 0.3], (0.1, 0.2, 0.3), 1, "stuck"),
        ([0, 1, 0.2, 0.3], (0.1, -0.7, 0.3), 1, "clipped"),
        ([0, 1, 0.2, 0.3], (0.7, 0.2, 0.3), 1, "clipped"),
        ([0, 1, 0.2, 0.3], (0.7, 0.2, 0.3), 2, "multistable"),
        ([0, 0.08, 0.08, 0], (0.7, 0.2, 0.3), 1, "span"),
        ([10, 10.4, 10.4, 10], (0.1, 0.2, 0.3), 1, "contrast"),
        ([1, 1, 1, 1], (0.1, 0.2, 0.3), 1, "stuck"),
    ],
)
def test_each_reason_by_its_own_case(outputs: list[float], control: tuple[float, ...], points: int, word: str) -> None:
    assert reason(step(outputs, control), (-0.7, 0.7), points) == word
    assert word in REASONS


def test_the_nearest_step_is_that_of_the_lowest_gap_loss() -> None:
    rng = np.random.default_rng(0)
    tables = rng.normal(0, 5, (50, 4)) + rng.normal(0, 20, (50, 1))
    steps = [step(row) for row in tables.tolist()]
    losses = [LOSSES["gap"](1e-9 * row, Target(CLASSES))[0] for row in tables]
    assert nearest(steps) is steps[int(np.argmin(losses))]
    assert [nearness(each.margin) for each in steps] == pytest.approx([-loss for loss in losses])
    unread = Step(**{**vars(STEP), "margin": UNREAD})
    assert nearest([unread, steps[0]]) is steps[0]


def test_every_reason_has_a_next_step_and_is_said_once() -> None:
    assert NEXT.keys() == REASONS.keys()
    rows = [
        {"unsolved_because": "stuck", "nearest_gap_over_span": -0.4},
        {"unsolved_because": "stuck", "nearest_gap_over_span": 0.21},
        {"unsolved_because": "clipped", "nearest_gap_over_span": None},
        {"solved": True},
    ]
    first, second = told(rows)
    assert first == f"not solved (2 trials), nearest gap/span 0.21: {REASONS['stuck']}. Try: {NEXT['stuck']}"
    assert second == f"not solved: {REASONS['clipped']}. Try: {NEXT['clipped']}"
