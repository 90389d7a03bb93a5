"""Truth tables: gates of any number of inputs, and the features of two by two pixels."""

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np

from hge_spice.tasks.task import Task

MOST_BITS = 8  # 256 patterns
_LETTERS = "abcdefgh"


def _table(name: str, summary: str, holds: Callable[[tuple[int, ...]], bool], bits: int) -> Task:
    if not 2 <= bits <= MOST_BITS:
        raise ValueError(f"{name} of bits = {bits}; take 2 to {MOST_BITS} inputs")
    rows = list(product((0, 1), repeat=bits))
    classes = np.array([float(holds(row)) for row in rows])
    return Task(name, np.array(rows, dtype=float), classes, summary, features=tuple(_LETTERS[:bits]))


def _gate(name: str, summary: str, holds: Callable[[tuple[int, ...]], bool], usual: int = 2) -> Callable[..., Task]:
    def build(*, bits: int = usual) -> Task:
        return _table(name, summary, holds, bits)

    build.__doc__ = summary
    return build


def _odd(row: tuple[int, ...]) -> bool:
    return sum(row) % 2 == 1


GATES: dict[str, Callable[..., Task]] = {
    "and": _gate("and", "all of them", all),
    "nand": _gate("nand", "not all of them", lambda row: not all(row)),
    "or": _gate("or", "at least one", any),
    "nor": _gate("nor", "none", lambda row: not any(row)),
    "xor": _gate("xor", "an odd number of ones; no monotone network can do it", _odd),
    "xnor": _gate("xnor", "an even number of ones; no monotone network can do it", lambda row: not _odd(row)),
    "parity": _gate("parity", "an odd number of ones among 3 inputs, or as many as `bits` says", _odd, 3),
    "majority": _gate("majority", "more ones than zeros among 3 inputs, or as many as `bits` says",
                      lambda row: 2 * sum(row) > len(row), 3),
}  # fmt: skip


def target() -> Task:
    """One output current, the second target, at the input's high level."""
    return Task("target", np.ones((1, 1)), np.ones(1), "one output current", features=("a",))


def features_2x2(*, feature: int = 6) -> Task:
    """One of the 16 patterns of two by two pixels told from all others, as in Chen et al., Nature 577, 341 (2020).

    feature : its number, the four pixels read as binary digits: 6 is a diagonal
    """
    if not 0 <= feature < 16:
        raise ValueError(f"there is no feature {feature} of two by two pixels; take 0 to 15")
    wanted = tuple(int(digit) for digit in f"{feature:04b}")
    return _table("features_2x2", f"the pixels {wanted}", partial(_is, wanted), 4)


def _is(wanted: tuple[int, ...], row: tuple[int, ...]) -> bool:
    return row == wanted
