"""The block diagram of one training step: from controls and tones through ngspice to the lock-ins, and back."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from hge_spice.plot.blocks import element
from hge_spice.plot.style import BLUE, GREY, VERMILLION, WIDTH

# what: symbol, the middle of it, and its label, as in blocks.py
BLOCKS: Mapping[str, tuple[str, tuple[float, float], str]] = {
    "inputs": ("Box", (5.4, 8.8), "inputs\nof a pattern"),
    "control": ("Box", (1.4, 6.0), "controls"),
    "sum": ("Sum", (5.4, 6.0), ""),
    "tone": ("Oscillator", (5.4, 3.4), "tones"),
    "device": ("Box", (9.4, 6.0), "network\nin ngspice"),
    "waveform": ("Dot", (12.4, 6.0), ""),
    "mean": ("Box", (15.2, 8.8), "mean over the\nwindow: y"),
    "loss": ("Box", (19.6, 8.8), "loss: dE/dy"),
    "lockin": ("Box", (15.2, 6.0), "lock-ins:\ndy/dV ± error"),
    "chain": ("Mixer", (19.6, 6.0), ""),
    "update": ("Box", (10.4, 0.9), "update rule"),
}
WIRES = (  # from, its anchor, to, its anchor, and schemdraw's shape of the wire
    ("control", "E", "sum", "W", "-"),
    ("tone", "N", "sum", "S", "-"),
    ("sum", "E", "device", "W", "-"),
    ("inputs", "E", "device", "N", "-|"),
    ("device", "E", "waveform", "center", "-"),
    ("waveform", "center", "lockin", "W", "-"),
    ("waveform", "center", "mean", "W", "|-"),
    ("mean", "E", "loss", "W", "-"),
    ("loss", "S", "chain", "N", "-"),
    ("lockin", "E", "chain", "W", "-"),
    ("tone", "E", "lockin", "S", "-|"),
    ("chain", "S", "update", "E", "|-"),
    ("update", "W", "control", "S", "-|"),
)
EACH = {"control", "sum", "tone", "lockin", "chain", "update"}  # one for each control
NOTES = (  # where, what: along the wires
    ((6.5, 6.35), "drive"),
    ((11.35, 6.35), "i(t)"),
    ((8.4, 3.65), "reference of each lock-in: its own tone"),
    ((15.5, 4.75), "held against .ac"),
    ((15.0, 1.15), "gradient dE/dV"),
    ((4.0, 1.15), "new controls"),
)


def data_flow() -> Figure:
    """Draw a step of training: what there is once in black, what each control has in blue, the device in vermillion."""
    import schemdraw  # noqa: PLC0415 - as in blocks.py
    from schemdraw import dsp, flow  # noqa: PLC0415

    figure = Figure(figsize=(WIDTH, 4.6))
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    drawing = schemdraw.Drawing(canvas=axes, show=False)
    drawing.config(fontsize=9, lw=1.2)
    drawn = {}
    for name, (symbol, middle, label) in BLOCKS.items():
        colour = BLUE if name in EACH else VERMILLION if name == "device" else "black"
        drawn[name] = drawing.add(element(dsp, flow, symbol, middle, label).color(colour))
    for begin, leaves, end, enters, shape in WIRES:
        wire = flow.Wire(shape, arrow=None if end == "waveform" else "->")
        drawing.add(wire.at(getattr(drawn[begin], leaves)).to(getattr(drawn[end], enters)).color(GREY))
    drawing.draw(show=False)
    axes.set(xlim=(-0.6, 21.6), ylim=(-0.2, 10.0), aspect="auto")
    axes.set_axis_off()
    for place, words in NOTES:
        axes.text(*place, words, fontsize=8, va="center", ha="left", color="black")
    axes.text(-0.4, 0.1, "blue: one for each control", color=BLUE, fontsize=9)
    return figure
