"""A trial's folder as it is read again: what a report shows of it, whatever is missing or torn."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import networkx as nx
import numpy as np
import pandas as pd

from hge_spice.study.text.files import place
from hge_spice.tasks.gates import GATES
from hge_spice.traces import read_raw

# what a file that is cut short, edited or from another version makes its reader or a picture raise
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, nx.NetworkXException)
T = TypeVar("T")


class Attempt(Protocol):
    """What `make` gives, or nothing and a word about it."""

    def __call__(self, what: str, make: Callable[[], T], /) -> T | None:
        """Call `make`; where it raises one of DAMAGE, None, with a word about `what`."""
        ...


@dataclass
class Folder:
    """What a trial's folder holds; None or empty where it is missing. All that is read from it may raise DAMAGE."""

    result: dict[str, Any]
    study: dict[str, Any]
    steps: pd.DataFrame | None
    comparison: dict[str, Any]
    graph: Any
    plots: list[Any]
    decided: dict[str, Any] = field(default_factory=dict)
    radial: dict[str, Any] = field(default_factory=dict)
    circuit: dict[str, Any] = field(default_factory=dict)

    @property
    def of_data(self) -> bool:
        """Whether it is a data set or regression, whose patterns are too many to be shown one by one."""
        return "test_patterns" in self.result

    def asked(self, path: str) -> Any:
        """A key of the trial's study as written; None where it is left to its default."""
        found: Any = self.study
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return found

    @property
    def noise(self) -> float:
        """Standard deviation of one read-out, A, from what was judged by it; 0 where nothing was."""
        if self.steps is None:
            return 0.0
        gap, ratio = self.steps["gap"].to_numpy(float), self.steps["d_prime"].to_numpy(float)
        usable = np.flatnonzero(np.isfinite(ratio) & (ratio != 0))
        return float(gap[usable[-1]] / ratio[usable[-1]]) if len(usable) else 0.0

    @property
    def unit(self) -> str:
        """Of the output: A or V."""
        return "V" if self.result.get("output_unit") == "V" else "A"

    @property
    def outputs(self) -> list[float]:
        """[pattern], A: the result's, or those of the last step that was read out."""
        last = self.last
        if "outputs" not in self.result and last is not None:
            return [float(last[column]) for column in last.index if column.startswith("output.")]
        return list(self.result.get("outputs", []))

    @property
    def last(self) -> pd.Series | None:
        """The last step after which all patterns were read: with batches, the end of an epoch."""
        read = None if self.steps is None else self.steps[self.steps["gap"].notna()]
        return None if read is None or read.empty else read.iloc[-1]

    @property
    def classes(self) -> list[float]:
        """[pattern]: the result's, or the task's."""
        if "classes" in self.result or self.asked("task.name") not in GATES:
            return list(self.result.get("classes", []))
        return [float(level) for level in GATES[self.asked("task.name")]().classes]

    @property
    def labels(self) -> list[str]:
        """The patterns' inputs in words."""
        if self.comparison:
            named = [", ".join(f"{v:g} V" for v in row) for row in self.comparison["inputs"]]
        else:
            named = [title.partition("inputs ")[2] or title for title, _ in self.plots]
        return [name.replace("-", "−") for name in named] or [f"pattern {p}" for p in range(len(self.outputs))]


def read_folder(folder: Path, row: Mapping[str, Any], study: dict[str, Any], attempt: Attempt) -> Folder:
    """The folder of a trial, whose row of the ledger is given; study : as written, before the row's own settings."""

    def own_study() -> dict[str, Any]:
        text = study
        for key, value in row["parameters"].items():
            text = place(text, tuple(key.split(".")), value)
        return text

    def steps() -> pd.DataFrame:
        found = pd.read_parquet(folder / "steps.parquet")
        if found.empty:
            raise ValueError("it has no rows")
        return found

    def table(name: str) -> dict[str, Any]:
        return dict(json.loads((folder / name).read_text(encoding="utf-8")))

    asked = attempt("the trial's study", own_study) or {}
    learns = isinstance(asked.get("training"), dict) and asked["training"].get("where") == "circuit"
    return Folder(
        dict(row["result"]),
        asked,
        attempt("steps.parquet (loss and control curves)", steps),
        attempt("gradient.json (gradient against truth)", lambda: table("gradient.json")) or {},
        attempt("graph.json (network)", lambda: nx.node_link_graph(table("graph.json"), edges="edges")),
        attempt("waveform.raw (spectrum)", lambda: read_raw(folder / "waveform.raw")) or [],
        table("decision_map.json") if (folder / "decision_map.json").is_file() else {},
        table("radius.json") if (folder / "radius.json").is_file() else {},
        (learns and attempt("circuit.json (learning circuit)", lambda: table("circuit.json"))) or {},
    )
