"""The picture of an output's spectrum: tones, their products and what is neither."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from hge_spice.drive import Floats
from hge_spice.plot.style import BLUE, GREY, ORANGE, PAPER, PURPLE, WIDTH, lay_out, panel, plain, scale, si
from hge_spice.tones import TonePlan


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
        # what has settled is periodic: the last trapezoid ends on the first point, a window later
        time, output = np.append(time, time[0] + window), np.append(output, output[0])
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
            plain(name, 10), at, xytext=(0, 9), textcoords="offset points", bbox={**PAPER, "pad": 0.5}, **look
        )
    if noise > 0:
        label = f"stated read-out noise, {si(noise, quantity)} rms"
        axes.axhline(factor * noise, color=PURPLE, ls=":", lw=1.5, label=label)
    lay_out(figure, axes)
    return figure
