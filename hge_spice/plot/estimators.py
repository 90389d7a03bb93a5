"""Pictures that compare estimators, and multi-tone with single-tone extraction, across the trials of a study."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from hge_spice.plot.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, WIDTH, si

WAYS = {
    "one_call": ("one call", GREY, "o"),
    "equal_time": ("equal time", BLUE, "s"),
    "equal_runs": ("equal runs", VERMILLION, "^"),
}
LINES = ((BLUE, "-"), (VERMILLION, "-"), (GREEN, "-"), (ORANGE, "-"), (PURPLE, "-"), (SKY, "-"), (GREY, "-"))


def estimators(results: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw error and angle of each estimator, its time for more controls, and time and energy to train.

    results : by estimator, a trial's result with `compared` as study/beside/compare.py makes it
    """
    names = list(results)
    rows = np.arange(len(names))[::-1]
    figure = Figure(figsize=(WIDTH, 7.6), layout="constrained")
    (error, angle), (scaling, training) = figure.subplots(2, 2)
    for way, (label, colour, marker) in WAYS.items():
        at = [results[name]["compared"][way] for name in names]
        error.plot([100 * a["error"] or np.nan for a in at], rows, marker, color=colour, label=label, alpha=0.85)
        angle.plot([a["angle"] if a["runs"] else np.nan for a in at], rows, marker, color=colour, alpha=0.85)
    error.set(xscale="log", xlabel="error of all derivatives / %", yticks=rows, yticklabels=names)
    angle.set(xscale="log", xlabel="angle to the true gradient / °", yticks=rows, yticklabels=[])
    error.legend(fontsize="small")
    for k, name in enumerate(names):
        counts = [c for c in results[name]["compared"]["controls"] if c["runs"]]
        if counts:
            colour = LINES[k % len(LINES)][0]
            style = ("-", "--", ":")[k // len(LINES) % 3]
            x, y = [c["controls"] for c in counts], [c["seconds_needed"] for c in counts]
            scaling.plot(x, y, style, color=colour, marker=".", label=name)
    scaling.set(xscale="log", yscale="log", xlabel="controls", ylabel="device time to the error asked for / s")
    ticks = sorted({c["controls"] for result in results.values() for c in result["compared"]["controls"]})
    scaling.set_xticks(ticks, [str(count) for count in ticks])
    low, high = scaling.get_ylim()
    scaling.set_ylim(low, high * (high / low) ** 0.6)  # room for the names
    if ticks:
        scaling.legend(fontsize="x-small", ncols=2, loc="upper left")
    seconds = [results[name]["simulated_seconds"] for name in names]
    joule = [results[name]["energy_joule"] for name in names]
    solved = [bool(results[name]["solved"]) for name in names]
    training.barh(rows, seconds, color=[SKY if s else GREY for s in solved])
    for row, second, energy, done in zip(rows, seconds, joule, solved, strict=True):
        told = f" {si(energy, 'J')}" + ("" if done else ", not solved")
        training.text(second, row, told, va="center", fontsize="small")
    training.set(xlabel="device time of the training / s", yticks=rows, yticklabels=[])
    training.set_xlim(right=1.35 * max(seconds))
    for axes in (error, angle, scaling):
        axes.xaxis.set_minor_formatter(NullFormatter())
    for axes in (error, angle):
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    for axes in (error, angle, scaling, training):
        axes.grid(visible=True, color=GREY, alpha=0.25, lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def spacing(found: Mapping[str, Any]) -> Figure:
    """Draw the expected squared error against tone spacing, and single- against multi-tone derivatives.

    found : as study/beside/spacing.py makes it
    """
    sets: Sequence[Mapping[str, Any]] = found["sets"]
    curves = bool(found["curves"])
    figure = Figure(figsize=(WIDTH, (4.2 if curves else 0) + (4.2 if sets else 0)), layout="constrained")
    grid = figure.add_gridspec(curves + bool(sets), max(1, len(sets)))
    panels = [_expected(figure.add_subplot(grid[0, :]), found)] if curves else []
    for k, each in enumerate(sets):
        panel = figure.add_subplot(grid[int(curves), k])
        single, multi = 1e9 * np.array(each["single"]).ravel(), 1e9 * np.array(each["multi"]).ravel()
        panel.plot(single, multi, ".", color=BLUE, ms=2, alpha=0.5, mew=0)
        ends = [float(single.min()), float(single.max())]
        panel.plot(ends, ends, color=GREY, lw=0.8)
        panel.set(xlabel="one tone at a time / (nA/V)", ylabel="all tones at once / (nA/V)")
        panel.set_title(f"{each['spacing']:g} Hz apart: R² = {each['r_squared']:.5f}", fontsize="medium")
        panels.append(panel)
    for panel in panels:
        panel.grid(visible=True, color=GREY, alpha=0.25, lw=0.6)
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def _expected(axes: Axes, found: Mapping[str, Any]) -> Axes:
    """Curves in closed form, and Monte Carlo on them."""
    for (strength, curve), (colour, _) in zip(found["curves"].items(), LINES, strict=False):
        axes.plot(curve["spacing"], curve["analytic"], color=colour, label=f"neighbours {strength}× as strong")
        axes.errorbar(
            curve["measured_spacing"],
            curve["measured"],
            yerr=curve["measured_stderr"],
            fmt=".",
            color=colour,
            capsize=2,
        )
    axes.set(yscale="log", xlabel="tone spacing / Hz", ylabel="squared error / signal²")
    axes.axhline(found["noise_floor"], color=GREY, ls=":", label="noise alone")
    axes.legend(fontsize="small")
    return axes
