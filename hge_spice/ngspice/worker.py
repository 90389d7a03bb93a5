"""A process that holds one Session: jobs and answers over a socket, a timeout that kills, a respawn that reloads.

libngspice can crash, hang, or be left dead by a bad netlist; none of that may reach the caller's process. The worker
runs in an empty directory of its own, so that no `.spiceinit` is read, and ends when its parent does.
"""

import contextlib
import io
import os
import pickle
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hge_spice.drive import SimulationError
from hge_spice.ngspice.library import find_library
from hge_spice.ngspice.log import ending
from hge_spice.ngspice.session import Result, Session

MEMORY = 4 * 2**30  # bytes of address space of a worker: a transient without end must not take the machine with it
FILE_SIZE = 2**26  # bytes of any file it writes: its log, and what a netlist might
TIMEOUT = 60.0  # s, far above any measurement of a network that an interactive study uses
START = 30.0  # s for a process to start and load the library, on a machine with better things to do
READ = 2**18  # bytes that are taken off the socket at once: the answers to a training step's jobs, in one go
_QUIET = getattr(socket, "MSG_NOSIGNAL", 0)  # no SIGPIPE, where the system knows that


class WorkerDied(SimulationError):  # noqa: N818 - it reads as what happened
    """The process ended or hung in the middle of a job."""


class Worker:
    """One libngspice in a process of its own. Not thread-safe: one job at a time."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        find_library()  # so that a missing ngspice is an error here and not a dead child
        self.timeout = timeout
        self._netlist: str | None = None
        self._setup: tuple[str, ...] = ()
        self._files: Mapping[str, bytes] = {}
        self._features: dict[str, bool] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    def _start(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="hge-spice-")
        ours, theirs = socket.socketpair()
        environment = {k: v for k, v in os.environ.items() if k.startswith(("PATH", "LD_", "DYLD_", "LANG", "SPICE"))}
        environment |= {"NGSPICE_LIBRARY_PATH": str(find_library()), "HOME": self._home.name}
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with Path(self._home.name, "output.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module under our own interpreter
                [sys.executable, "-c", _CHILD, repr(sys.path), str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._home.name,
                env=environment,
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )
        theirs.close()
        self._jobs, self._answers = ours, ours.makefile("rb", READ)
        self._version: str | None = None
        self._finalizer = weakref.finalize(self, _end, self._process, self._jobs, self._answers, self._home)
        if self._netlist is not None:
            self._load(self._netlist)

    @property
    def version(self) -> str:
        """Version of the ngspice behind it. Raises SimulationError where the library doesn't load."""
        if self._version is None:
            self._version = str(self._answer(None, max(self.timeout, START)))
        return self._version

    @property
    def pid(self) -> int:
        """Process id of the current worker process."""
        return self._process.pid if self._process is not None else 0

    @property
    def features(self) -> dict[str, bool]:
        """What the ngspice behind it can do, see Session.features."""
        if self._features is None:
            if self._process is None:
                self._start()
            self._features = self._exchange(("features",), self.timeout)
        return dict(self._features or {})

    def load(self, netlist: str, *, setup: tuple[str, ...] = (), files: Mapping[str, bytes] | None = None) -> None:
        """Load a circuit, replacing the one before. Raises SimulationError where ngspice can't read it.

        setup : ngspice's commands that come before it; they are run as they are, and stay until the process ends
        files : by name, what it reads from its working directory
        """
        self._netlist, self._setup, self._files = None, setup, files or {}
        if self._process is None:
            self._start()
        try:
            self._load(netlist)
        except SimulationError:
            self.close()  # a netlist that doesn't parse can leave ngspice unfit for the next
            raise
        self._netlist = netlist

    def _load(self, netlist: str) -> None:
        for name, content in self._files.items():
            Path(self._home.name, name).write_bytes(content)
        self._exchange(("load", netlist, self._setup), self.timeout)

    def run(self, alterations: list[str], analysis: str, names: tuple[str, ...]) -> Result:
        """Run one analysis on the loaded circuit.

        Raises WorkerDied when the process ends or hangs; the next job finds a fresh process with the circuit as loaded,
        without the alterations made since: the caller repeats those.
        """
        return self.run_all([(alterations, analysis)], names)[0]

    def run_all(self, jobs: Sequence[tuple[list[str], str]], names: tuple[str, ...]) -> list[Result]:
        """Run several, each with alterations of its own, in one message; see run."""
        if self._process is None:
            self._start()
        results = self._exchange(("run", jobs, names), self.timeout * len(jobs))
        if not isinstance(results, list):
            raise WorkerDied(f"the ngspice worker answered with {type(results).__name__}")
        return results

    def close(self) -> None:
        """End the process. The worker can't be used again until load or run starts another."""
        if self._process is not None:
            self._finalizer()
            self._process = None

    def _exchange(self, job: tuple[Any, ...], timeout: float) -> Any:
        if not self.version:  # the child speaks first; until here its start and the parent's work overlap
            raise SimulationError("the ngspice worker does not say which ngspice it has")
        return self._answer(job, timeout)

    def _answer(self, job: tuple[Any, ...] | None, timeout: float) -> Any:
        """Send a job, if any, and wait for what the child says next."""
        began = time.monotonic()
        try:
            self._jobs.settimeout(timeout)
            if job is not None:
                # quietly: where a program has given SIGPIPE its default back, sending to the dead ends it
                self._jobs.sendall(pickle.dumps(job), _QUIET)
            answer = pickle.load(self._answers)  # noqa: S301 - from the process that we started
        except TimeoutError:
            raise self._replace(f"gave no answer within {timeout:g} s") from None
        except (EOFError, OSError, pickle.UnpicklingError, ValueError):  # the last where another thread has closed it
            process = self._process
            code = process.wait() if process is not None else None
            named = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"
            raise self._replace(f"ended with {named} after {time.monotonic() - began:.2g} s") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _replace(self, reason: str) -> WorkerDied:
        log = Path(self._home.name, "output.log")
        said = log.read_text(errors="replace").splitlines() if log.exists() else []
        self.close()
        return WorkerDied(f"the ngspice worker {reason}\n{ending(said)}".rstrip())


def _end(
    process: subprocess.Popen[bytes],
    jobs: socket.socket,
    answers: io.IOBase,
    home: tempfile.TemporaryDirectory[str],
) -> None:
    with contextlib.suppress(OSError):
        jobs.shutdown(socket.SHUT_RDWR)  # tells a thread that waits for an answer: closing a file waits for its reader
    process.kill()
    process.wait()
    answers.close()
    jobs.close()
    home.cleanup()


_CHILD = """
import ast, sys
sys.path[:] = ast.literal_eval(sys.argv[1])
from hge_spice.ngspice.worker import serve
serve(int(sys.argv[2]))
"""


def serve(descriptor: int) -> None:
    """Child process: answer jobs until the parent closes the socket or is gone."""
    _keep_within_limits()
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    channel = socket.socket(fileno=descriptor)
    channel.set_inheritable(False)
    jobs = channel.makefile("rb", READ)

    def say(answer: Any) -> None:
        channel.sendall(pickle.dumps(answer))

    try:
        session = Session()
    except Exception as error:  # noqa: BLE001 - whatever keeps the library from loading is the parent's to report
        say(SimulationError(f"libngspice does not load: {error}"))
        return
    say(session.version)
    while True:
        try:
            job = pickle.load(jobs)  # noqa: S301 - from the process that started this one
        except (EOFError, OSError):
            shutil.rmtree(Path.cwd(), ignore_errors=True)
            return
        try:
            answer = _done(session, *job)
        except (SimulationError, ValueError) as error:
            answer = error
        say(answer)


def _done(session: Session, kind: str, *what: Any) -> Any:
    if kind == "load":
        session.load(*what)
        return None
    if kind == "features":
        return session.features
    jobs, names = what
    return [session.run(alterations, analysis, names) for alterations, analysis in jobs]


def _keep_within_limits() -> None:
    for limit, value in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, FILE_SIZE), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _watch(parent: int) -> None:
    # A foreground run holds the main thread in C for as long as it likes; the parent's end must still end us.
    while os.getppid() == parent:
        time.sleep(0.5)
    shutil.rmtree(Path.cwd(), ignore_errors=True)  # who made it can't any more
    os._exit(1)
