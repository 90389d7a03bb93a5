"""A study file's text to a Study in SI units, or every problem in it, each with its key."""

from collections.abc import Iterable
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hge_spice.study.tables.device import Unit
from hge_spice.study.tables.metrics import METRICS, Spec
from hge_spice.study.tables.misfits import misfits
from hge_spice.study.tables.study import Study
from hge_spice.study.tables.task import build_task
from hge_spice.study.text.files import (
    StudyError,
    StudyText,
    apply_setting,
    apply_smoke,
    dump,
    load_study,
    read_raw,
    suggestion,
)

__all__ = [
    "METRICS",
    "Spec",
    "Study",
    "StudyError",
    "StudyText",
    "apply_setting",
    "dump",
    "load_study",
    "parse_study",
    "read_raw",
]


def parse_study(raw: StudyText) -> Study:
    """Check a study and put it into SI units. Raises StudyError with every problem, one a line.

    [smoke] is checked too, so that a slip in it shows before a test runs; sweeps are checked by `sampling.trials`.
    """
    study = _validated(raw)
    if study.smoke:
        try:
            _validated(apply_smoke(raw))
        except StudyError as error:
            raise StudyError(f"with [smoke]: {error}") from error
    return study


def _validated(raw: StudyText) -> Study:
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        raise StudyError("\n".join(_problem(details) for details in error.errors())) from error
    problems = list(misfits(study))
    if problems:
        raise StudyError("\n".join(problems))
    if len(study.task.levels) == 1:
        every = study.task.levels * build_task(study.task).bits.shape[1]
        study = study.model_copy(update={"task": study.task.model_copy(update={"levels": every})})
    return study


def _problem(details: ErrorDetails) -> str:
    path = [str(key) for key in details["loc"]]
    where = ".".join(path)
    match details["type"]:
        case "extra_forbidden":
            return f"unknown key {where}{suggestion(path[-1], _keys(path[:-1]))}"
        case "missing":
            return f"{where} is missing, and has no default"
        case "value_error":
            message = str(details["ctx"]["error"])
            return f"{where}: {message}" if where else message
        case _:  # a value where a table should be
            return f"{where or 'the study'} = {details['input']!r} should be a table"


def _keys(path: list[str]) -> Iterable[str]:
    """The keys that the table at a path has."""
    table: Any = Study
    for key in path:
        if key.isdecimal():  # one of device.units, which are devices too
            continue
        annotation = Unit if key == "units" else table.model_fields[key].annotation
        # a table that may be absent is annotated as one or None
        table = next((kind for kind in get_args(annotation) if hasattr(kind, "model_fields")), annotation)
    return tuple(table.model_fields)
