"""What trials show side by side in a report: estimators, tone spacing, error budget, sign-off, a sweep's yields."""

import base64
import hashlib
import json
import shlex
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
from markupsafe import Markup

from hge_spice.study.judge.budget import sentence, write_budget
from hge_spice.study.judge.statistics import failures, said, sensitivities, worst, yields, yields_by_value
from hge_spice.study.judge.verdict import verdict, written
from hge_spice.study.report.pages import sweep_data
from hge_spice.study.report.rerun import keeping, settings_of
from hge_spice.study.report.svg import Draw
from hge_spice.study.report.trial_folder import DAMAGE
from hge_spice.study.tables.metrics import read_specs

SHARE = 0.01  # of a variance that the report's table begins at; sensitivity.csv has all


def overview(directory: Path, rows: list[dict[str, Any]], draw: Draw) -> dict[str, Any]:
    """Results that have something to compare, by estimator, and pictures by name.

    draw : (figure, name) -> what the page shows of it. A picture that can't be made is its reason instead.
    """
    compared = {
        str(row["parameters"].get("training.estimator", row["id"])): row["result"]
        for row in rows
        if "compared" in row["result"]
    }
    spaced = {f"spacing-{row['id']}": row["id"] for row in rows if "spacing" in row["result"]}
    if not compared and not spaced:
        return {"compared": {}, "pictures": {}}
    from hge_spice.plot.estimators import estimators, spacing  # noqa: PLC0415 - most reports don't come here

    figures: dict[str, Callable[[], Any]] = {}
    if compared:
        figures["estimators"] = partial(estimators, compared)
    for name, trial in spaced.items():
        data = directory / "trials" / Path(trial).name / "spacing.json"
        figures[name] = partial(_from_file, data, spacing)
    pictures: dict[str, Any] = {}
    for name, figure in figures.items():
        try:
            pictures[name] = draw(figure(), name)
        except DAMAGE as error:
            pictures[name] = f"{name}: {type(error).__name__}: {error}"
    return {"compared": compared, "pictures": pictures}


def _from_file(path: Path, make: Callable[[dict[str, Any]], Any]) -> Any:
    return make(json.loads(path.read_text(encoding="utf-8")))


def budget_parts(directory: Path, rows: list[dict[str, Any]], plot: ModuleType, draw: Draw) -> dict[str, Any]:
    """The error budget of a study that tells one; its table goes beside the report as CSV."""
    lines = write_budget(rows, directory)
    if not lines:
        return {}
    picture = draw(plot.budget([asdict(line) for line in lines]), "budget")
    return {"budget": lines, "budget_says": sentence(lines), "budget_picture": picture}


def signoff_parts(directory: Path, rows: list[dict[str, Any]], study: dict[str, Any], draw: Draw) -> dict[str, Any]:
    """The verdict over corners of a study that tells one, as a matrix, and the command that reruns each worst point."""
    try:
        specs = read_specs(study.get("specs", {}))
        found = verdict(rows, specs)
    except DAMAGE:
        return {}
    if found is None:
        return {}
    from hge_spice.plot.signoff import Square, matrix  # noqa: PLC0415 - Matplotlib takes its time to import

    squares = [
        [
            Square(written(metric, cell), cell.margin, cell.met < corner.passed.total)
            for cell, metric in zip(corner.cells, found.specs, strict=True)
        ]
        for corner in found.corners
    ]
    names = [f"{corner.name}   {corner.passed.passed}/{corner.passed.total}" for corner in found.corners]
    by_id = {row["id"]: row for row in rows}
    worst = {metric: keeping(directory, by_id[row]) for metric, row in found.worst.items()}
    return {
        "signoff": found,
        "signoff_picture": draw(
            matrix(names, [said(metric, specs[metric]) for metric in found.specs], squares), "signoff"
        ),
        "signoff_worst": worst,
    }


def sweep_parts(directory: Path, rows: list[dict[str, Any]], study: dict[str, Any], plot: ModuleType) -> dict[str, Any]:
    """What only a study of several trials shows; its tables go beside the report as CSV."""
    try:
        specs = read_specs(study.get("specs", {}))
    except DAMAGE:
        specs = {}
    found, keys = yields(rows, specs), sensitivities(rows)
    by_value = yields_by_value(rows, specs)
    tables = {
        "yield": [{"key": "", **asdict(each)} for each in found] + [{"key": key, **asdict(e)} for key, e in by_value],
        "sensitivity": [asdict(each) for each in keys],
    }
    for name, lines in tables.items():
        if lines:
            pd.DataFrame(lines).to_csv(directory / f"{name}.csv", index=False)
    data = sweep_data(directory, rows, specs, plot.amplitude_spectrum)
    data["command"] = shlex.join(["hge-spice", "run", str(directory / "study.toml")])
    data["settings"] = [shlex.join(settings_of(row)) for row in rows]
    script = Path(__file__).with_name("report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for letter in "<>&\u2028\u2029":  # so that nothing in it can end the element
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return {
        "yields": found,
        "yields_by": by_value,
        "sensitivity": [each for each in keys if each.share >= SHARE],
        "failures": failures(rows),
        "worst": [(row["id"], keeping(directory, row)) for row in worst(rows, specs)],
        "data": Markup(text),  # noqa: S704 - escaped above
        "script": Markup(script),  # noqa: S704 - our own
        "script_hash": f"sha256-{digest}",
    }
