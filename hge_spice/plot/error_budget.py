"""The picture of an error budget: what each imperfection does to derivatives and to the extractions needed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hge_spice.plot.style import BLUE, GREY, WIDTH, panel, plain


def budget(lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw an error budget: error of derivatives and extractions to solve, a bar for each line, the dearest on top.

    lines : with the fields of study.budget.Line
    """
    figure = Figure(figsize=(WIDTH, 1.2 + 0.3 * len(lines)))
    panels = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(lines))[::-1]
    names = [plain(line["active"], 32) for line in lines]
    for axes, key, factor, label in zip(
        panels, ("error", "extractions"), (100.0, 1.0), ("error of derivatives / %", "extractions"), strict=True
    ):
        values, low, high = (
            factor * np.array([line[key + end] for line in lines], dtype=float) for end in ("", "_low", "_high")
        )
        panel(axes, x=label)
        around = np.nan_to_num([values - np.maximum(low, 0), high - values])
        axes.barh(places, np.nan_to_num(values), 0.7, xerr=around, color=BLUE, ecolor=GREY, capsize=2)
    panels[0].set_yticks(places, names)
    figure.subplots_adjust(left=0.3, right=0.98, bottom=0.55 / figure.get_size_inches()[1], top=0.97, wspace=0.08)
    return figure
