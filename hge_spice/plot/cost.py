"""The picture of what a batch of operating points costs: time and memory against its size."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from hge_spice.plot.style import BLUE, START_COLOURS, WIDTH, panel


def cost_against_size(cost: Mapping[str, Mapping[int, Mapping[int, Mapping[str, float]]]]) -> Figure:
    """Draw time and memory of a batch of operating points against its size, one line a network size.

    cost : by kind of network, by unknowns, by batch: `seconds` and `peak_bytes`, as `bench quasistatic` gives them
    """
    figure = Figure(figsize=(WIDTH, 3.2 * len(cost)))
    rows: Any = figure.subplots(len(cost), 2, squeeze=False)
    for (kind, sizes), (left, right) in zip(cost.items(), rows, strict=True):
        for axes, key, label in ((left, "seconds", "processor time / s"), (right, "peak_bytes", "peak memory / bytes")):
            for (size, batches), colour in zip(sizes.items(), (BLUE, *START_COLOURS), strict=False):
                points = list(batches)
                values = [batches[batch][key] for batch in points]
                axes.loglog(points, values, "o-", color=colour, markersize=3, label=f"{size} unknowns")
            panel(axes, x="points in the batch", y=label)
        left.set_title(kind, loc="left", fontsize="medium")
        right.legend(*left.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)
    figure.tight_layout()
    return figure
