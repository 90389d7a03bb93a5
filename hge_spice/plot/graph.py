"""The picture of a network: electrodes by role, nodes, and links by strength or by element."""

from collections.abc import Mapping
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hge_spice.drive import Floats
from hge_spice.graph import Network, electrodes
from hge_spice.plot.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, WIDTH, panel, plain, scale, si

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
