"""Pictures of a training: loss, gap over span and every control against the step, a line per start."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hge_spice.margin import GAP_OVER_SPAN
from hge_spice.plot.style import BLUE, GREY, ORANGE, START_COLOURS, WIDTH, lay_out, panel, plain

ROOM = 0.22  # of a panel's height between rows: for the heading of the lower one


def loss_curves(steps: pd.DataFrame) -> Figure:
    """Draw loss (before each update) and gap over span (after it) against the step, a line per start.

    steps : the columns of steps.parquet
    """
    figure = Figure(figsize=(WIDTH, 5.0))
    upper = panel(figure.add_subplot(2, 1, 1), y="loss")
    lower = panel(figure.add_subplot(2, 1, 2, sharex=upper), x="step", y="gap / span")
    upper.tick_params(labelbottom=False)
    for rows, style, name in _starts(steps):
        upper.plot(rows["step"], rows["loss"], **style)
        read = rows[rows["gap_over_span"].notna()]  # with batches, at the end of epochs
        lower.plot(read["step"], read["gap_over_span"], **style, label=name)
    solved = steps[steps["solved"].astype(bool)]
    if len(solved):
        lower.plot(solved["step"], solved["gap_over_span"], "*", color=ORANGE, mec="k", ms=16, zorder=5, label="solved")
    lower.axhline(GAP_OVER_SPAN, color="k", ls="--", lw=1, label=f"solved needs {GAP_OVER_SPAN:g}")
    lower.set_ylim(-1.05, 1.05)
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    lay_out(figure, lower)
    return figure


def control_curves(steps: pd.DataFrame, control_range: tuple[float, float] | None = None) -> Figure:
    """Draw every control after each update, a panel per control and a line per start, the last start bold.

    control_range : V, drawn as limits
    """
    names = [column.removeprefix("control.") for column in steps.columns if column.startswith("control.")]
    columns = min(len(names), 5) or 1
    rows = -(-len(names) // columns) or 1
    figure = Figure(figsize=(WIDTH, 0.7 + 2.2 * rows))
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for k, axes in enumerate(panels):
        if k >= len(names):
            axes.set_visible(False)
            continue
        first, last_row = k % columns == 0, k + columns >= len(names)
        panel(axes, x="step" if last_row else "", y="control / V" if first else "")
        axes.tick_params(labelbottom=last_row)
        axes.set_title(plain(names[k], 14), fontsize=10)
        for part, style, name in _starts(steps):
            axes.plot(part["step"], part[f"control.{names[k]}"], **style, label=name)
        for bound in control_range or ():
            axes.axhline(bound, color="k", ls="--", lw=1, label="control range")
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    lay_out(figure, panels[0], above=0.35)
    figure.subplots_adjust(hspace=ROOM)
    return figure


def _starts(steps: pd.DataFrame) -> list[tuple[pd.DataFrame, dict[str, Any], str]]:
    """Rows, line style and name of each start; all but the last are thin, and alike where they are many."""
    numbers = list(dict.fromkeys(steps["start"]))
    found: list[tuple[pd.DataFrame, dict[str, Any], str]] = []
    for k, number in enumerate(numbers):
        rows = steps[steps["start"] == number]
        marker = "." if len(rows) < 40 else ""
        style: dict[str, Any] = {"color": BLUE, "lw": 2.5, "marker": marker, "zorder": 4}
        name = f"start {number}" + (", the last" if len(numbers) > 1 else "")
        if k < len(numbers) - 1:
            many = len(numbers) > len(START_COLOURS) + 1
            colour = GREY if many else START_COLOURS[k]
            style = {"color": colour, "lw": 1, "marker": marker, "ms": 3, "alpha": 0.4 if many else 0.9}
            name = f"{len(numbers) - 1} earlier starts" if many else f"start {number}"
        found.append((rows, style, name))
    return found
