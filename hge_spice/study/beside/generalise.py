"""What a training is worth beyond its own patterns: accuracy on those kept apart, beside what simpler means reach."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hge_spice.drive import Floats
from hge_spice.gradient import homodyne
from hge_spice.linear import Decision, fit
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.study.bench.bench import SHOWN, Bench
from hge_spice.study.beside.baselines import digital, linear, paired_difference
from hge_spice.study.judge.statistics import wilson
from hge_spice.tasks import Task
from hge_spice.train import Cost, Step, outputs_of

TABLES_A_STEP = 2  # an extraction and a read-out
MAP = 33  # places along a feature


@dataclass(frozen=True)
class Judged:
    """A control setting as its training patterns show it.

    score : accuracy on them, or for a regression the share of the variance that is met
    left : the share of the variance that a linear read-out leaves; settings are ranked by it, since the accuracy of
    some hundred patterns is the noisier figure, and the best of many noisy ones says little of other patterns
    """

    control: Floats
    outputs: Floats
    score: float
    left: float

    def beats(self, other: "Judged | None") -> bool:
        """Whether it is to be kept instead."""
        return other is None or self.left < other.left


def judged(bench: Bench, control: Floats, outputs: Floats) -> Judged:
    """Judge a control setting by the outputs of the training patterns [pattern] or [pattern, output], A."""
    task, noise = bench.task, bench.recipe.target.noise
    readout, _ = fit(outputs, task.wanted, noise)
    if not task.labels:
        return Judged(control, outputs, 1 - readout.left, readout.left)
    decision = Decision.learned(outputs, task.classes, task.wanted, noise)
    return Judged(control, outputs, float(np.mean(decision.decided(outputs) == task.classes)), readout.left)


def of_step(bench: Bench, step: Step) -> Judged | None:
    """The setting after a step; None where a step of batches didn't read all patterns."""
    return judged(bench, step.control, step.outputs) if np.isfinite(step.outputs).all() else None


def begun_at_the_best(bench: Bench) -> Bench:
    """The bench with its starts at the best of `training.best_of` random settings, with what reading them costs.

    A first setting given in numbers stands.
    """
    count, recipe = bench.study.training.best_of, bench.recipe
    if not count or not isinstance(bench.study.training.first, str):
        return bench
    found, cost = [], bench.cost
    for control in _drawn(bench, count, b"first"):
        outputs, waveforms = outputs_of(bench.dut, control, recipe.inputs, recipe)
        found.append(judged(bench, control, outputs))
        cost += Cost(0, sum(w.simulated_seconds for w in waveforms), sum(w.energy for w in waveforms))
    found.sort(key=lambda each: each.left)
    return replace(bench, first=tuple(each.control for each in found[: bench.study.training.starts]), cost=cost)


def _drawn(bench: Bench, count: int, purpose: bytes) -> Floats:
    """Random control settings of the whole range: [setting, control], V."""
    rng = np.random.default_rng((bench.study.training.seed, *purpose))
    return rng.uniform(*bench.recipe.control_range, (count, len(bench.dut.controls)))


def tables(bench: Bench, steps: int, jumps: int) -> int:
    """Tables of outputs that a training measured, from which as many random control settings are to choose.

    steps : of all starts; jumps : how many of them went to the best of some scouts, whose read-outs it paid for

    Settings that were read beforehand count, and those at which the electrodes were screened too, though maybe of fewer
    patterns: the training began at the best of them. What the screening spent on other electrodes doesn't: its own best
    of all is told beside it (`_screened`).
    """
    scouted = (bench.study.training.scouts - 1) * jumps
    screened = bench.screening["settings"] if bench.screening else 0
    return int(TABLES_A_STEP * steps + scouted + bench.study.training.best_of + screened)


def generalised(bench: Bench, best: Judged, settings: int) -> dict[str, Any]:
    """Result of a data set or a regression, with the keys of the JSON output.

    best : the setting that served the training patterns best; settings : random ones that it is compared with

    The read-out and its threshold are learned from the training patterns; those kept apart are measured once, at the
    end. Random control settings are judged in the same way. How much better the trained one does than each of the
    others is told with an interval of its own, since all answer the same patterns. Raises SimulationError where the
    device gives no result.
    """
    task = bench.task
    chance = _random(bench, settings)
    recipe, levels = bench.recipe, bench.study.task.levels
    outputs, _ = outputs_of(bench.dut, best.control, task.test_inputs(levels), recipe)
    by_chance, _ = outputs_of(bench.dut, chance.control, task.test_inputs(levels), recipe)
    count = len(best.control) + (1 + best.outputs[0].size) * task.wanted.shape[1]
    beside = {"logistic": linear(task), "digital": digital(task, count)}
    found: dict[str, Any] = {
        "labels": list(task.labels),
        "features": list(task.features),
        "train_patterns": len(task.classes),
        "test_patterns": len(task.test_classes),
        "features_clipped": task.clipped,
        "parameters": count,
        "random_settings": settings,
        "digital_parameters": None if beside["digital"] is None else beside["digital"].parameters,
    }
    trained, by_random = (
        _answers(task, setting, tested, recipe.target.noise)
        for setting, tested in ((best, outputs), (chance, by_chance))
    )
    found |= _trained_on(task, best) | _answered(task, trained)
    found |= {f"random_{key}": value for key, value in _trained_on(task, chance).items()}
    if seen := _screened(bench):
        by_screening, _ = outputs_of(bench.dut, seen.control, task.test_inputs(levels), recipe)
        found |= {f"screened_{key}": value for key, value in _trained_on(task, seen).items()}
        found |= _beside(task, "screened", trained, _answers(task, seen, by_screening, recipe.target.noise))
    others = {"random": by_random} | {name: None if each is None else each.answers for name, each in beside.items()}
    for name, answers in others.items():
        found |= _beside(task, name, trained, answers)
    if isinstance(bench.network, QuasistaticDevice) and bench.study.task.confirm:
        found["confirmed"] = _confirmed(bench, best, outputs)
    return found


def _answers(task: Task, setting: Judged, tested: Floats, noise: float) -> Floats:
    """What a setting says of the patterns kept apart [pattern], by a read-out learned from the others."""
    if not task.labels:
        readout, _ = fit(setting.outputs, task.wanted, noise)
        return np.asarray(readout.scores(tested)[:, 0])
    return Decision.learned(setting.outputs, task.classes, task.wanted, noise).decided(tested)


def _trained_on(task: Task, setting: Judged) -> dict[str, float]:
    return {"train_accuracy": setting.score} if task.labels else {"train_error": float(np.sqrt(1 - setting.score))}


def _beside(task: Task, name: str, trained: Floats, answers: Floats | None) -> dict[str, Any]:
    """Figures of another's answers, and by how much the trained network's are better; None where it has none."""
    if answers is None:
        return {f"{name}_test_accuracy" if task.labels else f"{name}_test_error": None}
    found = {f"{name}_{key}": value for key, value in _answered(task, answers).items()}
    if not task.labels:
        return found
    by, low, high = paired_difference(trained == task.test_classes, answers == task.test_classes)
    better = f"better_than_{name}"
    return found | {better: by, f"{better}_low": low, f"{better}_high": high}


def _answered(task: Task, answers: Floats) -> dict[str, Any]:
    """Figures of answers [pattern] to the patterns kept apart.

    `test_error` is the rms error over the standard deviation of the values: 1 for who always says their mean.
    """
    if not task.labels:
        return {"test_error": float(np.sqrt(np.mean((answers - task.test_classes) ** 2)) / task.test_classes.std())}
    right = int(np.sum(answers == task.test_classes))
    low, high = wilson(right, len(task.test_classes))
    return {"test_accuracy": right / len(task.test_classes), "test_accuracy_low": low, "test_accuracy_high": high}


def majority(task: Task) -> float:
    """Share of the patterns kept apart that the most frequent class among the training patterns gets right."""
    most = np.bincount(task.classes.astype(int)).argmax()
    return float(np.mean(task.test_classes == most))


def _screened(bench: Bench) -> Judged | None:
    """The best setting that the screening saw, of all choices of electrodes: what chance alone makes of its points."""
    if not bench.screening:
        return None
    control = np.array(bench.screening["first_controls"][0])
    return judged(bench, control, outputs_of(bench.dut, control, bench.recipe.inputs, bench.recipe)[0])


def _random(bench: Bench, settings: int) -> Judged:
    """The best of random control settings over the whole range, by the training patterns."""
    recipe = bench.recipe
    best: Judged | None = None
    for control in _drawn(bench, settings, b"random settings"):
        outputs, _ = outputs_of(bench.dut, control, recipe.inputs, recipe)
        found = judged(bench, control, outputs)
        best = found if found.beats(best) else best
    if best is None:
        raise ValueError("no random setting was asked for")
    return best


def decision_map(bench: Bench, best: Judged) -> dict[str, Any]:
    """What the setting answers over its two features, for `plot.data.decision_map`; nothing of other data.

    Raises SimulationError where the device gives no result.
    """
    task = bench.task
    distinct = tuple(dict.fromkeys(task.features))
    if len(distinct) != 2 or not task.labels:
        return {}
    grid = np.linspace(0, 1, MAP)
    places = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)  # [y by x, feature]
    own = [distinct.index(name) for name in task.features]
    inputs = task.voltages(places[:, own], bench.study.task.levels)
    outputs, _ = outputs_of(bench.dut, best.control, inputs, bench.recipe)
    decision = Decision.learned(best.outputs, task.classes, task.wanted, bench.recipe.target.noise)
    two = len(task.labels) == 2
    return {
        "features": list(distinct),
        "labels": list(task.labels),
        "grid": grid.tolist(),
        "decided": decision.decided(outputs).reshape(MAP, MAP).tolist(),
        "score": decision.readout.scores(outputs)[:, 0].reshape(MAP, MAP).tolist() if two else None,
        "threshold": decision.threshold if two else None,
        "bits": task.bits[:, [own.index(0), own.index(1)]].tolist(),
        "classes": task.classes.tolist(),
    }


def _confirmed(bench: Bench, best: Judged, tested: Floats) -> dict[str, Any]:
    """The same setting in ngspice: operating points of both tables, and the extraction of a few patterns.

    `accuracy` or `error` : of the patterns kept apart that were measured again, by the read-out learned before
    `largest_difference` : of an output between the engines, over the outputs' span
    `gradient_difference` : of a derivative at the last and the first setting, over the pattern's largest
    """
    task, recipe, count = bench.task, bench.recipe, bench.study.task.confirm
    levels = bench.study.task.levels
    with NgspiceDevice(bench.network.graph) as device:
        again, _ = outputs_of(device, best.control, task.test_inputs(levels)[:count], recipe)
        trained, _ = outputs_of(device, best.control, recipe.inputs[:count], recipe)
        both = np.concatenate([tested[:count], best.outputs[:count]])
        difference = np.abs(np.concatenate([again, trained]) - both).max() / np.ptp(both)
        few = recipe.inputs[:SHOWN]
        errors = []
        for control in (best.control, bench.control()):
            pair = [homodyne(dut, control, few, recipe.measurement) for dut in (device, bench.network)]
            simulated, composed = (np.array([e.jacobian for e in each]) for each in pair)
            errors.append(np.max(np.abs(simulated - composed) / np.abs(simulated).max(axis=1, keepdims=True)))
    short = replace(task, test_bits=task.test_bits[:count], test_classes=task.test_classes[:count])
    answered = _answered(short, _answers(short, best, again, recipe.target.noise))
    return {
        "patterns": len(again) + len(trained),
        "accuracy" if task.labels else "error": answered["test_accuracy" if task.labels else "test_error"],
        "largest_difference": float(difference),
        "gradient_difference": float(max(errors)),
    }
