"""The picture of a truth table: each pattern's output beside threshold, gap, span and read-out noise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hge_spice.margin import D_PRIME
from hge_spice.plot.style import BLUE, PAPER, VERMILLION, WIDTH, lay_out, panel, plain, scale, si


def truth_table(
    outputs: Sequence[float], classes: Sequence[float], labels: Sequence[str], noise: float, quantity: str = "A"
) -> Figure:
    """Draw the output of every pattern with the band that read-out noise leaves it, the midway threshold, gap and span.

    outputs : [pattern], A, or V where `quantity` says so; classes : [pattern], 0 or 1
    noise : A or V, standard deviation of one read-out. A band of half of 6.2σ to either side that stays clear of the
    threshold is an error rate of at most 1e-3.
    """
    found, ones = np.asarray(outputs, dtype=float), np.asarray(classes, dtype=float) > 0.5
    factor, unit = scale(float(np.abs(found).max()), quantity)
    top, bottom = float(found[ones].min(initial=np.inf)), float(found[~ones].max(initial=-np.inf))
    both = np.isfinite(top) and np.isfinite(bottom)
    names = [plain(label) for label in labels]
    upright = 0.09 * max(map(len, names)) if sum(map(len, names)) > 90 else 0.0  # inches
    figure = Figure(figsize=(WIDTH, 4.0 + upright))
    what = "voltage" if quantity == "V" else "current"
    axes = panel(figure.add_subplot(), x="pattern (inputs)", y=f"output {what} / {unit}")
    half = 0.5 * D_PRIME * noise * factor
    x = np.arange(len(found))
    aside = max(len(x) / 4, 1)  # what the two arrows take, in patterns
    for level, chosen, colour, marker in ((1, ones, VERMILLION, "^"), (0, ~ones, BLUE, "o")):
        look: dict[str, Any] = {"fmt": marker, "color": colour, "ms": 10, "capsize": 8, "elinewidth": 2}
        name = f"class {level}, ±{D_PRIME / 2:g}σ of the read-out"
        axes.errorbar(x[chosen], factor * found[chosen], half, **look, label=name)
    if both:
        middle = 0.5 * (top + bottom)
        axes.axhline(factor * middle, color="k", ls="--", lw=1, label=f"threshold, midway: {si(middle, quantity)}")
        _between(axes, len(x) - 0.5 + 0.15 * aside, factor * bottom, factor * top, f"gap\n{si(top - bottom, quantity)}")
    low, high = float(found.min()), float(found.max())
    _between(axes, len(x) - 0.5 + 0.95 * aside, factor * low, factor * high, f"span\n{si(high - low, quantity)}")
    axes.set_xticks(x, names, rotation=90 if upright else 0)
    axes.set_xlim(-0.5, len(x) - 0.5 + 1.6 * aside)
    axes.margins(y=0.12)
    lay_out(figure, axes, below=0.6 + upright)
    return figure


def _between(axes: Axes, x: float, low: float, high: float, text: str) -> None:
    """An arrow from one level to another with a text beside it."""
    axes.annotate("", (x, high), (x, low), arrowprops={"arrowstyle": "<->", "color": "k", "shrinkA": 0, "shrinkB": 0})
    axes.annotate(text, (x, 0.5 * (low + high)), xytext=(6, 0), textcoords="offset points", va="center", bbox=PAPER)
