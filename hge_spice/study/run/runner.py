"""Running a study: its trials wherever they run, into one directory that can be resumed from any moment."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hge_spice.ngspice.kept import Kept
from hge_spice.study.run.execute import Finished, Job, Started, in_processes, in_this_process
from hge_spice.study.run.ledger import DATABASE, DirectoryInUse, Ledger, Outcome, holder, require_ledger
from hge_spice.study.run.perform import Work, perform, versions
from hge_spice.study.run.plan import Planned, plan_study
from hge_spice.study.run.result_tables import write_tables
from hge_spice.study.sweep.refine import refined, refinement
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, StudyText, dump
from hge_spice.train import Step

AT_ONCE = 10_000  # trials up to which an interrupted run still writes its tables within its two seconds
BATCH_SECONDS = 0.5  # of results in one transaction at most: what a kill may cost, in computing


@dataclass(frozen=True)
class Watch:
    """What a caller is told while a study runs.

    planned : trials in all and done already; again where refinement adds some
    started : position of the trial; finished : position, outcome
    stepped : position, start, step; screened : position, points done, of how many, while electrodes are chosen (both
    only where trials run one at a time)
    """

    planned: Callable[[int, int], None] = lambda _total, _done: None
    started: Callable[[int], None] = lambda _: None
    stepped: Callable[[int, int, Step], None] = lambda _position, _start, _step: None
    screened: Callable[[int, int, int], None] = lambda _position, _done, _total: None
    finished: Callable[[int, Outcome], None] = lambda _position, _outcome: None


@dataclass(frozen=True)
class Where:
    """Where trials run; results don't depend on it.

    jobs : processes at work here: one per trial where there are several, else they share a trial's patterns
    scheduler : address of a running Dask scheduler, which takes all trials
    """

    jobs: int = 1
    scheduler: str | None = None


def run_study(
    raw: StudyText,
    out: Path,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    resume: bool = False,
    planned: Sequence[Planned] | None = None,
    reuse: Sequence[Path] = (),
    watch: Watch | None = None,
    work: Work = perform,
) -> dict[str, Any]:
    """Run all trials that are not done, return the JSON summary.

    jobs, scheduler : see Where
    resume : go on in a directory that holds this study; without it a directory that isn't empty is refused
    planned : what plan_study gave for it, all of them unless given
    reuse : directories of other runs, whose finished trials are taken over
    work : what a trial is; another function than `perform` must be importable where it runs

    A failed trial is a row with a reason. Raises StudyError (also: directory in use, another study in it), OSError,
    KeyboardInterrupt; what finished before stays.
    """
    began = time.perf_counter()
    watch = watch or Watch()
    planned = plan_study(raw) if planned is None else planned
    text = dump(raw)
    for directory in reuse:  # before there is a directory that --resume would have to name
        require_ledger(directory)
    _claim(out, text, resume=resume)
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger(out))
        _write_whole(out / "study.toml", text)
        for leftover in (out / "trials").glob("*.part*"):
            shutil.rmtree(leftover, ignore_errors=True)
        execute = _executor(stack, planned[0].trial.raw, out, Where(jobs, scheduler), watch, work)
        try:
            planned = _in_rounds(raw, planned, ledger, partial(_run, ledger, out, reuse, execute, watch))
        except BaseException:
            if len(planned) <= AT_ONCE:
                write_tables(ledger, out)
            raise
        write_tables(ledger, out)
        ids = {each.trial.id for each in planned}
        rows = [row for row in ledger if row["id"] in ids]
    return _summary(raw, out, rows, time.perf_counter() - began)


def _in_rounds(
    raw: StudyText, planned: Sequence[Planned], ledger: Ledger, run: Callable[[Sequence[Planned], int], None]
) -> Sequence[Planned]:
    """Run what is planned, then what refinement adds, round by round; returns all that was run."""
    run(planned, len(planned))
    rule = refinement(raw)
    if rule is None:
        return planned
    for _ in range(rule.rounds):
        rows = {row["id"]: row for row in ledger}
        found = list(refined(rule, planned[0].trial.base, [rows[each.trial.id] for each in planned]))
        if not found:
            break
        fresh = [Planned(len(planned) + k, trial, study.training.seed) for k, (trial, study) in enumerate(found)]
        planned = [*planned, *fresh]
        run(fresh, len(planned))
    return planned


Execute = Callable[[Sequence[Job], Started], Finished]


def _executor(stack: ExitStack, first: StudyText, out: Path, where: Where, watch: Watch, work: Work) -> Execute:
    wanted = parse_study(first).cluster
    if where.scheduler is not None or wanted is not None:
        from hge_spice.study.run.cluster import cluster, on_cluster  # noqa: PLC0415 - Dask takes a second to import

        client = stack.enter_context(cluster(where.scheduler, wanted, dict(versions())))
        return lambda jobs, started: on_cluster(client, jobs, out, work, started)

    def here(jobs: Sequence[Job], started: Started) -> Finished:
        if where.jobs > 1 and len(jobs) > 1:
            return in_processes(jobs, out, work, started, where.jobs)
        if work is not perform:
            return in_this_process(jobs, out, work, started)
        return _stepwise(jobs, out, started, watch, where.jobs)

    return here


def _stepwise(jobs: Sequence[Job], out: Path, started: Started, watch: Watch, workers: int) -> Finished:
    """In this process, with word of every training step, a trial's patterns shared by the workers."""
    with Kept() as kept:
        for position, trial in jobs:
            stepped, screened = partial(watch.stepped, position), partial(watch.screened, position)
            told = partial(perform, progress=stepped, workers=workers, screened=screened, kept=kept)
            yield from in_this_process([(position, trial)], out, told, started)


def _run(
    ledger: Ledger,
    out: Path,
    reuse: Sequence[Path],
    execute: Execute,
    watch: Watch,
    planned: Sequence[Planned],
    total: int,
) -> None:
    with ledger.batch():
        for each in planned:
            ledger.add(each.trial.id, each.position, each.trial.parameters, each.seed)
        for directory in reuse:
            _take_over(ledger, directory, out, [each.trial.id for each in planned])
    done = ledger.done()
    ids = {each.position: each.trial.id for each in planned}
    todo = [(each.position, each.trial) for each in planned if each.trial.id not in done]
    watch.planned(total, total - len(todo))
    writer = _Writer(ledger, ids)

    def started(positions: Sequence[int]) -> None:
        writer.flush()
        with ledger.batch():
            for position in positions:
                ledger.start(ids[position])
        for position in positions:
            watch.started(position)

    try:
        for position, outcome in execute(todo, started):
            writer.add(position, outcome)
            watch.finished(position, outcome)
    finally:
        writer.flush()


class _Writer:
    """Outcomes on their way to the ledger: a slow trial's at once, quick ones' together."""

    def __init__(self, ledger: Ledger, ids: dict[int, str]) -> None:
        self._ledger, self._ids = ledger, ids
        self._held: list[tuple[int, Outcome]] = []
        self._worth = 0.0

    def add(self, position: int, outcome: Outcome) -> None:
        self._held.append((position, outcome))
        self._worth += outcome.seconds
        if self._worth >= BATCH_SECONDS:
            self.flush()

    def flush(self) -> None:
        if not self._held:
            return
        held, self._held, self._worth = self._held, [], 0.0
        with self._ledger.batch():
            for position, outcome in held:
                self._ledger.record(self._ids[position], outcome)


def _take_over(ledger: Ledger, directory: Path, out: Path, wanted: Sequence[str]) -> None:
    for name in ledger.reuse(directory, wanted, versions()):
        source, target = directory / "trials" / name, out / "trials" / name
        if source.is_dir() and not target.exists():
            partly = target.with_name(f"{name}.part-{os.getpid()}")  # as `perform` has it: whole or absent
            shutil.rmtree(partly, ignore_errors=True)
            shutil.copytree(source, partly)
            partly.rename(target)


def _claim(out: Path, text: str, *, resume: bool) -> None:
    before = out / "study.toml"
    if out.exists() and not out.is_dir():
        raise StudyError(f"--out {out} is a file; name a directory")
    if out.is_dir() and any(out.iterdir()):
        if (other := holder(out)) is not None:
            raise DirectoryInUse(f"{out} is being written by {other}; wait for it, or choose another --out")
        if not resume:
            raise StudyError(f"--out {out} is not empty; go on in it with --resume, or name another directory")
        if not before.is_file() and not (out / DATABASE).is_file():
            raise StudyError(f"--out {out} is not empty and holds no run to go on in; name another directory")
        if before.is_file() and before.read_bytes() != text.encode():
            raise StudyError(f"--out {out} holds another study than this one; name another directory")
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise PermissionError(f"--out {out} can't be written")


def _write_whole(path: Path, text: str) -> None:
    partly = path.with_name(f"{path.name}.part")
    partly.write_bytes(text.encode())
    partly.replace(path)


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
