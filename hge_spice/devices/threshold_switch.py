"""A volatile threshold switch: Frenkel-Poole conduction that its own heat runs away with (S-type NDR), as in NbO2.

    i = v/(r0·exp((ea − e·√(e·|v|/(π·ε0·εr·d)))/(k·θ)))
    dθ/dt = (v·i − (θ − T)/rth)/cth

r0 : ohm; ea : J; permittivity : εr; d : m, the film's thickness; rth : K/W; cth : J/K; T is `temperature`
|v| is √(v² + 1 mV²), which is smooth. At the default values its own slope is −59 ohm at 1.2 mA and 0.93 V; the load,
`series_resistance`, 330 ohm by default, outweighs that. With less than 59 ohm in all it snaps.

Source: S. Slesazeck et al., RSC Advances 5, 102318 (2015); values of a published simulation of it (r0 34 ohm, ea
0.215 eV, εr 45, d 18 nm, rth 1.75e5 K/W); cth, 1 fJ/K, is ours: a time constant of 0.2 ns, quasi-static for any tone.
What is perturbed: its voltage. State: the film's temperature θ; it forgets, so it isn't held at rest: it settles with
the operating point. Not monotone: at rest, voltage falls as current rises.
"""

from scipy.constants import Boltzmann, electron_volt, elementary_charge, epsilon_0, pi

from hge_spice.devices.element import Element, Parameter, State, Sweep
from hge_spice.devices.expression import Expression
from hge_spice.graph.network import LEAST_RESISTANCE

HOTTEST = 2000.0  # K above the surroundings: beyond, the film is no film any more

ELEMENT = Element(
    name="threshold_switch",
    summary="volatile threshold switch, electrothermal S-type negative differential resistance (NbO2)",
    current=Expression(f"v/r0*exp((lowering*sqrt(sqrt(v*v+1e-6))-barrier)/({Boltzmann / elementary_charge!r}*theta))"),
    states={
        "theta": State(
            Expression("(v*i-(theta-temperature)/rth)/cth"),
            initial="temperature",
            low="temperature",
            high="hottest",
            held=False,
        )
    },
    sweep=Sweep(-1.5, 1.5, 1e6),
    parameters={
        "r0": Parameter(34.0, "ohm", above=0),
        "ea": Parameter(0.215 * electron_volt, "J", above=0),
        "permittivity": Parameter(45.0, above=0),
        "d": Parameter(18e-9, "m", above=0),
        "rth": Parameter(1.75e5, "K/W", above=0),
        "cth": Parameter(1e-15, "J/K", above=0),
        "temperature": Parameter(298.0, "K", above=0),
        "series_resistance": Parameter(330.0, "ohm", least=0, smallest=LEAST_RESISTANCE),
    },
    derived={
        "barrier": Expression(f"ea/{elementary_charge!r}"),
        "lowering": Expression(f"sqrt({elementary_charge!r}/({float(pi * epsilon_0)!r}*permittivity*d))"),
        "hottest": Expression(f"temperature+{HOTTEST!r}"),
    },
    monotone=False,
    odd=True,
)
