"""Update rules: a gradient becomes a step of the controls; a rule is a pair of functions, its state a plain tuple."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hge_spice.drive import Floats

State = tuple[Floats, ...]


@dataclass(frozen=True)
class Rule:
    """An update rule.

    init : count -> state
    step : (gradient [control] in 1/V, state, rate in V) -> (change of the controls [control] in V, state)
    """

    init: Callable[[int], State]
    step: Callable[[Floats, State, float], tuple[Floats, State]]
    summary: str


def _sgd(gradient: Floats, state: State, rate: float) -> tuple[Floats, State]:
    return -rate * gradient, state  # rate is the step in V at a gradient of 1/V


def _adam(gradient: Floats, state: State, rate: float) -> tuple[Floats, State]:
    """Kingma & Ba, arXiv 1412.6980, algorithm 1, with its defaults; the epsilon is in 1/V."""
    beta_1, beta_2, epsilon = 0.9, 0.999, 1e-8
    count, first, second = state[0] + 1, *state[1:]
    first = beta_1 * first + (1 - beta_1) * gradient
    second = beta_2 * second + (1 - beta_2) * gradient**2
    step = (first / (1 - beta_1**count)) / (np.sqrt(second / (1 - beta_2**count)) + epsilon)
    return -rate * step, (count, first, second)


RULES: dict[str, Rule] = {
    "sgd": Rule(lambda _: (), _sgd, "plain descent; the rate is the step in V at a gradient of 1/V"),
    "adam": Rule(
        lambda count: (np.zeros(1), np.zeros(count), np.zeros(count)), _adam, "Adam; the rate is about the step in V"
    ),
}


def clip(control: Floats, low: float, high: float) -> tuple[Floats, tuple[int, ...]]:
    """Keep controls within their range; return them and the positions that were cut: never without saying so."""
    inside = np.clip(control, low, high)
    return inside, tuple(int(k) for k in np.flatnonzero(inside != control))
