"""The matrix that designers sign off by: corners down, metrics across, green where a spec is met and red where not."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from hge_spice.plot import WIDTH
from hge_spice.study.metrics import METRICS
from hge_spice.study.units import render
from hge_spice.study.verdict import Cell, Verdict

# told apart by people who see no red or green too: the bad side is dark, and a missed spec's text is bold
COLOURS = LinearSegmentedColormap.from_list("margin", ["#b2182b", "#f4a582", "#f7f7f7", "#a6dba0", "#5aae61"])
CLIPPED = 1.0  # margins beyond are all alike


def matrix(found: Verdict) -> Figure:
    """Draw the worst value of every metric at every corner, coloured by its margin, and the yield over mismatch."""
    rows = len(found.corners)
    margins = np.array([[_shown(cell.margin) for cell in corner.cells] for corner in found.corners])
    figure = Figure(figsize=(WIDTH, 1.2 + 0.22 * rows), layout="constrained")
    axes = figure.subplots()
    axes.imshow(margins, cmap=COLOURS, vmin=-CLIPPED, vmax=CLIPPED, aspect="auto")
    for r, corner in enumerate(found.corners):
        for c, (cell, metric) in enumerate(zip(corner.cells, found.specs, strict=True)):
            missed = cell.met < corner.passed.total
            weight = "bold" if missed else "normal"
            axes.text(c, r, _written(cell, metric), ha="center", va="center", fontsize=6, fontweight=weight)
    names = [f"{c.name}   {c.passed.passed}/{c.passed.total}" for c in found.corners]
    axes.set_yticks(np.arange(rows), names, fontsize=6)
    axes.set_xticks(np.arange(len(found.specs)), found.specs, rotation=30, ha="left", fontsize=6)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    return figure


def _shown(margin: float | None) -> float:
    return np.nan if margin is None else float(np.clip(margin, -CLIPPED, CLIPPED))


def _written(cell: Cell, metric: str) -> str:
    return "–" if cell.worst is None else render(float(f"{cell.worst:.2g}"), METRICS[metric])
