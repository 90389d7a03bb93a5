"""Pictures of one element: current and its slope against voltage, and the loop of one that remembers."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import brentq

from hge_spice.devices.element import Element
from hge_spice.devices.response import respond
from hge_spice.drive import Floats
from hge_spice.plot.style import BLUE, GREEN, ORANGE, PURPLE, VERMILLION, WIDTH, lay_out, panel, scale

Curve = tuple[str, Floats, Floats, Floats]  # name, voltage, current and slope, SI

LOOP_POINTS = 800
CURVE_POINTS = 601
_LOOKS = ((BLUE, "-"), (VERMILLION, "--"), (GREEN, "-."), (PURPLE, ":"))


def element_picture(element: Element, parameters: Mapping[str, float] | None = None) -> Figure:
    """Draw current and conductance against voltage, and under a sine the loop of an element with states.

    parameters : SI, those that differ from the defaults

    An element that remembers is shown at three states held still, a gated one at several gate voltages. One that
    forgets is shown where it comes to rest: its voltage is then a function of its current, and dV/dI is drawn of it,
    which stays finite where the curve turns back. Series resistance is in the loop alone.
    Raises ValueError for parameters that don't fit.
    """
    values = element.values(parameters)
    curves = list(_curves(element, values))
    loop = bool(element.states)
    figure = Figure(figsize=(WIDTH, 4.2))
    panels = [panel(figure.add_subplot(1, 2 + loop, k + 1), x="voltage / V") for k in range(2 + loop)]
    most = max(float(np.abs(current).max()) for _, _, current, _ in curves)
    steepest = max(float(np.abs(slope[np.isfinite(slope)]).max()) for *_, slope in curves)
    unit, siemens = scale(most, "A"), scale(steepest, "S")
    panels[0].set_ylabel(f"current / {unit[1]}")
    panels[1].set_ylabel(f"dI/dV / {siemens[1]}")
    by_current = _settles(element)
    for (name, voltage, current, slope), (colour, line) in zip(curves, _LOOKS, strict=False):
        look: dict[str, Any] = {"color": colour, "ls": line, "lw": 1.8, "label": name}
        panels[0].plot(voltage, unit[0] * current, **look)
        if by_current:
            panels[1].plot(unit[0] * current, 1 / slope, **look)
        else:
            panels[1].plot(voltage, siemens[0] * slope, **look)
    if by_current:
        _by_current(panels[1], unit[1], 1 / curves[0][3])
    if loop:
        _loop(panels[2], element, values)
    for axes in panels:
        axes.axhline(0, color="k", lw=0.6)
        axes.axvline(0, color="k", lw=0.6)
    figure.suptitle(f"{element.name}: {element.summary}", fontsize=10)
    lay_out(figure, panels[0], above=0.6, below=0.6)
    figure.subplots_adjust(wspace=0.38)
    return figure


def _curves(element: Element, values: Mapping[str, float]) -> Iterator[Curve]:
    if _settles(element):
        yield _at_rest(element, values)
        return
    voltage = np.linspace(element.sweep.low, element.sweep.high, CURVE_POINTS)
    function, constants = element.compiled_current(), [values[name] for name in element.symbols]

    def curve(name: str, *at: float) -> Curve:
        current, slope = function(voltage, *at, *constants)
        return name, voltage, current, slope

    if element.gated:
        yield from (curve(f"gate at {gate:g} V", gate) for gate in element.sweep.gates)
    elif element.states:
        (name, state) = next(iter(element.states.items()))
        low, high = state.bounds(values)
        for share in (0.1, 0.5, 0.9):
            yield curve(f"{name} at {100 * share:.0f} % of its range", low + share * (high - low))
    else:
        yield curve("at rest")


def _settles(element: Element) -> bool:
    """Whether an element has states and forgets them all."""
    return bool(element.states) and not any(state.held for state in element.states.values())


def _by_current(axes: Axes, ampere: str, resistance: Floats) -> None:
    """Linear through the negative resistances, logarithmic to the large ones, without a kink between."""
    lowest = float(resistance.min())
    knee = abs(lowest)
    axes.set_yscale("asinh", linear_width=knee / 2)
    decades = 10.0 ** np.arange(np.ceil(np.log10(knee)), np.ceil(np.log10(resistance.max())))
    named = [f"{1e-3 * ohm:g}k" if ohm >= 1e3 else f"{ohm:g}" for ohm in decades]
    axes.set_yticks([lowest, 0, *decades], [f"{lowest:.0f}".replace("-", "−"), "0", *named])
    axes.set_xlabel(f"current / {ampere}")
    axes.set_ylabel("dV/dI / Ω")


def _at_rest(element: Element, values: Mapping[str, float]) -> Curve:
    """Of an element that forgets: every value of its state is at rest at one voltage, which is sought.

    With the rate g(v, x) = 0 held, the slope of the current is di/dv − di/dx·(dg/dv)/(dg/dx).
    """
    (name, state) = next(iter(element.states.items()))
    low, high = state.bounds(values)
    rate, function = element.compiled_rate(name, ("v", name)), element.compiled_current(("v", name))
    constants = [values[symbol] for symbol in element.symbols]
    found: list[tuple[float, float]] = [(0.0, low)]
    for x in low + (high - low) * np.logspace(-5, -0.3, CURVE_POINTS):

        def net(v: float, x: float = float(x)) -> float:
            return float(rate(v, x, *constants)[0])

        highest = 10.0
        if net(0.0) * net(highest) < 0:
            found.append((float(brentq(net, 0.0, highest, xtol=1e-12)), float(x)))
    voltage, at = np.array(found).T
    current, by_voltage, by_state = function(voltage, at, *constants)
    _, moved_by_voltage, moved_by_state = rate(voltage, at, *constants)
    slope = by_voltage - by_state * moved_by_voltage / moved_by_state
    kept = voltage + values["series_resistance"] * current <= element.sweep.high
    voltage, current, slope = voltage[kept], current[kept], slope[kept]
    voltage, current = (np.concatenate([-side[::-1], side[1:]]) for side in (voltage, current))
    return "at rest, without series resistance", voltage, current, np.concatenate([slope[::-1], slope[1:]])


def _loop(axes: Axes, element: Element, values: Mapping[str, float]) -> None:
    sweep = element.sweep
    time = np.linspace(0, 2 / sweep.frequency, LOOP_POINTS)
    loop = respond(element, values, lambda t: sweep.high * np.sin(2 * np.pi * sweep.frequency * t), time)
    factor, unit = scale(float(np.abs(loop.current).max()), "A")
    axes.set_ylabel(f"current / {unit}")
    hertz, prefixed = scale(sweep.frequency, "Hz")
    axes.set_title(f"{hertz * sweep.frequency:g} {prefixed}, second period dashed", fontsize=8)
    first = time <= 1 / sweep.frequency
    for chosen, colour, line in ((first, ORANGE, "-"), (~first, BLUE, "--")):
        axes.plot(loop.voltage[chosen], factor * loop.current[chosen], color=colour, ls=line, lw=1.6)
