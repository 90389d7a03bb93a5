"""Trials on a Dask cluster: one that runs already, or one that the study's [cluster] starts.

No disk is shared with it: a trial's files come back with its result, and the run's own process writes them. A worker
that is lost costs nothing, since Dask runs its trials elsewhere.
"""

import itertools
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hge_spice.study.run.execute import Finished, Job, Rate, Started
from hge_spice.study.run.ledger import Outcome
from hge_spice.study.run.perform import Work, keeping, versions
from hge_spice.study.sweep.sampling import TrialSpec
from hge_spice.study.tables.running import Cluster
from hge_spice.study.text.files import StudyError

AHEAD = 3  # chunks per thread in flight: one at work, the next at hand, one on its way
JOIN = 30.0  # s to reach a scheduler


@contextmanager
def cluster(address: str | None, wanted: Cluster | None, versions: dict[str, str]) -> Iterator[Any]:
    """A Dask client of the scheduler at an address, or of a cluster started for this run and ended with it.

    Raises StudyError where it can't be had, or where a worker would compute with other versions than `versions`.
    """
    try:
        import distributed
    except ImportError as error:
        raise StudyError(f"a cluster needs dask and distributed: pip install distributed ({error})") from error
    with ExitStack() as stack:
        if address is not None:
            target: Any = address
        elif wanted is not None:
            target = stack.enter_context(_start(wanted))
        else:
            raise StudyError("name a scheduler, or write a [cluster] table")
        try:
            client = stack.enter_context(distributed.Client(target, timeout=JOIN, set_as_default=False))
        except (OSError, ValueError) as error:
            raise StudyError(f"no Dask scheduler answers at {address}: {error}") from error
        if address is not None and not client.nthreads():
            with suppress(TimeoutError):
                client.wait_for_workers(1, timeout=JOIN)
        _same_code(client, versions)
        yield client


def on_cluster(client: Any, jobs: Sequence[Job], out: Path, work: Work, started: Started) -> Finished:
    """Trials in chunks, a few ahead of the workers, so that scheduler and memory see few of them at a time.

    Raises what a trial raised that is no outcome.
    """
    import distributed

    waiting, suspects = deque(jobs), deque[Job]()
    rate = Rate()
    flying: dict[Any, list[Job]] = {}
    finished = distributed.as_completed(loop=client.loop)
    sent = itertools.count()

    def send() -> None:
        threads = max(sum(client.nthreads().values()), 1)
        while len(flying) < AHEAD * threads and (waiting or suspects):
            size = rate.size(len(waiting), threads * AHEAD)
            chunk = [suspects.popleft()] if suspects else [waiting.popleft() for _ in range(min(size, len(waiting)))]
            started([position for position, _ in chunk])
            key = f"trial-{chunk[0][1].id}-{next(sent)}"
            future = client.submit(_chunk, [trial for _, trial in chunk], work, key=key, pure=False)
            flying[future] = chunk
            finished.add(future)

    try:
        send()
        for future in finished:
            chunk = flying.pop(future)
            try:
                outcomes = future.result()
            except distributed.KilledWorker as error:
                if len(chunk) > 1:  # one of them is to blame; each for itself shows which
                    suspects.extend(chunk)
                    outcomes, chunk = [], []
                else:
                    outcomes = [Outcome(None, f"every worker that ran this trial was lost\n{error}", 0.0, {})]
            for (position, trial), outcome in zip(chunk, outcomes, strict=True):
                rate.saw(outcome.seconds)
                _unpack(out / "trials" / trial.id, outcome)
                yield position, replace(outcome, files={})
            future.release()
            send()
    finally:
        with suppress(Exception):  # the scheduler may be gone already
            client.cancel(list(flying), force=True)


def _chunk(trials: list[TrialSpec], work: Work) -> list[Outcome]:
    """On a worker: trials one after another in a directory that goes with them."""
    outcomes = []
    with keeping(work) as kept_work:
        for trial in trials:
            with tempfile.TemporaryDirectory(prefix="hge-spice-trial-") as home:
                outcome = kept_work(trial, Path(home))
                folder = Path(home) / "trials" / trial.id
                files = {p.name: p.read_bytes() for p in sorted(folder.iterdir())} if folder.is_dir() else {}
                outcomes.append(replace(outcome, files=files))
    return outcomes


def _unpack(folder: Path, outcome: Outcome) -> None:
    if not outcome.files:
        return
    partly = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partly, ignore_errors=True)
    partly.mkdir(parents=True)
    for name, content in outcome.files.items():
        (partly / Path(name).name).write_bytes(content)
    shutil.rmtree(folder, ignore_errors=True)
    partly.rename(folder)


def _same_code(client: Any, ours: dict[str, str]) -> None:
    try:
        theirs = client.run(versions)
    except Exception as error:
        raise StudyError(f"the workers can't import hge_spice; install the same version there: {error}") from error
    for worker, found in theirs.items():
        for name, version in ours.items():
            if found.get(name) != version:
                raise StudyError(f"worker {worker} has {name} {found.get(name)}, this run {version}; install the same")


@contextmanager
def _start(wanted: Cluster) -> Iterator[Any]:
    if wanted.kind == "local":
        from distributed import LocalCluster

        # dashboard_address: left out, or None, its server listens to the world, at a port that another may have
        with LocalCluster(
            n_workers=wanted.workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as started:
            yield started
        return
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise StudyError("[cluster] kind = \"slurm\" needs dask-jobqueue: pip install 'hge-spice[slurm]'") from error
    with SLURMCluster(
        queue=wanted.queue,
        account=wanted.account,
        cores=wanted.cores,
        processes=wanted.cores,
        memory=wanted.memory,
        walltime=wanted.walltime,
        job_extra_directives=list(wanted.directives),
    ) as started:
        started.scale(n=wanted.workers)
        yield started
