from typing import NamedTuple

import numpy as np
import pytest
from test_gradient import Polynomial, measurement

from hge_spice.gradient import homodyne
from hge_spice.loss import LOSSES, RESIDUALS, Target
from hge_spice.margin import Margin
from hge_spice.train import Cost, Recipe, extract, first_control, train, widest
from hge_spice.update import RULES


class Product(Polynomial):
    """I = a·x + b: the gate follows or inverts its input by the sign of control a; c does nothing."""

    def measure(self, drive):  # type: ignore[no-untyped-def]  # as the parent's
        waveform = super().measure(drive)
        a, b, c = (
            np.full(len(waveform.time), drive.control[k])
            + sum(
                (t.amplitude * np.sin(2 * np.pi * t.frequency * waveform.time + t.phase))
                for t in drive.tones
                if t.electrode == name
            )
            for k, name in enumerate(self.controls)
        )
        return type(waveform)(waveform.time, 1e-9 * (a * drive.inputs[0] + b + 0 * c), waveform.simulated_seconds)


def recipe(rule: str = "sgd", rate: float = 0.05, loss: str = "gap") -> Recipe:
    return Recipe(
        inputs=np.array([[-1.0], [1.0]]),
        target=Target(np.array([0.0, 1.0]), (-1e-9, 1e-9)),
        estimator=homodyne,
        measurement=measurement(0.01, density=1e-27),
        loss=LOSSES[loss],
        rule=RULES[rule],
        rate=rate,
        control_range=(-0.7, 0.7),
        residuals=RESIDUALS.get(loss),
    )


@pytest.mark.parametrize(
    ("rule", "loss"),
    [
        (r, loss)
        for r in RULES
        for loss in LOSSES
        if (loss in RESIDUALS or not RULES[r].squares) and loss != "least_squares"  # which takes either sign
    ],
)
def test_a_gate_that_inverts_is_turned_round(rule: str, loss: str) -> None:
    steps = list(train(Product(), np.array([-0.3, 0.2, 0.1]), recipe(rule, loss=loss), 200))
    assert steps[-1].margin.solved
    assert not any(step.margin.solved for step in steps[:-1])
    assert steps[-1].control[0] > 0
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))


def test_gradient_is_the_slope_of_the_loss_over_the_controls() -> None:
    control, asked = np.array([-0.3, 0.2, 0.1]), recipe()
    step = next(train(Product(), control, asked, 1))

    def loss(c: np.ndarray) -> float:
        return asked.loss(1e-9 * (c[0] * asked.inputs[:, 0] + c[1]), asked.target)[0]

    numeric = [(loss(control + 1e-6 * e) - loss(control - 1e-6 * e)) / 2e-6 for e in np.eye(3)]
    assert np.allclose(step.gradient, numeric, atol=1e-6)


def test_clipping_shows_in_the_step() -> None:
    steps = list(train(Product(), np.array([-0.69, 0.6, 0.0]), recipe(rate=5.0), 3))
    assert "a" in steps[0].clipped or "b" in steps[0].clipped
    assert "clipped" in steps[0].flags
    assert all(np.abs(step.control).max() <= 0.7 for step in steps)


def test_costs_add_up() -> None:
    steps = list(train(Product(), np.array([-0.3, 0.2, 0.1]), recipe(rate=1e-6), 5))
    total = sum((step.cost for step in steps), Cost())
    window = recipe().measurement.plan.window
    assert total.extractions == 5 * 2
    assert total.simulated_seconds == pytest.approx(5 * 2 * 2 * window)  # an extraction and a read-out per pattern
    _, cost = extract(Product(), np.zeros(3), recipe())
    assert cost.extractions == 2


def test_starts_are_seeded_and_differ() -> None:
    a, b = first_control(5, (-0.7, 0.7), 0, 0), first_control(5, (-0.7, 0.7), 0, 1)
    assert np.array_equal(a, first_control(5, (-0.7, 0.7), 0, 0))
    assert not np.array_equal(a, b)
    many = np.array([first_control(5, (-0.4, 1.0), 3, k) for k in range(200)])
    assert many.min() >= -0.05
    assert many.max() <= 0.65
    assert many.mean() == pytest.approx(0.3, abs=0.03)


def test_of_solved_steps_the_widest_counts_and_else_the_last() -> None:
    class At(NamedTuple):
        margin: Margin

    def at(gap: float, *, solved: bool) -> At:
        return At(Margin(gap, 1.0, 1.0, 10.0, solved))

    steps = [at(0.6, solved=False), at(0.35, solved=True), at(0.45, solved=True), at(0.2, solved=False)]
    assert widest(steps) is steps[2]
    assert widest(steps[::3]) is steps[3]
