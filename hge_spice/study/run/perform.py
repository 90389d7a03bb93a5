"""One trial from its spec to an outcome, with a folder that is whole or absent, wherever it runs."""

import os
import platform
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

from hge_spice.drive import SimulationError
from hge_spice.ngspice.kept import Kept
from hge_spice.ngspice.library import NgspiceNotFound
from hge_spice.study.bench.journal import Journal
from hge_spice.study.beside.signoff import nominal_point
from hge_spice.study.run.ledger import Outcome
from hge_spice.study.sweep.sampling import TrialSpec
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.trial.trial import Screening, Stepped, run_trial

Work = Callable[[TrialSpec, Path], Outcome]  # one trial, its files under the directory

RECORDED = ("hge-spice", "PySpice", "numpy", "scipy", "networkx")
WORTH_WRITING = 1.0  # s of a trial; what a kill takes of a shorter one is sooner made again
OF_THE_REPORT = ("steps.parquet", "gradient.json", "graph.json", "waveform.raw", "decision_map.json", "circuit.json")


def perform(
    trial: TrialSpec,
    out: Path,
    progress: Stepped = lambda _start, _step: None,
    workers: int = 1,
    screened: Screening = lambda _done, _total: None,
    kept: Kept | None = None,
) -> Outcome:
    """Run one trial into out/trials/<id>; one that was killed goes on from where it was.

    kept : circuits that stay loaded from one trial to the next
    Raises OSError where that can't be written, NgspiceNotFound.
    """
    began = time.perf_counter()
    study = parse_study(trial.raw)
    folder = out / "trials" / trial.id
    partly = folder.with_name(f"{trial.id}.part-{os.getpid()}")  # no other process writes there
    result, reason = None, ""
    record = folder.with_name(f"{trial.id}.journal")
    record.parent.mkdir(parents=True, exist_ok=True)
    try:
        nominal = nominal_point(trial.base, kept) if study.corners is not None else None
        held = None if nominal is None else nominal.control
        with Journal(record, {"trial": trial.id, **versions()}, WORTH_WRITING) as journal:
            result = run_trial(study, partly, progress, workers, screened, journal, held, kept)
        if nominal is not None:
            result["nominal_solved"] = nominal.solved
    except (SimulationError, ValueError) as error:
        reason = str(error)
    except (OSError, NgspiceNotFound):  # no trial could run
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this trial's, and the sweep goes on
        reason = f"a defect of hge-spice: {type(error).__name__}: {error}\n{traceback.format_exc()}"
    shown = OF_THE_REPORT if study.results.keep == "report" else ()
    if study.results.keep != "all":
        for path in partly.iterdir() if partly.is_dir() else ():
            if path.name not in shown:
                path.unlink()
    if partly.is_dir() and any(partly.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)
        partly.rename(folder)
    else:
        shutil.rmtree(partly, ignore_errors=True)
    record.unlink(missing_ok=True)  # an interrupted trial leaves it, and goes on from there
    return Outcome(result, reason, time.perf_counter() - began, dict(versions()))


@contextmanager
def keeping(work: Work) -> Iterator[Work]:
    """The same work with circuits that stay loaded until all trials of a process are done."""
    if work is not perform:
        yield work
        return
    with Kept() as kept:
        yield partial(perform, kept=kept)


@cache
def versions() -> MappingProxyType[str, str]:
    """What a result depends on, by name."""
    found = {"python": platform.python_version()} | {name: version(name) for name in RECORDED}
    return MappingProxyType(found)
