import numpy as np
import pytest

from hge_spice.update import RULES, Slope, clip


def bowl(control: np.ndarray, target: np.ndarray, stretch: float = 1.0) -> Slope:
    """|stretch·(control − target)|² with the first axis stretched."""
    jacobian = np.diag([stretch, *np.ones(len(control) - 1)])
    residual = jacobian @ (control - target)
    gradient = 2 * residual @ jacobian
    return Slope(control, (-0.7, 0.7), float(residual @ residual), gradient, residual, jacobian)


def leaning(gradient: float) -> Slope:
    return Slope(np.zeros(1), (-0.7, 0.7), 1.0, np.array([gradient]))


@pytest.mark.parametrize("name", RULES)
def test_every_rule_descends_a_bowl(name: str) -> None:
    rule = RULES[name]
    target = np.array([0.3, -0.2, 0.1])
    control = np.zeros(3)
    state = rule.init(3)
    for _ in range(400):
        change, state = rule.step(bowl(control, target), state, 0.01)
        control = control + change
    assert np.allclose(control, target, atol=5e-3)


@pytest.mark.parametrize("name", RULES)
def test_rules_keep_no_state_of_their_own(name: str) -> None:
    rule, slope = RULES[name], bowl(np.zeros(2), np.array([0.5, -1.0]))
    first = rule.step(slope, rule.init(2), 0.03)[0]
    assert np.array_equal(rule.step(slope, rule.init(2), 0.03)[0], first)


def test_adams_first_steps_by_hand() -> None:
    """Whatever the gradient, the first step is the rate; a second with the opposite gradient is 0.05/0.95 of it."""
    rule = RULES["adam"]
    change, state = rule.step(leaning(123.0), rule.init(1), 0.03)
    assert change[0] == pytest.approx(-0.03)
    change, _ = rule.step(leaning(-123.0), state, 0.03)
    assert change[0] == pytest.approx(-0.03 * (0.9 * 0.1 - 0.1) / (1 - 0.81), rel=1e-6)


def test_clipping_is_reported() -> None:
    inside, cut = clip(np.array([-1.0, 0.2, 0.8]), -0.7, 0.7)
    assert inside.tolist() == [-0.7, 0.2, 0.7]
    assert cut == (0, 2)


def test_momentum_and_rmsprop_by_hand() -> None:
    change, state = RULES["momentum"].step(leaning(1.0), RULES["momentum"].init(1), 0.01)
    assert change[0] == pytest.approx(-0.01)
    assert RULES["momentum"].step(leaning(1.0), state, 0.01)[0][0] == pytest.approx(-0.019)
    change, state = RULES["rmsprop"].step(leaning(5.0), RULES["rmsprop"].init(1), 0.01)
    assert change[0] == pytest.approx(-0.01)
    second = 5 / np.sqrt((0.09 * 25 + 0.1 * 100) / 0.19) * 10 / 5
    assert RULES["rmsprop"].step(leaning(10.0), state, 0.01)[0][0] == pytest.approx(-0.01 * second)


def test_levenberg_marquardt_needs_no_more_steps_in_a_narrow_valley() -> None:
    """Descent's step number grows with the condition number; Gauss–Newton's doesn't."""
    rule, target = RULES["levenberg_marquardt"], np.array([0.3, -0.2, 0.1])

    def steps(stretch: float) -> int:
        control, state = np.zeros(3), rule.init(3)
        for number in range(1, 100):
            change, state = rule.step(bowl(control, target, stretch), state, 0.5)
            control = control + change
            if np.abs(control - target).max() < 1e-6:
                return number
        return 100

    assert steps(1.0) <= 8
    assert steps(30.0) <= 12


def test_levenberg_marquardt_takes_back_a_step_that_did_not_help() -> None:
    rule = RULES["levenberg_marquardt"]
    start = bowl(np.zeros(2), np.array([0.3, 0.2]))
    change, state = rule.step(start, rule.init(2), 0.1)
    worse = Slope(change, start.bounds, start.loss + 1, np.ones(2), np.ones(2), np.eye(2))
    back, state = rule.step(worse, state, 0.1)
    landed = change + back
    assert np.linalg.norm(landed) < np.linalg.norm(change)
    assert landed @ start.gradient < 0


def test_levenberg_marquardt_leaves_controls_at_their_bounds_out() -> None:
    rule = RULES["levenberg_marquardt"]
    change, _ = rule.step(bowl(np.array([0.7, 0.0]), np.array([2.0, 0.1])), rule.init(2), 0.5)
    assert change[0] == 0
    assert change[1] > 0
