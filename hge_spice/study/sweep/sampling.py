"""Trials of a study: the product of its [sweep]'s axes, each trial with its whole study and an id made from it."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hge_spice.study.sweep.axes import Setting, axes_of
from hge_spice.study.tables.block import file_digest, netlist_digest
from hge_spice.study.tables.corners import corner_axes
from hge_spice.study.tables.edges import netlist_digests
from hge_spice.study.tables.spec import Study, parse_study
from hge_spice.study.text.files import DISTRIBUTIONS, SWEEP_OPTIONS, StudyError, StudyText, merge, place
from hge_spice.study.text.values import swept as read_sweep

# tables that don't change what is measured
BESIDE = {"title", "notes", "sweep", "specs", "curves", "smoke", "cluster", "results"}


@dataclass(frozen=True)
class TrialSpec:
    """One trial: a pure function's argument.

    id : 16 hex digits; equal for studies that mean the same, however they are written
    parameters : the swept keys and their values as written
    base : the study without them, its sweep and smoke used up; shared by all trials of a sweep
    """

    id: str
    parameters: Setting
    base: StudyText

    @property
    def raw(self) -> StudyText:
        """The study with the parameters put in."""
        return _resolved(self.base, self.parameters)


def trials(raw: StudyText, sweep: StudyText | None = None) -> list[TrialSpec]:
    """Every combination of the sweep's axes, the last varying fastest; one trial where nothing is swept.

    sweep : the study's own [sweep] unless given. Raises StudyError where any of the studies is wrong, so that nothing
    is simulated before all are known to be right.
    """
    return [trial for trial, _ in parsed_trials(raw, sweep)]


def parsed_trials(raw: StudyText, sweep: StudyText | None = None) -> Iterator[tuple[TrialSpec, Study]]:
    """Each of `trials` with its study in SI units. Two draws that fall on one trial are one."""
    base = {key: value for key, value in raw.items() if key not in {"sweep", "smoke"}}
    made: dict[str, Setting] = {}
    for parameters, drawn in _settings(_whole_sweep(raw) if sweep is None else sweep):
        trial, study = resolve(base, parameters)
        if trial.id not in made:
            made[trial.id] = parameters
            yield trial, study
        elif not drawn:
            raise StudyError(f"sweep: {_said(parameters)} means the same as {_said(made[trial.id])}")


def resolve(base: StudyText, parameters: Setting) -> tuple[TrialSpec, Study]:
    """A trial and its study in SI units. Raises StudyError where it is wrong."""
    try:
        study = parse_study(_resolved(base, parameters))
    except StudyError as error:
        if not parameters:
            raise
        raise StudyError(f"with {_said(parameters)}: {error}") from error
    return TrialSpec(study_id(study), parameters, base), study


def study_id(study: Study) -> str:
    """16 hex digits of the SHA-256 of what is measured: all keys in SI units, defaults included, titles left out.

    Among 10^6 trials the chance of two alike is 3e-8.
    """
    described = study.model_dump(mode="json", exclude=BESIDE)
    for device in (described["device"], *described["device"]["units"]):
        for key in ("subcircuit", "file"):
            if device[key] is not None:  # what the file says counts, not where it lies
                path = Path(device[key])
                found = netlist_digests(path) if key == "file" else {}
                own = file_digest(path) if key == "file" else netlist_digest(path)
                device.update({key: own} | ({"netlists": found} if found else {}))
    if described["task"]["file"] is not None:
        described["task"]["file"] = file_digest(Path(described["task"]["file"]))
    if (pdk := described["pdk"]) is not None:  # models that were renewed in place are others
        pdk["models"] = _installed(pdk["package"]) if pdk["package"] else file_digest(Path(pdk["root"], pdk["lib"]))
    if described["corners"] is not None:
        for axis in ("process", "temperature", "supply", "mismatch"):  # where else it is tried changes nothing here
            del described["corners"][axis]
    text = json.dumps(described, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _installed(package: str) -> str:
    """Version of a package; nothing where it isn't there, which whoever reads its models reports."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _resolved(base: StudyText, parameters: Setting) -> StudyText:
    placed: StudyText = {}
    for key, value in parameters.items():
        placed = place(placed, tuple(key.split(".")), value)
    return merge(base, placed)


def _said(parameters: Setting) -> str:
    return ", ".join(f"{key} = {value!r}" for key, value in parameters.items())


def _whole_sweep(raw: StudyText) -> Any:
    """The study's [sweep], with its [corners] before it."""
    axes, sweep = corner_axes(raw), raw.get("sweep", {})
    if not axes or not isinstance(sweep, dict):
        return sweep
    twice = sorted(axes.keys() & sweep.keys())
    if twice:
        raise StudyError(f"sweep: {', '.join(twice)} is an axis of [corners] already; leave it out of one of them")
    return axes | sweep


def _settings(sweep: Any) -> Iterator[tuple[Setting, bool]]:
    """Every combination, and whether draws are in it."""
    try:
        spread = read_sweep(sweep)
        axes = axes_of(spread)
        drawn = any(isinstance(value, dict) and set(value) & set(DISTRIBUTIONS) for value in spread.values())
        columns = [axis.settings() for axis in axes]
    except ValueError as error:
        raise StudyError(f"sweep: {error}") from error
    for key in spread:
        if key.split(".")[0] in {"sweep", "cluster", "results"}:
            raise StudyError(f"sweep: {key!r} is in [{key.split('.')[0]}] itself, which can't be swept")
    order = [key for key in spread if key not in SWEEP_OPTIONS]
    for combination in itertools.product(*columns):
        joined = {key: value for setting in combination for key, value in setting.items()}
        yield {key: joined[key] for key in order}, drawn
