"""The error budget of a study that sweeps `imperfections.active`: what each imperfection costs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from hge_spice.drive import Floats
from hge_spice.study.judge.statistics import wilson
from hge_spice.study.text.files import ALL, ALL_BUT, NONE

KEY = "imperfections.active"
TELLING = 1.05  # times the error without any, below which an imperfection is not said to cost something
REDRAWN = "variability"  # its spread is the device's own, drawn anew for each measurement


@dataclass(frozen=True)
class Line:
    """What acts, over all trials that had it: means with 95 % confidence intervals (low, high).

    active : "none", "all", a name alone, or "all but" a name
    trials, failed, solved; solved_low, solved_high : of the share solved, Wilson's
    error : rms of bias and spread of a derivative, share of the largest; bias, spread : each alone
    extractions : to the first solved read-out; of unsolved trials, all that were spent
    d_prime : median of the last read-outs' gaps over the stated noise
    """

    active: str
    trials: int
    failed: int
    solved: int
    solved_low: float
    solved_high: float
    error: float
    error_low: float
    error_high: float
    bias: float
    spread: float
    extractions: float
    extractions_low: float
    extractions_high: float
    d_prime: float

    @property
    def name(self) -> str:
        """The imperfection that is alone, or left out."""
        return self.active.removeprefix(ALL_BUT)


def budget(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """A line for each value of `imperfections.active`, dearest first: by the error of derivatives, then by extractions.

    rows : of the ledger. "none" and "all" come first, then each alone, then all but each.
    """
    by_active: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if KEY in row["parameters"] and row["status"] in {"done", "failed"}:
            by_active.setdefault(row["parameters"][KEY], []).append(row)
    lines = [_line(active, found) for active, found in by_active.items()]
    kind = {NONE: 0, ALL: 1}

    def order(line: Line) -> tuple[float, float, float]:
        if line.active in kind:
            return (kind[line.active], 0.0, 0.0)
        without = line.active.startswith(ALL_BUT)
        cost = -np.nan_to_num(line.error), -np.nan_to_num(line.extractions)
        return (3.0, -cost[0], -cost[1]) if without else (2.0, *cost)

    return sorted(lines, key=order)


def sentence(lines: Sequence[Line]) -> str:
    """Say which costs most, and whether a longer window buys it back; nothing without a budget."""
    if len(lines) < 2:
        return ""
    alone = [line for line in lines if line.active not in {NONE, ALL} and not line.active.startswith(ALL_BUT)]
    known = [line for line in alone if np.isfinite(line.error)]
    if not known:
        return "No imperfection was tried alone, or no trial told bias from spread: set budget.repeats to 2 or more."
    worst, rest = known[0], {line.active: line for line in lines}
    without = rest.get(NONE)
    if without is not None and worst.error <= TELLING * without.error:
        said = [f"None adds to what derivatives are off by without any: {without.error:.1%} of the largest."]
    else:
        said = [f"{worst.name} costs most: derivatives are off by {worst.error:.1%} of the largest"]
        if np.isfinite(worst.error_low):
            said[0] += f" (95 % interval {worst.error_low:.1%} to {worst.error_high:.1%})"
        said[0] += f", {without.error:.1%} without any." if without is not None else "."
        before = without.bias if without is not None else 0.0
        if worst.spread**2 > worst.bias**2 - before**2 and worst.active == REDRAWN:
            said.append(
                "It is mostly spread, and the device's own: neither a longer window nor a larger amplitude lessens "
                "what is drawn anew for each measurement; only the mean of several extractions does."
            )
        elif worst.spread**2 > worst.bias**2 - before**2:
            said.append("It is mostly spread: 4 times the window halves it, and so does twice the amplitude.")
        else:
            said.append("It is mostly bias, which no longer window averages away: calibrate or replace the part.")
    if ALL in rest:
        every = rest[ALL]
        said.append(
            f"With all together {every.solved} of {every.trials} are solved "
            f"({every.solved_low:.0%} to {every.solved_high:.0%}), off by {every.error:.1%}."
        )
        spared = rest.get(ALL_BUT + worst.name)
        if spared is not None:
            said.append(f"All but {worst.name}: {spared.solved} of {spared.trials}, off by {spared.error:.1%}.")
    return " ".join(said)


def write_budget(rows: Sequence[Mapping[str, Any]], out: Path) -> list[Line]:
    """Write budget.csv and budget.txt where a study's trials tell a budget; return its lines, none where they don't."""
    lines = budget(rows)
    if len(lines) < 2:
        return []
    pd.DataFrame([asdict(line) for line in lines]).to_csv(out / "budget.csv", index=False)
    (out / "budget.txt").write_text(sentence(lines) + "\n", encoding="utf-8")
    return lines


def _line(active: str, rows: Sequence[Mapping[str, Any]]) -> Line:
    done = [row["result"] for row in rows if row["status"] == "done"]
    solved = sum(bool(result["solved"]) for result in done)
    bias, spread = (np.array([r.get(f"gradient_{k}", np.nan) for r in done], dtype=float) for k in ("bias", "spread"))
    error = _mean(np.hypot(bias, spread))
    extractions = _mean(np.array([result["extractions"] for result in done], dtype=float))
    margins = [np.inf if r["d_prime"] is None else r["d_prime"] for r in done]
    return Line(
        active,
        len(rows),
        len(rows) - len(done),
        solved,
        *wilson(solved, len(rows)),
        *error,
        _mean(bias)[0],
        _mean(spread)[0],
        *extractions,
        float(np.median(margins)) if margins else np.nan,
    )


def _mean(values: Floats) -> tuple[float, float, float]:
    """Mean and Student's 95 % interval; nan where there is nothing to tell it from."""
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = float(stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half
