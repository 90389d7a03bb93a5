"""How long a trial takes, measured in a bounded time: the whole of it, some of its steps, or some of their patterns."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hge_spice.drive import SimulationError
from hge_spice.study.bench.bench import Bench
from hge_spice.study.bench.network import build_graph, electrode_names
from hge_spice.study.bench.screening import choose, provisional
from hge_spice.study.beside.generalise import tables
from hge_spice.study.beside.signoff import examined
from hge_spice.study.run.perform import perform
from hge_spice.study.sweep.sampling import TrialSpec
from hge_spice.study.tables.spec import Study, parse_study
from hge_spice.study.trial.circuit import learn
from hge_spice.train import Step, extract, outputs_of

BOUND = 8.0  # s that are spent on an estimate, building and the last measurement of each kind apart
SHARE = 0.3  # of it for a part: the screening, the patterns of a step
WHOLE = "a trial"
CHEAP = 0.2  # of it that a step may take for whole steps to be tried


@dataclass(frozen=True)
class Estimate:
    """Of one trial.

    seconds : of a trial like this one, or with every step and start that it may take
    measured : what was measured, in words; "a trial" where it was run to its end
    least, where : s that it takes at the least, and in which case, in words; "" where there is no such case
    """

    seconds: float
    measured: str
    least: float
    where: str = ""

    @property
    def whole(self) -> bool:
        """Whether the trial was run to its end."""
        return self.measured == WHOLE


class _TimeIsUpError(Exception):
    """The time is up. It is raised from within a callback that is told of progress."""


@dataclass
class _Part:
    """What a part takes in all, s, and what of it was measured."""

    seconds: float
    measured: str = ""


def estimate(trial: TrialSpec, home: Path, workers: int = 1, bound: float = BOUND) -> Estimate:
    """Measure what a trial takes, for about `bound` seconds, and extrapolate to the steps and starts it may take.

    home : a directory for its files, to be thrown away; workers : ngspice processes that share a step's patterns

    A trial whose steps are short is run as it is, until it ends or the time is up. Of others some patterns of a step
    are measured. Raises ValueError for a study that can't be built, NgspiceNotFound, SimulationError.
    """
    study = parse_study(trial.raw)
    if study.training.where == "circuit":
        return _of_circuit(study, home)
    study, screening = _screening(study, SHARE * bound)
    began = time.perf_counter()
    with Bench.of(study, workers) as bench:
        built = time.perf_counter() - began
        parts = _of_steps(bench, SHARE * bound)
        if study.corners is not None:
            return _of_corner(bench, screening.seconds + built, parts)
    if screening.measured or parts.step > CHEAP * bound:
        return _at_most(bench, parts, screening, built)
    return _run(trial, home, workers, bound, study.training.starts * study.training.steps)


def _screening(study: Study, bound: float) -> tuple[Study, _Part]:
    """The study with its electrodes named, by the screening if it ends in time, and what the screening takes."""
    if study.electrodes.roles != "screen":
        return study, _Part(0.0)
    names, began = electrode_names(study), time.perf_counter()
    whole = share = 0.0

    def told(done: int, total: int) -> None:
        nonlocal whole, share
        spent = time.perf_counter() - began
        whole, share = spent * total / done, done / total
        if spent > bound and done < total:
            raise _TimeIsUpError

    try:
        return choose(study, build_graph, names, told).study, _Part(time.perf_counter() - began)
    except _TimeIsUpError:
        return provisional(study, names), _Part(whole, f"{100 * share:.2g} % of the screening")


@dataclass(frozen=True)
class _Steps:
    """What was found of steps: patterns measured, s of an extraction and of a read-out of one, s of a step."""

    patterns: int
    readout: float
    step: float


def _of_steps(bench: Bench, bound: float) -> _Steps:
    """Measure the extraction and read-out of ever more patterns, the last time of all or when the time is up."""
    recipe, control = bench.recipe, bench.control()
    most = len(recipe.inputs)
    began, count = time.perf_counter(), 1
    while True:
        few = recipe.only(np.arange(count))
        started = time.perf_counter()
        extract(bench.dut, control, few)
        between = time.perf_counter()
        outputs_of(bench.dut, control, few.inputs, few)
        extraction, readout = (between - started) / count, (time.perf_counter() - between) / count
        if count == most or time.perf_counter() - began > bound:
            break
        count = min(2 * count, most)
    taken = most if recipe.batch is None else min(recipe.batch, most)
    step = taken * extraction + most * readout / recipe.steps_per_epoch
    return _Steps(count, readout, step)


def _at_most(bench: Bench, parts: _Steps, screening: _Part, built: float) -> Estimate:
    """From the patterns of a step: to all steps of all starts, and to what a data set is held against afterwards."""
    training, patterns = bench.study.training, len(bench.recipe.inputs)
    steps = training.starts * training.steps
    beside = 0.0
    if not bench.task.exact:  # random settings, as many as the training measured, and the patterns kept apart
        beside = parts.readout * (tables(bench, steps, 0) * patterns + 3 * len(bench.task.test_classes))
    measured = (*filter(None, [screening.measured]), f"{parts.patterns} of {patterns} patterns of a step")
    fixed = screening.seconds + built
    seconds = fixed + steps * parts.step + beside
    if not bench.task.exact:
        return Estimate(seconds, " and ".join(measured), seconds)
    return Estimate(seconds, " and ".join(measured), fixed + parts.step, "its first step solves it")


def _of_corner(bench: Bench, fixed: float, parts: _Steps) -> Estimate:
    """A point of a sign-off: what misses the cheap checks isn't trained, others from the nominal controls and anew."""
    training = bench.study.training
    began = time.perf_counter()
    with suppress(SimulationError):  # elsewhere than at the nominal controls it may fail, and has taken its time
        examined(bench, bench.control())
    least = fixed + time.perf_counter() - began
    steps = (1 + training.starts) * training.steps
    measured = f"the checks of a point and {parts.patterns} of {len(bench.recipe.inputs)} patterns of a step"
    return Estimate(least + steps * parts.step, measured, least, "it misses a cheap check")


def _of_circuit(study: Study, home: Path) -> Estimate:
    """A circuit's epochs: two short runs, whose difference is what an epoch takes."""
    spent = []
    for epochs in (few := (1, 3)):
        training = study.training.model_copy(update={"steps": epochs, "starts": 1})
        began = time.perf_counter()
        with Bench.of(study.model_copy(update={"training": training})) as bench:
            folder = home / str(epochs)
            folder.mkdir()
            learn(bench, 0, folder)
        spent.append(time.perf_counter() - began)
    epoch = max(spent[1] - spent[0], 0.0) / (few[1] - few[0])
    one = spent[0] + epoch * (study.training.steps - few[0])
    return Estimate(study.training.starts * one, f"{sum(few)} epochs", one, "its first start is solved")


def _run(trial: TrialSpec, home: Path, workers: int, bound: float, most: int) -> Estimate:
    """The trial as it is, until it ends or the time is up after a step; most : steps of all starts."""
    began, taken = time.perf_counter(), 0
    first = 0.0

    def told(_start: int, _step: Step) -> None:
        nonlocal taken, first
        taken += 1
        spent = time.perf_counter() - began
        first = first or spent
        if spent > bound and taken < most:
            raise _TimeIsUpError

    try:
        found = perform(trial, home, told, workers)
    except _TimeIsUpError:
        seconds = (time.perf_counter() - began) * most / taken
        return Estimate(seconds, f"{taken} steps", first, "its first step solves it")
    if found.result is None:
        raise ValueError(found.reason)
    return Estimate(found.seconds, WHOLE, found.seconds)
