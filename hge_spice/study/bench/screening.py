"""`roles = "screen"`: output, inputs, controls and first control settings chosen for a task before it trains."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hge_spice.batches import epoch_batches
from hge_spice.drive import Floats, SimulationError
from hge_spice.graph import Network
from hge_spice.screen import AGREEMENT, Choice, confirm, screen
from hge_spice.study.tables.spec import Study
from hge_spice.study.tables.task import build_task
from hge_spice.tasks import Task

SHOWN = 10  # choices in the result
TRIED = 3  # choices put to ngspice before giving up

Build = Callable[[Study], Network]


@dataclass(frozen=True)
class Screened:
    """What a screening found.

    study : the study with the roles named; first : [start, control], V, where the first starts begin
    record : choices, points and what ngspice said of the pick, for the result
    """

    study: Study
    first: Floats
    record: dict[str, Any]


def provisional(study: Study, names: tuple[str, ...]) -> Study:
    """Name output, inputs and controls in the order of the electrodes: for what needs roles, whichever they are.

    names : the device's electrodes
    """
    free = [name for name in names if name not in _held(study)]
    count = build_task(study.task).bits.shape[1]
    if len(free) < count + 2:
        raise ValueError(
            f"{len(free)} electrodes can't be one output, {count} inputs and a control; name more, or take more"
        )
    return _named(study, free[0], tuple(free[1 : 1 + count]), tuple(free[1 + count :]))


def choose(
    study: Study, build: Build, names: tuple[str, ...], progress: Callable[[int, int], None] = lambda _d, _t: None
) -> Screened:
    """Screen by operating points, have ngspice confirm the best choice at its first control settings.

    Of a data set some training patterns stand for all, drawn with the classes dealt evenly.

    build : graph with roles of a study that names them; names : the device's electrodes

    Raises ValueError for too few electrodes or points, SimulationError where ngspice confirms none of the best.
    """
    began = time.perf_counter()
    rng = np.random.default_rng([study.training.seed, study.device.seed])
    task = _dealt(build_task(study.task), study.electrodes.screen_patterns, rng)
    graph = build(provisional(study, names))
    found = screen(
        graph,
        [task],
        levels=_levels(study),
        control_range=study.electrodes.control_range,
        points=study.electrodes.screen_points,
        rng=rng,
        noise=study.readout.mean_noise(study.perturbation.window),
        held=_held(study),
        progress=progress,
    )
    seconds = time.perf_counter() - began
    said = []
    for choice in found[:TRIED]:
        named = _named(study, choice.output, choice.inputs, choice.controls)
        difference, simulated = confirm(build(named), choice, task, _levels(study))
        physical = np.isfinite(simulated).all(axis=1)
        said.append(f"{choice.output}: largest difference {difference:.2g}, {physical.sum()} settings physical")
        if physical.any() and not difference > AGREEMENT:
            first = np.array(choice.first[task.name])[physical]
            record = {
                "output": choice.output,
                "inputs": list(choice.inputs),
                "controls": list(choice.controls),
                "points": study.electrodes.screen_points,
                "patterns": len(task.classes),
                "settings": choice.settings,
                "settings_in_all": sum(each.settings for each in found),
                "seconds": seconds,
                "ngspice_difference": None if np.isnan(difference) else difference,
                "first_controls": first.tolist(),
                "choices": [_row(each, task.name) for each in found[:SHOWN]],
                "tried": len(found),
            }
            return Screened(named, first, record)
    raise SimulationError(f"ngspice confirms none of the best choices of electrodes: {'; '.join(said)}")


def _dealt(task: Task, patterns: int, rng: np.random.Generator) -> Task:
    """At most so many patterns as a choice is judged by; a truth table as it is."""
    if task.exact:
        return task
    batches = -(-len(task.classes) // patterns)
    shown = epoch_batches(task.classes, -(-len(task.classes) // batches), rng)[0]
    return replace(task, bits=task.bits[shown], classes=task.classes[shown])


def _levels(study: Study) -> tuple[tuple[float, float], ...]:
    """One pair of levels per input, V."""
    count = build_task(study.task).bits.shape[1]
    return study.task.levels if len(study.task.levels) == count else study.task.levels[:1] * count


def _held(study: Study) -> dict[str, float]:
    return dict.fromkeys(study.electrodes.grounds, 0.0) | dict(study.bias)


def _named(study: Study, output: str, inputs: tuple[str, ...], controls: tuple[str, ...]) -> Study:
    chosen = {"roles": None, "output": output, "inputs": inputs, "controls": controls}
    task = study.task.model_copy(update={"levels": _levels(study)})
    return study.model_copy(update={"electrodes": study.electrodes.model_copy(update=chosen), "task": task})


def _row(choice: Choice, task: str) -> dict[str, Any]:
    return {
        "output": choice.output,
        "inputs": list(choice.inputs),
        "score": choice.best[task],
        "solved": choice.reached[task],
        "span": choice.span,
        "settings": choice.settings,
        "failed": choice.failed,
    }
