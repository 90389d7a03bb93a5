"""What a task is: patterns to train on, patterns to be judged by, and how both become voltages."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hge_spice.drive import Floats

REACH = 2.0  # standard deviations that fill half of an electrode's range; what lies beyond is clipped and counted


def _none() -> Floats:
    return np.empty(0)


@dataclass(frozen=True)
class Task:
    """A table of patterns, and another one that training never sees.

    bits : [pattern, input], 0 to 1 of the input's range
    classes : [pattern], number of the class from 0; of a regression the value wanted, 0 to 1
    test_bits, test_classes : the same, kept from training; empty for a truth table, which is all there is to know
    labels : of the classes, by their number; none for a regression
    features : of the inputs
    clipped : how many features of how many patterns were beyond the range and were cut
    border : of a task of inside and outside, its border's distance from the middle of all ranges, in ranges
    """

    name: str
    bits: Floats
    classes: Floats
    summary: str
    test_bits: Floats = field(default_factory=_none)
    test_classes: Floats = field(default_factory=_none)
    labels: tuple[str, ...] = ("0", "1")
    features: tuple[str, ...] = ()
    clipped: int = 0
    border: float | None = None

    @property
    def exact(self) -> bool:
        """Whether the table is the whole task, to be answered without a mistake."""
        return not len(self.test_classes)

    @property
    def wanted(self) -> Floats:
        """What a read-out is fitted to: [pattern, column]; a column of its own for each of more than two classes."""
        return self.columns(self.classes)

    def columns(self, classes: Floats) -> Floats:
        """Classes or values [pattern] as columns [pattern, column]."""
        if len(self.labels) <= 2:
            return classes[:, None]
        return np.asarray(classes[:, None] == np.arange(len(self.labels)), dtype=float)

    def inputs(self, levels: Sequence[tuple[float, float]]) -> Floats:
        """Input voltages [pattern, input], V, from one (low, high) pair for all inputs or one per input.

        Raises ValueError where the number of pairs is neither.
        """
        return self.voltages(self.bits, levels)

    def test_inputs(self, levels: Sequence[tuple[float, float]]) -> Floats:
        """The same of the patterns kept from training."""
        return self.voltages(self.test_bits, levels)

    def voltages(self, bits: Floats, levels: Sequence[tuple[float, float]]) -> Floats:
        """Input voltages [pattern, input], V, of any patterns [pattern, input], 0 to 1."""
        if len(levels) not in {1, self.bits.shape[1]}:
            raise ValueError(f"{self.name} has {self.bits.shape[1]} inputs; levels of {len(levels)} are given")
        low, high = np.array(levels, dtype=float).T
        return np.asarray(low + bits * (high - low))

    def shown(self, features: Sequence[str]) -> "Task":
        """The task with these features on its inputs, in this order; one may drive several inputs.

        Raises ValueError where there is no such feature.
        """
        unknown = [name for name in features if name not in self.features]
        if unknown:
            raise ValueError(f"{self.name} has no feature {unknown[0]!r}; it has {', '.join(self.features)}")
        columns = [self.features.index(name) for name in features]
        test = self.test_bits[:, columns] if len(self.test_bits) else self.test_bits
        return replace(self, bits=self.bits[:, columns], test_bits=test, features=tuple(features))


def kept_apart(bits: Floats, classes: Floats, train: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Patterns that were drawn together as a task's two tables, the first `train` of a random order to train on."""
    order = rng.permutation(len(bits))
    first, rest = order[:train], order[train:]
    return {
        "bits": bits[first],
        "classes": classes[first],
        "test_bits": bits[rest],
        "test_classes": classes[rest],
    }


def split(classes: Floats, test: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to test on, each class in both by its share: (train, test) positions.

    classes : [pattern]. Raises ValueError where nothing would be left to train on.
    """
    if not 0 < test < len(classes):
        raise ValueError(f"{test} of {len(classes)} patterns can't be kept for the test; take 1 to {len(classes) - 1}")
    order = rng.permutation(len(classes))
    order = order[np.argsort(classes[order], kind="stable")]
    chosen = np.zeros(len(order), dtype=bool)
    chosen[((np.arange(test) + 0.5) * len(order) / test).astype(int)] = True
    return order[~chosen], order[chosen]


def standardised(train: Floats, test: Floats) -> tuple[Floats, Floats, int]:
    """Features in units of the training patterns' spread, 0 to 1 for ±2 standard deviations, and how many were cut.

    train, test : [pattern, feature]. What the test patterns are is not used. Raises ValueError for a constant feature.
    """
    mean, spread = train.mean(axis=0), train.std(axis=0)
    if not spread.all():
        raise ValueError(f"feature {int(np.argmin(spread)) + 1} is the same in all training patterns; leave it out")
    both = 0.5 + (np.concatenate([train, test]) - mean) / spread / (2 * REACH)
    cut = np.clip(both, 0.0, 1.0)
    return cut[: len(train)], cut[len(train) :], int((both != cut).sum())
