"""Pictures of a learning circuit: its blocks, and its controls and lock-ins against what they should be."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hge_spice.plot.style import BLUE, GREY, START_COLOURS, VERMILLION, WIDTH, lay_out, panel, plain

PLACES = {  # of each block's middle, in a drawing of 12 by 6
    "inputs": (1.1, 5.2),
    "device": (3.3, 3.9),
    "transimpedance\namplifier": (5.5, 3.9),
    "mean, held\nper pattern": (7.9, 5.2),
    "error\nformation": (10.6, 5.2),
    "less mean,\nswing amplifier": (7.9, 3.9),
    "mixer": (7.9, 2.6),
    "gated\nintegrator": (7.9, 1.3),
    "multiplier\nby dE/dI": (10.6, 1.3),
    "integrator of\nthe epoch": (10.6, 0.2),
    "divider": (7.9, 0.2),
    "control integrator,\nclamp": (5.0, 0.2),
    "sum": (3.3, 1.3),
    "tone": (1.1, 1.3),
}
WIRES = (
    ("inputs", "device"),
    ("device", "transimpedance\namplifier"),
    ("transimpedance\namplifier", "less mean,\nswing amplifier"),
    ("transimpedance\namplifier", "mean, held\nper pattern"),
    ("mean, held\nper pattern", "less mean,\nswing amplifier"),
    ("mean, held\nper pattern", "error\nformation"),
    ("less mean,\nswing amplifier", "mixer"),
    ("mixer", "gated\nintegrator"),
    ("gated\nintegrator", "multiplier\nby dE/dI"),
    ("error\nformation", "multiplier\nby dE/dI"),
    ("multiplier\nby dE/dI", "integrator of\nthe epoch"),
    ("integrator of\nthe epoch", "divider"),
    ("divider", "control integrator,\nclamp"),
    ("control integrator,\nclamp", "sum"),
    ("tone", "sum"),
    ("tone", "mixer"),
    ("sum", "device"),
)
EACH = ("mixer", "gated", "multiplier", "integrator of", "divider", "control", "sum", "tone")  # one a control


def block_diagram(controls: int, patterns: int) -> Figure:
    """Draw the loop: what there is once in black, once a control in blue; the sequencer gates all of it."""
    figure = Figure(figsize=(WIDTH, 4.6))
    axes: Axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set(xlim=(0, 12), ylim=(-0.4, 5.9))
    axes.set_axis_off()
    boxes = {}
    for name, (x, y) in PLACES.items():
        colour = BLUE if name.startswith(EACH) else VERMILLION if name == "device" else "k"
        box = {"boxstyle": "round,pad=0.35", "facecolor": "w", "edgecolor": colour}
        text = axes.text(x, y, name, ha="center", va="center", fontsize=9, color=colour, bbox=box)
        boxes[name] = text.get_bbox_patch()
    for begin, end in WIRES:  # after the boxes, whose sizes are known once they are drawn
        style = {"arrowstyle": "->", "color": GREY, "patchA": boxes[begin], "patchB": boxes[end], "shrinkB": 2}
        axes.annotate("", xy=PLACES[end], xytext=PLACES[begin], arrowprops=style, zorder=5)
    axes.text(0.1, 0.2, f"blue: {controls} of each", color=BLUE, fontsize=9)
    axes.text(0.1, -0.2, f"holds, and slots of an epoch: {patterns}", fontsize=9)
    return figure


def circuit_against_loop(steps: pd.DataFrame) -> Figure:
    """Draw the controls of the last start's circuit beside those of the same loop as a program, and its lock-ins.

    Left: controls, V, by epoch, circuits as lines and the program as open circles. Right: each lock-in's derivative
    against its truth, as shares of the largest true one, of the epochs whose truth was looked up.
    """
    last = steps[steps["start"] == steps["start"].iloc[-1]]
    names = [column.removeprefix("loop.") for column in steps.columns if column.startswith("loop.")]
    figure = Figure(figsize=(WIDTH, 4.2))
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    panel(left, x="epoch", y="control / V")
    every = max(len(last) // 20, 1)
    for k, name in enumerate(names):
        colour = (BLUE, *START_COLOURS)[k % (1 + len(START_COLOURS))]
        left.plot(last["step"], last[f"control.{name}"], color=colour, lw=1.8, label=plain(name, 14))
        left.plot(last["step"][::every], last[f"loop.{name}"][::every], color=colour, ls="", marker="o", mfc="none")
    left.plot([], [], color="k", ls="", marker="o", mfc="none", label="the same loop as a program")
    pairs = [(c, c.replace("truth.", "jacobian.", 1)) for c in steps.columns if c.startswith("truth.")]
    true = np.array([last[truth] for truth, _ in pairs], dtype=float)
    read = np.array([last[held] for _, held in pairs], dtype=float)
    known = np.isfinite(true)
    largest = float(np.abs(true[known]).max()) if known.any() else 1.0
    panel(right, x="true dy/dV, share of the largest", y="lock-in")
    right.axline((0, 0), slope=1, color=GREY, lw=1)
    right.plot(true[known] / largest, read[known] / largest, ls="", marker=".", color=BLUE)
    lay_out(figure, left, above=0.15)
    figure.subplots_adjust(wspace=0.28)
    return figure
