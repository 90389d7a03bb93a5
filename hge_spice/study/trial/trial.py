"""One trial: a study without sweeps becomes a result and a folder of what it was made of."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hge_spice.drive import Floats
from hge_spice.ngspice.kept import Kept
from hge_spice.study.bench.bench import Bench
from hge_spice.study.bench.journal import Journal
from hge_spice.study.beside.generalise import begun_at_the_best
from hge_spice.study.beside.signoff import signed_off
from hge_spice.study.tables.spec import Study
from hge_spice.study.trial.circuit import learn
from hge_spice.study.trial.learned import Trained, follow
from hge_spice.study.trial.result import result_of
from hge_spice.train import Step, train

Stepped = Callable[[int, Step], None]  # start, step
Screening = Callable[[int, int], None]  # points done, of how many


def run_starts(bench: Bench, directory: Path) -> Iterator[Trained]:
    """Starts in order, each from its own control setting, until one is solved with the margin asked for."""
    if bench.study.training.where == "circuit":
        yield from _run_circuits(bench, directory)
        return
    cost = bench.cost
    training = bench.study.training
    for start in range(training.starts):
        seed = (training.seed, start, *b"batches")
        reached = False
        for step in train(bench.dut, bench.control(start), bench.recipe, training.steps, seed):
            cost += step.cost
            reached = bench.recipe.reached(step.margin)
            yield Trained(start, step, cost)
        if reached:
            return


def _run_circuits(bench: Bench, directory: Path) -> Iterator[Trained]:
    """The same, each start a circuit that learns by itself."""
    cost = bench.cost
    for start in range(bench.study.training.starts):
        for epoch in learn(bench, start, directory):
            cost += epoch.step.cost
            beside = {f"loop.{name}": v for name, v in zip(bench.dut.controls, epoch.loop, strict=True)}
            beside |= {"circuit_solved": float(epoch.solved), "loop_solved": float(epoch.loop_solved)}
            for p, row in enumerate(epoch.truth):
                beside |= {f"truth.{p}.{name}": v for name, v in zip(bench.dut.controls, row, strict=True)}
            yield Trained(start, epoch.step, cost, beside)
        if epoch.step.margin.solved:
            return


def run_trial(
    study: Study,
    directory: Path,
    progress: Stepped = lambda _start, _step: None,
    workers: int = 1,
    screened: Screening = lambda _done, _total: None,
    journal: Journal | None = None,
    nominal: Floats | None = None,
    kept: Kept | None = None,
) -> dict[str, Any]:
    """Train, write the trial's folder, return its result with the keys of the JSON output.

    workers : ngspice processes that share a step's patterns; journal : of a run of it that may have been killed
    nominal : [control], V, trained at the nominal point, where this is one of a sign-off
    kept : circuits that stay loaded from one trial to the next
    progress : told of every training step; screened : told how the choice of electrodes goes on

    Raises ValueError for a study that can't be built, SimulationError, NgspiceNotFound, OSError.
    """
    began = time.perf_counter()
    directory.mkdir(parents=True, exist_ok=True)
    with Bench.of(study, workers, screened, journal, kept, nominal) as built:
        bench = begun_at_the_best(built)
        signed = {} if nominal is None else signed_off(bench, nominal)
        if "stopped" in signed:
            spent = {"seconds": time.perf_counter() - began, "solver_seconds": bench.pool.solver_seconds}
            return signed | {"solved": False} | spent
        learned = follow(bench, run_starts(bench, directory), directory, progress)
        result = result_of(bench, learned, directory, signed, began, workers)
        return result | ({} if nominal is None else {"solver_seconds": bench.pool.solver_seconds})
