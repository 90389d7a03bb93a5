"""The ledger: one SQLite row per trial, one writer, and a lock that tells a second run who holds the directory."""

import json
import os
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

_SCHEMA = """
create table if not exists trials (
    id text primary key,
    position integer not null,
    parameters text not null,
    seed integer not null,
    status text not null check (status in ('created', 'running', 'done', 'failed')),
    reason text,
    versions text,
    seconds real,
    started text,
    result text
)
"""


class DirectoryInUse(ValueError):  # noqa: N818 - it reads as what the user is told
    """Another run is writing to the directory."""


class Ledger:
    """The trials of one output directory. Use it as a context manager: leaving it releases the directory.

    Raises DirectoryInUse, OSError and sqlite3.Error where the directory can't be written.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = directory / "lock"
        self._acquire()
        try:
            self._database = sqlite3.connect(directory / "ledger.sqlite", isolation_level=None)
            self._database.execute("pragma journal_mode = wal")
            self._database.execute(_SCHEMA)
            self._database.execute("update trials set status = 'created' where status = 'running'")
        except sqlite3.Error:
            self._lock.unlink(missing_ok=True)
            raise

    def _acquire(self) -> None:
        mine = psutil.Process()
        while True:
            try:
                with self._lock.open("x") as file:
                    json.dump({"pid": mine.pid, "started": mine.create_time()}, file)
            except FileExistsError:
                if self._held():
                    raise DirectoryInUse(
                        f"{self._lock.parent} is being written by process {self._holder()}; "
                        "wait for it, or choose another --out"
                    ) from None
                self._lock.unlink(missing_ok=True)
            else:
                return

    def _holder(self) -> int:
        try:
            return int(json.loads(self._lock.read_text())["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _held(self) -> bool:
        pid = self._holder()
        if pid == os.getpid() or not psutil.pid_exists(pid):
            return False
        try:
            started = json.loads(self._lock.read_text())["started"]
            # else the number was given to another process
            return bool(abs(psutil.Process(pid).create_time() - started) < 1)
        except (OSError, ValueError, KeyError, psutil.Error):
            return False

    def add(self, trial: str, position: int, parameters: dict[str, Any], seed: int) -> None:
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

    def finish(self, trial: str, result: dict[str, Any], seconds: float, versions: dict[str, str]) -> None:
        """Record a finished trial."""
        self._database.execute(
            "update trials set status = 'done', reason = null, result = ?, seconds = ?, versions = ? where id = ?",
            (json.dumps(result), seconds, json.dumps(versions), trial),
        )

    def fail(self, trial: str, reason: str, seconds: float, versions: dict[str, str]) -> None:
        """Record a trial that gave no result, and why."""
        self._database.execute(
            "update trials set status = 'failed', reason = ?, seconds = ?, versions = ? where id = ?",
            (reason.encode(errors="replace").decode(), seconds, json.dumps(versions), trial),
        )

    def done(self) -> set[str]:
        """Trials that need not run again."""
        return {row[0] for row in self._database.execute("select id from trials where status = 'done'")}

    def rows(self) -> list[dict[str, Any]]:
        """All trials in their order, as `read_ledger` gives them."""
        return _rows(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(sqlite3.Error):  # one plain file again, that can be copied and read without side files
            self._database.execute("pragma journal_mode = delete")
        self._database.close()
        self._lock.unlink(missing_ok=True)


def read_ledger(directory: Path) -> list[dict[str, Any]]:
    """Rows of a finished or running study's ledger, read only. Raises ValueError where there is none."""
    path = directory / "ledger.sqlite"
    if not path.is_file():
        raise ValueError(f"{directory} holds no ledger.sqlite; give the --out directory of a run")
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return _rows(database)
        finally:
            database.close()
    except sqlite3.Error as error:
        raise ValueError(f"{path} can't be read: {error}") from None


def _rows(database: sqlite3.Connection) -> list[dict[str, Any]]:
    columns = ("id", "parameters", "seed", "status", "reason", "versions", "seconds", "started", "result")
    found = database.execute(f"select {', '.join(columns)} from trials order by position")  # noqa: S608 - names above
    rows = [dict(zip(columns, row, strict=True)) for row in found]
    for row in rows:
        for key in ("parameters", "versions", "result"):
            row[key] = json.loads(row[key]) if row[key] else {}
    return rows
