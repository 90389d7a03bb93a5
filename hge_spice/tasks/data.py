"""Tasks made of measured data: scikit-learn's iris and breast cancer, and the user's own columns."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from hge_spice.drive import Floats
from hge_spice.tasks.task import Task, split, standardised


def iris(*, test: int = 50, features: Sequence[str] = (), rng: np.random.Generator) -> Task:
    """Fisher's iris: 150 flowers, 4 lengths, 3 kinds; needs scikit-learn."""
    return _bundled("iris", "load_iris", test, features, rng)


def breast_cancer(*, test: int = 169, features: Sequence[str] = (), rng: np.random.Generator) -> Task:
    """Wisconsin breast cancer: 569 samples, 30 features, benign (1) or malignant (0); needs scikit-learn."""
    return _bundled("breast_cancer", "load_breast_cancer", test, features, rng)


def from_columns(
    name: str,
    table: Floats,
    classes: Floats,
    *,
    columns: Sequence[str],
    labels: Sequence[str],
    test: int,
    features: Sequence[str] = (),
    rng: np.random.Generator,
) -> Task:
    """A task of measured features, split by its classes and standardised by its training patterns.

    table : [pattern, feature], any units; classes : [pattern]; columns : names of the features
    features : those that are taken, by input; all unless given. A feature may come more than once
    labels : of the classes; none for a regression, whose values are put between 0 and 1 by the training patterns' own

    Raises ValueError for a feature that isn't there or is constant.
    """
    wanted = tuple(features) or tuple(columns)
    unknown = [each for each in wanted if each not in columns]
    if unknown:
        raise ValueError(f"{name} has no feature {unknown[0]!r}; it has {', '.join(columns)}")
    shown = table[:, [list(columns).index(each) for each in wanted]]
    train_rows, test_rows = split(classes if labels else np.zeros(len(classes)), test, rng)
    constant = [each for each, spread in zip(wanted, np.ptp(shown[train_rows], axis=0), strict=True) if not spread]
    if constant:
        raise ValueError(f"feature {constant[0]!r} is the same in all training patterns; leave it out")
    bits, test_bits, clipped = standardised(shown[train_rows], shown[test_rows])
    if not labels:
        low, high = classes[train_rows].min(), classes[train_rows].max()
        if low == high:
            raise ValueError(f"the values of {name} are all {low:g}; there is nothing to learn")
        classes = (classes - low) / (high - low)
    return Task(
        name,
        bits,
        classes[train_rows],
        name,
        test_bits,
        classes[test_rows],
        labels=tuple(labels),
        features=wanted,
        clipped=clipped,
    )


def _bundled(name: str, loader: str, test: int, features: Sequence[str], rng: np.random.Generator) -> Task:
    try:
        load: Callable[[], Any] = getattr(import_module("sklearn.datasets"), loader)
    except ImportError as error:
        raise ValueError(f"the data of {name} are scikit-learn's; pip install 'hge-spice[datasets]'") from error
    found = load()
    columns = tuple(str(each).removesuffix(" (cm)") for each in found.feature_names)
    return from_columns(
        name,
        np.asarray(found.data, dtype=float),
        np.asarray(found.target, dtype=float),
        columns=columns,
        labels=tuple(map(str, found.target_names)),
        test=test,
        features=features,
        rng=rng,
    )
