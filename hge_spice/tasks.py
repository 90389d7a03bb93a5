"""Tasks: what inputs a network is shown and which class each belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hge_spice.drive import Floats


@dataclass(frozen=True)
class Task:
    """A table of patterns.

    bits : [pattern, input], 0 to 1; classes : [pattern], 0 or 1
    """

    name: str
    bits: Floats
    classes: Floats
    summary: str

    def inputs(self, levels: Sequence[tuple[float, float]]) -> Floats:
        """Input voltages [pattern, input], V, from one (low, high) pair for all inputs or one per input.

        Raises ValueError where the number of pairs is neither.
        """
        if len(levels) not in {1, self.bits.shape[1]}:
            raise ValueError(f"{self.name} has {self.bits.shape[1]} inputs; levels of {len(levels)} are given")
        low, high = np.array(levels, dtype=float).T
        return np.asarray(low + self.bits * (high - low))


def _gate(name: str, truth: tuple[int, int, int, int], summary: str) -> Task:
    bits = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], dtype=float)
    return Task(name, bits, np.array(truth, dtype=float), summary)


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        _gate("and", (0, 0, 0, 1), "both"),
        _gate("nand", (1, 1, 1, 0), "not both"),
        _gate("or", (0, 1, 1, 1), "at least one"),
        _gate("nor", (1, 0, 0, 0), "none"),
        _gate("xor", (0, 1, 1, 0), "exactly one; no monotone network can do it"),
        _gate("xnor", (1, 0, 0, 1), "both or none; no monotone network can do it"),
        Task("target", np.ones((1, 1)), np.ones(1), "one output current, the second target, at the input's high level"),
    )
}
