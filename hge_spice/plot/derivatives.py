"""The picture of one extraction: every derivative's estimate and truth, and their difference."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hge_spice.plot.style import BLUE, GREY, ORANGE, SKY, WIDTH, lay_out, panel, plain, scale


def gradient_against_truth(comparison: Mapping[str, Any]) -> Figure:
    """Draw estimate and truth of every derivative, and below their difference in per cent of the pattern's largest.

    Of a pattern that is off it is in per cent of the largest of all patterns.

    comparison : as gradient.json has it. The wide bar is what the stated read-out noise would add, the narrow one with
    caps the standard error seen in the residual of this extraction.
    """
    estimate, truth = (np.array(comparison[key], dtype=float) for key in ("estimate", "truth"))
    seen, stated = (np.array(comparison[key], dtype=float) for key in ("stderr", "stderr_stated_noise"))
    patterns, controls = estimate.shape
    factor, unit = scale(float(np.abs(truth).max()), str(comparison.get("estimate_unit", "A/V")))
    x = np.arange(controls) + (controls + 1) * np.arange(patterns)[:, None]
    largest = np.array(comparison.get("error_scale", np.abs(truth).max(axis=1)), dtype=float)[:, None]
    share = 100 / np.where(largest > 0, largest, np.nan)
    figure = Figure(figsize=(WIDTH, 6.2))
    upper = panel(figure.add_subplot(2, 1, 1), y=f"derivative / ({unit})")
    lower = panel(figure.add_subplot(2, 1, 2, sharex=upper), x="control, by pattern", y="error / % of the largest")
    upper.tick_params(labelbottom=False)
    upper.bar(x.ravel(), factor * truth.ravel(), width=0.8, color=SKY, alpha=0.7, label="truth")
    wide: dict[str, Any] = {
        "fmt": "none",
        "ecolor": ORANGE,
        "elinewidth": 5,
        "alpha": 0.6,
        "label": "what stated noise adds",
    }
    narrow: dict[str, Any] = {
        "fmt": "D",
        "color": BLUE,
        "ms": 4,
        "capsize": 4,
        "label": "estimate, standard error seen",
    }
    for axes, value, size in ((upper, factor * estimate, factor), (lower, (estimate - truth) * share, share)):
        axes.axhline(0, color="k", lw=0.8)
        for error, look in ((stated, wide), (seen, narrow)):
            axes.errorbar(x.ravel(), value.ravel(), (error * size).ravel(), **look)
    shown, full = (float(np.nan_to_num((np.abs(estimate - truth) + error) * share).max()) for error in (seen, stated))
    if 0 < 3 * shown < full:  # wide bars would flatten the rest: they run off the picture, and are given in numbers
        lower.set_ylim(-3 * shown, 3 * shown)
    for p, error in enumerate(np.array(comparison["relative_error"], dtype=float)):
        heading = f"{100 * error:.2g} %"
        if patterns <= 6:
            inputs = ", ".join(f"{v:g} V" for v in comparison["inputs"][p]).replace("-", "−")
            inputs += " (off)" if p in comparison.get("off", ()) else ""
            heading = f"{inputs}\nworst error {heading}\nstated noise ±{float(np.max(stated[p] * share[p])):.2g} %"
        if patterns <= 16:
            at = (float(x[p].mean()), 1.02)
            upper.annotate(heading, at, xycoords=("data", "axes fraction"), ha="center", fontsize=9)
        for axes in (upper, lower) if p else ():
            axes.axvline(x[p][0] - 1, color=GREY, lw=0.8, ls=":")
    named = x.size <= 60
    ticks = [plain(name, 8) for name in comparison["controls"]] * patterns
    lower.set_xticks(x.ravel() if named else [], ticks if named else [])
    upright = max(map(len, ticks), default=0) * x.size > 60
    lower.tick_params(axis="x", rotation=90 if upright else 0)
    lay_out(figure, upper, above=0.65, below=1.0 if named and upright else 0.6)
    return figure
