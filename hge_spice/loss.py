"""Losses of a task's outputs, each with its exact derivative: a loss is a function (outputs, target) -> (E, dE/dI).

Some are sums of squares, E = r·r. Their residuals r and dr/dI are what Gauss–Newton steps are made of.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hge_spice.drive import Floats
from hge_spice.linear import fit, residuals


@dataclass(frozen=True)
class Target:
    """What the outputs should be.

    classes : [pattern], 0 or 1; levels : A or V, outputs of the two classes, for losses that need them
    per_ampere : output units that one ampere makes: 1, or the ohm of an amplifier or load where the output is a voltage
    noise : A or V, standard deviation of one read-out, for losses that must not mistake it for a signal
    wanted : [pattern, column], what a linear read-out is fitted to, where it isn't the classes
    """

    classes: Floats
    levels: tuple[float, float] | None = None
    per_ampere: float = 1.0
    noise: float = 0.0
    wanted: Floats | None = None

    def only(self, patterns: NDArray[np.int64]) -> "Target":
        """The target of some of the patterns, as a mini-batch has it."""
        wanted = None if self.wanted is None else self.wanted[patterns]
        return replace(self, classes=self.classes[patterns], wanted=wanted)


Loss = Callable[[Floats, Target], tuple[float, Floats]]
Residuals = Callable[[Floats, Target], tuple[Floats, Floats]]

FLOOR = (
    0.1  # share of the largest |output| added to the span, so that a ripple on a large current doesn't pass for a gap
)
SEPARATION = 5e-9  # A, gap at which corr_sigmoid's sigmoid is one half
STEEPNESS = 3e-9  # A, width of that sigmoid
AUDIBLE = 20.0  # read-out noises: a spread of the outputs that small is worth half a signal


def mse(outputs: Floats, target: Target) -> tuple[float, Floats]:
    """Mean squared error against two target currents, over their distance squared.

    outputs : [pattern], A; the derivative is in 1/A. Raises ValueError where the target has no levels.
    """
    return _squared(*_from_levels(outputs, target))


def _from_levels(outputs: Floats, target: Target) -> tuple[Floats, Floats]:
    if target.levels is None:
        raise ValueError('the loss mse needs two output currents; set task.targets, e.g. ["2 nA", "8 nA"]')
    low, high = target.levels
    scale = (high - low) * np.sqrt(len(outputs))
    return (outputs - low - target.classes * (high - low)) / scale, np.eye(len(outputs)) / scale


def correlation(outputs: Floats, target: Target) -> tuple[float, Floats]:
    """|u − t|², u the centred outputs and t the centred classes, both of unit length: 2 (1 − corr) for a large signal.

    outputs : [pattern], A; the derivative is in 1/A. u is shortened where the outputs' spread is of the order of 0.1 of
    their rms or of 20 read-out noises, so that neither a ripple nor noise passes for an answer. It has no scale and no
    kinks, and as a sum of squares of the outputs it suits Gauss–Newton steps.
    """
    return _squared(*_from_direction(outputs, target))


def _from_direction(outputs: Floats, target: Target) -> tuple[Floats, Floats]:
    count = len(outputs)
    wanted = target.classes - target.classes.mean()
    length = np.linalg.norm(wanted)
    if length == 0:
        raise ValueError("the patterns are all of one class; there is nothing to tell apart")
    centred = outputs - outputs.mean()
    squared = centred @ centred + FLOOR**2 * np.mean(outputs**2) + (AUDIBLE * target.noise) ** 2
    if squared == 0:
        return -wanted / length, np.zeros((count, count))
    scale = np.sqrt(squared)
    turn = np.outer(centred, centred + FLOOR**2 * outputs / count) / scale**3
    return centred / scale - wanted / length, (np.eye(count) - 1 / count) / scale - turn


def _squared(residual: Floats, slope: Floats) -> tuple[float, Floats]:
    return float(residual @ residual), 2 * residual @ slope


def least_squares(outputs: Floats, target: Target) -> tuple[float, Floats]:
    """Share of the wanted values' variance that the best linear read-out of all outputs leaves: 1 − R², noise counted.

    outputs : [pattern, output], A, or [pattern] of one; the derivative, in their shape, is in 1/A. The read-out's
    weights are fitted anew to every table of outputs (see `linear.fit`). With one output it is 1 − corr²: an output
    that answers upside down serves as well.
    """
    readout, slope = fit(outputs, _wanted(target), target.noise)
    return readout.left, slope


def _from_readout(outputs: Floats, target: Target) -> tuple[Floats, Floats]:
    return residuals(outputs, _wanted(target), target.noise)


def _wanted(target: Target) -> Floats:
    return target.classes[:, None] if target.wanted is None else target.wanted


def corr_sigmoid(outputs: Floats, target: Target) -> tuple[float, Floats]:
    """(1.1 − corr) / (0.05 + sigmoid((gap − 5 nA)/3 nA)).

    outputs : [pattern], A; the derivative is in 1/A. The gap is the smallest output of the ones less the largest of the
    zeros. For a voltage both currents are times the target's `per_ampere`.
    Source: the loss in the public code of the method's first author, 2019–20.
    """
    corr, slope = _correlation(outputs, target.classes)
    distance, distance_slope = _gap(outputs, target.classes)
    separation, steepness = SEPARATION * target.per_ampere, STEEPNESS * target.per_ampere
    sigmoid = 1 / (1 + np.exp(-np.clip((distance - separation) / steepness, -500, 500)))
    below = 0.05 + sigmoid
    derivative = -slope / below - (1.1 - corr) / below**2 * sigmoid * (1 - sigmoid) / steepness * distance_slope
    return float((1.1 - corr) / below), derivative


def gap(outputs: Floats, target: Target) -> tuple[float, Floats]:
    """−gap / (span + 0.1·largest |output|): the gap between the classes without a scale, with a floor on contrast.

    outputs : [pattern], A; the derivative is in 1/A. It reaches from −1 (the classes are two
    levels around zero) to +1, and is piecewise smooth: the derivative belongs to the patterns that make the extremes.
    """
    distance, distance_slope = _gap(outputs, target.classes)
    high, low, largest = np.argmax(outputs), np.argmin(outputs), np.argmax(np.abs(outputs))
    scale = outputs[high] - outputs[low] + FLOOR * abs(outputs[largest])
    if scale == 0:
        return 0.0, np.zeros_like(outputs)
    scale_slope = np.zeros_like(outputs)
    scale_slope[high] += 1
    scale_slope[low] -= 1
    scale_slope[largest] += FLOOR * np.sign(outputs[largest])
    return float(-distance / scale), -distance_slope / scale + distance / scale**2 * scale_slope


def _gap(outputs: Floats, classes: Floats) -> tuple[float, Floats]:
    """Smallest output of the ones less the largest of the zeros, A, and its derivative."""
    ones, zeros = np.flatnonzero(classes > 0.5), np.flatnonzero(classes <= 0.5)
    if not len(ones) or not len(zeros):
        raise ValueError("the patterns are all of one class; there is nothing to tell apart")
    low, high = ones[np.argmin(outputs[ones])], zeros[np.argmax(outputs[zeros])]
    slope = np.zeros_like(outputs)
    slope[low] += 1
    slope[high] -= 1
    return float(outputs[low] - outputs[high]), slope


def _correlation(outputs: Floats, classes: Floats) -> tuple[float, Floats]:
    """Pearson's correlation of outputs and classes, and its derivative in 1/A; zero where all outputs are equal."""
    y, t = outputs - outputs.mean(), classes - classes.mean()
    size_y, size_t = np.linalg.norm(y), np.linalg.norm(t)
    if size_y == 0 or size_t == 0:
        return 0.0, np.zeros_like(outputs)
    corr = float(y @ t / (size_y * size_t))
    return corr, t / (size_y * size_t) - corr * y / size_y**2


LOSSES: dict[str, Loss] = {
    "mse": mse,
    "corr_sigmoid": corr_sigmoid,
    "gap": gap,
    "correlation": correlation,
    "least_squares": least_squares,
}
RESIDUALS: dict[str, Residuals] = {"mse": _from_levels, "correlation": _from_direction, "least_squares": _from_readout}
