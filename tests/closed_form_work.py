"""Trials for the tests of execution: closed-form ones that leave a trace, and some that misbehave when told to."""

import os
import signal
import time
from pathlib import Path

from hge_spice.benchmarks.closed_form import closed_form
from hge_spice.study.run.ledger import Outcome
from hge_spice.study.sweep.sampling import TrialSpec


def traced(trial: TrialSpec, out: Path) -> Outcome:
    """Name the trial in the file $HGE_TRACE when it starts, and write a folder for it."""
    descriptor = os.open(os.environ["HGE_TRACE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{trial.id}\n".encode())  # one write is whole, whatever is killed
    os.close(descriptor)
    outcome = closed_form(trial, out)
    folder = out / "trials" / trial.id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "note.txt").write_text(str(outcome.result["gap"]))
    return outcome


def slow(trial: TrialSpec, out: Path) -> Outcome:
    time.sleep(0.05)
    return traced(trial, out)


def dies_once(trial: TrialSpec, out: Path) -> Outcome:
    """Every tenth trial kills its process the first time."""
    seen = Path(os.environ["HGE_TRACE"]).read_text().split() if Path(os.environ["HGE_TRACE"]).exists() else []
    outcome = traced(trial, out)
    if trial.parameters["training.seed"] % 10 == 3 and trial.id not in seen:
        os.kill(os.getpid(), signal.SIGKILL)
    return outcome


def always_dies(trial: TrialSpec, out: Path) -> Outcome:
    if trial.parameters["training.seed"] == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return closed_form(trial, out)


def no_room(trial: TrialSpec, out: Path) -> Outcome:
    if trial.parameters["training.seed"] == 5:
        raise OSError(28, "No space left on device")
    return closed_form(trial, out)
