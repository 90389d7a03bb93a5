"""The picture of a long run: Allan deviation of output and gradient against averaging time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from hge_spice.plot.style import BLUE, GREY, VERMILLION, WIDTH, scale, si


def allan(found: Mapping[str, Any]) -> Figure:
    """Draw both deviations with their 68 % intervals, white noise's slope, and the window that pays.

    found : as study/beside/allan.py makes it
    """
    figure = Figure(figsize=(WIDTH, 3.8), layout="constrained")
    unit = str(found["unit"])
    for axes, name, colour, per in zip(
        figure.subplots(1, 2), ("output", "gradient"), (BLUE, VERMILLION), (unit, f"{unit}/V"), strict=True
    ):
        curve = {key: np.array(found[name][key]) for key in ("tau", "deviation", "low", "high")}
        factor, shown = scale(float(curve["deviation"].max()), per)
        middle = factor * curve["deviation"]
        bars = [middle - factor * curve["low"], factor * curve["high"] - middle]
        axes.errorbar(curve["tau"], middle, yerr=bars, fmt="o-", ms=4, lw=1.2, color=colour, capsize=2)
        white = middle[0] * np.sqrt(curve["tau"][0] / curve["tau"])
        axes.plot(curve["tau"], white, "--", color=GREY, lw=1, label="white noise, slope −½")
        best = float(found[name]["best_tau"])
        if found[name]["still_falling"]:
            axes.plot([], [], " ", label=f"still falls at {si(float(curve['tau'][-1]), 's')}")
        else:
            axes.axvline(best, color="k", ls=":", lw=1, label=f"pays up to {si(best, 's')}")
        axes.set(xscale="log", yscale="log", xlabel="averaging time τ / s", ylabel=f"Allan deviation / ({shown})")
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** 0.15)  # room for the legend
        axes.set_title(f"{name}", fontsize="medium")
        axes.legend(fontsize="small", loc="upper right")
        decades = np.log10(high / low)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,)))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.grid(visible=True, which="major", color=GREY, alpha=0.25, lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
