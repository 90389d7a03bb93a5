"""The picture of several gates: what the output does in every logic state, one panel for each trial."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hge_spice.drive import Floats
from hge_spice.plot.style import BLUE, GREY, PAPER, VERMILLION, WIDTH, panel, plain, scale

COLUMNS = 3
LEVELS = (("0", BLUE), ("1", VERMILLION))


@dataclass(frozen=True)
class Gate:
    """One trial: its windows in the order of its patterns, as they were measured with the tones on.

    traces : [pattern][point], A or V; window : s; outputs : [pattern], tones off; classes : [pattern], 0 or 1
    states : of each pattern, in words
    """

    name: str
    traces: Sequence[Floats]
    window: float
    outputs: Sequence[float]
    classes: Sequence[float]
    states: Sequence[str]
    solved: bool


def gates(found: Sequence[Gate], quantity: str = "A") -> Figure:
    """Draw the output of every trial in every logic state, window after window; what lies between is left out."""
    columns = min(COLUMNS, len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(WIDTH, 0.9 + 2.3 * rows))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, gate in zip(panels, found, strict=False):
        _draw(axes, gate, quantity)
    for axes in panels[len(found) :]:
        axes.set_visible(False)
    handles: dict[str, Artist] = {}
    for axes in panels[: len(found)]:
        handles |= {name: line for line, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    height = figure.get_size_inches()[1]
    figure.subplots_adjust(left=0.08, right=0.99, top=1 - 0.3 / height, bottom=0.75 / height, hspace=0.45, wspace=0.38)
    figure.legend(list(handles.values()), list(handles), loc="lower center", ncols=4, frameon=False, borderaxespad=0.2)
    return figure


def _draw(axes: Axes, gate: Gate, quantity: str) -> None:
    levels = np.array(gate.outputs)
    factor, unit = scale(max(float(np.abs(levels).max()), *(float(np.abs(t).max()) for t in gate.traces)), quantity)
    panel(axes, y=f"output / {unit}")
    span = 1e3 * gate.window
    for p, (trace, level, of) in enumerate(zip(gate.traces, levels, gate.classes, strict=True)):
        time = span * (p + np.arange(len(trace)) / len(trace))
        axes.plot(time, factor * trace, color=GREY, lw=0.6, label="as measured, tones on")
        word, colour = LEVELS[int(of > 0.5)]
        axes.plot(
            [span * p, span * (p + 1)], [factor * level] * 2, color=colour, lw=2.6, label=f"tones off, class {word}"
        )
        if p:
            axes.axvline(span * p, color=GREY, lw=0.6, ls=":")
    ones = np.array(gate.classes) > 0.5
    if ones.any() and not ones.all():
        axes.axhline(
            factor * 0.5 * (levels[ones].min() + levels[~ones].max()), color="k", ls="--", lw=1, label="midway"
        )
    middles = span * (0.5 + np.arange(len(levels)))
    axes.set_xticks(middles, [plain(text, 8) for text in gate.states])
    axes.set_xlim(0, span * len(levels))
    said = plain(gate.name).upper() + ("" if gate.solved else ", not solved")
    axes.set_title(said, fontsize="medium", bbox=PAPER)
