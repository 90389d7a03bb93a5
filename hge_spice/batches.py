"""Mini-batches: which patterns each step of an epoch takes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hge_spice.drive import Floats

Patterns = NDArray[np.int64]


def batch_count(patterns: int, size: int) -> int:
    """Batches in an epoch: the fewest that hold no more than `size` patterns each."""
    return -(-patterns // size)


def epoch_batches(classes: Floats, size: int, rng: np.random.Generator) -> tuple[Patterns, ...]:
    """Deal all patterns out once, at random, into batches of `size` or one fewer that hold all classes evenly.

    classes : [pattern], to the nearest whole number; size : 1 or more

    Of c patterns of a class each of b batches gets ⌊c/b⌋ or ⌈c/b⌉: so no batch lacks a class that has b patterns or
    more. Raises ValueError for a size below one.
    """
    if size < 1:
        raise ValueError(f"a batch of {size} patterns is none; take 1 or more")
    count = batch_count(len(classes), size)
    by_class = np.lexsort((rng.random(len(classes)), np.rint(classes)))
    dealt = [by_class[k::count] for k in range(count)]
    return tuple(np.sort(dealt[k]) for k in rng.permutation(count))


def batch_of_step(classes: Floats, size: int, number: int, seed: Sequence[int]) -> Patterns:
    """Patterns of step `number` (from 1): what a resumed training needs is the number and the seed alone."""
    epoch, place = divmod(number - 1, batch_count(len(classes), size))
    return epoch_batches(classes, size, np.random.default_rng((*seed, epoch + 1)))[place]
