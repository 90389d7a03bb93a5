"""Screening: which electrodes should be output and inputs, judged by operating points at random controls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hge_spice.drive import Floats, SimulationError
from hge_spice.graph import Network, assign_roles, electrodes
from hge_spice.margin import margin
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.tasks import Task


@dataclass(frozen=True)
class Choice:
    """One choice of electrodes and what random controls make of it.

    reached : share of the control settings at which each task counts as solved, by task name
    best : score below which 95 % of settings lie, by task: gap over (span + 0.1·largest |output|), −1 without contrast
    span : A, median over the settings
    failed : settings at which no physical operating point was found
    """

    output: str
    inputs: tuple[str, ...]
    controls: tuple[str, ...]
    reached: dict[str, float]
    best: dict[str, float]
    span: float
    failed: int

    @property
    def worst(self) -> float:
        """Score of the task that this choice serves least; choices are ranked by it."""
        return min(self.best.values())


def screen(  # a screening has as many settings as an experiment on a probe station
    graph: Network,
    tasks: Sequence[Task],
    *,
    levels: tuple[float, float],
    control_range: tuple[float, float],
    settings: int,
    rng: np.random.Generator,
    noise: float = 0.0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Choice]:
    """Try every choice of one output and the tasks' number of inputs; the best first.

    levels : V, low and high of every input; control_range : V; settings : random control settings per choice
    noise : A, read-out noise that a gap must stand against

    All tasks must share one table of inputs. Costs one operating point per choice, setting and pattern, some 0.5 ms.
    Raises ValueError where the tasks differ in their inputs or electrodes don't suffice.
    """
    bits = tasks[0].bits
    if any(task.bits.shape != bits.shape or not np.array_equal(task.bits, bits) for task in tasks):
        raise ValueError("tasks that are screened together must show the same input patterns")
    names = electrodes(graph)
    if len(names) < bits.shape[1] + 2:
        raise ValueError(
            f"{len(names)} electrodes can't be one output, {bits.shape[1]} inputs and a control; take more electrodes"
        )
    low, high = levels
    choices: list[Choice] = []
    total = len(names) * len(list(combinations(names[1:], bits.shape[1])))
    for output in names:
        others = tuple(name for name in names if name != output)
        with NgspiceDevice(assign_roles(graph, output=output, inputs=(), controls=others)) as device:
            for inputs in combinations(others, bits.shape[1]):
                controls = tuple(name for name in others if name not in inputs)
                drawn = rng.uniform(*control_range, (settings, len(controls)))
                outputs = np.array(
                    [
                        [
                            _current(device, dict(zip(controls, row, strict=True)), inputs, low + bit * (high - low))
                            for bit in bits
                        ]
                        for row in drawn
                    ]
                )
                choices.append(_judge(output, inputs, controls, outputs, tasks, noise))
                progress(len(choices), total)
    return sorted(choices, key=lambda choice: -choice.worst)


def _current(device: NgspiceDevice, controls: dict[str, float], inputs: tuple[str, ...], values: Floats) -> float:
    """Output current, A; nan where there is no physical operating point."""
    voltage = controls | dict(zip(inputs, (float(v) for v in values), strict=True))
    try:
        point = device.operating_point(np.array([voltage[name] for name in device.controls]), np.empty(0))
    except SimulationError:
        return np.nan
    return np.nan if "unphysical" in point.flags else float(point.output[0])


def _judge(
    output: str,
    inputs: tuple[str, ...],
    controls: tuple[str, ...],
    outputs: Floats,
    tasks: Sequence[Task],
    noise: float,
) -> Choice:
    found = outputs[np.isfinite(outputs).all(axis=1)]
    reached, best = {}, {}
    for task in tasks:
        judged = [margin(row, task.classes, noise, 0.0) for row in found]
        scores = [
            m.gap / (m.span + 0.1 * np.abs(row).max()) if m.contrast >= 0.05 else -1.0
            for m, row in zip(judged, found, strict=True)
        ]
        reached[task.name] = sum(m.solved for m in judged) / len(outputs)
        best[task.name] = float(np.quantile(scores, 0.95)) if scores else -1.0
    span = float(np.median(np.ptp(found, axis=1))) if len(found) else 0.0
    return Choice(output, inputs, controls, reached, best, span, len(outputs) - len(found))
