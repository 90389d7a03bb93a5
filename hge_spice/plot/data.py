"""Pictures of data sets: what a trained network answers over two features, and its accuracy over the steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hge_spice.plot.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, WIDTH, lay_out, panel, plain, scale

# by class: shape and colour say the same
MARKS = (("o", BLUE), ("^", VERMILLION), ("s", GREEN), ("D", PURPLE), ("v", ORANGE), ("*", SKY))
LEVELS = 9  # shades of the score


def decision_map(found: Mapping[str, Any]) -> Figure:
    """Draw classes over two features, each from 0 to 1 of its electrode's range, with the training patterns.

    found : `features`, `labels`, `grid` [place along a feature], `decided` [y, x], `score` [y, x] and `threshold` of
    two classes, `bits` [pattern, 2] and `classes` [pattern], as in decision_map.json
    """
    figure = Figure(figsize=(0.7 * WIDTH, 0.62 * WIDTH))
    axes = panel(figure.add_subplot(), x=_axis(found, 0), y=_axis(found, 1))
    grid, decided = np.asarray(found["grid"]), np.asarray(found["decided"])
    if found.get("score") is not None:
        distance = np.asarray(found["score"]) - float(found["threshold"])
        # the classes' own colours; the score is fitted to 0 and 1, so that half a unit off the threshold is sure
        shades = np.linspace(-0.5, 0.5, LEVELS + 1)
        axes.contourf(grid, grid, distance, shades, cmap="RdBu_r", alpha=0.45, extend="both")
        if distance.min() < 0 < distance.max():
            axes.contour(grid, grid, distance, [0.0], colors="k", linewidths=1.5)
    else:
        borders = np.arange(len(found["labels"]) + 1) - 0.5
        axes.contourf(grid, grid, decided, borders, colors=[colour for _, colour in MARKS], alpha=0.25)
    bits, classes = np.asarray(found["bits"]), np.asarray(found["classes"])
    for k, label in enumerate(found["labels"]):
        marker, colour = MARKS[k % len(MARKS)]
        own = bits[classes == k]
        axes.plot(own[:, 0], own[:, 1], marker, color=colour, mec="k", mew=0.5, ms=5, label=f"class {plain(label)}")
    axes.set_aspect("equal")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    lay_out(figure, axes)
    return figure


def _axis(found: Mapping[str, Any], place: int) -> str:
    return f"{plain(found['features'][place])}, share of the input's range"


def answers_over_radius(found: Mapping[str, Any]) -> Figure:
    """Draw answers over the distance from the middle, and above them the share that is right in each shell.

    found : `radius` in ranges, `answer` in `unit` or without one, `classes`, `decided` [pattern], `labels`,
    `shells`, `border` and `threshold`, as in radius.json
    """
    radius, answer, classes = (np.asarray(found[key], dtype=float) for key in ("radius", "answer", "classes"))
    right = np.asarray(found["decided"], dtype=float) == classes
    factor, unit = scale(float(np.abs(answer).max()), found["unit"]) if found["unit"] else (1.0, "")
    figure = Figure(figsize=(WIDTH, 5.4))
    above, axes = figure.subplots(2, 1, sharex=True, height_ratios=[1, 2.6])
    panel(above, y="right / %").tick_params(labelbottom=False)
    for shell in found["shells"]:
        ends = [shell["from"], shell["to"]]
        above.fill_between(ends, 100 * shell["low"], 100 * shell["high"], color=BLUE, alpha=0.2, lw=0)
        above.plot(ends, [100 * shell["right"]] * 2, color=BLUE, lw=2)
    above.set_ylim(0, 105)
    panel(axes, x="distance from the middle / range of an input", y=f"output / {unit}" if unit else "answer")
    for k, label in enumerate(found["labels"]):
        marker, colour = MARKS[k % len(MARKS)]
        for chosen, edge in ((right, "none"), (~right, "k")):
            own = (classes == k) & chosen
            name = f"class {plain(label)}" + (", answered wrongly" if edge == "k" else "")
            axes.plot(radius[own], factor * answer[own], marker, color=colour, mec=edge, mew=0.9, ms=4.5, label=name)
    axes.axhline(factor * found["threshold"], color="k", lw=1.2, label="threshold")
    for each in (above, axes):
        each.axvline(found["border"], color="k", ls="--", lw=1, label="border")
    lay_out(figure, axes)
    return figure


def accuracy_curve(steps: pd.DataFrame, result: Mapping[str, Any]) -> Figure:
    """Draw the training patterns' accuracy, or variance met, after each read-out, and what the patterns kept apart say.

    steps : the columns of steps.parquet, `train_score` among them; result : the trial's
    """
    figure = Figure(figsize=(WIDTH, 3.4))
    of_classes = "test_accuracy" in result
    axes = panel(figure.add_subplot(), x="step", y="accuracy" if of_classes else "variance met")
    read = steps[steps["train_score"].notna()]
    starts = list(dict.fromkeys(read["start"]))
    for k, start in enumerate(starts):
        own = read[read["start"] == start]
        kept = start == result.get("start")
        style: dict[str, Any] = {"color": BLUE, "lw": 2.5} if kept else {"color": GREY, "lw": 1, "alpha": 0.7}
        name = f"start {start}, kept" if kept else "other starts" if k in {0, 1} else None
        axes.plot(own["step"], own["train_score"], label=name, **style)
    if of_classes:
        chosen = [float(result["steps"])]
        low, high, middle = (float(result[f"test_accuracy{end}"]) for end in ("_low", "_high", ""))
        bars = [[middle - low], [high - middle]]
        axes.errorbar(chosen, [middle], bars, fmt="*", color=VERMILLION, mec="k", ms=13, capsize=4, label="test, 95 %")
        beside = {"random": ("random controls", "--"), "logistic": ("logistic", ":"), "digital": ("digital", "-.")}
        for key, (name, line) in beside.items():
            value = result.get(f"{key}_test_accuracy")
            if value is not None:
                axes.axhline(float(value), color="k", ls=line, lw=1, label=f"{name}, test")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    lay_out(figure, axes)
    return figure
