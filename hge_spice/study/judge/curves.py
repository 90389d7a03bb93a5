"""[curves]: what a sweep says of each metric over one key, as lines of curves.csv and of the report's table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hge_spice.study.judge.statistics import value_of, wilson
from hge_spice.study.sweep.axes import number_of
from hge_spice.study.tables.metrics import METRICS
from hge_spice.study.text.units import DIMENSIONS

QUARTILES = (0.25, 0.75)


@dataclass(frozen=True)
class Point:
    """One metric at one value of the key across, on one line.

    over, by : the values as written; number : of `over` in SI units, None where it is none
    unit : of the metric, "" for a ratio; trials : that have it; failed : that ended without a result
    middle, low, high : median and quartiles, nan of nothing; of yes or no the share of yes and Wilson's 95 % interval
    """

    over: str
    by: str
    metric: str
    unit: str
    trials: int
    failed: int
    middle: float
    low: float
    high: float
    number: float | None


def points(rows: Sequence[Mapping[str, Any]], over: str, by: str | None, metrics: Sequence[str]) -> list[Point]:
    """The points of a sweep's finished trials, in the order in which values come, metrics fastest.

    rows : of a ledger. Trials without the key across, or the key of the lines, are left out.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    numbers: dict[str, float | None] = {}
    for row in rows:
        swept = row["parameters"]
        if over in swept and (by is None or by in swept) and row["status"] in {"done", "failed"}:
            across, line = written(swept[over]), "" if by is None else written(swept[by])
            groups.setdefault((line, across), []).append(row)
            numbers[across] = number_of(swept[over])
    return [
        _point(across, line, metric, found, numbers[across])
        for (line, across), found in groups.items()
        for metric in metrics
    ]


def write_curves(directory: Path, rows: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> list[Point]:
    """Write curves.csv where a study's sweep tells curves; return its points.

    asked : [curves] as written
    """
    found = points(rows, asked["over"], asked.get("by"), asked["metrics"])
    if found:
        lines = [{key: value for key, value in asdict(each).items() if key != "number"} for each in found]
        columns = {"over": asked["over"], "by": asked.get("by") or "by"}
        pd.DataFrame(lines).rename(columns=columns).to_csv(directory / "curves.csv", index=False)
    return found


def written(value: Any) -> str:
    """A swept value as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _point(across: str, line: str, metric: str, rows: Sequence[Mapping[str, Any]], number: float | None) -> Point:
    done = [row["result"] for row in rows if row["status"] == "done"]
    values = [value for result in done if (value := value_of(result, metric)) is not None]
    unit, failed = DIMENSIONS[METRICS[metric]].si, len(rows) - len(done)
    if any(isinstance(result.get(metric), bool) for result in done):
        low, high = wilson(int(sum(values)), len(values))
        return Point(across, line, metric, unit, len(values), failed, float(np.mean(values)), low, high, number)
    low, middle, high = np.quantile(values, (QUARTILES[0], 0.5, QUARTILES[1])).tolist() if values else [np.nan] * 3
    return Point(across, line, metric, unit, len(values), failed, middle, low, high, number)
