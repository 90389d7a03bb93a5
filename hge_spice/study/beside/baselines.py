"""What simpler means make of the same split: logistic regression on the raw features, a digital network as large."""

import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hge_spice.drive import Floats
from hge_spice.study.judge.statistics import wilson
from hge_spice.tasks import Task
from hge_spice.tasks.task import REACH

RESTARTS = 10


@dataclass(frozen=True)
class Answers:
    """answers : [pattern] to the patterns kept apart; parameters : how many were fitted."""

    answers: Floats
    parameters: int


def paired_difference(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[float, float, float]:
    """How much larger the first share is than the second on the same patterns, and its 95 % interval.

    one, other : [pattern], whether each is right. Wilson's intervals of both, squared and added, less what goes
    together: method 10 of Newcombe, Stat. Med. 17, 2635 (1998), with the continuity correction of its φ.
    """
    count = len(one)
    both, neither = int(np.sum(one & other)), int(np.sum(~one & ~other))
    first, second = int(np.sum(one)), int(np.sum(other))
    (low, high), (other_low, other_high) = wilson(first, count), wilson(second, count)
    p, q = first / count, second / count
    margins = float(first) * (count - first) * second * (count - second)
    cross = both * neither - (first - both) * (second - both)
    phi = (max(cross - count / 2, 0) if cross > 0 else cross) / np.sqrt(margins) if margins else 0.0

    def reach(down: float, up: float) -> float:
        return float(np.sqrt(max(down**2 - 2 * phi * down * up + up**2, 0.0)))

    return p - q, p - q - reach(p - low, other_high - q), p - q + reach(high - p, q - other_low)


def linear(task: Task) -> Answers | None:
    """Logistic regression, or linear regression of values; None without scikit-learn. Its defaults, no tuning."""
    models = _sklearn("sklearn.linear_model")
    if models is None:
        return None
    features, tested, _ = _features(task)
    model = models.LogisticRegression(max_iter=1000) if task.labels else models.LinearRegression()
    model.fit(features, task.classes)
    return Answers(
        np.asarray(model.predict(tested), dtype=float), int(np.size(model.coef_) + np.size(model.intercept_))
    )


def digital(task: Task, parameters: int) -> Answers | None:
    """A network of one hidden layer of tanh with the nearest number of parameters, one unit at least.

    The best of ten starts by the training loss; None without scikit-learn.
    """
    networks = _sklearn("sklearn.neural_network")
    if networks is None:
        return None
    features, tested, width = _features(task)
    columns = task.wanted.shape[1]

    def size(hidden: int) -> int:
        return int((width + 1) * hidden + (hidden + 1) * columns)

    hidden: int = min(range(1, parameters + 1), key=lambda each: abs(size(each) - parameters))
    make = networks.MLPClassifier if task.labels else networks.MLPRegressor
    fitted = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a start has not converged is what the others are for
        for start in range(RESTARTS):
            model = make(
                hidden_layer_sizes=(hidden,), activation="tanh", solver="lbfgs", max_iter=2000, random_state=start
            )
            fitted.append(model.fit(features, task.classes))
    best = min(fitted, key=lambda model: float(model.loss_))
    return Answers(np.asarray(best.predict(tested), dtype=float), size(hidden))


def _features(task: Task) -> tuple[Floats, Floats, int]:
    """Both tables as standard deviations or the like, each feature once, and how many there are."""
    once = [task.features.index(name) for name in dict.fromkeys(task.features)]
    both = [(bits[:, once] - 0.5) * 2 * REACH for bits in (task.bits, task.test_bits)]
    return both[0], both[1], len(once)


def _sklearn(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        return None
