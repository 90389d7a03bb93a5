import numpy as np
import pytest

from hge_spice.tasks import TASKS

RULES = {
    "and": lambda a, b: a and b,
    "nand": lambda a, b: not (a and b),
    "or": lambda a, b: a or b,
    "nor": lambda a, b: not (a or b),
    "xor": lambda a, b: a != b,
    "xnor": lambda a, b: a == b,
}


@pytest.mark.parametrize("name", RULES)
def test_gates_are_what_their_names_say(name: str) -> None:
    task = TASKS[name]
    for (a, b), wanted in zip(task.bits, task.classes, strict=True):
        assert bool(wanted) == bool(RULES[name](bool(a), bool(b)))


def test_levels_for_all_inputs_or_one_pair_each() -> None:
    task = TASKS["xor"]
    assert task.inputs([(-0.3, 0.3)]).tolist() == [[-0.3, -0.3], [-0.3, 0.3], [0.3, -0.3], [0.3, 0.3]]
    assert task.inputs([(0, 1), (2, 4)]).tolist() == [[0, 2], [0, 4], [1, 2], [1, 4]]
    with pytest.raises(ValueError, match="xor has 2 inputs; levels of 3"):
        task.inputs([(0, 1)] * 3)


def test_classes_are_numbers() -> None:
    assert all(set(np.unique(task.classes)) <= {0.0, 1.0} for task in TASKS.values())
