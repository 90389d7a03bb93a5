import numpy as np
import pytest

from hge_spice.update import RULES, clip


@pytest.mark.parametrize("name", RULES)
def test_every_rule_descends_a_bowl(name: str) -> None:
    rule = RULES[name]
    target = np.array([0.3, -0.2, 0.1])
    control = np.zeros(3)
    state = rule.init(3)
    for _ in range(400):
        change, state = rule.step(2 * (control - target), state, 0.01)
        control = control + change
    assert np.allclose(control, target, atol=5e-3)


@pytest.mark.parametrize("name", RULES)
def test_rules_keep_no_state_of_their_own(name: str) -> None:
    rule, gradient = RULES[name], np.array([1.0, -2.0])
    first = rule.step(gradient, rule.init(2), 0.03)[0]
    assert np.array_equal(rule.step(gradient, rule.init(2), 0.03)[0], first)


def test_adams_first_steps_by_hand() -> None:
    """Whatever the gradient, the first step is the rate; a second with the opposite gradient is 0.05/0.95 of it."""
    rule = RULES["adam"]
    change, state = rule.step(np.array([123.0]), rule.init(1), 0.03)
    assert change[0] == pytest.approx(-0.03)
    change, _ = rule.step(np.array([-123.0]), state, 0.03)
    assert change[0] == pytest.approx(-0.03 * (0.9 * 0.1 - 0.1) / (1 - 0.81), rel=1e-6)


def test_clipping_is_reported() -> None:
    inside, cut = clip(np.array([-1.0, 0.2, 0.8]), -0.7, 0.7)
    assert inside.tolist() == [-0.7, 0.2, 0.7]
    assert cut == (0, 2)
