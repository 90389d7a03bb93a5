"""What trials show side by side in a report: estimators compared, and tone spacing."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any


def overview(directory: Path, rows: list[dict[str, Any]], draw: Callable[[Any, str], Any]) -> dict[str, Any]:
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
    from matplotlib import rc_context  # noqa: PLC0415 - it takes its time, and most reports don't come here

    from hge_spice.plot.estimators import estimators, spacing  # noqa: PLC0415 - as above

    figures: dict[str, Callable[[], Any]] = {}
    if compared:
        figures["estimators"] = partial(estimators, compared)
    for name, trial in spaced.items():
        data = directory / "trials" / Path(trial).name / "spacing.json"
        figures[name] = partial(_from_file, data, spacing)
    pictures: dict[str, Any] = {}
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "hge-spice"}):
        for name, figure in figures.items():
            try:
                pictures[name] = draw(figure(), name)
            except (OSError, ValueError, LookupError, TypeError) as error:
                pictures[name] = f"{name}: {type(error).__name__}: {error}"
    return {"compared": compared, "pictures": pictures}


def _from_file(path: Path, make: Callable[[dict[str, Any]], Any]) -> Any:
    return make(json.loads(path.read_text(encoding="utf-8")))
