"""Each element as a stand-alone `.subckt` that other tools can include, written from the same statement.

The pins are the + end, the − end, the gate if there is one, and each state between its bounds, 0 to 1 V. Parameters
have the element's own names, defaults and SI units. Text is what ngspice, LTspice and Xyce have in common: B sources
with `**`, min, max and the step u(x), and `time` for the hold at rest.
"""

import re

from hge_spice.devices.branches import HOLD
from hge_spice.devices.element import Element
from hge_spice.devices.expression import Expression

PREFIX = "hge_"
_TOOLS = "ngspice, LTspice, Xyce"


def subcircuit(element: Element) -> str:
    """The element as the text of a library file with one subcircuit, hge_<name>.

    A state starts at its initial value and is held there at rest (`.op`, `.ac`) unless the element forgets, as in the
    networks of this package.
    """
    pins = ["plus", "minus", *(["gate"] if element.gated else []), *(f"s_{name}" for name in element.states)]
    values = element.values()
    parameters = [f"{name}={values[name]!r}" for name in element.all_parameters]
    lines = [f"* {element.summary}", f"* Made by hge_spice from its statement of {element.name}; for {_TOOLS}."]
    lines += ["* Parameters in SI units:", *(f"*   {_parameter(element, name)}" for name in element.all_parameters)]
    lines += [f".subckt {PREFIX}{element.name} {' '.join(pins)}"]
    lines += [f"+ params: {parameters[0]}", *(f"+ {each}" for each in parameters[1:])]
    lines += [".param thermal={temperature*8.617333262145179e-05}"]
    lines += [f".param {name}={{{_portable(expression)}}}" for name, expression in element.derived.items()]
    inner = "plus"
    if not element.linear:
        inner = "inner"
        # a resistor of no ohms is 1 mΩ to ngspice: a source without a volt, and the resistance's drop by a B source
        lines += ["Vsense plus sense 0", "Bseries sense inner V={series_resistance*I(Vsense)}"]
    filled: dict[str, str | float] = {"v": f"V({inner},minus)", "vg": "V(gate,minus)"}
    for name, state in element.states.items():
        low, high = state.low, state.high
        node = f"V(s_{name})"
        filled[name] = node if (low, high) == (0.0, 1.0) else f"({low}+(({high})-({low}))*{node})"
    lines += [f"Bcurrent {inner} minus I={{{_portable(element.current, filled)}}}"]
    lines += [f"Cparasitic {inner} minus {{capacitance}}"]
    for name, state in element.states.items():
        moving = f"({_portable(element.rate(name), filled)})/(({state.high})-({state.low}))"
        if state.held:
            started = "min(time*1e30,1)"
            start = f"(({state.initial})-({state.low}))/(({state.high})-({state.low}))"
            moving = f"{started}*{moving}+(1-{started})*{HOLD!r}*({start}-V(s_{name}))"
        lines += [f"C{name} s_{name} 0 1", f"B{name} 0 s_{name} I={{{moving}}}"]
    return "\n".join([*lines, f".ends {PREFIX}{element.name}", ""])


def _parameter(element: Element, name: str) -> str:
    parameter = element.all_parameters[name]
    return f"{name} {parameter.unit}".rstrip() + f" ({parameter.default:g})"


def _portable(expression: Expression, filled: dict[str, str | float] | None = None) -> str:
    names = {name: str((filled or {}).get(name, name)) for name in expression.symbols}
    return re.sub(r"\^", "**", expression.spice(**names))
