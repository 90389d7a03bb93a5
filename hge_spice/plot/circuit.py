"""A learning circuit's controls and lock-ins against what they should be; its blocks are in blocks.py."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hge_spice.plot.style import BLUE, GREY, START_COLOURS, WIDTH, lay_out, panel, plain


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
