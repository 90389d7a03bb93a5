"""The picture of a sweep's metrics over one swept key: a panel each, a line for each value of another key."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from hge_spice.plot.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, WIDTH, lay_out, panel, plain, scale

LINES = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"), (ORANGE, "D"), (PURPLE, "v"), (SKY, "P"), (GREY, "X"))
FAR = 5.0  # from the smallest to the largest, above which an axis is logarithmic
LABELS = 12  # values that are all written below the axis
APART = 0.06  # of the distance between neighbours, by which lines over words are moved sideways


def curves(found: Sequence[Mapping[str, Any]], over: str, by: str | None = None) -> Figure:
    """Draw medians and quartiles of metrics over a swept key.

    found : with the fields of study.curves.Point; over, by : names of the keys
    Numbers lie at their place, on a logarithmic axis where they lie far apart; words stand side by side. What is not
    above zero isn't drawn on a logarithmic axis.
    """
    metrics = list(dict.fromkeys(each["metric"] for each in found))
    lines = list(dict.fromkeys(each["by"] for each in found))
    values = {each["over"]: each["number"] for each in found}
    words = any(number is None for number in values.values())
    place = {each: float(k) if words else float(values[each] or 0.0) for k, each in enumerate(values)}
    figure = Figure(figsize=(WIDTH, 0.8 + 2.1 * len(metrics) + (0.26 * (1 + len(lines) // 3) if by else 0)))
    panels: list[Axes] = list(figure.subplots(len(metrics), 1, sharex=True, squeeze=False)[:, 0])
    for axes, metric in zip(panels, metrics, strict=True):
        own = [each for each in found if each["metric"] == metric]
        ends = [v for each in own for v in (each["low"], each["middle"], each["high"]) if np.isfinite(v)]
        factor, unit = scale(max(map(abs, ends), default=0.0), own[0]["unit"]) if own[0]["unit"] else (1.0, "")
        logarithmic = _far_apart([each["middle"] for each in own if np.isfinite(each["middle"])])
        panel(axes, y=plain(metric) + (f" / {unit}" if unit else ""))
        if logarithmic:
            axes.set_yscale("log")
        for k, line in enumerate(lines):
            colour, marker = LINES[k % len(LINES)]
            drawn = [each for each in own if each["by"] == line]
            x = np.array([place[each["over"]] for each in drawn]) + (APART * (k - (len(lines) - 1) / 2) if words else 0)
            middle, low, high = (factor * np.array([each[key] for each in drawn]) for key in ("middle", "low", "high"))
            if logarithmic:
                middle, low = (np.where(v > 0, v, np.nan) for v in (middle, low))
            axes.errorbar(
                x,
                middle,
                yerr=np.nan_to_num([middle - low, high - middle]),
                color=colour,
                marker=marker,
                ms=5,
                lw=0 if words else 1.4,
                elinewidth=1.2,
                capsize=2.5,
                label=plain(f"{by} = {line}", 60) if by else None,
            )
    _across(panels[-1], place, words=words)
    panels[-1].set_xlabel(plain(over, 60))
    lay_out(figure, panels[-1], below=0.65)
    return figure


def _across(axes: Axes, place: Mapping[str, float], *, words: bool) -> None:
    """The key's own values below the axis, as the study writes them."""
    if not words and _far_apart(list(place.values())):
        axes.set_xscale("log")
    if len(place) <= LABELS:
        axes.set_xticks(list(place.values()), [plain(each, 20) for each in place])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())


def _far_apart(values: Sequence[float]) -> bool:
    positive = [value for value in values if value > 0]
    return bool(positive) and len(positive) >= len(values) / 2 and max(positive) >= FAR * min(positive)
