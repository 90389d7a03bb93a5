"""The matrix that designers sign off by: corners down, metrics across, green where a spec is met and red where not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from hge_spice.plot.style import WIDTH

# told apart by people who see no red or green too: the bad side is darker, and a missed spec's text is bold
COLOURS = LinearSegmentedColormap.from_list("margin", ["#b2182b", "#f4a582", "#f7f7f7", "#a6dba0", "#5aae61"])
CLIPPED = 1.0  # margins beyond are all alike


@dataclass(frozen=True)
class Square:
    """One cell: its text, its margin as a share of the bound (None: no value), and whether the spec is missed."""

    text: str
    margin: float | None
    missed: bool


def matrix(corners: Sequence[str], metrics: Sequence[str], squares: Sequence[Sequence[Square]]) -> Figure:
    """Draw squares [corner][metric]."""
    shown = [[np.nan if s.margin is None else np.clip(s.margin, -CLIPPED, CLIPPED) for s in row] for row in squares]
    figure = Figure(figsize=(WIDTH, 1.2 + 0.22 * len(corners)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.array(shown), cmap=COLOURS, vmin=-CLIPPED, vmax=CLIPPED, aspect="auto")
    for r, row in enumerate(squares):
        for c, square in enumerate(row):
            weight = "bold" if square.missed else "normal"
            axes.text(c, r, square.text, ha="center", va="center", fontsize=6, fontweight=weight)
    axes.set_yticks(np.arange(len(corners)), corners, fontsize=6)
    axes.set_xticks(np.arange(len(metrics)), metrics, rotation=30, ha="left", fontsize=6)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    return figure
