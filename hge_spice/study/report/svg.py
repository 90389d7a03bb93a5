"""A picture of a report's, as SVG in the page."""

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

Draw = Callable[[Any, str], Markup]  # (figure, name), to what the page shows of it; `svg` is one

COLOURS = {"#000000": "currentColor", "#ffffff": "var(--paper)", "#0072b2": "var(--blue)"}  # that a dark screen needs


def svg(figure: Any, prefix: str) -> Markup:
    """A picture as inline SVG: text as outlines, identifiers of its own, ink and paper from the page's style sheet.

    The same picture is the same text each time: Matplotlib would draw its identifiers at random.
    """
    from matplotlib import rc_context  # noqa: PLC0415 - as in report.py
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415 - as in report.py

    for background in (figure.patch, *(axes.patch for axes in figure.axes)):
        background.set_visible(False)
    text = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    with warnings.catch_warnings(), rc_context({"svg.fonttype": "path", "svg.hashsalt": "hge-spice"}):
        warnings.simplefilter("ignore")  # letters that the font lacks are shown as boxes
        canvas.print_svg(text, metadata={"Date": None})  # savefig would draw twice
    found = text.getvalue()
    found = found[found.index("<svg") :]
    found = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", found, flags=re.DOTALL)
    own = re.sub(r"\W", "-", prefix)
    found = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{own}-", found)
    for colour, name in COLOURS.items():
        found = found.replace(colour, name)
    return Markup(found)  # noqa: S704 - matplotlib's own, in which texts from files are outlines and comments are cut
