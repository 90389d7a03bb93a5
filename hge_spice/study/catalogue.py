"""What can be named in a study, and the flags that results carry, each with its summary: for `hge-spice list`."""

import inspect
import tomllib
from pathlib import Path
from typing import Any

from hge_spice.devices import DEVICES
from hge_spice.gradient import ESTIMATORS
from hge_spice.graph import GRAPHS, layered
from hge_spice.imperfections import IMPERFECTIONS
from hge_spice.loss import LOSSES
from hge_spice.study.judge.flags import MEANINGS
from hge_spice.study.text.files import shipped_studies
from hge_spice.tasks import TASKS
from hge_spice.update import RULES


def catalogue() -> dict[str, dict[str, str]]:
    """Names and summaries by kind; functions are summed up by the first line of their docstring."""
    return {
        "devices": {name: family.summary for name, family in DEVICES.items()},
        "graphs": {name: _first_line(build) for name, build in {**GRAPHS, "layered": layered}.items()},
        "tasks": {name: _first_line(build) for name, build in TASKS.items()},
        "losses": {name: _first_line(loss) for name, loss in LOSSES.items()},
        "rules": {name: rule.summary for name, rule in RULES.items()},
        "estimators": {name: _first_line(inspect.getmodule(each)) for name, each in ESTIMATORS.items()},
        "imperfections": {name: each.summary for name, each in IMPERFECTIONS.items()},
        "flags": MEANINGS,
        "studies": {name: _title(path) for name, path in shipped_studies().items()},
    }


def _title(path: Path) -> str:
    return str(tomllib.loads(path.read_text("utf-8")).get("title", ""))


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]
