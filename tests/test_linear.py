"""The linear read-out: least squares against NumPy's, derivatives against differences, threshold by counting."""

import numpy as np
import pytest

from hge_spice.channels import Channels
from hge_spice.drive import Drive, Transient, Waveform
from hge_spice.gradient import Measurement
from hge_spice.gradient.finite_difference import finite_difference
from hge_spice.linear import Decision, best_threshold, fit, residuals
from hge_spice.loss import LOSSES, RESIDUALS, Target
from hge_spice.tones import plan_from_harmonics
from hge_spice.train import Recipe, extract, read_out, train
from hge_spice.update import RULES


def table(patterns: int = 12, outputs: int = 3) -> np.ndarray:
    return np.random.default_rng(1).normal(4e-9, 2e-9, (patterns, outputs))


CLASSES = np.arange(12) % 3.0
WANTED = (CLASSES[:, None] == np.arange(3)).astype(float)


def test_weights_are_those_of_least_squares_with_a_constant() -> None:
    outputs = table()
    readout, _ = fit(outputs, WANTED)
    design = np.concatenate([outputs * 1e9, np.ones((12, 1))], axis=1)
    exact, *_ = np.linalg.lstsq(design, WANTED, rcond=None)
    assert readout.scores(outputs) == pytest.approx(design @ exact, abs=1e-6)
    left = np.sum((WANTED - design @ exact) ** 2) / np.sum((WANTED - WANTED.mean(axis=0)) ** 2)
    assert readout.left == pytest.approx(left, rel=1e-6)


def test_the_ridge_is_what_noise_adds_to_the_error() -> None:
    outputs, noise = table(), 5e-10
    readout, _ = fit(outputs, WANTED, noise)
    rng = np.random.default_rng(0)
    total = np.sum((WANTED - WANTED.mean(axis=0)) ** 2)
    seen = [
        np.sum((WANTED - readout.scores(outputs + rng.normal(0, noise, outputs.shape))) ** 2) / total
        for _ in range(4000)
    ]
    assert np.mean(seen) == pytest.approx(readout.left, abs=4 * np.std(seen) / np.sqrt(len(seen)))
    assert readout.left > fit(outputs, WANTED)[0].left + 20 * np.std(seen) / np.sqrt(len(seen))


@pytest.mark.parametrize("noise", [0.0, 5e-10])
def test_derivatives_know_that_the_weights_follow(noise: float) -> None:
    outputs, target = table(), Target(CLASSES, noise=noise, wanted=WANTED)
    residual, slope = RESIDUALS["least_squares"](outputs, target)
    value, gradient = LOSSES["least_squares"](outputs, target)
    assert residual @ residual == pytest.approx(value)
    assert 2 * residual @ slope == pytest.approx(gradient.ravel(), abs=1e-6 * np.abs(gradient).max())
    step = 1e-13
    for k in range(outputs.size):
        shift = np.zeros(outputs.size)
        shift[k] = step
        up, down = (residuals(outputs + sign * shift.reshape(outputs.shape), WANTED, noise)[0] for sign in (1, -1))
        assert (up - down) / (2 * step) == pytest.approx(slope[:, k], abs=1e-4 * np.abs(slope).max())


def test_equal_outputs_leave_everything() -> None:
    outputs = np.full((12, 2), 3e-9)
    readout, slope = fit(outputs, WANTED)
    assert readout.left == 1
    assert not slope.any()
    residual, by_output = residuals(outputs, WANTED)
    assert residual @ residual == pytest.approx(1)
    assert not by_output.any()
    with pytest.raises(ValueError, match="all of one class"):
        fit(table(), np.ones((12, 1)))


def test_a_threshold_makes_the_fewest_mistakes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        classes = rng.integers(0, 2, 15).astype(float)
        scores = np.round(rng.normal(classes, 1.0), 1)  # with ties
        threshold = best_threshold(scores, classes)
        possible = [np.sum((scores > t) != classes) for t in np.concatenate([[-99], np.unique(scores)])]
        assert np.sum((scores > threshold) != classes) == min(possible)


def test_one_output_upside_down_serves_as_well() -> None:
    classes = np.array([0.0, 1, 1, 0, 1])
    for sign in (1, -1):
        decision = Decision.learned(sign * np.array([1.0, 3, 4, 1.5, 3.5]), classes, classes[:, None])
        assert np.array_equal(decision.decided(sign * np.array([0.5, 5.0])), [0, 1])


class TwoOutputs:
    """out = tanh(a + x), more = tanh(b − x): each has a control of its own."""

    controls, inputs = ("a", "b"), ("x",)

    def __init__(self) -> None:
        self.measured = 0

    def measure(self, drive: Drive) -> Waveform:
        self.measured += 1
        (a, b), (x,) = drive.control, drive.inputs
        time = drive.transient.step * np.arange(drive.transient.points)
        both = {"out": np.tanh(a + x) * np.ones_like(time), "more": np.tanh(b - x) * np.ones_like(time)}
        return Waveform(time, both["out"], drive.transient.duration, probes=both)


def recipe(rule: str) -> Recipe:
    inputs = np.array([[-1.0], [-0.5], [0.0], [0.4], [1.1]])
    how = Measurement(plan_from_harmonics([3, 5], 1.0, points=16), np.full(2, 1e-4), np.zeros(2))
    target = Target(np.array([0.0, 1, 1, 1, 0]))
    return Recipe(
        inputs, target, finite_difference, how, LOSSES["least_squares"], RULES[rule], 0.1, (-2.0, 2.0),
        residuals=RESIDUALS["least_squares"], outputs=("out", "more"),
    )  # fmt: skip


def test_several_outputs_cost_one_measurement_and_have_a_jacobian_each() -> None:
    dut, plan = TwoOutputs(), recipe("adam")
    estimates, cost = extract(dut, np.array([0.3, -0.2]), plan)
    single = TwoOutputs()
    finite_difference(Channels(single, ["out"]).channels[0], np.array([0.3, -0.2]), plan.inputs, plan.measurement)
    assert dut.measured == single.measured == cost.extractions
    assert len(estimates) == 10
    assert estimates[0].jacobian[0] == pytest.approx(1 / np.cosh(0.3 - 1.0) ** 2, rel=1e-4)
    assert estimates[5].jacobian[1] == pytest.approx(1 / np.cosh(-0.2 + 1.0) ** 2, rel=1e-4)
    assert abs(estimates[0].jacobian[1]) < 1e-9
    drive = Drive(np.zeros(2), np.zeros(1), (), Transient(1.0, 4))
    assert Channels(dut, ["more"]).channels[0].measure(drive).output == pytest.approx(np.zeros(4))


@pytest.mark.parametrize("rule", ["adam", "levenberg_marquardt"])
def test_read_out_and_controls_learn_together_what_neither_does_alone(rule: str) -> None:
    plan, start = recipe(rule), np.array([-1.5, 1.5])
    before = plan.loss(read_out(TwoOutputs(), start, plan).outputs, plan.target)[0]
    steps = list(train(TwoOutputs(), start, plan, 60))
    after = plan.loss(steps[-1].outputs, plan.target)[0]
    assert steps[-1].outputs.shape == (5, 2)
    assert before > 0.7  # the best read-out at the start
    assert after < 0.1
    by_one = [LOSSES["least_squares"](steps[-1].outputs[:, k], plan.target)[0] for k in range(2)]
    assert min(by_one) > 0.5  # one output rises and the other falls: a hump takes both
