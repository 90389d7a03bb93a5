"""What a sweep says: pass or fail by the specs, yield with its interval, what each swept key does to each metric."""

import math
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from hge_spice.drive import Floats
from hge_spice.study.sweep.axes import number_of
from hge_spice.study.tables.metrics import METRICS, Spec
from hge_spice.study.text.units import render

Row = Mapping[str, Any]  # of a ledger

CONFIDENCE = 0.95
BINS = 16  # classes of a key with more values than that, equally many trials in each
STUDIED = tuple(name for name in METRICS if name != "seconds")
FEWEST = 5  # trials that sensitivities are given for


@dataclass(frozen=True)
class Yield:
    """Trials that meet a condition, of those that finished; failed ones don't. low, high : Wilson's 95 % interval.

    unreached : those of them that were left before it could be known
    """

    what: str
    passed: int
    total: int
    low: float
    high: float
    unreached: int = 0

    @property
    def told(self) -> str:
        """How many met it, in words."""
        if self.unreached and self.unreached == self.total:
            return "not reached"
        return f"{self.passed} of {self.total}" + (f", {self.unreached} not reached" if self.unreached else "")


@dataclass(frozen=True)
class Sensitivity:
    """What a swept key does to a metric.

    rank : Spearman's correlation, None where the key has no order; share : of the metric's variance that goes with the
    key alone (first-order index), 0 … 1; trials : they come from
    """

    metric: str
    key: str
    rank: float | None
    share: float
    trials: int


def passes(row: Row, specs: Mapping[str, Spec]) -> bool:
    """Whether a finished trial meets every spec; being solved is the one where none is given."""
    if row["status"] != "done":
        return False
    if not specs:
        return bool(row["result"].get("solved"))
    return all(meets(row, metric, spec) for metric, spec in specs.items())


def meets(row: Row, metric: str, spec: Spec) -> bool:
    """Whether a done trial's metric lies within its bounds, both included."""
    value = value_of(row["result"], metric)
    if value is None:
        return False
    return (spec.min is None or value >= spec.min) and (spec.max is None or value <= spec.max)


def value_of(result: Mapping[str, Any], metric: str) -> float | None:
    """A metric as a number; d′ is infinite where its noise is none, and None in the result."""
    value = result.get(metric)
    if value is None and metric == "d_prime" and isinstance(result.get("gap"), int | float):
        return math.copysign(math.inf, result["gap"])
    return float(value) if isinstance(value, bool | int | float) else None


def yields(rows: Iterable[Row], specs: Mapping[str, Spec]) -> list[Yield]:
    """Of every spec and of all together."""
    finished = [row for row in rows if row["status"] in {"done", "failed"}]
    found = [_yield("all specs" if specs else "solved", [passes(row, specs) for row in finished])]
    for metric, spec in specs.items():
        met = [row["status"] == "done" and meets(row, metric, spec) for row in finished]
        unreached = sum(left_before(row, metric) for row in finished)
        found.append(replace(_yield(said(metric, spec), met), unreached=unreached))
    return found


def left_before(row: Row, metric: str) -> bool:
    """Whether a point of a sign-off was left, by its cheap checks, before a metric could be known."""
    result = row["result"]
    return bool(result.get("stopped")) and (metric == "solved" or value_of(result, metric) is None)


def yields_by_value(rows: Iterable[Row], specs: Mapping[str, Spec]) -> list[tuple[str, Yield]]:
    """Of all specs together, for each value of each swept key that has few; key and yield, `what` being the value."""
    groups: dict[tuple[str, str], list[bool]] = {}
    for row in rows:
        if row["status"] in {"done", "failed"}:
            met = passes(row, specs)
            for key, value in row["parameters"].items():
                groups.setdefault((key, str(value)), []).append(met)
    counts = Counter(key for key, _ in groups)
    shown = [(key, value) for key, value in groups if 1 < counts[key] <= BINS]
    order = list(counts)
    shown.sort(key=lambda each: (order.index(each[0]), number_of(each[1]) or 0.0))
    return [(key, _yield(value, groups[key, value])) for key, value in shown]


def said(metric: str, spec: Spec) -> str:
    """A spec in words."""
    bounds = [f"≥ {_short(spec.min, metric)}"] if spec.min is not None else []
    bounds += [f"≤ {_short(spec.max, metric)}"] if spec.max is not None else []
    return f"{metric} {' and '.join(bounds)}"


def _short(bound: float, metric: str) -> str:
    """To six digits."""
    return render(bound, METRICS[metric], 6)


def _yield(what: str, met: Sequence[bool]) -> Yield:
    return Yield(what, sum(met), len(met), *wilson(sum(met), len(met)))


def wilson(passed: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, J. Am. Stat. Assoc. 22, 209 (1927); 0 … 1 of nothing."""
    if not total:
        return 0.0, 1.0
    z = float(ndtri(0.5 + CONFIDENCE / 2))  # in closed form: SciPy's own takes a fifth of a second to import
    share, spread = passed / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return (centre - half if passed else 0.0), (centre + half if passed < total else 1.0)


def sensitivities(rows: Iterable[Row]) -> list[Sensitivity]:
    """Every swept key against every metric that varies, the strongest share first within a metric.

    The share is the correlation ratio of given data, corrected for the number of classes (ε²); for independent keys it
    estimates Sobol's first-order index: Plischke et al., Eur. J. Oper. Res. 226 (2013) 536,
    doi 10.1016/j.ejor.2012.11.047.
    """
    done = [row for row in rows if row["status"] == "done"]
    keys = dict.fromkeys(key for row in done for key in row["parameters"])
    found = []
    for metric in STUDIED:
        values = [value_of(row["result"], metric) for row in done]
        usable = [k for k, value in enumerate(values) if value is not None and math.isfinite(value)]
        y = np.array([values[k] for k in usable], float)
        if len(y) < FEWEST or not np.ptp(y):
            continue
        here = []
        for key in keys:
            written = [done[k]["parameters"].get(key) for k in usable]
            if len({str(value) for value in written}) > 1:
                numbers = [number_of(value) for value in written]
                here.append(_sensitivity(metric, key, written, numbers, y))
        found += sorted(here, key=lambda each: -each.share)
    return found


def _sensitivity(
    metric: str, key: str, written: Sequence[Any], numbers: Sequence[float | None], y: Floats
) -> Sensitivity:
    from scipy.stats import rankdata, spearmanr  # noqa: PLC0415 - as above

    ordered = np.array([np.nan if n is None else n for n in numbers])
    if np.isnan(ordered).any():
        _, classes = np.unique([str(value) for value in written], return_inverse=True)
        return Sensitivity(metric, key, None, variance_share(classes, y), len(y))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a constant gives nan, which is dealt with
        rank = float(spearmanr(ordered, y).statistic)
    distinct, classes = np.unique(ordered, return_inverse=True)
    if len(distinct) > BINS:
        count = max(2, min(BINS, len(y) // 8))
        classes = ((rankdata(ordered, "average") - 0.5) * count // len(y)).astype(np.intp)
    return Sensitivity(metric, key, rank if math.isfinite(rank) else None, variance_share(classes, y), len(y))


def variance_share(classes: NDArray[np.intp], y: Floats) -> float:
    """ε² of a grouping [trial] and a metric [trial]: the variance between the groups, without what chance alone gives.

    Kelley, Proc. Natl. Acad. Sci. 21 (1935) 554. 0 where the groups are no larger than one trial.
    """
    count = np.bincount(classes)
    kept = count > 0
    groups, total = int(kept.sum()), len(y)
    if groups >= total:
        return 0.0
    mean = np.bincount(classes, y)[kept] / count[kept]
    all_of_it = float(np.sum((y - y.mean()) ** 2))
    between = float(np.sum(count[kept] * (mean - y.mean()) ** 2))
    within = (all_of_it - between) / (total - groups)
    return float(np.clip((between - (groups - 1) * within) / all_of_it, 0.0, 1.0)) if all_of_it else 0.0


def worst(rows: Iterable[Row], specs: Mapping[str, Spec], count: int = 5) -> list[Row]:
    """Done trials furthest from passing, by their smallest margin relative to each bound; by gap/span without specs."""

    def margin(row: Row) -> float:
        margins = []
        for metric, spec in specs.items():
            value = value_of(row["result"], metric)
            for bound, sign in ((spec.min, 1), (spec.max, -1)):
                if bound is not None:
                    margins.append(-math.inf if value is None else sign * (value - bound) / (abs(bound) or 1.0))
        if not specs:
            value = value_of(row["result"], "gap_over_span")
            margins.append(math.inf if value is None else value)
        return min(margins, default=math.inf)

    return sorted((row for row in rows if row["status"] == "done"), key=margin)[:count]


def failures(rows: Iterable[Row]) -> list[tuple[str, int, str]]:
    """Reasons of failed trials with how often, and the first trial of each; numbers in them count as alike."""
    counts: Counter[str] = Counter()
    first: dict[str, tuple[str, str]] = {}
    for row in rows:
        if row["status"] == "failed":
            reason = str(row["reason"] or "").partition("\n")[0]
            alike = "".join("#" if letter.isdigit() else letter for letter in reason)
            counts[alike] += 1
            first.setdefault(alike, (reason, row["id"]))
    return [(first[alike][0], count, first[alike][1]) for alike, count in counts.most_common()]


def analysis(rows: Sequence[Row], specs: Mapping[str, Spec]) -> dict[str, Any]:
    """Yield and sensitivity with the keys of the JSON output; empty for a single trial without specs."""
    if len(rows) < 2 and not specs:
        return {}
    return {
        "yields": [asdict(each) for each in yields(rows, specs)],
        "sensitivity": [asdict(each) for each in sensitivities(rows)],
    }
