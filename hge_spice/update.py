"""Update rules: what an extraction says of the loss becomes a step of the controls; a rule's state is a plain tuple."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from hge_spice.drive import Floats

State = tuple[Floats, ...]

MOMENTUM = 0.9
EASIER, HARDER = 0.3, 4.0  # how the damping answers a step that helped, and one that didn't
MOST_DAMPED = 1e4  # where a step is a ten-thousandth of the plain one: nothing is left to be found here


@dataclass(frozen=True)
class Slope:
    """The loss at the present controls and how it leans there.

    control : [control], V; bounds : V, lowest and highest
    gradient : [control], 1/V
    residual : [residual], jacobian : [residual, control], 1/V, of a loss that is a sum of squares; empty for others
    """

    control: Floats
    bounds: tuple[float, float]
    loss: float
    gradient: Floats
    residual: Floats = field(default_factory=lambda: np.empty(0))
    jacobian: Floats = field(default_factory=lambda: np.empty((0, 0)))


@dataclass(frozen=True)
class Rule:
    """An update rule.

    init : count -> state
    step : (slope, state, rate in V) -> (change of the controls [control] in V, state)
    squares : whether it takes its step from the residuals of a sum of squares
    compares : whether it compares a step's loss with an earlier one's, which must then be of the same patterns
    """

    init: Callable[[int], State]
    step: Callable[[Slope, State, float], tuple[Floats, State]]
    summary: str
    squares: bool = False
    compares: bool = False


def _sgd(slope: Slope, state: State, rate: float) -> tuple[Floats, State]:
    return -rate * slope.gradient, state  # rate is the step in V at a gradient of 1/V


def _momentum(slope: Slope, state: State, rate: float) -> tuple[Floats, State]:
    """Polyak's heavy ball: a gradient that stays is followed ten times as fast."""
    change = MOMENTUM * state[0] - rate * slope.gradient
    return change, (change,)


def _rmsprop(slope: Slope, state: State, rate: float) -> tuple[Floats, State]:
    """Tieleman & Hinton 2012 (Coursera, lecture 6.5), with Adam's correction of the first steps; epsilon in 1/V."""
    decay, epsilon = 0.9, 1e-8
    count, second = state[0] + 1, decay * state[1] + (1 - decay) * slope.gradient**2
    return -rate * slope.gradient / (np.sqrt(second / (1 - decay**count)) + epsilon), (count, second)


def _adam(slope: Slope, state: State, rate: float) -> tuple[Floats, State]:
    """Kingma & Ba, arXiv 1412.6980, algorithm 1, with its defaults; the epsilon is in 1/V."""
    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-8
    count, first, second = state[0] + 1, *state[1:]
    first = beta_1 * first + (1 - beta_1) * slope.gradient
    second = beta_2 * second + (1 - beta_2) * slope.gradient**2
    step = (first / (1 - beta_1**count)) / (np.sqrt(second / (1 - beta_2**count)) + epsilon)
    return -rate * step, (count, first, second)


def _levenberg_marquardt(slope: Slope, state: State, rate: float) -> tuple[Floats, State]:
    """Damped Gauss–Newton: (JᵀJ + λ·tr(JᵀJ)/n) step = −Jᵀr, no control moved by more than the rate.

    Marquardt, SIAM J. Appl. Math. 11, 431 (1963). Where the loss has risen, the step is taken back and tried shorter
    from where it was lower, with the jacobian known there. Controls that press against their bounds stay out.
    """
    control, residual, flat, loss, damping = state
    if slope.loss < loss[0]:
        control, residual, flat = slope.control, slope.residual, slope.jacobian.ravel()
        loss, damping = np.array([slope.loss]), np.maximum(EASIER * damping, 1e-4)
    else:
        damping = np.minimum(HARDER * damping, MOST_DAMPED)
    jacobian = flat.reshape(len(residual), len(control))
    downhill = -(jacobian.T @ residual)
    low, high = slope.bounds
    free = ~((control >= high) & (downhill > 0) | (control <= low) & (downhill < 0))
    curvature = jacobian.T @ jacobian
    step = np.zeros_like(control)
    mean = np.trace(curvature) / len(control)
    if mean > 0 and free.any():
        damped = curvature[np.ix_(free, free)] + damping[0] * mean * np.eye(int(free.sum()))
        step[free] = np.linalg.solve(damped, downhill[free])
        step *= min(1.0, rate / max(np.abs(step).max(), 1e-300))
    return control + step - slope.control, (control, residual, flat, loss, damping)


RULES: dict[str, Rule] = {
    "sgd": Rule(lambda _: (), _sgd, "plain descent; the rate is the step in V at a gradient of 1/V"),
    "momentum": Rule(lambda n: (np.zeros(n),), _momentum, "heavy ball, 0.9 of the last step kept; the rate as in sgd"),
    "rmsprop": Rule(lambda n: (np.zeros(1), np.zeros(n)), _rmsprop, "RMSprop; the rate is about the step in V"),
    "adam": Rule(lambda n: (np.zeros(1), np.zeros(n), np.zeros(n)), _adam, "Adam; the rate is about the step in V"),
    "levenberg_marquardt": Rule(
        lambda n: (np.zeros(n), np.empty(0), np.empty(0), np.array([np.inf]), np.array([0.1])),
        _levenberg_marquardt,
        "damped Gauss–Newton on the patterns' jacobians, for losses that are sums of squares; the rate bounds a step",
        squares=True,
        compares=True,
    ),
}


def clip(control: Floats, low: float, high: float) -> tuple[Floats, tuple[int, ...]]:
    """Keep controls within their range; return them and the positions that were cut: never without saying so."""
    inside = np.clip(control, low, high)
    return inside, tuple(int(k) for k in np.flatnonzero(inside != control))


def shorten(change: Floats, longest: float) -> Floats:
    """The change [control], V, in its own direction, no control moved by more than `longest`."""
    largest = np.abs(change).max(initial=0.0)
    return change * (longest / largest) if largest > longest else change
