"""Trials of a study: the grid over its [sweep], each trial with its whole study and an id made from it."""

import hashlib
import itertools
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from hge_spice.study.block import file_digest
from hge_spice.study.files import StudyError, StudyText, place
from hge_spice.study.spec import Study, parse_study
from hge_spice.study.units import DIMENSIONS, number_and_unit, quantity
from hge_spice.study.values import swept as read_sweep

MOST = 100_000  # trials; more is a slip of the pen in a range
BESIDE = {"title", "notes", "sweep", "specs", "smoke"}  # tables that don't change what is measured


@dataclass(frozen=True)
class TrialSpec:
    """One trial: a pure function's argument.

    id : 12 hex digits; equal for studies that mean the same, however they are written
    parameters : the swept keys and their values as written
    raw : the study with them put in, its sweep and smoke used up
    """

    id: str
    parameters: dict[str, Any]
    raw: StudyText


def trials(raw: StudyText, sweep: StudyText | None = None) -> list[TrialSpec]:
    """Every combination of the sweep's values, the last key varying fastest; one trial where nothing is swept.

    sweep : the study's own [sweep] unless given. Raises StudyError where any of the studies is wrong, so that nothing
    is simulated before all are known to be right.
    """
    base = {key: value for key, value in raw.items() if key not in {"sweep", "smoke"}}
    axes = _axes(raw.get("sweep", {}) if sweep is None else sweep)
    made: dict[str, TrialSpec] = {}
    for values in itertools.product(*axes.values()):
        parameters = dict(zip(axes, values, strict=True))
        resolved = base
        for key, value in parameters.items():
            resolved = place(resolved, tuple(key.split(".")), value)
        try:
            identity = study_id(parse_study(resolved))
        except StudyError as error:
            if not parameters:
                raise
            raise StudyError(f"with {_said(parameters)}: {error}") from error
        if identity in made:
            raise StudyError(f"sweep: {_said(parameters)} means the same as {_said(made[identity].parameters)}")
        made[identity] = TrialSpec(identity, parameters, resolved)
    return list(made.values())


def study_id(study: Study) -> str:
    """12 hex digits of the SHA-256 of what is measured: all keys in SI units, defaults included, titles left out."""
    described = study.model_dump(mode="json", exclude=BESIDE)
    for device in (described["device"], *described["device"]["units"]):
        for key in ("subcircuit", "file"):
            if device[key] is not None:  # what the file says counts, not where it lies
                device[key] = file_digest(Path(device[key]))
    text = json.dumps(described, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _said(parameters: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {value!r}" for key, value in parameters.items())


def _axes(sweep: Any) -> dict[str, list[Any]]:
    try:
        axes = {key: _values(values) for key, values in read_sweep(sweep).items()}
    except ValueError as error:
        raise StudyError(f"sweep: {error}") from error
    for key in axes:
        if key.split(".")[0] == "sweep":
            raise StudyError(f"sweep: {key!r} is in [sweep] itself, which can't be swept")
    count = math.prod(len(values) for values in axes.values())
    if count > MOST:
        raise StudyError(f"sweep: {count} trials are more than {MOST}; shorten a list or a range")
    return axes


def _values(values: Any) -> list[Any]:
    if isinstance(values, list):
        return values
    ((spacing, (first, last, count)),) = values.items()
    if count > MOST:
        raise ValueError(f"{spacing} = {[first, last, count]} has more than {MOST} values")
    low, high, unit = _ends(first, last)
    if spacing == "linspace":
        points = [low + (high - low) * i / (count - 1) for i in range(count)]
    elif low > 0 and high > 0:
        ratio = (high / low).ln() / (count - 1)
        points = [low * (ratio * i).exp() for i in range(count)]
    else:
        raise ValueError(f"logspace = {[first, last, count]} should begin and end above zero")
    points[-1] = high
    numbers = [float(f"{point:.12g}") for point in points]
    if unit:
        return [f"{number:.12g} {unit}" for number in numbers]
    if isinstance(first, int) and isinstance(last, int):
        return [int(number) if number.is_integer() else number for number in numbers]
    return list(numbers)


def _ends(first: Any, last: Any) -> tuple[Decimal, Decimal, str]:
    """Both ends in one unit: the one they are written in, or the SI unit of what both can be."""
    if isinstance(first, str) and isinstance(last, str):
        (low, unit), (high, other) = number_and_unit(first), number_and_unit(last)
        if unit == other:
            return low, high, unit
    elif not isinstance(first, str) and not isinstance(last, str):
        return Decimal(repr(quantity(first, "ratio"))), Decimal(repr(quantity(last, "ratio"))), ""
    for dimension, kind in DIMENSIONS.items():
        try:
            return Decimal(repr(quantity(first, dimension))), Decimal(repr(quantity(last, dimension))), kind.si
        except ValueError:
            continue
    raise ValueError(f"a range can't go from {first!r} to {last!r}: they have no unit in common")
