"""How much better than random control settings a sweep's trainings do in the mean, and how sure that is."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from hge_spice.study.judge.statistics import CONFIDENCE

KEY = "better_than_random"


@dataclass(frozen=True)
class Advantage:
    """Mean of the trials' differences in test accuracy, and Student's 95 % interval of it by their own spread.

    It is about other devices or draws than those tried, as long as trials differ in nothing else; the interval of a
    single trial is about other patterns on the same device. ahead : trials in which the trained setting did better
    """

    mean: float
    low: float
    high: float
    ahead: int
    trials: int


def advantage(rows: Iterable[Mapping[str, Any]]) -> Advantage | None:
    """Of a ledger's finished trials; None where fewer than two are of classes in data."""
    found = np.array([row["result"][KEY] for row in rows if row["status"] == "done" and KEY in row["result"]], float)
    if len(found) < 2:
        return None
    mean, error = float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found)))
    reach = float(stdtrit(len(found) - 1, (1 + CONFIDENCE) / 2)) * error
    return Advantage(mean, mean - reach, mean + reach, int(np.sum(found > 0)), len(found))


def of_sweep(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The same with the key of the JSON output; empty where there is none."""
    found = advantage(rows)
    return {} if found is None else {"advantage": asdict(found)}


def says(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The same as text."""
    found = advantage(rows)
    if found is None:
        return []
    interval = f"95 %: {found.low:.3f} … {found.high:.3f}"
    share = f"{found.mean:.3f} of the test patterns in the mean ({interval})"
    return [f"better than the best of as many random settings by {share}, in {found.ahead} of {found.trials} trials"]
