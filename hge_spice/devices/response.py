"""One element under a voltage in time, integrated from its statement alone, without ngspice: loops, and checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from hge_spice.devices.element import Element
from hge_spice.drive import Floats


@dataclass(frozen=True)
class Response:
    """What an element did.

    time : [point], s; voltage : [point], V, with its series resistance; current : [point], A
    states : [state, point], in their own units
    """

    time: Floats
    voltage: Floats
    current: Floats
    states: Floats


def respond(
    element: Element, values: Mapping[str, float], voltage: Callable[[float], float], time: Floats, *, gate: float = 0.0
) -> Response:
    """Integrate an element's states under a voltage (LSODA, to 1e-8 of their ranges) from their initial values.

    values : from `element.values`; voltage : of time, V, of element and series resistance together
    time : [point], s, from 0; gate : V, from a gate to the − end

    Raises ArithmeticError where the integration fails.
    """
    current = element.compiled_current(())
    rates = [element.compiled_rate(name) for name in element.states]
    bounds = np.array([state.bounds(values) for state in element.states.values()]).reshape(-1, 2)
    low, span = bounds[:, 0], bounds[:, 1] - bounds[:, 0]
    constants = [values[name] for name in element.symbols]
    gates = [gate] if element.gated else []
    series = 0.0 if element.linear else values["series_resistance"]

    def across(t: float, states: Floats) -> float:
        total = float(voltage(t))
        if not series or total == 0:
            return total

        def missing(v: float) -> float:
            return total - v - series * float(current(v, *gates, *states, *constants)[0])

        return float(brentq(missing, min(total, 0.0), max(total, 0.0), xtol=1e-14, rtol=1e-14))

    def slope(t: float, shares: Floats) -> Floats:
        states = low + span * shares
        v = across(t, states)
        return np.asarray([float(rate(v, *gates, *states, *constants)[0]) for rate in rates] / span)

    start = (np.array([values[state.initial] for state in element.states.values()]) - low) / span
    shares = np.empty((0, len(time)))
    if rates:
        longest = float(np.diff(time).max())
        found = solve_ivp(slope, (0, time[-1]), start, "LSODA", time, rtol=1e-8, atol=1e-10, max_step=longest)
        if not found.success:
            raise ArithmeticError(f"{element.name} can't be integrated: {found.message}")
        shares = found.y
    states = low[:, None] + span[:, None] * shares
    inner = np.array([across(t, x) for t, x in zip(time, states.T, strict=True)])
    total = np.array([float(voltage(t)) for t in time])
    flowing = current(inner, *gates, *states, *constants)[0]
    return Response(time, total, np.asarray(flowing), states)
