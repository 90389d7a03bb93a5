"""Refinement of a sweep along a threshold: between neighbours on either side of it, one more trial half way."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hge_spice.study.sweep.axes import between, is_list_or_range, number_of
from hge_spice.study.sweep.sampling import TrialSpec, resolve
from hge_spice.study.tables.metrics import METRICS
from hge_spice.study.tables.spec import Study
from hge_spice.study.text.files import StudyError, StudyText, suggestion
from hge_spice.study.text.units import quantity
from hge_spice.study.text.values import swept


@dataclass(frozen=True)
class Refinement:
    """`refine` of a [sweep]: where `metric` crosses `at` along `key`, halve the interval, `rounds` times."""

    key: str
    metric: str
    at: float
    rounds: int
    logarithmic: bool


def refinement(raw: StudyText) -> Refinement | None:
    """The refinement that a study asks for. Raises StudyError where it can't be made."""
    sweep = raw.get("sweep", {})
    asked = sweep.get("refine") if isinstance(sweep, dict) else None
    if asked is None:
        return None
    try:
        return _read(asked, swept(sweep))
    except ValueError as error:
        raise StudyError(f"sweep: {error}") from error


def _read(asked: Any, spread: Mapping[str, Any]) -> Refinement:
    if not isinstance(asked, dict) or set(asked) - {"rounds"} != {"key", "metric", "at"}:
        raise ValueError(f"refine = {asked!r} should have key, metric, at and rounds")
    key, metric, rounds = asked["key"], asked["metric"], asked.get("rounds", 3)
    if not isinstance(key, str) or not is_list_or_range(spread.get(key)):
        raise ValueError(f"refine.key = {key!r} is not swept over a list or a range{suggestion(str(key), spread)}")
    if not isinstance(metric, str) or metric not in METRICS:
        raise ValueError(f"refine.metric = {metric!r}{suggestion(str(metric), METRICS)}")
    if type(rounds) is not int or not 1 <= rounds <= 20:
        raise ValueError(f"refine.rounds = {rounds!r} should be a whole number, 1 up to 20")
    logarithmic = isinstance(spread[key], dict) and "logspace" in spread[key]
    return Refinement(key, metric, quantity(asked["at"], METRICS[metric]), rounds, logarithmic)


def refined(rule: Refinement, base: StudyText, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[TrialSpec, Study]]:
    """New trials for a ledger's rows: half way between neighbours of which one lies above the threshold."""
    lines: dict[str, list[tuple[float, Any, float, dict[str, Any]]]] = defaultdict(list)
    for row in rows:
        value = row["result"].get(rule.metric)
        place = number_of(row["parameters"][rule.key])
        if row["status"] == "done" and value is not None and place is not None:
            others = {key: other for key, other in row["parameters"].items() if key != rule.key}
            written = row["parameters"][rule.key]
            lines[json.dumps(others, sort_keys=True)].append((place, written, float(value), row["parameters"]))
    known = {row["id"] for row in rows}
    for line in lines.values():
        for (_, low, before, parameters), (_, high, after, _) in pairwise(sorted(line, key=lambda each: each[0])):
            if (before > rule.at) == (after > rule.at):
                continue
            middle = between(low, high, logarithmic=rule.logarithmic)
            if middle in {low, high}:
                continue
            try:
                trial, study = resolve(base, {**parameters, rule.key: middle})
            except StudyError:
                continue  # a key of whole numbers has no geometric mean
            if trial.id not in known:
                known.add(trial.id)
                yield trial, study
