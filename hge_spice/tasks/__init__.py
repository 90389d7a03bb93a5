"""Tasks: what inputs a network is shown and what it should answer, by name.

A task is made by a function whose keyword arguments are what a study may say about it; those that are drawn or split
take an `rng` too.
"""

from collections.abc import Callable

from hge_spice.tasks.data import breast_cancer, from_columns, iris
from hge_spice.tasks.drawn import noisy_xor, ring, sine, sphere, two_moons
from hge_spice.tasks.gates import GATES, features_2x2, target
from hge_spice.tasks.task import Task

TASKS: dict[str, Callable[..., Task]] = {
    **GATES,
    "features_2x2": features_2x2,
    "target": target,
    "ring": ring,
    "sphere": sphere,
    "two_moons": two_moons,
    "noisy_xor": noisy_xor,
    "sine": sine,
    "iris": iris,
    "breast_cancer": breast_cancer,
}

__all__ = ["TASKS", "Task", "from_columns"]
