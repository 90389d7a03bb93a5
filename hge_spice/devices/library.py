"""Each element as a stand-alone `.subckt` that other tools can include, written from the same statement.

The pins are the + end, the − end, the gate if there is one, and each state between its bounds, 0 to 1 V. Parameters
have the element's own names (and a _ behind those of RESERVED), defaults and SI units. Text keeps to what the manuals
of ngspice, LTspice and Xyce have in common; what each tool does otherwise is in docs/elements.md:

- B sources whose whole expression is in braces: Xyce needs them, LTspice substitutes parameters by them
- `**` for powers, since ^ is an exclusive or to LTspice and Xyce; functions that all three list. u(x) isn't among
  them, Xyce calls it stp(x): a step is made of sgn(x)
- an H source for the series resistance: a B source with I(V…) is a constant to LTspice's `.ac`
- `time` for the hold at rest, for which there is no other way
"""

import re

from hge_spice.devices.branches import HOLD
from hge_spice.devices.element import Element
from hge_spice.devices.expression import Expression

PREFIX = "hge_"
# what an expression means by a name without our doing: constants of LTspice, variables of Xyce and ngspice
RESERVED = frozenset(
    {"boltz", "e", "false", "freq", "gmin", "hertz", "k", "pi", "q", "temp", "temper", "time", "true", "vt"}
)
_TOOLS = "ngspice, LTspice, Xyce"


def subcircuit(element: Element) -> str:
    """The element as the text of a library file with one subcircuit, hge_<name>.

    A state starts at its initial value and is held there at rest (`.op`, `.ac`) unless the element forgets, as in the
    networks of this package.
    """
    pins = ["plus", "minus", *(["gate"] if element.gated else []), *(f"s_{name}" for name in element.states)]
    values = element.values()
    parameters = [f"{_own(name)}={values[name]!r}" for name in element.all_parameters]
    lines = [f"* {element.summary}", f"* Made by hge_spice from its statement of {element.name}; for {_TOOLS}."]
    lines += ["* Parameters in SI units:", *(f"*   {_parameter(element, name)}" for name in element.all_parameters)]
    lines += [f".subckt {PREFIX}{element.name} {' '.join(pins)}"]
    lines += [f"+ params: {parameters[0]}", *(f"+ {each}" for each in parameters[1:])]
    lines += [".param thermal={temperature*8.617333262145179e-05}"]
    lines += [f".param {_own(name)}={{{_portable(expression)}}}" for name, expression in element.derived.items()]
    inner = "plus"
    if not element.linear:
        inner = "inner"
        # a resistor of no ohms is 1 mΩ to ngspice: a source without a volt, and the resistance's drop beside it
        lines += ["Vsense plus sense 0", "Hseries sense inner Vsense {series_resistance}"]
    filled: dict[str, str | float] = {"v": f"V({inner},minus)", "vg": "V(gate,minus)"}
    for name, state in element.states.items():
        low, high = (_own(bound) if isinstance(bound, str) else bound for bound in (state.low, state.high))
        node = f"V(s_{name})"
        filled[name] = node if (low, high) == (0.0, 1.0) else f"({low}+(({high})-({low}))*{node})"
    lines += [f"Bcurrent {inner} minus I={{{_portable(element.current, filled)}}}"]
    lines += [f"Cparasitic {inner} minus {{capacitance}}"]
    for name, state in element.states.items():
        low, high = (_own(bound) if isinstance(bound, str) else bound for bound in (state.low, state.high))
        moving = f"({_portable(element.rate(name), filled)})/(({high})-({low}))"
        if state.held:
            started = "min(time*1e30,1)"
            start = f"(({_own(state.initial)})-({low}))/(({high})-({low}))"
            moving = f"{started}*{moving}+(1-{started})*{HOLD!r}*({start}-V(s_{name}))"
        lines += [f"C{name} s_{name} 0 1", f"B{name} 0 s_{name} I={{{moving}}}"]
    return "\n".join([*lines, f".ends {PREFIX}{element.name}", ""])


def _own(name: str) -> str:
    return f"{name}_" if name in RESERVED else name


def _parameter(element: Element, name: str) -> str:
    parameter = element.all_parameters[name]
    return f"{_own(name)} {parameter.unit}".rstrip() + f" ({parameter.default:g})"


def _portable(expression: Expression, filled: dict[str, str | float] | None = None) -> str:
    names = {name: str((filled or {}).get(name, _own(name))) for name in expression.symbols}
    return without_steps(re.sub(r"\^", "**", expression.spice(**names)))


def without_steps(text: str) -> str:
    """Each u(x) as (0.5+0.5*sgn(x)): half a step at zero itself, where what we state with one is continuous."""
    found = re.search(r"\bu\(", text)
    if found is None:
        return text
    depth, end = 1, found.end()
    while depth:
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        end += 1
    inside = without_steps(text[found.end() : end - 1])
    return f"{text[: found.start()]}(0.5+0.5*sgn({inside})){without_steps(text[end:])}"
