"""Every element, and the dopant network's hops, as Verilog-A modules, written from the same statements.

An element's module is hge_<name>, with the pins and parameters of its `.subckt` (`library.py`): the + end, the − end,
the gate if there is one, and each state between its bounds, 0 to 1 V. `$abstime` tells rest from motion, being zero in
every analysis but a transient; `analysis("static")` isn't true at a transient's operating point in ngspice 44.2.

Syntax: Verilog-AMS Language Reference Manual 2.4, Accellera 2014, annexes A and B (its keywords are no names of ours).
Numbers are written as reals, because 1/2 of two integers is 0. Series resistance is a switch branch of a parameter,
which compilers collapse to one node where it is zero. Every parameter is an instance's, so that the links of a network
share a model.
"""

import ast
from collections.abc import Mapping

from scipy.constants import Boltzmann, elementary_charge

from hge_spice.devices import dopant
from hge_spice.devices.branches import HOLD
from hge_spice.devices.element import Element, Parameter, State
from hge_spice.devices.elements import ELEMENTS
from hge_spice.devices.expression import Expression
from hge_spice.devices.library import PREFIX

HEAD = '`include "disciplines.vams"\n'
_OPERATORS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
KT = "temperature*8.617333262145179e-05"  # V

# what each symbol of the hops' equations is: a voltage to ground, or a parameter
_HOP_PARAMETERS = {
    "s": Parameter(1e-9, "A", above=0),
    "w": Parameter(elementary_charge / (2 * Boltzmann * 77.0), "1/V", above=0),
    "c": Parameter(0.0, "V", least=0),
}


LOCKIN = """// A lock-in: x and y grow by the in-phase and the quadrature share of V(in), over the tone's amplitude.
// Made by hge_spice. Over a window of whole periods their growth is a derivative and its quadrature, times `gain`.
`include "disciplines.vams"

module hge_lockin(in, x, y);
  inout in, x, y;
  electrical in, x, y;
  (* type = "instance", units = "Hz" *) parameter real frequency = 1.0 from (0.0:inf);
  (* type = "instance", units = "V" *) parameter real amplitude = 1.0 from (0.0:inf);
  (* type = "instance", units = "rad" *) parameter real phase = 0.0;
  (* type = "instance", units = "s" *) parameter real window = 1.0 from (0.0:inf);
  (* type = "instance" *) parameter real gain = 1.0;
  real angle, factor;
  analog begin
    angle = 6.283185307179586*frequency*$abstime + phase;
    factor = 2.0*gain/(amplitude*window);
    I(x) <+ ddt(V(x)) - ($abstime > 0.0 ? factor*V(in)*sin(angle) : -1000000.0*V(x));
    I(y) <+ ddt(V(y)) - ($abstime > 0.0 ? factor*V(in)*cos(angle) : -1000000.0*V(y));
  end
endmodule
"""


def verilog_a(name: str) -> str:
    """The text of a file hge_<name>.va: an element's module, `dopant` for its hops and clamp, `lockin` for a lock-in.

    Raises ValueError where neither bears the name.
    """
    if name == "dopant":
        return dopant_modules()
    if name == "lockin":
        return LOCKIN
    if name not in ELEMENTS:
        raise ValueError(f"there is no element {name!r}; there are dopant, lockin, {', '.join(ELEMENTS)}")
    return module(ELEMENTS[name])


def module(element: Element) -> str:
    """The element as the text of a file with one module; a state is held at rest as in the networks of this package."""
    states, linear = element.states, element.linear
    pins = ["plus", "minus", *(["gate"] if element.gated else []), *(f"s_{name}" for name in states)]
    inner = "plus" if linear else "inner"
    across = {"v": f"V({inner}, minus)"} | ({"vg": "V(gate, minus)"} if element.gated else {})
    reals = ["thermal", *element.derived, *across, *states, "i", *(f"rate_{name}" for name in states)]
    body = [f"thermal = {KT};", *(f"{name} = {written(law)};" for name, law in element.derived.items())]
    body += [f"{symbol} = {voltage};" for symbol, voltage in across.items()]
    for name, state in states.items():
        low, span = _range(state)
        body.append(f"{name} = V(s_{name});" if span == "1.0" else f"{name} = {low} + {span}*V(s_{name});")
    body.append(f"i = {written(element.current)};")
    if not linear:
        body += ["if (series_resistance > 0.0)", "  I(plus, inner) <+ V(plus, inner)/series_resistance;"]
        body += ["else", "  V(plus, inner) <+ 0.0;"]
    body.append(f"I({inner}, minus) <+ i + ddt(capacitance*{across['v']});")
    for name, state in states.items():
        (low, span), node = _range(state), f"V(s_{name})"
        moving = f"rate_{name}" if span == "1.0" else f"rate_{name}/{span}"
        start = state.initial if span == "1.0" else f"({state.initial} - {low})/{span}"
        body.append(f"rate_{name} = {written(state.rate)};")
        if state.held:
            moving = f"($abstime > 0.0 ? {moving} : {HOLD!r}*({start} - {node}))"
        body.append(f"I(s_{name}) <+ ddt({node}) - {moving};")
    nodes = pins if linear else [*pins, "inner"]
    said = f"// {element.summary}\n// Made by hge_spice from its statement of {element.name}; pins as of its .subckt.\n"
    return said + HEAD + _module(PREFIX + element.name, pins, nodes, element.all_parameters, reals, body)


def dopant_modules() -> str:
    """The modules of a dopant network: a hop between two sites, one to an electrode, with each rate, and the clamp.

    V(site) is the occupation, V(at) the site's potential; s, w and c are what `devices/dopant.py` calls so.
    """
    said = "// Mean-field hops between dopant sites and to electrodes: occupations and potentials are node voltages.\n"
    said += "// Made by hge_spice from its statement of dopant.\n"
    text = said + HEAD
    between = {"pi": "V(site_i)", "pj": "V(site_j)", "ui": "V(at_i)", "uj": "V(at_j)"}
    outwards = {"pi": "V(site)", "ui": "V(at)", "v": "V(electrode)"}
    for rate in dopant.RATES:
        hop, lead = dopant.hop(rate)
        text += _law(f"{PREFIX}dopant_hop_{rate}", hop, between, ("site_i", "site_j"))
        text += _law(f"{PREFIX}dopant_lead_{rate}", lead, outwards, ("site", "electrode"))
    return text + _law(f"{PREFIX}dopant_clamp", dopant.CLAMP, {"pi": "V(site)"}, ("site",))


def written(expression: Expression) -> str:
    """An equation as a Verilog-A expression: functions of the language, powers as pow(), steps as conditions."""
    return _bare(_written(expression.parsed()))


def _law(name: str, current: Expression, quantities: Mapping[str, str], ends: tuple[str, ...]) -> str:
    """A module of one current between two nodes, or to ground, of the voltages of nodes."""
    pins = list(dict.fromkeys((*ends, *(voltage[2:-1] for voltage in quantities.values()))))
    known = _HOP_PARAMETERS | {"k": Parameter(1e-6, "A/V", above=0)}
    parameters = {symbol: known[symbol] for symbol in known if symbol in current.symbols}
    body = [f"{symbol} = {voltage};" for symbol, voltage in quantities.items()]
    body.append(f"I({', '.join(ends)}) <+ {written(current)};")
    return _module(name, pins, pins, parameters, list(quantities), body)


def _module(
    name: str,
    pins: list[str],
    nodes: list[str],
    parameters: Mapping[str, Parameter],
    reals: list[str],
    body: list[str],
) -> str:
    lines = ["", f"module {name}({', '.join(pins)});", f"  inout {', '.join(pins)};"]
    lines.append(f"  electrical {', '.join(nodes)};")
    lines += [f"  {_parameter(*each)}" for each in parameters.items()]
    lines += [f"  real {', '.join(reals)};", "  analog begin", *(f"    {line}" for line in body), "  end", "endmodule"]
    return "\n".join([*lines, ""])


def _parameter(name: str, parameter: Parameter) -> str:
    low, high = "(-inf", "inf)"
    for bound, bracket in ((parameter.above, "("), (parameter.least, "[")):
        low = low if bound is None else f"{bracket}{float(bound)!r}"
    for bound, bracket in ((parameter.below, ")"), (parameter.most, "]")):
        high = high if bound is None else f"{float(bound)!r}{bracket}"
    limits = "" if (low, high) == ("(-inf", "inf)") else f" from {low}:{high}"
    if parameter.smallest is not None:
        limits += f" exclude (0.0:{float(parameter.smallest)!r})"
    units = f', units = "{parameter.unit}"' if parameter.unit else ""
    return f'(* type = "instance"{units} *) parameter real {name} = {float(parameter.default)!r}{limits};'


def _range(state: State) -> tuple[str, str]:
    """A state's lower bound, and its upper bound less that."""
    low, high = (bound if isinstance(bound, str) else repr(float(bound)) for bound in (state.low, state.high))
    return low, "1.0" if (low, high) == ("0.0", "1.0") else f"({high} - {low})"


def _bare(text: str) -> str:
    """Without parentheses around the whole."""
    depth = 0
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth == 0:
            return text[1:-1] if place == len(text) - 1 and text[0] == "(" else text
    return text


def _written(node: ast.expr) -> str:  # noqa: PLR0911 - one for each kind of node
    match node:
        case ast.Constant(value=int() | float() as value):
            return repr(float(value))
        case ast.Name(id=symbol):
            return symbol
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"(-{_written(operand)})"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"pow({_bare(_written(left))}, {_bare(_written(right))})"
        case ast.BinOp(left=left, op=operator, right=right):
            return f"({_written(left)} {_OPERATORS[type(operator)]} {_written(right)})"
        case ast.Call(func=ast.Name(id="u"), args=[argument]):
            return f"({_written(argument)} >= 0.0 ? 1.0 : 0.0)"
        case ast.Call(func=ast.Name(id=function), args=arguments):
            return f"{function}({', '.join(_bare(_written(each)) for each in arguments)})"
    raise ValueError(f"Verilog-A text isn't known for {ast.dump(node)}")
