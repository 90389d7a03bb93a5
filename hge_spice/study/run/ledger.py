"""The ledger: one SQLite row per trial, one writer, and a lock that tells a second run who holds the directory.

Write-ahead logging makes every transaction whole or absent, whatever ends the process or fills the disk. The lock is
the kernel's: it goes with its process, so a run that was killed never locks out the next.
"""

import fcntl
import json
import os
import socket
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hge_spice.study.text.finite import strict

DATABASE = "ledger.sqlite"
_SCHEMA = """
create table if not exists trials (
    id text primary key,
    position integer not null,
    parameters text not null,
    seed integer not null,
    status text not null check (status in ('created', 'running', 'done', 'failed')),
    reason text,
    log text,
    versions text,
    seconds real,
    started text,
    result text
)
"""
_COLUMNS = ("id", "parameters", "seed", "status", "reason", "log", "versions", "seconds", "started", "result")


class DirectoryInUse(ValueError):  # noqa: N818 - it reads as what the user is told
    """Another run is writing to the directory."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended, wherever it ran.

    result : the trial's result, or None where there is none; reason : why, its first line the cause and the rest the
    end of the log; seconds : it took; versions : of what it depends on
    files : what it wrote, by name, where it ran on another machine
    """

    result: Mapping[str, Any] | None
    reason: str
    seconds: float
    versions: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)


class Ledger:
    """The trials of one output directory. Use it as a context manager: leaving it releases the directory.

    Raises DirectoryInUse, OSError and sqlite3.Error where the directory can't be written.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = directory / "lock"
        self._held = _acquire(self._lock)
        try:
            self._database = sqlite3.connect(directory / DATABASE, isolation_level=None)
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = normal")  # a killed process loses nothing by it
            self._database.execute(_SCHEMA)
            if "log" not in {row[1] for row in self._database.execute("pragma table_info(trials)")}:
                self._database.execute("alter table trials add column log text")  # of an earlier version
            self._database.execute("update trials set status = 'created' where status = 'running'")
        except sqlite3.Error:
            self._release()
            raise

    def _release(self) -> None:
        self._lock.unlink(missing_ok=True)
        os.close(self._held)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Everything inside is one transaction: whole or absent."""
        self._database.execute("begin")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk may have rolled it back already
                self._database.execute("rollback")
            raise
        self._database.execute("commit")

    def add(self, trial: str, position: int, parameters: Mapping[str, Any], seed: int) -> None:
        """Register a trial; one that is there keeps its result."""
        self._database.execute(
            "insert into trials (id, position, parameters, seed, status) values (?, ?, ?, ?, 'created') "
            "on conflict (id) do update set position = excluded.position, parameters = excluded.parameters",
            (trial, position, json.dumps(parameters), seed),
        )

    def start(self, trial: str) -> None:
        """Mark a trial as running."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._database.execute("update trials set status = 'running', started = ? where id = ?", (now, trial))

    def record(self, trial: str, outcome: Outcome) -> None:
        """Record how a trial ended."""
        if outcome.result is not None:
            self.finish(trial, outcome.result, outcome.seconds, outcome.versions)
        else:
            self.fail(trial, outcome.reason, outcome.seconds, outcome.versions)

    def finish(self, trial: str, result: Mapping[str, Any], seconds: float, versions: Mapping[str, str]) -> None:
        """Record a finished trial."""
        self._database.execute(
            "update trials set status = 'done', reason = null, log = null, result = ?, seconds = ?, versions = ? "
            "where id = ?",
            (json.dumps(strict(dict(result)), allow_nan=False), seconds, json.dumps(dict(versions)), trial),
        )

    def fail(self, trial: str, reason: str, seconds: float, versions: Mapping[str, str]) -> None:
        """Record a trial that gave no result, and why: the first line is the reason, the rest the end of a log."""
        first, _, rest = reason.encode(errors="replace").decode().partition("\n")
        self._database.execute(
            "update trials set status = 'failed', reason = ?, log = ?, seconds = ?, versions = ? where id = ?",
            (first, rest or None, seconds, json.dumps(dict(versions)), trial),
        )

    def done(self) -> set[str]:
        """Trials that need not run again."""
        return {row[0] for row in self._database.execute("select id from trials where status = 'done'")}

    def reuse(self, directory: Path, wanted: Iterable[str], versions: Mapping[str, str]) -> list[str]:
        """Take over trials that another run finished with the same versions; returns their ids.

        Raises ValueError where the directory holds no ledger.
        """
        taken = []
        open_ = set(wanted) - self.done()
        for row in iterate_ledger(directory):
            if row["id"] in open_ and row["status"] == "done" and row["versions"] == dict(versions):
                self.finish(row["id"], row["result"], row["seconds"], row["versions"])
                taken.append(row["id"])
        return taken

    def rows(self) -> list[dict[str, Any]]:
        """All trials in their order, as `read_ledger` gives them."""
        return list(_rows(self._database))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """All trials in their order, one at a time."""
        return _rows(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(sqlite3.Error):  # one plain file again, that can be copied and read without side files
            self._database.execute("pragma journal_mode = delete")
        self._database.close()
        self._release()


def _acquire(lock: Path) -> int:
    """Lock the file, write our process into it, return its descriptor. Raises DirectoryInUse, OSError."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise DirectoryInUse(
                f"{lock.parent} is being written by {_holder(lock)}; wait for it, or choose another --out"
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        with suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == lock.stat().st_ino:
                os.ftruncate(descriptor, 0)
                with suppress(OSError):  # a full disk keeps the name out, not the lock
                    os.write(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
                return descriptor
        os.close(descriptor)  # its holder removed it between our opening and locking; take the new one


def holder(directory: Path) -> str | None:
    """Who is writing to the directory, in words; None where nobody is."""
    try:
        with (directory / "lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _holder(directory / "lock")
    except OSError:
        pass
    return None


def _holder(lock: Path) -> str:
    try:
        found = json.loads(lock.read_text())
        away = "" if found["host"] == socket.gethostname() else f" on {found['host']}"
        return f"process {int(found['pid'])}{away}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def require_ledger(directory: Path) -> Path:
    """Where a run's ledger is. Raises ValueError where the directory holds none."""
    path = directory / DATABASE
    if not path.is_file():
        raise ValueError(f"{directory} holds no {DATABASE}; give the --out directory of a run")
    return path


def read_ledger(directory: Path) -> list[dict[str, Any]]:
    """Rows of a finished or running study's ledger, read only. Raises ValueError where there is none."""
    return list(iterate_ledger(directory))


def iterate_ledger(directory: Path) -> Iterator[dict[str, Any]]:
    """As `read_ledger`, one row at a time."""
    path = require_ledger(directory)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            yield from _rows(database)
    except (sqlite3.Error, json.JSONDecodeError) as error:
        raise ValueError(f"{path} can't be read: {error}") from None


def _rows(database: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    there = {row[1] for row in database.execute("pragma table_info(trials)")}
    columns = [name if name in there else f"null as {name}" for name in _COLUMNS]  # an earlier version had no log
    found = database.execute(f"select {', '.join(columns)} from trials order by position")  # noqa: S608 - names above
    for values in found:
        row = dict(zip(_COLUMNS, values, strict=True))
        for key in ("parameters", "versions", "result"):
            row[key] = json.loads(row[key]) if row[key] else {}
        yield row
