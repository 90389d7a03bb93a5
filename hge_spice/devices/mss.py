"""Knowm's mean metastable switch: the share x of a crowd of switches that are on, each thermally activated.

    i = v·(x/ron + (1 − x)/roff)
    dx/dt = (1/tau)·[(1 − x)·P(v − von) − x·(1 − P(v + voff))]    P(u) = 1/(1 + exp(−u·e/kT))

ron, roff : ohm; von, voff : V; tau : s; x0 : initial share
The temperature is the model's own: the colder, the sharper the thresholds.

Source: T. W. Molter, M. A. Nugent, CNNA 2016; defaults of the netlist in knowm/memristor-models-4-all.
What is perturbed: its voltage. State: x, 0 to 1. It moves at every voltage, if slowly. Monotone at a given state.
"""

from hge_spice.devices.element import Element, Parameter, State, Sweep
from hge_spice.devices.expression import Expression

# P(u) as ½(1 + tanh(u/2)), which can't overflow
_SWITCH_ON, _SWITCH_OFF = "tanh((v-von)/(2*thermal))", "tanh((v+voff)/(2*thermal))"

ELEMENT = Element(
    name="mss",
    summary="Knowm's mean metastable switch memristor",
    current=Expression("v*(x/ron+(1-x)/roff)"),
    states={
        "x": State(Expression(f"((1-x)*(1+{_SWITCH_ON})-x*(1-{_SWITCH_OFF}))/(2*tau)"), initial="x0"),
    },
    sweep=Sweep(-0.5, 0.5, 100.0),
    parameters={
        "ron": Parameter(500.0, "ohm", above=0),
        "roff": Parameter(1500.0, "ohm", above=0),
        "von": Parameter(0.27, "V"),
        "voff": Parameter(0.27, "V"),
        "tau": Parameter(1e-4, "s", above=0),
        "x0": Parameter(0.0, least=0, most=1),
        "temperature": Parameter(298.5, "K", above=0),
    },
    odd=True,
)
