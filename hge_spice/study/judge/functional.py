"""Functional yield: of (device, task) pairs, how many learn, at what cost, and why the others don't."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hge_spice.study.judge.statistics import wilson
from hge_spice.study.judge.unsolved import REASONS

DEVICE, TASK = "device.seed", "task.name"
NO_RESULT = "no result"  # of a trial that failed


@dataclass(frozen=True)
class Line:
    """All devices on one task, or on all of them.

    low, high : Wilson's 95 % interval of the share solved
    first_step : solved by the first update of the first start
    starts, steps, extractions, simulated_seconds, energy_joule : medians of the solved; slow_seconds : their 90th
        percentile
    reasons : of those not solved, the most frequent first, with how often
    """

    task: str
    pairs: int
    solved: int
    low: float
    high: float
    first_step: int
    starts: float
    steps: float
    extractions: float
    simulated_seconds: float
    slow_seconds: float
    energy_joule: float
    reasons: str


def functional_yield(rows: Iterable[Mapping[str, Any]]) -> list[Line]:
    """A line for each task and one for all; none for a study that doesn't sweep both devices and tasks.

    rows : of a ledger; what isn't finished doesn't count
    """
    by_task: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if {DEVICE, TASK} <= row["parameters"].keys() and row["status"] in {"done", "failed"}:
            by_task.setdefault(str(row["parameters"][TASK]), []).append(row)
    if not by_task:
        return []
    every = [row for found in by_task.values() for row in found]
    return [_line(task, found) for task, found in by_task.items()] + [_line("all", every)]


def write_functional_yield(rows: Iterable[Mapping[str, Any]], out: Path) -> list[Line]:
    """Write functional_yield.csv where a study tells it; return its lines."""
    lines = functional_yield(rows)
    if lines:
        import pandas as pd  # noqa: PLC0415 - takes its time, and most studies don't come here

        pd.DataFrame([asdict(line) for line in lines]).to_csv(out / "functional_yield.csv", index=False)
    return lines


def told(lines: Sequence[Line]) -> list[str]:
    """The lines as text."""
    return [
        f"{line.task}: {line.solved} of {line.pairs} (95 %: {line.low:.1%} … {line.high:.1%})"
        + (f", {line.simulated_seconds:.3g} s and {line.energy_joule:.3g} J in the median" if line.solved else "")
        + (f"; not solved: {line.reasons}" if line.reasons else "")
        for line in lines
    ]


def _line(task: str, rows: Sequence[Mapping[str, Any]]) -> Line:
    solved = [row["result"] for row in rows if row["status"] == "done" and row["result"]["solved"]]
    why = Counter(
        row["result"].get("unsolved_because", "") if row["status"] == "done" else NO_RESULT
        for row in rows
        if row["status"] == "failed" or not row["result"]["solved"]
    )

    def median(key: str, quantile: float = 0.5) -> float:
        return float(np.quantile([result[key] for result in solved], quantile)) if solved else np.nan

    return Line(
        task,
        len(rows),
        len(solved),
        *wilson(len(solved), len(rows)),
        sum(result["starts"] == 1 and result["steps"] == 1 for result in solved),
        median("starts"),
        median("steps"),
        median("extractions"),
        median("simulated_seconds"),
        median("simulated_seconds", 0.9),
        median("energy_joule"),
        ", ".join(f"{word} {count}" for word, count in why.most_common()),
    )


def explained(lines: Iterable[Line]) -> dict[str, str]:
    """What the words among the reasons mean."""
    named = {each.rpartition(" ")[0] for line in lines for each in line.reasons.split(", ") if each}
    return {word: meaning for word, meaning in REASONS.items() if word in named}
