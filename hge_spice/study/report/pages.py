"""What the report of a sweep holds for its script: columns of the table, and a compact page for every trial.

Numbers are rounded to what a picture shows, so that a thousand pages stay within a few megabytes; the files beside the
report have all digits.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from hge_spice.study.judge.curves import written
from hge_spice.study.judge.statistics import passes, value_of
from hge_spice.study.report.trial_folder import DAMAGE
from hge_spice.study.sweep.axes import number_of
from hge_spice.study.tables.metrics import METRICS, Spec
from hge_spice.study.text.units import DIMENSIONS
from hge_spice.traces import read_raw

MOST_PAGES = 1000
POINTS = 60  # of a curve, over all its starts
BINS = 128  # of a spectrum
SHOWN = (*METRICS, "relative_error_max", "cosine")
ROLES = ("output", "input", "control", "ground", "bias")

Spectrum = Callable[[Any, Any, float, int], Any]  # plot.amplitude_spectrum


def sweep_data(
    directory: Path, rows: Sequence[Mapping[str, Any]], specs: Mapping[str, Spec], spectrum: Spectrum
) -> dict[str, Any]:
    """All that the script draws from: table columns, specs, and the pages of up to MOST_PAGES trials."""
    keys = list(dict.fromkeys(key for row in rows for key in row["parameters"]))
    metrics = {name: [_short(value_of(row["result"], name)) for row in rows] for name in SHOWN}
    networks: dict[str, int] = {}
    pages = {
        row["id"]: _page(directory / "trials" / Path(row["id"]).name, row["result"], networks, spectrum)
        for row in _with_a_page(rows)
    }
    return {
        "id": [row["id"] for row in rows],
        "status": [row["status"] for row in rows],
        "passed": [passes(row, specs) for row in rows],
        "seed": [row["seed"] for row in rows],
        "keys": keys,
        "written": {key: [written(row["parameters"].get(key)) for row in rows] for key in keys},
        "numbers": {key: [number_of(row["parameters"].get(key)) for row in rows] for key in keys},
        "metrics": {name: column for name, column in metrics.items() if any(v is not None for v in column)},
        "units": {name: DIMENSIONS[dimension].si for name, dimension in METRICS.items()},
        "specs": {name: [spec.min, spec.max] for name, spec in specs.items()},
        "reasons": {row["id"]: [row["reason"], row["log"]] for row in rows if row["status"] == "failed"},
        "flags": {row["id"]: row["result"]["flags"] for row in rows if row["result"].get("flags")},
        "networks": [json.loads(text) for text in networks],
        "pages": pages,
    }


def _with_a_page(rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """All trials; of too many, those that failed and then every n-th."""
    if len(rows) <= MOST_PAGES:
        return rows
    failed = [row for row in rows if row["status"] == "failed"][: MOST_PAGES // 5]
    others = [row for row in rows if row["status"] == "done"]
    stride = -(-len(others) // (MOST_PAGES - len(failed))) or 1
    return [*failed, *others[::stride]]


def _page(folder: Path, result: Mapping[str, Any], networks: dict[str, int], spectrum: Spectrum) -> dict[str, Any]:
    """One trial's pictures in numbers; a picture whose file is missing or torn isn't there."""
    page: dict[str, Any] = {"classes": result["classes"]} if "classes" in result else {}
    page["outputs"] = _shorts(result.get("outputs", []))
    page["noise"], page["unit"] = _short(result.get("noise")), result.get("output_unit", "A")
    comparison: dict[str, Any] = {}
    for make in (
        lambda: {"steps": _steps(folder / "steps.parquet")},
        lambda: comparison.update(json.loads((folder / "gradient.json").read_text(encoding="utf-8"))) or {},
        lambda: {"gradient": _gradient(comparison)},
        lambda: {"spectrum": _spectrum(folder / "waveform.raw", comparison, spectrum)},
        lambda: {"network": _network(folder / "graph.json", networks)},
    ):
        try:
            page |= make()
        except DAMAGE:
            continue
    return page


def _steps(path: Path) -> dict[str, Any]:
    # one file, not a data set: the handle that a data set keeps costs more than the reading
    table = pq.ParquetFile(path).read().to_pydict()
    count = len(table["step"])
    kept = np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(int)).tolist()
    names = [column.removeprefix("control.") for column in table if column.startswith("control.")]
    found: dict[str, Any] = {name: [table[name][k] for k in kept] for name in ("start", "step")}
    found |= {name: _shorts(table[name][k] for k in kept) for name in ("loss", "gap_over_span")}
    return found | {"control": {name: _shorts(table[f"control.{name}"][k] for k in kept) for name in names}}


def _gradient(comparison: Mapping[str, Any]) -> dict[str, Any]:
    about = {name: comparison[name] for name in ("controls", "inputs")}
    about["unit"] = comparison.get("estimate_unit", "A/V")
    lists = {name: [_shorts(row) for row in comparison[name]] for name in ("estimate", "truth", "stderr_stated_noise")}
    return about | lists | {"error": _shorts(comparison["relative_error"])}


def _spectrum(path: Path, comparison: Mapping[str, Any], spectrum: Spectrum) -> dict[str, Any]:
    """Of the pattern whose gradient is furthest from the truth; the highest of neighbours where there are too many."""
    worst = int(np.argmax(np.nan_to_num(comparison["relative_error"], nan=0.0)))
    vectors = read_raw(path)[worst][1]
    output = vectors["v(output)"] if "v(output)" in vectors else vectors["i(output)"]
    amplitude = spectrum(vectors["time"], output, comparison["window"], comparison["points"])[1:]
    width = -(-len(amplitude) // BINS) or 1
    padded = np.pad(amplitude, (0, -len(amplitude) % width))
    about = {name: comparison[name] for name in ("harmonics", "window")}
    return about | {"pattern": worst, "width": width, "amplitude": _shorts(padded.reshape(-1, width).max(axis=1), 3)}


def _network(path: Path, networks: dict[str, int]) -> int:
    """Its number among the different networks of the sweep, which are kept once."""
    graph = json.loads(path.read_text(encoding="utf-8"))
    if "subcircuit" in graph["graph"]:
        raise LookupError("a block that is given as it is has no links to draw")
    order = {str(node["id"]): k for k, node in enumerate(graph["nodes"])}
    nodes = [
        [_short(1e9 * node["x"], 3), _short(1e9 * node["y"], 3), str(node["id"]), node.get("role") or node["kind"]]
        for node in graph["nodes"]
    ]
    reach = float(graph["graph"].get("parameters", {}).get("localisation") or np.inf)
    lengths = [float(edge["length"]) for edge in graph["edges"]]
    links = [
        [
            order[str(edge["source"])],
            order[str(edge["target"])],
            _short(float(np.exp(-2 * (r - min(lengths)) / reach)), 2),
        ]
        for edge, r in zip(graph["edges"], lengths, strict=True)
    ]
    text = json.dumps({"nodes": nodes, "links": links, "family": graph["graph"].get("family")})
    return networks.setdefault(text, len(networks))


def _short(value: float | None, digits: int = 4) -> float | None:
    if value is None or not np.isfinite(value):
        return None
    number = float(f"{value:.{digits}g}")
    return int(number) if number.is_integer() and abs(number) < 1e6 else number


def _shorts(values: Iterable[float | None], digits: int = 4) -> list[float | None]:
    return [_short(value, digits) for value in values]
