"""Every picture, for the report and for notebooks: records in SI units become matplotlib Figures, no state is kept.

Colours are Okabe and Ito's, told apart by colour-blind readers; shape or line says the same a second time. Black is
ink and white is paper: the report's style sheet replaces both where the reader's screen is dark.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from hge_spice.drive import Floats
from hge_spice.graph import Network, electrodes
from hge_spice.margin import D_PRIME, GAP_OVER_SPAN
from hge_spice.tones import TonePlan

BLUE, VERMILLION, GREEN = "#0072b2", "#d55e00", "#009e73"
ORANGE, PURPLE, SKY, GREY = "#e69f00", "#cc79a7", "#56b4e9", "#808080"
ROLE_STYLES = {
    "output": (VERMILLION, "*"),
    "input": (BLUE, "^"),
    "complement": (SKY, "v"),
    "control": (GREEN, "o"),
    "bias": (PURPLE, "D"),
    "ground": (GREY, "s"),
}
# one an element, the most common first: colour and line tell them apart
ELEMENT_STYLES = (
    ("k", "-"),
    (BLUE, "--"),
    (VERMILLION, "-."),
    (GREEN, ":"),
    (PURPLE, (0, (5, 1, 1, 1, 1, 1))),
    (SKY, "-"),
)
MANY = 60  # electrodes or nodes: beyond, names would cover the picture
START_COLOURS = (VERMILLION, GREEN, ORANGE, PURPLE, SKY)
WIDTH = 9.0  # inches: 900 px in the report
_PAPER = {"facecolor": "w", "edgecolor": "none", "pad": 1.5}  # behind a text that a line may cross
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


def network(graph: Network, voltages: Mapping[str, float] | None = None) -> Figure:
    """Draw electrodes by role, inner nodes, and links: by their strength in a dopant network, else by their elements.

    voltages : V by electrode, written beside it

    A dopant network's links are wider and bolder the stronger they are: exp(−2r/a), log scale. An arrow on a link
    points from its + end where its element is polar, a dotted line leads from a gate to the channel it gates. A graph
    without positions is laid out by its links.
    """
    figure = Figure(figsize=(WIDTH, 5.6))
    place, unit = _places(graph)
    axes = panel(figure.add_subplot(), x=f"x / {unit}" if unit else "", y=f"y / {unit}" if unit else "")
    axes.set_aspect("equal")
    measured = graph.number_of_edges() > 0 and all("length" in data for *_, data in graph.edges(data=True))
    keys = _draw_strengths(axes, graph, place) if measured else _draw_elements(axes, graph, place)
    inner = [name for name, data in graph.nodes(data=True) if data.get("kind") != "electrode"]
    for name in inner if len(inner) <= MANY else ():
        big = graph.nodes[name].get("kind") == "site"
        axes.plot(*place[name], "o", ms=15 if big else 6, mfc="w", mec="k", mew=1, zorder=4)
        if big:
            label = graph.nodes[name].get("label", name)  # within its unit, of several in series
            axes.annotate(plain(label, 5), place[name], fontsize=7, ha="center", va="center", zorder=5)
    for coupling in graph.graph.get("couplings", ()):
        for driven in coupling["inputs"]:
            tip = {"arrowstyle": "-|>", "color": ORANGE, "lw": 2.0, "mutation_scale": 18}
            axes.annotate("", place[driven], place[coupling["output"]], arrowprops=tip, zorder=6)
    if graph.graph.get("couplings"):
        keys = [*keys, Line2D([], [], color=ORANGE, lw=2.0, label="amplifier to the next unit")]
    if not unit:  # laid out, not measured
        axes.set_xticks([])
        axes.set_yticks([])
    _draw_electrodes(axes, graph, place, voltages or {})
    axes.margins(0.25 if len(place) > MANY else 0.4, 0.22)  # room for the names
    roles = {str(graph.nodes[name].get("role")) for name in electrodes(graph)}
    styles = {role: ROLE_STYLES.get(role, (GREY, "X")) for role in (*ROLE_STYLES, "None") if role in roles}
    marks = [Line2D([], [], ls="", color=c, marker=m, ms=10, label=role) for role, (c, m) in styles.items()]
    for kind, size in (("site", 10), ("node", 6), ("coupled", 6)):
        if any(data.get("kind") == kind for _, data in graph.nodes(data=True)) and len(inner) <= MANY:
            marks.append(Line2D([], [], ls="", marker="o", mfc="w", mec="k", ms=size, label=kind))
    figure.subplots_adjust(left=0.08, right=0.66, bottom=0.1, top=0.98)
    figure.legend(handles=[*marks, *keys], loc="upper left", bbox_to_anchor=(0.68, 0.98), frameon=False)
    return figure


def _places(graph: Network) -> tuple[dict[str, tuple[float, float]], str]:
    """Where each node is drawn, and the unit of it: as the graph says, or laid out by its links where it doesn't."""
    if len(graph) and all({"x", "y"} <= data.keys() for _, data in graph.nodes(data=True)):
        raw = {name: (float(data["x"]), float(data["y"])) for name, data in graph.nodes(data=True)}
        size = max(abs(c) for place in raw.values() for c in place)
        dopants = graph.graph.get("family") in {"dopant", "layered"}
        factor, unit = (1e9, "nm") if dopants else scale(size, "m")
        return {name: (factor * x, factor * y) for name, (x, y) in raw.items()}, unit
    found = nx.kamada_kawai_layout(graph) if 1 < len(graph) <= MANY else nx.spring_layout(graph, seed=0)
    return {name: (float(x), float(y)) for name, (x, y) in found.items()}, ""


def _draw_strengths(axes: Axes, graph: Network, place: Mapping[str, tuple[float, float]]) -> list[Line2D]:
    """Draw the links of a dopant network by their strength; gives the legend's lines."""
    lengths = np.array([float(data["length"]) for _, _, data in graph.edges(data=True)])
    stated = [graph.graph, *graph.graph.get("units", ())]
    found = [about["parameters"]["localisation"] for about in stated if "localisation" in about.get("parameters", {})]
    localisation = float(found[0]) if found else np.inf
    decades = 2 * (lengths - lengths.min(initial=np.inf)) / localisation / np.log(10)
    weakest = max(float(decades.max(initial=0.0)), 1.0)
    looks = [_link(1 - share) for share in (decades / weakest).tolist()]
    lines = LineCollection([(place[u], place[v]) for u, v in graph.edges()], zorder=1)
    lines.set_linewidth([width for width, _ in looks])
    lines.set_color([(0.0, 0.0, 0.0, opacity) for _, opacity in looks])
    axes.add_collection(lines)
    keys = []
    for share in (0.0, 0.5, 1.0):
        name = f"link, {10 ** (-weakest * share):.1g} of the strongest" if share else "link, the strongest"
        keys.append(Line2D([], [], color="k", lw=_link(1 - share)[0], alpha=_link(1 - share)[1], label=name))
    return keys


def _draw_elements(axes: Axes, graph: Network, place: Mapping[str, tuple[float, float]]) -> list[Line2D]:
    """Draw links by the family of their element; gives the legend's lines. Links in parallel are drawn bent apart."""
    families = [_kind(graph, data) for *_, data in graph.edges(data=True)]
    common = sorted(set(families), key=lambda family: (-families.count(family), family))
    style = {family: ELEMENT_STYLES[min(k, len(ELEMENT_STYLES) - 1)] for k, family in enumerate(common)}
    small = len(families) <= 2 * MANY
    seen: dict[frozenset[str], int] = {}
    curves: dict[str, list[Floats]] = {family: [] for family in common}
    for (a, b, data), family in zip(graph.edges(data=True), families, strict=True):
        turn = seen[frozenset((a, b))] = seen.get(frozenset((a, b)), -1) + 1
        start, end = (a, b) if data.get("source", a) == a else (b, a)
        curve = _bent(np.array(place[start]), np.array(place[end]), 0.12 * ((turn + 1) // 2) * (-1) ** turn)
        curves[family].append(curve)
        if small and "source" in data and family != "resistor":
            tip = {"arrowstyle": "-|>", "color": style[family][0], "shrinkA": 0, "shrinkB": 0, "mutation_scale": 13}
            axes.annotate("", curve[12], curve[11], arrowprops=tip, zorder=2)
        if small and "gate" in data and data["gate"] in place:
            axes.plot(*zip(place[data["gate"]], curve[10], strict=True), ls=":", lw=0.8, color=GREY, zorder=0)
    for family in common:
        colour, line = style[family]
        axes.add_collection(
            LineCollection(
                curves[family], colors=[colour], linestyles=[line], linewidths=1.6 if small else 0.5, zorder=1
            )
        )
    keys = [Line2D([], [], color=style[f][0], ls=style[f][1], label=f"{plain(f)}, {families.count(f)}") for f in common]
    if small and any("gate" in data for *_, data in graph.edges(data=True)):
        keys.append(Line2D([], [], ls=":", lw=0.8, color=GREY, label="gate to channel"))
    return keys


def _kind(graph: Network, data: Mapping[str, Any]) -> str:
    """Family of a link; of a subcircuit and of a process's transistor, its own name."""
    family = str(data.get("family", graph.graph.get("family")))
    named = data.get({"subcircuit": "name", "mosfet": "model"}.get(family, ""))
    return family if named is None else f"{family} {named}"


def _bent(start: Floats, end: Floats, bend: float) -> Floats:
    """Points of an arc between two places, to the side by a share of its length: [21, 2]."""
    t = np.linspace(0, 1, 21)[:, None]
    aside = np.array([start[1] - end[1], end[0] - start[0]])
    return np.asarray(start + t * (end - start) + 4 * bend * t * (1 - t) * aside)


def _draw_electrodes(
    axes: Axes, graph: Network, place: Mapping[str, tuple[float, float]], voltages: Mapping[str, float]
) -> None:
    middle = np.mean(list(place.values()), axis=0)
    names = electrodes(graph)
    size = 13 if len(names) <= MANY else 6
    for name in names:
        role = str(graph.nodes[name].get("role"))
        colour, marker = ROLE_STYLES.get(role, (GREY, "X"))
        axes.plot(*place[name], marker, color=colour, ms=22 if role == "output" else size, mec="k", mew=0.8, zorder=3)
        if role == "output":
            axes.plot(*place[name], "o", ms=32, mfc="none", mec=colour, mew=2, zorder=3)
        if len(names) > MANY and role in {"ground", "None"}:
            continue
        out = (np.array(place[name]) - middle) / max(float(np.hypot(*(place[name] - middle))), 1e-12)
        volt = f"\n{si(voltages[name], 'V')}" if name in voltages else ""
        axes.annotate(
            plain(name, 12) + volt,
            place[name],
            xytext=20 * out,
            textcoords="offset points",
            ha="left" if out[0] > 0.3 else "right" if out[0] < -0.3 else "center",
            va="bottom" if out[1] > 0.3 else "top" if out[1] < -0.3 else "center",
            color=colour,
            fontweight="bold",
        )


def _link(rank: float) -> tuple[float, float]:
    """Width in points and opacity of a link, from 0 for the weakest to 1 for the strongest."""
    return 0.4 + 3.6 * rank, 0.15 + 0.7 * rank


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


def truth_table(
    outputs: Sequence[float], classes: Sequence[float], labels: Sequence[str], noise: float, quantity: str = "A"
) -> Figure:
    """Draw the output of every pattern with the band that read-out noise leaves it, the midway threshold, gap and span.

    outputs : [pattern], A, or V where `quantity` says so; classes : [pattern], 0 or 1
    noise : A or V, standard deviation of one read-out. A band of half of 6.2σ to either side that stays clear of the
    threshold is an error rate of at most 1e-3.
    """
    found, ones = np.asarray(outputs, dtype=float), np.asarray(classes, dtype=float) > 0.5
    factor, unit = scale(float(np.abs(found).max()), quantity)
    top, bottom = float(found[ones].min(initial=np.inf)), float(found[~ones].max(initial=-np.inf))
    both = np.isfinite(top) and np.isfinite(bottom)
    names = [plain(label) for label in labels]
    upright = 0.09 * max(map(len, names)) if sum(map(len, names)) > 90 else 0.0  # inches
    figure = Figure(figsize=(WIDTH, 4.0 + upright))
    what = "voltage" if quantity == "V" else "current"
    axes = panel(figure.add_subplot(), x="pattern (inputs)", y=f"output {what} / {unit}")
    half = 0.5 * D_PRIME * noise * factor
    x = np.arange(len(found))
    aside = max(len(x) / 4, 1)  # what the two arrows take, in patterns
    for level, chosen, colour, marker in ((1, ones, BLUE, "o"), (0, ~ones, VERMILLION, "s")):
        look: dict[str, Any] = {"fmt": marker, "color": colour, "ms": 10, "capsize": 8, "elinewidth": 2}
        name = f"class {level}, ±{D_PRIME / 2:g}σ of the read-out"
        axes.errorbar(x[chosen], factor * found[chosen], half, **look, label=name)
    if both:
        middle = 0.5 * (top + bottom)
        axes.axhline(factor * middle, color="k", ls="--", lw=1, label=f"threshold, midway: {si(middle, quantity)}")
        _between(axes, len(x) - 0.5 + 0.15 * aside, factor * bottom, factor * top, f"gap\n{si(top - bottom, quantity)}")
    low, high = float(found.min()), float(found.max())
    _between(axes, len(x) - 0.5 + 0.95 * aside, factor * low, factor * high, f"span\n{si(high - low, quantity)}")
    axes.set_xticks(x, names, rotation=90 if upright else 0)
    axes.set_xlim(-0.5, len(x) - 0.5 + 1.6 * aside)
    axes.margins(y=0.12)
    lay_out(figure, axes, below=0.6 + upright)
    return figure


def _between(axes: Axes, x: float, low: float, high: float, text: str) -> None:
    """An arrow from one level to another with a text beside it."""
    axes.annotate("", (x, high), (x, low), arrowprops={"arrowstyle": "<->", "color": "k", "shrinkA": 0, "shrinkB": 0})
    axes.annotate(text, (x, 0.5 * (low + high)), xytext=(6, 0), textcoords="offset points", va="center", bbox=_PAPER)


def amplitude_spectrum(time: Floats, output: Floats, window: float, points: int) -> Floats:
    """Amplitude of every harmonic of 1/window from 0 to half of `points`: [harmonic], in the output's unit.

    The discrete Fourier transform where the window's points are uniform; otherwise the trapezoidal Fourier integral on
    the solver's own points, since resampling would add products of its own.
    """
    steps = np.diff(time)
    if len(time) == points and np.ptp(steps) < 1e-6 * steps.mean():
        amplitude = np.abs(np.fft.rfft(output)) * 2 / points
        if points % 2 == 0:
            amplitude[-1] /= 2
    else:
        waves = np.exp(-2j * np.pi * np.outer(np.arange(points // 2 + 1), time) / window)
        amplitude = np.abs(np.trapezoid(waves * output, time, axis=1)) * 2 / window
    amplitude[0] /= 2
    return np.asarray(amplitude, dtype=float)


def spectrum(
    time: Floats,
    output: Floats,
    *,
    harmonics: Sequence[int],
    names: Sequence[str],
    window: float,
    points: int,
    noise: float = 0.0,
    quantity: str = "A",
) -> Figure:
    """Draw the output's amplitude spectrum: tones with their electrodes, 2nd-order products, and the residual.

    time : [point], s; output : [point], A or V (`quantity`); names : the tones' electrodes; window : s
    noise : A or V, rms amplitude that the stated read-out noise would show in every harmonic, drawn as a line
    """
    amplitude = amplitude_spectrum(time, output, window, points)
    bins = np.arange(len(amplitude))
    factor, unit = scale(float(amplitude[1:].max(initial=0.0)), quantity)
    frequency_factor, hertz = scale(len(bins) / window, "Hz")
    plan = TonePlan(tuple(harmonics), window, points, second_order=(), third_order=())
    is_tone = np.isin(bins, plan.bins(1))
    is_product = np.isin(bins, plan.bins(2)) & ~is_tone & (bins > 0)
    kinds = (
        ("residual: neither tone nor product", ~is_tone & ~is_product & (bins > 0), GREY, ".", 7),
        ("2nd-order products, aliases counted", is_product, ORANGE, "s", 6),
        ("tones", is_tone, BLUE, "o", 9),
    )
    shown = factor * amplitude
    top = float(shown[1:].max(initial=0.0)) or 1.0
    floor = max(float(shown[1:].min(initial=top, where=shown[1:] > 0)), 1e-9 * top)
    floor = 10.0 ** np.floor(np.log10(floor) - 0.05)
    figure = Figure(figsize=(WIDTH, 4.2))
    axes = panel(figure.add_subplot(), x=f"frequency / {hertz}", y=f"output amplitude / {unit}")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    crowded = len(names) * max((len(str(n)) for n in names), default=0) > 24
    room = 0.4 if crowded else 0.15  # share of the height that the names take
    axes.set_ylim(floor, top * (top / floor) ** (room / (1 - room)))
    for name, chosen, colour, marker, size in kinds:
        x, y = frequency_factor * bins[chosen] / window, shown[chosen]
        axes.vlines(x, floor, np.maximum(y, floor), color=colour, lw=1.5 if marker != "." else 0.7)
        axes.plot(x, y, marker, color=colour, ms=size, label=name)
    for harmonic, name in zip(plan.bins(1).tolist(), names, strict=True):
        at = (frequency_factor * harmonic / window, shown[harmonic])
        look: dict[str, Any] = {"ha": "center", "color": BLUE, "fontweight": "bold", "rotation": 90 if crowded else 0}
        axes.annotate(
            plain(name, 10), at, xytext=(0, 9), textcoords="offset points", bbox={**_PAPER, "pad": 0.5}, **look
        )
    if noise > 0:
        label = f"stated read-out noise, {si(noise, 'A')} rms"
        axes.axhline(factor * noise, color=PURPLE, ls=":", lw=1.5, label=label)
    lay_out(figure, axes)
    return figure


def gradient_against_truth(comparison: Mapping[str, Any]) -> Figure:
    """Draw estimate and truth of every derivative, and below their difference in per cent of the pattern's largest.

    comparison : as gradient.json has it. The wide bar is what the stated read-out noise would add, the narrow one with
    caps the standard error seen in the residual of this extraction.
    """
    estimate, truth = (np.array(comparison[key], dtype=float) for key in ("estimate", "truth"))
    seen, stated = (np.array(comparison[key], dtype=float) for key in ("stderr", "stderr_stated_noise"))
    patterns, controls = estimate.shape
    factor, unit = scale(float(np.abs(truth).max()), str(comparison.get("estimate_unit", "A/V")))
    x = np.arange(controls) + (controls + 1) * np.arange(patterns)[:, None]
    largest = np.abs(truth).max(axis=1, keepdims=True)
    share = 100 / np.where(largest > 0, largest, np.nan)
    figure = Figure(figsize=(WIDTH, 6.2))
    upper = panel(figure.add_subplot(2, 1, 1), y=f"derivative / ({unit})")
    lower = panel(
        figure.add_subplot(2, 1, 2, sharex=upper), x="control, by pattern", y="estimate − truth\n/ % of the largest"
    )
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
            inputs = ", ".join(f"{v:g} V" for v in comparison["inputs"][p])
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


def cost_against_size(cost: Mapping[str, Mapping[int, Mapping[int, Mapping[str, float]]]]) -> Figure:
    """Draw time and memory of a batch of operating points against its size, one line a network size.

    cost : by kind of network, by unknowns, by batch: `seconds` and `peak_bytes`, as `bench quasistatic` gives them
    """
    figure = Figure(figsize=(WIDTH, 3.2 * len(cost)))
    rows: Any = figure.subplots(len(cost), 2, squeeze=False)
    for (kind, sizes), (left, right) in zip(cost.items(), rows, strict=True):
        for axes, key, label in ((left, "seconds", "processor time / s"), (right, "peak_bytes", "peak memory / bytes")):
            for (size, batches), colour in zip(sizes.items(), (BLUE, *START_COLOURS), strict=False):
                points = list(batches)
                values = [batches[batch][key] for batch in points]
                axes.loglog(points, values, "o-", color=colour, markersize=3, label=f"{size} unknowns")
            panel(axes, x="points in the batch", y=label)
        left.set_title(kind, loc="left", fontsize="medium")
        right.legend(*left.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)
    figure.tight_layout()
    return figure


def budget(lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw an error budget: error of derivatives and extractions to solve, a bar for each line, the dearest on top.

    lines : with the fields of study.budget.Line
    """
    figure = Figure(figsize=(WIDTH, 1.2 + 0.3 * len(lines)))
    panels = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(lines))[::-1]
    names = [plain(line["active"], 32) for line in lines]
    for axes, key, factor, label in zip(
        panels, ("error", "extractions"), (100.0, 1.0), ("error of derivatives / %", "extractions"), strict=True
    ):
        values, low, high = (
            factor * np.array([line[key + end] for line in lines], dtype=float) for end in ("", "_low", "_high")
        )
        panel(axes, x=label)
        around = np.nan_to_num([values - np.maximum(low, 0), high - values])
        axes.barh(places, np.nan_to_num(values), 0.7, xerr=around, color=BLUE, ecolor=GREY, capsize=2)
    panels[0].set_yticks(places, names)
    figure.subplots_adjust(left=0.3, right=0.98, bottom=0.55 / figure.get_size_inches()[1], top=0.97, wspace=0.08)
    return figure


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
