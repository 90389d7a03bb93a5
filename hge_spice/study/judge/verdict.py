"""The verdict of a sign-off: which corners meet every spec, by how much, which fail worst, and what to change first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hge_spice.study.judge.statistics import Row, Yield, left_before, meets, passes, value_of, wilson
from hge_spice.study.tables.corners import DRAW
from hge_spice.study.tables.metrics import METRICS, Spec
from hge_spice.study.text.units import render

# what a designer can turn to move a metric
DEPENDS = {
    "headroom": "the supply, the widths and the bias of the transistors in corners.saturated",
    "nominal_error": "perturbation.amplitude and points",
    "lag": "the tones' frequencies, so perturbation.window, and the block's capacitances and currents",
    "bandwidth": "the block's capacitances and currents",
    "learning_snr": "the block's currents, perturbation.amplitude and window, and levels that switch no pattern off",
    "power_watt": "the block's bias and supply",
}
YES_OR_NO = frozenset({"solved", "retrained_solved"})  # these are met or not, by no margin


@dataclass(frozen=True)
class Cell:
    """A metric at a corner: the worst of its draws, what share of them meet the spec, and by how much the worst does.

    worst : SI; None where no draw has it (a point that was left after the cheap checks, or failed)
    margin : (worst − bound) over the bound, to the good side; negative where the spec is missed
    """

    worst: float | None
    met: int
    margin: float | None


@dataclass(frozen=True)
class Corner:
    """A corner with its yield over mismatch and a cell per spec, in the specs' order; `name` as in "ss, 125 C"."""

    name: str
    passed: Yield
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Verdict:
    """Corners in the study's order; specs : their metrics.

    worst : per metric, the trial that has its worst value; says : the sentences that a designer wants
    """

    specs: tuple[str, ...]
    corners: tuple[Corner, ...]
    worst: Mapping[str, str]
    says: tuple[str, ...]


def verdict(rows: Iterable[Row], specs: Mapping[str, Spec]) -> Verdict | None:
    """Judge the finished points of a sign-off; None for a study that is none, or without specs."""
    points = [row for row in rows if row["status"] in {"done", "failed"}]
    if not points or not specs or not any("nominal_control" in row["result"] for row in points):
        return None
    by_corner: dict[str, list[Row]] = {}
    for row in points:
        by_corner.setdefault(_corner(row["parameters"]), []).append(row)
    corners = tuple(_judged(name, group, specs) for name, group in by_corner.items())
    worst = {}
    for metric, spec in specs.items():
        having = [(each, row) for row in points if (each := _margin(row, metric, spec)) is not None]
        if having:
            worst[metric] = min(having, key=lambda pair: pair[0])[1]["id"]
    return Verdict(tuple(specs), corners, worst, tuple(_says(corners, points, specs)))


def summary(found: Verdict) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "specs": list(found.specs),
        "corners": [
            {
                "corner": corner.name,
                "passed": corner.passed.passed,
                "total": corner.passed.total,
                "yield_low": corner.passed.low,
                "yield_high": corner.passed.high,
                **{m: {"worst": c.worst, "margin": c.margin} for m, c in zip(found.specs, corner.cells, strict=True)},
            }
            for corner in found.corners
        ],
        "worst": dict(found.worst),
        "says": list(found.says),
    }


def _corner(parameters: Mapping[str, Any]) -> str:
    return ", ".join(str(value) for key, value in parameters.items() if key != DRAW) or "nominal"


def _judged(name: str, group: Sequence[Row], specs: Mapping[str, Spec]) -> Corner:
    good = sum(passes(row, specs) for row in group)
    cells = []
    for metric, spec in specs.items():
        margins = [(each, row) for row in group if (each := _margin(row, metric, spec)) is not None]
        met = sum(row["status"] == "done" and meets(row, metric, spec) for row in group)
        if not margins:
            cells.append(Cell(None, met, None))
            continue
        margin, row = min(margins, key=lambda pair: pair[0])
        cells.append(Cell(value_of(row["result"], metric), met, margin))
    return Corner(name, Yield(name, good, len(group), *wilson(good, len(group))), tuple(cells))


def _margin(row: Row, metric: str, spec: Spec) -> float | None:
    """How far a metric is within its nearer bound, as a share of the bound (of one where that is zero)."""
    value = value_of(row["result"], metric)
    if row["status"] != "done" or value is None or left_before(row, metric):
        return None
    sides = [(spec.min, 1), (spec.max, -1)]
    return min(sign * (value - bound) / (abs(bound) or 1.0) for bound, sign in sides if bound is not None)


def _says(corners: Sequence[Corner], points: Sequence[Row], specs: Mapping[str, Spec]) -> Iterable[str]:
    whole = [corner for corner in corners if corner.passed.passed == corner.passed.total]
    good = sum(corner.passed.passed for corner in corners)
    yield f"{len(whole)} of {len(corners)} corners pass at every draw, {good} of {len(points)} points."
    if any(row["result"].get("nominal_solved") is False for row in points):
        yield (
            "The nominal training didn't solve the task, so that every point begins at controls that are none: see to "
            "that first (training.steps and starts, electrodes.control_range, task.levels)."
        )
    broken = [row for row in points if row["status"] == "failed"]
    if broken:
        yield f"{len(broken)} of {len(points)} points have no result, the first since {broken[0]['reason']}."
    if whole and len(whole) < len(corners) and specs.keys() - YES_OR_NO:
        near, cell, metric = min(
            (
                (corner, cell, metric)
                for corner in whole
                for cell, metric in zip(corner.cells, specs, strict=True)
                if cell.margin is not None and metric not in YES_OR_NO
            ),
            key=lambda each: each[1].margin or 0.0,
        )
        yield f"Of the corners that pass, {near.name} is nearest to failing: {_worst(metric, cell)}."
    missed = {
        metric: sum(row["status"] == "done" and _misses(row, metric, spec) for row in points)
        for metric, spec in specs.items()
    }
    first = max(missed, key=missed.__getitem__)
    if missed[first]:
        at = list(specs).index(first)
        corner = min((c for c in corners if c.cells[at].margin is not None), key=lambda c: c.cells[at].margin or 0.0)
        yield (
            f"Change what {first} depends on first: {missed[first]} of {len(points)} points miss it, worst at "
            f"{corner.name}, {_worst(first, corner.cells[at])}."
        )
        if first in DEPENDS:
            yield f"It depends on {DEPENDS[first]}."


def _misses(row: Row, metric: str, spec: Spec) -> bool:
    return value_of(row["result"], metric) is not None and not meets(row, metric, spec)


def written(metric: str, cell: Cell) -> str:
    """The worst value as people write it."""
    return "–" if cell.worst is None else render(cell.worst, METRICS[metric], 2)


def _worst(metric: str, cell: Cell) -> str:
    if metric in YES_OR_NO:
        return f"{metric}: {'no' if (cell.margin or 0.0) < 0 else 'yes'}"
    return f"{metric} {written(metric, cell)} ({100 * (cell.margin or 0.0):+.0f} % of its bound)"
