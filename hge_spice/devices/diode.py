"""The junction diode, alone or with an antiparallel partner, by SPICE's own law.

    i = d(v) − antiparallel·d(−v)
    d(v) = is·(exp(v/a) − 1) for v ≥ −3a,  −is·(1 − (3a/(e·|v|))³) below;  a = n·kT/e
    is = saturation_current·(T/T0)^(xti/n)·exp(bandgap/(n·k)·(1/T0 − 1/T))

saturation_current : A at T0 = reference_temperature; n : ideality; bandgap : J; xti : exponent of temperature
antiparallel : the partner's saturation current over this one's; 0: none, 1: a symmetric pair
The default is a silicon junction of 10 fA at 27 °C. At 77 K nothing is left of it: state its current there, with
reference_temperature = "77 K". `series_resistance` is that of the leads.

Source: ngspice manual, chapter on diodes, and its dioload.c, whose cube replaces the exponential far in reverse. The
netlist has the native diode, which is faster than a B source; ngspice's gmin stays across it (1e-18 S here).
What is perturbed: its voltage. State: none. Monotone.
"""

from PySpice.Spice.Netlist import Circuit
from scipy.constants import Boltzmann, electron_volt

from hge_spice.devices.element import NOMINAL_TEMPERATURE, Branch, Element, Parameter, Sweep
from hge_spice.devices.expression import Expression

# of w, V; a: n·kT/e, V; 2.718…, so that the cube meets the exponential where they change over
_LAW = "(u(w+3*a)*(exp(max(w,-3*a)/a)-1)-(1-u(w+3*a))*(1-(3*a/(2.718281828459045*max(-w,3*a)))^3))"
FORWARD = Expression(f"s*{_LAW}").substituted(w=Expression("v"))
PARTNER = Expression(f"antiparallel*s*{_LAW}").substituted(w=Expression("-v"))


# ngspice's k/e, V/K, of older values of the constants: 3.5e-7 apart, which moves a current by 1e-5 at half a volt
_NGSPICE = 1.38064852e-23 / 1.6021766208e-19


def _stamp(circuit: Circuit, branch: Branch) -> None:
    """Native diodes; the card's nominal temperature is the diode's, so that ngspice rescales nothing."""
    values, celsius = branch.values, branch.values["temperature"] - 273.15
    for suffix, share, nodes in _junctions(branch):
        name = f"{branch.name}{suffix}"
        circuit.model(
            f"d{name}",
            "D",
            IS=values["s"] * share,
            N=values["a"] / (_NGSPICE * values["temperature"]),
            TNOM=celsius,
        )
        circuit.D(name, *nodes, model=f"d{name}", temp=celsius)


def _junctions(branch: Branch) -> tuple[tuple[str, float, tuple[str, str]], ...]:
    """Suffix, share of the saturation current and nodes of each junction."""
    ends, partner = (branch.plus, branch.minus), branch.values["antiparallel"]
    return (("", 1.0, ends), *([("r", partner, ends[::-1])] if partner else []))


ELEMENT = Element(
    name="diode",
    summary="junction diode, alone or as an antiparallel pair, with series resistance",
    current=Expression(f"{FORWARD.text}-{PARTNER.text}"),
    sweep=Sweep(-0.4, 0.75),
    parameters={
        "saturation_current": Parameter(1e-14, "A", above=0),
        "n": Parameter(1.0, above=0),
        "antiparallel": Parameter(0.0, least=0),
        "bandgap": Parameter(1.11 * electron_volt, "J", least=0),
        "xti": Parameter(3.0),
        "reference_temperature": Parameter(NOMINAL_TEMPERATURE, "K", above=0),
    },
    derived={
        "a": Expression("n*thermal"),
        "s": Expression(
            "saturation_current*exp(xti/n*ln(temperature/reference_temperature)"
            f"+bandgap/(n*{Boltzmann!r})*(1/reference_temperature-1/temperature))"
        ),
    },
    stamp=_stamp,
    instances=lambda branch: tuple(f"d{branch.name}{suffix}" for suffix, *_ in _junctions(branch)),
)
