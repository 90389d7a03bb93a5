"""Yakopcic's generalised memristive device: hyperbolic current, motion beyond two thresholds.

    i = a1·x·sinh(b·v) for v ≥ 0,  a2·x·sinh(b·v) for v < 0
    dx/dt = eta·g·f
    g = ap·(exp(v) − exp(vp)) for v > vp,  −an·(exp(−v) − exp(vn)) for v < −vn,  0 between (v, vp, vn in volts)
    f upwards:   exp(−alphap·(x − xp))·(1 − (x − xp)/(1 − xp)) for x ≥ xp, else 1
    f downwards: exp(alphan·(x + xn − 1))·x/(1 − xn)           for x ≤ 1 − xn, else 1

a1, a2 : A; b : 1/V; vp, vn : V; ap, an : 1/s; xp, xn, alphap, alphan : where and how motion slows down; x0 : initial
eta : 1, or −1 where positive voltage lowers x; ea : activation energy of the motion, J, published: 0 (see hp_biolek)

Source: C. Yakopcic, T. M. Taha, G. Subramanyam, R. E. Pino, IEEE Trans. CAD 32, 1201 (2013); defaults of the netlist in
knowm/memristor-models-4-all.
x in the current is no less than 1e-9, so that a network of devices that are off has a solution.
What is perturbed: its voltage. State: x, 0 to 1. Monotone at a given state.
"""

from collections.abc import Mapping

from hge_spice.devices.element import ARRHENIUS, Element, Parameter, State, Sweep
from hge_spice.devices.expression import Expression

_G = "(ap*max(exp(v)-exp(vp),0)-an*max(exp(-v)-exp(vn),0))"
_UP = "exp(-alphap*max(x-xp,0))*(1-max(x-xp,0)/(1-xp))"
_DOWN = "exp(-alphan*max(1-xn-x,0))*(1-max(1-xn-x,0)/(1-xn))"


def _check(values: Mapping[str, float]) -> None:
    if values["eta"] not in {1.0, -1.0}:
        raise ValueError(f"eta of yakopcic is {values['eta']:g}; it is a direction, 1 or -1")


ELEMENT = Element(
    name="yakopcic",
    summary="Yakopcic's generalised memristor: sinh current, motion beyond thresholds",
    current=Expression("max(x,1e-9)*(a1*sinh(b*max(v,0))+a2*sinh(b*min(v,0)))"),
    states={
        "x": State(Expression(f"speed*(max(eta*{_G},0)*{_UP}+min(eta*{_G},0)*{_DOWN})"), initial="x0"),
    },
    sweep=Sweep(-1.2, 1.2, 100.0),
    parameters={
        "a1": Parameter(0.17, "A", above=0),
        "a2": Parameter(0.17, "A", above=0),
        "b": Parameter(0.05, "1/V", above=0),
        "vp": Parameter(0.65, "V", least=0),
        "vn": Parameter(0.56, "V", least=0),
        "ap": Parameter(4000.0, "1/s", least=0),
        "an": Parameter(4000.0, "1/s", least=0),
        "xp": Parameter(0.3, least=0, below=1),
        "xn": Parameter(0.5, least=0, below=1),
        "alphap": Parameter(1.0, least=0),
        "alphan": Parameter(5.0, least=0),
        "eta": Parameter(1.0),
        "x0": Parameter(0.11, least=0, most=1),
        "ea": Parameter(0.0, "J", least=0),
    },
    derived={"speed": ARRHENIUS},
    check=_check,
)
