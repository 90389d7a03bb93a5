"""The matrix that designers sign off by: corners down, metrics across, green where a spec is met and red where not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hge_spice.plot.style import WIDTH

# told apart by people who see no red or green too: a missed spec's text is bold, and its cell has a frame
COLOURS = LinearSegmentedColormap.from_list("margin", ["#b2182b", "#f4a582", "#f7f7f7", "#a6dba0", "#5aae61"])
CLIPPED = 1.0  # margins beyond are all alike
LEAST = 0.3  # of it that shows anyway on which side of its bound a cell is
DARK = -0.7  # margin from which black text can't be read
MISSED = "#67001f"  # frame of a cell that misses its spec


@dataclass(frozen=True)
class Square:
    """One cell: its text, its margin as a share of the bound (None: no value), and whether the spec is missed."""

    text: str
    margin: float | None
    missed: bool


def matrix(corners: Sequence[str], metrics: Sequence[str], squares: Sequence[Sequence[Square]]) -> Figure:
    """Draw squares [corner][metric]; metrics : in words, the bounds of each below its name."""
    shown = [[_shade(square) for square in row] for row in squares]
    figure = Figure(figsize=(WIDTH, 1.2 + 0.26 * len(corners)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.array(shown), cmap=COLOURS, vmin=-CLIPPED, vmax=CLIPPED, aspect="auto")
    for r, row in enumerate(squares):
        for c, square in enumerate(row):
            weight = "bold" if square.missed else "normal"
            colour = "white" if shown[r][c] < DARK else "black"
            axes.text(c, r, square.text, ha="center", va="center", fontsize=8, fontweight=weight, color=colour)
            if square.missed and square.margin is not None:
                axes.add_patch(Rectangle((c - 0.47, r - 0.44), 0.94, 0.88, fill=False, ec=MISSED, lw=1.2))
    axes.set_yticks(np.arange(len(corners)), corners, fontsize=8)
    axes.set_xticks(np.arange(len(metrics)), metrics, rotation=30, ha="left", fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    return figure


def _shade(square: Square) -> float:
    """Where a cell lies on the scale of colours; NaN where it has no value. On its bound it is good."""
    if square.margin is None:
        return float("nan")
    margin = float(np.clip(square.margin, -CLIPPED, CLIPPED))
    return max(margin, LEAST) if margin >= 0 else min(margin, -LEAST)
