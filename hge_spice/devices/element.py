"""One element between two nodes: its current and its state equations stated once, with parameters and their bounds.

From that statement come the SPICE text (`branches.py`, `library.py`), the NumPy function with derivatives below, the
pictures and the independent integration in the tests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache

import numpy as np
from PySpice.Spice.Netlist import Circuit
from scipy.constants import Boltzmann, elementary_charge

from hge_spice.devices.expression import Compiled, Expression
from hge_spice.graph.network import LEAST_RESISTANCE

NOMINAL_TEMPERATURE = 300.15  # K, 27 °C: SPICE's own


@dataclass(frozen=True)
class Parameter:
    """A parameter with its default in SI, its SI unit as text ("" for a number), and what it must exceed or reach.

    smallest : that may be told from zero; what isn't zero must reach it
    """

    default: float
    unit: str = ""
    above: float | None = None
    least: float | None = None
    below: float | None = None
    most: float | None = None
    smallest: float | None = None

    def problem(self, value: float) -> str | None:
        """What is wrong with a value, or None."""
        if not np.isfinite(value):
            return "it must be finite"
        failed = (
            (self.above, "above", self.above is not None and not value > self.above),
            (self.least, "at least", self.least is not None and not value >= self.least),
            (self.below, "below", self.below is not None and not value < self.below),
            (self.most, "at most", self.most is not None and not value <= self.most),
            (self.smallest, "0, or at least", self.smallest is not None and value != 0 and value < self.smallest),
        )
        return next((f"it must be {word} {bound:g}" for bound, word, fails in failed if fails), None)


# every element has these
COMMON: Mapping[str, Parameter] = {
    "temperature": Parameter(NOMINAL_TEMPERATURE, "K", above=0),
    "capacitance": Parameter(0.0, "F", least=0),  # parasitic, across the element
    # parasitic or deliberate, at its + end; a conductance far above the network's own spoils ngspice's pivots
    "series_resistance": Parameter(0.0, "ohm", least=0, smallest=LEAST_RESISTANCE),
}


# how much faster a thermally activated quantity is than at NOMINAL_TEMPERATURE, `ea` in J
ARRHENIUS = Expression(f"exp(ea/{Boltzmann!r}*(1/{NOMINAL_TEMPERATURE!r}-1/temperature))")

LIMIT = 1e-4  # share of its range within which a limited state comes to rest


def limited(rate: str, position: str) -> Expression:
    """A rate that ends at the bounds of its state: rate → 0 over the last LIMIT of the range, outwards alone.

    position : the state between its bounds, 0 to 1. Published models stop dead; this comes to rest without overshoot.
    """
    up, down = (f"min(max(({gap})/{LIMIT!r},0),1)" for gap in (f"1-({position})", position))
    return Expression(f"max({rate},0)*{up}+min({rate},0)*{down}")


@dataclass(frozen=True)
class State:
    """What an element remembers.

    rate : its change per second, in its own unit, of v, i (the element's current), states and values
    low, high : values (parameters or derived) or numbers that bound it; in a netlist it is 0 to 1 V
    initial : the parameter that it starts from
    held : whether it stays at that value in an operating point and in `.ac`. One that is not (a filament's temperature)
    settles there.
    """

    rate: Expression
    initial: str
    low: float | str = 0.0
    high: float | str = 1.0
    held: bool = True

    def bounds(self, values: Mapping[str, float]) -> tuple[float, float]:
        """The two bounds for an element's values, in the state's unit."""
        low, high = (values[b] if isinstance(b, str) else b for b in (self.low, self.high))
        return float(low), float(high)


@dataclass(frozen=True)
class Sweep:
    """Where a picture shows an element: a voltage range, V; a sine's frequency, Hz, for its loop; gate voltages, V."""

    low: float = -1.0
    high: float = 1.0
    frequency: float = 1.0
    gates: tuple[float, ...] = ()


@dataclass(frozen=True)
class Element:
    """A two-terminal element, possibly gated by a third node.

    current : A, into the + end, of v (V across it), vg (V from gate to − end, if gated), the states and the values
    parameters : its own, besides COMMON, of which it may have other defaults
    derived : values computed from parameters, `thermal` (kT/e, V) and those before: a current at temperature
    monotone : its current never falls with its own voltage, the states as they are
    odd : current(−v) = −current(v) for every parameter, so that its direction doesn't matter
    linear : the current is a conductance times the voltage
    check : what the bounds of single parameters can't say; raises ValueError
    sweep : what its picture shows
    stamp : adds native cards in place of the current's B source
    instances : names of what carries the current in the netlist
    summary : one line for `hge-spice list devices`
    """

    name: str
    summary: str
    current: Expression
    parameters: Mapping[str, Parameter]
    derived: Mapping[str, Expression] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)
    gated: bool = False
    monotone: bool = True
    odd: bool = False
    linear: bool = False
    sweep: Sweep = Sweep()
    check: Callable[[Mapping[str, float]], None] = lambda _: None
    stamp: "Callable[[Circuit, Branch], None] | None" = None
    instances: "Callable[[Branch], tuple[str, ...]]" = lambda branch: (f"b{branch.name}",)

    @property
    def all_parameters(self) -> Mapping[str, Parameter]:
        """Its own and the common ones."""
        return {**COMMON, **self.parameters}

    @property
    def usual_temperature(self) -> float:
        """K, where none is stated: SPICE's own, or that of the data which the model was made for."""
        return self.all_parameters["temperature"].default

    def values(self, given: Mapping[str, float] | None = None) -> dict[str, float]:
        """Every parameter, `thermal` and the derived values, by name.

        Raises ValueError for an unknown parameter and for one out of bounds.
        """
        known = self.all_parameters
        for name, value in (given or {}).items():
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(known)}"
                raise ValueError(f"{self.name} has no parameter {name!r}{hint}")
            if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
                raise ValueError(f"{name} of {self.name} is {value!r}; it must be a number")  # noqa: TRY004 - the caller's value
            problem = known[name].problem(float(value))
            if problem:
                raise ValueError(
                    f"{name} of {self.name} is {float(value):g} {known[name].unit}".rstrip() + f"; {problem}"
                )
        values = {name: float(p.default) for name, p in known.items()} | {n: float(v) for n, v in (given or {}).items()}
        values["thermal"] = Boltzmann * values["temperature"] / elementary_charge
        for name, expression in self.derived.items():
            values[name] = float(expression.at(**{symbol: values[symbol] for symbol in expression.symbols}))
        self.check(values)
        for name, state in self.states.items():
            low, high = state.bounds(values)
            if not low < high:
                raise ValueError(
                    f"state {name} of {self.name} has bounds {low:g} and {high:g}; the first must be lower"
                )
            start = values[state.initial]
            if not low <= start <= high:
                raise ValueError(f"{state.initial} of {self.name} is {start:g}; it must be in {low:g} … {high:g}")
        return values

    @property
    def voltages(self) -> tuple[str, ...]:
        """Symbols of the voltages that the current depends on."""
        return ("v", "vg") if self.gated else ("v",)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of parameters and derived values that current or rates use, in a fixed order."""
        used = self.current.symbols.union(*(state.rate.symbols for state in self.states.values()))
        return tuple(sorted(used - {*self.voltages, *self.states, "i"}))

    @property
    def arguments(self) -> tuple[str, ...]:
        """Arguments of the compiled functions in their order: voltages, states, values."""
        return (*self.voltages, *self.states, *self.symbols)

    def compiled_current(self, by: tuple[str, ...] = ("v",)) -> Compiled:
        """Compile the current for NumPy: a function of `arguments`, returning A and its derivatives by `by`."""
        return self.current.compiled(self.arguments, by)

    def rate(self, state: str) -> Expression:
        """The state's change per second with the current written out, in its own unit."""
        return _written_out(self.states[state].rate, self.current)

    def compiled_rate(self, state: str, by: tuple[str, ...] = ()) -> Compiled:
        """Compile a state's rate for NumPy: a function of `arguments`, returning unit/s."""
        return self.rate(state).compiled(self.arguments, by)


@cache
def _written_out(rate: Expression, current: Expression) -> Expression:
    return rate.substituted(i=current)


@dataclass(frozen=True)
class Branch:
    """One element in its place; node names are those of the netlist.

    values : every parameter and derived value of the element, by symbol
    edge : the two ends in the graph; a series resistor has its element's
    """

    name: str
    element: Element
    plus: str
    minus: str
    values: Mapping[str, float]
    edge: tuple[str, str]
    gate: str | None = None

    def state_node(self, state: str) -> str:
        """Node whose voltage is the state between its bounds, 0 to 1 V."""
        return f"{self.name}_{state}"

    def resting(self, state: str) -> float:
        """Initial value of a state between its bounds, 0 to 1."""
        rule = self.element.states[state]
        low, high = rule.bounds(self.values)
        return (self.values[rule.initial] - low) / (high - low)

    def fill(self) -> dict[str, str | float]:
        """What stands in the netlist for each symbol of the element."""
        filled: dict[str, str | float] = {"v": f"v({self.plus},{self.minus})"}
        if self.gate is not None:
            filled["vg"] = f"v({self.gate},{self.minus})"
        for name, state in self.element.states.items():
            low, high = state.bounds(self.values)
            node = f"v({self.state_node(name)})"
            filled[name] = node if (low, high) == (0.0, 1.0) else f"({low!r}+{high - low!r}*{node})"
        return filled | dict(self.values)
