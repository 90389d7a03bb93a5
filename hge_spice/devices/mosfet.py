"""The MOSFET as a gated edge, by Shichman and Hodges (SPICE level 1): channel between the ends, gate a third node.

    i = β·e·(o − |e|/2)·(1 + lam·|v|)    β = kp·w/l
    o = max(vgs − vto, 0), vgs from the gate to the end that acts as the source;  e = v limited to −o … o

kp : A/V²; w, l : m; vto : V, at T0 = 300.15 K; tc : V/K, dvto/dT; mu : kp ∝ (T/T0)^mu; lam : 1/V, channel length
modulation; polarity : 1 for n channel, −1 for p (vto is then negative)
The bulk is ground, with neither body effect nor junctions. Edge attribute `gate` names the gate's node.

Source: H. Shichman, D. A. Hodges, IEEE J. Solid-State Circuits 3, 285 (1968). The netlist has the native level 1.
What is perturbed: its voltage or its gate's. State: none. Monotone in its own voltage; as a gated edge it can make a
network that is not.
"""

from collections.abc import Mapping

from PySpice.Spice.Netlist import Circuit

from hge_spice.devices.element import NOMINAL_TEMPERATURE, Branch, Element, Parameter, Sweep
from hge_spice.devices.expression import Expression

_OVERDRIVE = "max(polarity*(vg-th)-min(polarity*v,0),0)"
_EFFECTIVE = f"max(min(polarity*v,{_OVERDRIVE}),-{_OVERDRIVE})"


def _check(values: Mapping[str, float]) -> None:
    if values["polarity"] not in {1.0, -1.0}:
        raise ValueError(f"polarity of mosfet is {values['polarity']:g}; it is 1 (n channel) or -1 (p channel)")


def _stamp(circuit: Circuit, branch: Branch) -> None:
    """A native level-1 transistor at its own temperature; values are already those at it."""
    values, celsius = branch.values, branch.values["temperature"] - 273.15
    kind = "NMOS" if values["polarity"] > 0 else "PMOS"
    circuit.model(
        f"m{branch.name}",
        kind,
        LEVEL=1,
        VTO=values["th"],
        KP=values["strength"],
        LAMBDA=values["lam"],
        IS=1e-30,  # no junctions: the bulk is ground, and nodes go below it
        TNOM=celsius,
    )
    circuit.M(
        branch.name, branch.plus, branch.gate, branch.minus, 0, model=f"m{branch.name}", w=1e-4, l=1e-4, temp=celsius
    )


ELEMENT = Element(
    name="mosfet",
    summary="MOSFET channel gated by a third node (level 1)",
    current=Expression(f"polarity*strength*{_EFFECTIVE}*({_OVERDRIVE}-abs({_EFFECTIVE})/2)*(1+lam*abs(v))"),
    gated=True,
    sweep=Sweep(-1.0, 1.5, gates=(0.8, 1.1, 1.4)),
    parameters={
        "vto": Parameter(0.5, "V"),
        "kp": Parameter(1e-4, "A/V^2", above=0),
        "w": Parameter(1e-6, "m", above=0),
        "l": Parameter(1e-6, "m", above=0),
        "lam": Parameter(0.0, "1/V", least=0),
        "polarity": Parameter(1.0),
        "tc": Parameter(-1e-3, "V/K"),
        "mu": Parameter(-1.5),
    },
    derived={
        "th": Expression(f"vto+polarity*tc*(temperature-{NOMINAL_TEMPERATURE!r})"),
        "strength": Expression(f"kp*w/l*exp(mu*ln(temperature/{NOMINAL_TEMPERATURE!r}))"),
    },
    check=_check,
    stamp=_stamp,
    instances=lambda branch: (f"m{branch.name}",),
)
