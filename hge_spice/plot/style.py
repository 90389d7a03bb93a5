"""What all pictures share: colours, size, axes and legend, and numbers with prefixes.

Colours are Okabe and Ito's, told apart by colour-blind readers; shape or line says the same a second time. Black is
ink and white is paper: the report's style sheet replaces both where the reader's screen is dark.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, VERMILLION, GREEN = "#0072b2", "#d55e00", "#009e73"
ORANGE, PURPLE, SKY, GREY = "#e69f00", "#cc79a7", "#56b4e9", "#808080"
START_COLOURS = (VERMILLION, GREEN, ORANGE, PURPLE, SKY)
WIDTH = 9.0  # inches: 900 px in the report
PAPER = {"facecolor": "w", "edgecolor": "none", "pad": 1.5}  # behind a text that a line may cross
PREFIXES = {-21: "z", -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


def scale(largest: float, unit: str) -> tuple[float, str]:
    """Factor and prefixed unit that bring a value to between 1 and 1000: 3e-9 A gives (1e9, "nA")."""
    if not np.isfinite(largest) or largest == 0:
        return 1.0, unit
    exponent = 3 * int(np.floor(np.log10(float(f"{abs(largest):.3g}")) / 3))
    exponent = min(max(exponent, min(PREFIXES)), max(PREFIXES))
    return 10.0**-exponent, PREFIXES[exponent] + unit


def si(value: float | None, unit: str) -> str:
    """Three digits and a prefix, as people write it: 1.23e-9 A is "1.23 nA"; a dash where there is no number."""
    if value is None or np.isnan(value):
        return "–"
    if np.isinf(value):
        return ("−" if value < 0 else "") + "∞"
    factor, prefixed = scale(value, unit)
    digits = f"{value * factor:.3g}"
    return f"{float(digits):g} {prefixed}".strip().replace("-", "−")


def plain(text: Any, longest: int = 24) -> str:
    """A text from a file as matplotlib draws it letter by letter: no formulas, no control characters, not too long."""
    shown = "".join(c if c.isprintable() else "?" for c in str(text))
    shown = shown if len(shown) <= longest else shown[: longest - 1] + "…"
    return shown.replace("$", r"\$")


def panel(axes: Axes, *, x: str = "", y: str = "") -> Axes:
    """The look that all pictures share."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color=GREY, alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)
    return axes


def lay_out(figure: Figure, axes: Axes, *, above: float = 0.12, below: float = 0.6) -> None:
    """Place the panels and, below them, one legend with each name once. A layout engine would double the time.

    above, below : inches for headings, and for the axis with its label
    """
    handles, names = axes.get_legend_handles_labels()
    once = dict(reversed(list(zip(reversed(names), reversed(handles), strict=True))))
    letters = sum(map(len, once))
    columns = 4 if letters < 80 else 3 if letters < 105 else 2
    below += 0.26 * -(-len(once) // columns)
    width, height = figure.get_size_inches()
    figure.subplots_adjust(left=0.9 / width, right=1 - 0.12 / width, bottom=below / height, top=1 - above / height)
    figure.subplots_adjust(hspace=0.08, wspace=0.08)
    figure.align_ylabels()
    figure.legend(once.values(), once.keys(), loc="lower center", ncols=columns, frameon=False, borderaxespad=0.2)
