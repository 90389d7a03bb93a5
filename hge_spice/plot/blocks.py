"""The block diagram of a learning circuit, drawn by schemdraw, with what each block draws."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from hge_spice.plot.style import BLUE, GREY, VERMILLION, WIDTH, si

# what: symbol, the middle of it, and its label. Symbols are schemdraw's, of its modules dsp and flow
BLOCKS: Mapping[str, tuple[str, tuple[float, float], str]] = {
    "inputs": ("Box", (1.2, 9.2), "inputs"),
    "device": ("Box", (5.2, 6.8), "device"),
    "amplifier": ("Amp", (9.0, 6.8), "transimpedance\namplifier"),
    "output": ("Dot", (10.9, 6.8), ""),
    "holds": ("Box", (13.6, 9.2), "mean, held\nper pattern"),
    "error": ("Box", (19.2, 9.2), "error\nformation"),
    "swing": ("Box", (13.6, 6.8), "less mean,\nswing amplifier"),
    "mixer": ("Mixer", (13.6, 4.4), "mixer"),
    "gated": ("Box", (16.4, 4.4), "gated\nintegrator"),
    "multiplier": ("Mixer", (19.2, 4.4), "by dE/dI"),
    "epoch": ("Box", (19.2, 1.4), "integrator of\nthe epoch"),
    "divider": ("Box", (14.6, 1.4), "divider"),
    "control": ("Box", (9.4, 1.4), "control integrator,\nclamp"),
    "sum": ("Sum", (5.2, 4.4), ""),
    "tone": ("Oscillator", (9.0, 4.4), "tone"),
}
# from, its anchor, to, its anchor, and schemdraw's shape of the wire
WIRES = (
    ("inputs", "E", "device", "N", "-|"),
    ("device", "E", "amplifier", "input", "-"),
    ("amplifier", "out", "output", "center", "-"),
    ("output", "center", "swing", "W", "-"),
    ("output", "center", "holds", "W", "|-"),
    ("holds", "S", "swing", "N", "-"),
    ("holds", "E", "error", "W", "-"),
    ("swing", "S", "mixer", "N", "-"),
    ("mixer", "E", "gated", "W", "-"),
    ("gated", "E", "multiplier", "W", "-"),
    ("error", "S", "multiplier", "N", "-"),
    ("multiplier", "S", "epoch", "N", "-"),
    ("epoch", "W", "divider", "E", "-"),
    ("divider", "W", "control", "E", "-"),
    ("control", "W", "sum", "S", "-|"),
    ("tone", "W", "sum", "E", "-"),
    ("tone", "E", "mixer", "W", "-"),
    ("sum", "N", "device", "S", "-"),
)
LABELLED = {"tone": "top", "by dE/dI": "right"}  # where, if not below
EACH = {"mixer", "gated", "multiplier", "epoch", "control", "sum", "tone"}  # one a control
# where the bill's blocks are; the sequencer, which gates all of them, is not drawn
BILLED = {
    "tone source and summing node": "tone",
    "transimpedance amplifier": "amplifier",
    "mean integrator": "holds",
    "hold of a pattern's output": "holds",
    "subtraction of the mean, swing amplifier": "swing",
    "lock-in: mixer and gated integrator": "gated",
    "mean and spread of the outputs": "error",
    "comparator of a pattern": "error",
    "difference to a target": "error",
    "multiplier by dE/dI and integrator of the epoch": "epoch",
    "peak detector and divider": "divider",
    "power of the derivatives and divider": "divider",
    "control integrator with clamp and buffer": "control",
}


def powers(bill: Mapping[str, float]) -> dict[str, float]:
    """W at each place of the diagram, of the bill's blocks."""
    found: dict[str, float] = {}
    for name, power in bill.items():
        if name in BILLED:
            found[BILLED[name]] = found.get(BILLED[name], 0.0) + power
    return found


def block_diagram(controls: int, patterns: int, bill: Mapping[str, float]) -> Figure:
    """Draw the loop: what there is once in black, once a control in blue; the sequencer gates all of it.

    bill : W at rest, of all blocks of a name
    """
    import schemdraw  # noqa: PLC0415 - it takes half a second, and Matplotlib's pyplot
    from schemdraw import dsp, flow  # noqa: PLC0415

    figure = Figure(figsize=(WIDTH, 5.0))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    drawing = schemdraw.Drawing(canvas=axes, show=False)
    drawing.config(fontsize=9, lw=1.2)
    each = EACH | ({"divider"} if "peak detector and divider" in bill else set())
    drawn, shown = {}, powers(bill)
    for name, (symbol, middle, label) in BLOCKS.items():
        colour = BLUE if name in each else VERMILLION if name == "device" else "black"
        drawn[name] = drawing.add(element(dsp, flow, symbol, middle, label).color(colour))
        if name in shown:
            axes.text(middle[0] + 0.2, middle[1] - 1.05, si(shown[name], "W"), va="center", fontsize=8, color=GREY)
    for begin, leaves, end, enters, shape in WIRES:
        wire = flow.Wire(shape, arrow=None if end == "output" else "->")
        drawing.add(wire.at(getattr(drawn[begin], leaves)).to(getattr(drawn[end], enters)).color(GREY))
    drawing.draw(show=False)
    axes.set(xlim=(-0.6, 21.6), ylim=(-0.6, 10.6), aspect="auto")
    axes.set_axis_off()
    axes.text(0, 0.7, f"blue: {controls} of each", color=BLUE, fontsize=9)
    axes.text(0, 0.1, f"holds, and slots of an epoch: {patterns}", fontsize=9)
    return figure


def element(dsp: Any, flow: Any, symbol: str, middle: tuple[float, float], label: str) -> Any:
    """An element with its middle where it should be; a box has its label inside, a symbol beside it."""
    if symbol == "Box":
        return flow.Box(w=3.4, h=1.5).anchor("center").at(middle).label(label)
    if symbol == "Amp":
        return dsp.Amp().right().at((middle[0] - 0.4, middle[1])).label(label, loc="top")
    if symbol == "Dot":
        return dsp.Dot().at(middle)
    return getattr(dsp, symbol)().anchor("center").at(middle).label(label, loc=LABELLED.get(label, "bottom"))
