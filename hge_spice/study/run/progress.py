"""How a run is going: done, failed, rate, time left, the best so far; on the terminal, and always in a log file."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hge_spice.study.run.ledger import Outcome
from hge_spice.study.run.plan import Planned
from hge_spice.study.run.runner import Watch
from hge_spice.study.tables.spec import parse_study
from hge_spice.train import Step

EVERY = 5.0  # s between two lines where there is no terminal
LOG = "run.log"


@dataclass
class Tally:
    """Counts of a run, from what its Watch is told."""

    total: int = 0
    before: int = 0  # done by an earlier run
    done: int = 0
    failed: int = 0
    best: float | None = None  # gap over span
    best_at: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, position: int, outcome: Outcome) -> None:
        """Count a trial."""
        if outcome.result is None:
            self.failed += 1
            return
        self.done += 1
        found = outcome.result.get("gap_over_span")
        if isinstance(found, int | float) and (self.best is None or found > self.best):
            self.best, self.best_at = float(found), position

    def line(self) -> str:
        """Where the run stands, in one line."""
        ended = self.done + self.failed
        left = self.total - self.before - ended
        words = [f"{self.before + ended} of {self.total} trials", f"{self.failed} failed"]
        if ended:
            rate = ended / max(time.monotonic() - self.began, 1e-9)
            words += [f"{rate:.3g} a second", f"{span(left / rate)} left"]
        if self.best is not None:
            words.append(f"best gap/span {self.best:+.2f} (trial {self.best_at + 1})")
        return ", ".join(words)


@contextmanager
def watching(planned: list[Planned], out: Path, stream: TextIO, *, stepwise: bool) -> Iterator[Watch]:
    """A Watch that shows a bar on a terminal and plain lines elsewhere, and writes out/run.log as trials end.

    stepwise : whether trials run one at a time, so that their steps can be shown
    """
    from rich.console import Console  # noqa: PLC0415 - not needed by who imports Tally
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(file=stream), disable=not stream.isatty())
    trials = bar.add_task("trials", total=len(planned))
    steps = bar.add_task("steps", visible=stepwise)
    display = _Display({each.position: each for each in planned}, out, stream, bar, trials, steps)
    with bar:
        try:
            yield Watch(display.planned, display.started, display.stepped, display.screened, display.finished)
        except BaseException as error:
            display.log(f"stopped: {type(error).__name__}: {error}")
            raise
        display.log(f"ended: {display.tally.line()}")
        if display.tally.total > 1:
            display.say(every=0.0)


@dataclass
class _Display:
    """What a Watch tells, made visible."""

    at: Mapping[int, Planned]
    out: Path
    stream: TextIO
    bar: Any
    trials: Any
    steps: Any
    tally: Tally = field(default_factory=Tally)
    said: float = field(default_factory=time.monotonic)
    began: float = field(default_factory=time.monotonic)  # the trial at work
    ours: bool = False  # whether the run has its directory: one that was refused leaves no word in it

    def say(self, every: float = EVERY) -> None:
        tally = self.tally
        completed = tally.before + tally.done + tally.failed
        self.bar.update(self.trials, total=tally.total, completed=completed, description=tally.line())
        self.plainly(tally.line(), every)

    def plainly(self, line: str, every: float = EVERY) -> None:
        """A line where there is no terminal, not too often."""
        if not self.stream.isatty() and time.monotonic() - self.said >= every:
            self.said = time.monotonic()
            with suppress(OSError):  # a run goes on where nobody reads how it goes
                print(line, file=self.stream, flush=True)

    def log(self, text: str) -> None:
        if not self.ours:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        path = self.out / LOG
        with suppress(OSError), path.open("a", encoding="utf-8", errors="replace") as file:  # a disk may be full
            file.write(f"{now} {text}\n")

    def planned(self, total: int, before: int) -> None:
        self.ours = True
        self.tally.total, self.tally.before = total, before - self.tally.done
        self.log(f"{total} trials, {before} of them done already")
        self.say()

    def started(self, position: int) -> None:
        self.began = time.monotonic()
        self.trains(position)

    def trains(self, position: int) -> None:
        """Set the bar of steps to the trial's training."""
        if self.stream.isatty() and position in self.at:
            training = parse_study(self.at[position].trial.raw).training
            self.bar.reset(self.steps, total=training.steps * training.starts, description=self._name(position))

    def stepped(self, position: int, start: int, step: Step) -> None:
        if np.isnan(step.margin.gap):  # within an epoch of batches
            self.bar.update(self.steps, advance=1)
            return
        told = f"{self._name(position)}, start {start + 1}: gap/span {step.margin.gap_over_span:+.2f}"
        self.bar.update(self.steps, advance=1, description=told)

    def screened(self, position: int, done: int, total: int) -> None:
        left = (time.monotonic() - self.began) * (total - done) / done
        told = f"{self._name(position)}, choosing electrodes: {done} of {total} points, {span(left)} left"
        self.bar.update(self.steps, total=total, completed=done, description=told)
        self.plainly(told)
        if done == total:
            self.trains(position)

    def finished(self, position: int, outcome: Outcome) -> None:
        self.tally.add(position, outcome)
        self.log(f"trial {position + 1} {_ended(outcome)} in {outcome.seconds:.3g} s")
        self.say()

    def _name(self, position: int) -> str:
        parameters = self.at[position].trial.parameters if position in self.at else {}
        return " ".join(str(value) for value in parameters.values()) or "trial"


def _ended(outcome: Outcome) -> str:
    if outcome.result is None:
        return f"failed: {outcome.reason}"
    return "solved" if outcome.result.get("solved") else "done, not solved"


def span(seconds: float) -> str:
    """Whole seconds as people say them: "1 min 05 s", "2 h 07 min"."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
