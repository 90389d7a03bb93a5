"""Running a study: its trials in order or side by side, into one directory that can be resumed."""

import multiprocessing
import os
import platform
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from hge_spice.drive import SimulationError
from hge_spice.study.bench import check
from hge_spice.study.ledger import Ledger
from hge_spice.study.sampling import TrialSpec, trials
from hge_spice.study.spec import StudyError, StudyText, dump, parse_study
from hge_spice.study.trial import run_trial
from hge_spice.train import Step

RECORDED = ("hge-spice", "PySpice", "numpy", "scipy", "networkx")


@dataclass(frozen=True)
class Watch:
    """What a caller is told while a study runs.

    started, finished : position of the trial; stepped : position, start, step (only where trials run one at a time)
    """

    started: Callable[[int], None] = lambda _: None
    stepped: Callable[[int, int, Step], None] = lambda _position, _start, _step: None
    finished: Callable[[int], None] = lambda _: None


def plan_study(raw: StudyText) -> list[TrialSpec]:
    """Every trial of a study, each checked as far as can be without simulating. Raises StudyError."""
    planned = trials(raw)
    for trial in planned:
        study = parse_study(trial.raw)
        try:
            check(study)
        except ValueError as error:
            raise StudyError(str(error)) from error
    return planned


def run_study(
    raw: StudyText, out: Path, *, jobs: int = 1, resume: bool = False, watch: Watch | None = None
) -> dict[str, Any]:
    """Run all trials that are not done, return the JSON summary.

    jobs : ngspice processes at work: one per trial where there are several, else they share a trial's patterns;
        results don't depend on it
    resume : go on in a directory that holds this study; without it a directory that isn't empty is refused

    A failed trial is a row with a reason. Raises StudyError (also: directory in use, another study in it), OSError,
    KeyboardInterrupt; what finished before stays.
    """
    began = time.perf_counter()
    watch = watch or Watch()
    planned = plan_study(raw)
    text = dump(raw)
    _claim(out, text, resume=resume)
    with Ledger(out) as ledger:
        (out / "study.toml").write_text(text)
        for position, trial in enumerate(planned):
            ledger.add(trial.id, position, trial.parameters, parse_study(trial.raw).training.seed)
        done = ledger.done()
        todo = [(position, trial) for position, trial in enumerate(planned) if trial.id not in done]
        try:
            for position, outcome in _outcomes(todo, out, jobs, watch, ledger):
                trial = planned[position]
                if isinstance(outcome.result, dict):
                    ledger.finish(trial.id, outcome.result, outcome.seconds, versions())
                else:
                    ledger.fail(trial.id, outcome.result, outcome.seconds, versions())
                watch.finished(position)
        finally:
            _write_tables(ledger, out)
        rows = {row["id"]: row for row in ledger.rows()}
    return _summary(raw, out, [rows[trial.id] for trial in planned], time.perf_counter() - began)


def versions() -> dict[str, str]:
    """What a result depends on, by name."""
    return {"python": platform.python_version()} | {name: version(name) for name in RECORDED}


@dataclass(frozen=True)
class _Outcome:
    result: dict[str, Any] | str  # the trial's result, or why there is none
    seconds: float


def _outcomes(
    todo: Sequence[tuple[int, TrialSpec]], out: Path, jobs: int, watch: Watch, ledger: Ledger
) -> Iterator[tuple[int, _Outcome]]:
    if jobs <= 1 or len(todo) <= 1:
        for position, trial in todo:
            ledger.start(trial.id)
            watch.started(position)
            yield position, _work(trial, out, partial(watch.stepped, position), jobs)
        return
    context = multiprocessing.get_context("spawn")  # a fork would share this process's ngspice binding and threads
    with ProcessPoolExecutor(min(jobs, len(todo)), context, _ignore_interrupt) as pool:
        waiting: dict[Future[_Outcome], int] = {}
        for position, trial in todo:
            ledger.start(trial.id)
            watch.started(position)
            waiting[pool.submit(_work, trial, out)] = position
        try:
            for future in as_completed(waiting):
                try:
                    yield waiting[future], future.result()
                except BrokenProcessPool:
                    yield waiting[future], _Outcome("the trial's process ended without a word", 0.0)
        except BaseException:
            for child in multiprocessing.active_children():
                child.kill()  # its ngspice notices within half a second and cleans up after itself
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides


def _work(
    trial: TrialSpec, out: Path, progress: Callable[[int, Step], None] = lambda _start, _step: None, workers: int = 1
) -> _Outcome:
    began = time.perf_counter()
    try:
        result = run_trial(parse_study(trial.raw), out / "trials" / trial.id, progress, workers)
    except (SimulationError, ValueError) as error:
        return _Outcome(str(error), time.perf_counter() - began)
    return _Outcome(result, time.perf_counter() - began)


def _claim(out: Path, text: str, *, resume: bool) -> None:
    before = out / "study.toml"
    if out.exists() and not out.is_dir():
        raise StudyError(f"--out {out} is a file; name a directory")
    if out.is_dir() and any(out.iterdir()):
        if not resume:
            raise StudyError(f"--out {out} is not empty; go on in it with --resume, or name another directory")
        if before.is_file() and before.read_text() != text:
            raise StudyError(f"--out {out} holds another study than this one; name another directory")
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise PermissionError(f"--out {out} can't be written")


def _write_tables(ledger: Ledger, out: Path) -> None:
    """results.csv and results.parquet: a line per trial, scalars as they are, lists by element."""
    lines = []
    for row in ledger.rows():
        line: dict[str, Any] = {"id": row["id"], "status": row["status"], "reason": row["reason"], "seed": row["seed"]}
        line |= row["parameters"]
        for key, value in row["result"].items():
            if isinstance(value, list):
                line |= {f"{key}.{k}": element for k, element in enumerate(value)}
            elif isinstance(value, dict):
                line |= {f"{key}.{name}": element for name, element in value.items()}
            else:
                line[key] = value
        lines.append(line)
    table = pd.DataFrame(lines)
    for column in table.columns[[kind.kind == "O" for kind in table.dtypes]]:
        table[column] = table[column].map(lambda v: v if v is None or isinstance(v, str) else str(v))
    table.to_csv(out / "results.csv", index=False)
    table.to_parquet(out / "results.parquet", index=False)


def _summary(raw: StudyText, out: Path, rows: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    count = {status: sum(row["status"] == status for row in rows) for status in ("done", "failed")}
    results = [
        row["parameters"] | {"id": row["id"], "status": row["status"], "reason": row["reason"]} | row["result"]
        for row in rows
    ]
    return {
        "study": raw.get("title", ""),
        "out": str(out),
        "trials": {"total": len(rows), **count},
        "seconds": seconds,
        "results": results,
    }
