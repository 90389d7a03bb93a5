"""Where trials run on this machine: in this process, or in several whose loss costs nothing but the trial they had.

An executor takes the trials still to do and yields (position, outcome) as they finish. Trials are pure, so results are
the same bit for bit whichever runs them and in whatever order.
"""

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from hge_spice.study.run.ledger import Outcome
from hge_spice.study.run.perform import Work, keeping
from hge_spice.study.sweep.sampling import TrialSpec

Job = tuple[int, TrialSpec]  # position and trial
Finished = Iterator[tuple[int, Outcome]]
Started = Callable[[Sequence[int]], None]

CHUNK_SECONDS = 0.2  # of work sent at once: a message costs less than a hundredth of it
LONGEST_CHUNK = 256  # trials
TRIES = 3  # times that a trial may take its process with it before it counts as failed


def in_this_process(jobs: Sequence[Job], out: Path, work: Work, started: Started) -> Finished:
    """One after another."""
    for position, trial in jobs:
        started([position])
        yield position, work(trial, out)


def in_processes(jobs: Sequence[Job], out: Path, work: Work, started: Started, count: int) -> Finished:
    """Side by side in `count` processes, in chunks that last about CHUNK_SECONDS, each outcome sent as it is there.

    A process that dies is replaced and its unfinished trials run again; one that was alone in dying TRIES times is a
    failed trial. Raises what a trial raised that is no outcome, such as OSError.
    """
    crew = _Crew(deque(jobs), out, work, started)
    try:
        for _ in range(min(count, len(jobs))):
            crew.hire()
        while busy := [worker for worker in crew.workers if worker.has]:
            ready = wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection in ready and (finished := crew.hear(worker)) is not None:
                    yield finished
    finally:
        for worker in crew.workers:
            worker.end()


@dataclass
class Rate:
    """How long a trial takes, as seen lately."""

    seconds: float = 0.0
    seen: int = 0

    def saw(self, seconds: float) -> None:
        """Count a trial that took so many s into the running mean over the last 50."""
        self.seen += 1
        self.seconds += (seconds - self.seconds) / min(self.seen, 50)

    def size(self, left: int, workers: int) -> int:
        """Trials to send: few enough that the last are shared by all."""
        if not self.seen:
            return 1
        wanted = CHUNK_SECONDS / max(self.seconds, 1e-6)
        return max(1, min(int(wanted), left // (2 * workers), LONGEST_CHUNK))


@dataclass
class _Worker:
    out: Path
    work: Work
    has: deque[Job] = field(default_factory=deque)

    def __post_init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share this process's ngspice binding and threads
        self.connection, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_serve, args=(theirs, self.out, self.work), daemon=False)
        self._process.start()
        theirs.close()

    def give(self, chunk: list[Job]) -> None:
        self.has.extend(chunk)
        with suppress(OSError):  # it died meanwhile; the next look at it says so
            self.connection.send([trial for _, trial in chunk])

    def end(self) -> str:
        """Kill it; its ngspice notices within half a second and cleans up after itself. Returns how it had ended."""
        self.connection.close()
        if self.has or self._process.exitcode is not None:
            self._process.kill()
        self._process.join(1.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        code = self._process.exitcode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


@dataclass
class _Crew:
    """The processes at work and the trials still to give them."""

    waiting: deque[Job]
    out: Path
    work: Work
    started: Started
    workers: list[_Worker] = field(default_factory=list)
    rate: Rate = field(default_factory=Rate)
    lost: Counter[int] = field(default_factory=Counter)

    def hire(self) -> None:
        worker = _Worker(self.out, self.work)
        self.workers.append(worker)
        self.feed(worker)

    def feed(self, worker: _Worker) -> None:
        """Give an idle worker the next chunk; after a loss one trial at a time, so that the next has one suspect."""
        size = 1 if self.lost else self.rate.size(len(self.waiting), len(self.workers))
        chunk = [self.waiting.popleft() for _ in range(min(size, len(self.waiting)))]
        if chunk:
            self.started([position for position, _ in chunk])
            worker.give(chunk)

    def hear(self, worker: _Worker) -> tuple[int, Outcome] | None:
        """What a worker has to say: an outcome, or nothing where its trial is to be run again."""
        try:
            said = worker.connection.recv()
        except (EOFError, OSError):
            return self.replace(worker)
        if isinstance(said, BaseException):
            raise said
        position, _ = worker.has.popleft()
        self.rate.saw(said.seconds)
        if not worker.has:
            self.feed(worker)
        return position, said

    def replace(self, worker: _Worker) -> tuple[int, Outcome] | None:
        """A fresh process for one that died; what it had goes to the front, or has failed if that was the last try."""
        how = worker.end()
        self.workers.remove(worker)
        position, _ = worker.has[0]
        self.lost[position] += 1
        given_up = self.lost[position] >= TRIES
        self.waiting.extendleft(reversed(list(worker.has)[given_up:]))
        self.hire()
        for idle in self.workers:
            if not idle.has:
                self.feed(idle)
        if not given_up:
            return None
        return position, Outcome(None, f"the trial's process ended with {how}, {TRIES} times", 0.0, {})


def _serve(connection: Connection, out: Path, work: Work) -> None:
    """A worker process: trials in, outcomes back, until the parent closes or is gone."""
    for number in (signal.SIGINT, signal.SIGHUP):  # the parent decides
        signal.signal(number, signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:  # nobody would hear the end of a trial whose parent was killed
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    with keeping(work) as kept_work:
        _answer(connection, out, kept_work)


def _answer(connection: Connection, out: Path, work: Work) -> None:
    while True:
        try:
            chunk: list[TrialSpec] = connection.recv()
        except (EOFError, OSError):
            return
        for trial in chunk:
            began = time.perf_counter()
            try:
                said: Outcome | BaseException = work(trial, out)
            except Exception as error:  # noqa: BLE001 - the parent raises it
                error.add_note("".join(traceback.format_exception(error)))
                said = error
            try:
                connection.send(said)
            except OSError:
                return
            except Exception as error:  # noqa: BLE001 - an exception that can't be sent
                seconds = time.perf_counter() - began
                connection.send(Outcome(None, f"{type(said).__name__}: {said}\n{error}", seconds, {}))
