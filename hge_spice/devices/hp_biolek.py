"""HP's linear ion drift with Biolek's window: a film of thickness d, doped over the share x of it.

    i = v/(ron·x + roff·(1 − x))
    dx/dt = mobility·A(T)·ron/d²·i·f,  f = 1 − (x − step(−i))^(2p)

ron, roff : ohm, all doped and undoped; d : m; mobility : m²/(V s), of the dopants; p : exponent of the window
x0 : initial share; ea : activation energy of the drift, J: A(T) = exp(ea/k·(1/T0 − 1/T)), T0 = 300.15 K; the published
model has none (0)

Source: Z. Biolek, D. Biolek, V. Biolková, Radioengineering 18, 210 (2009); defaults of the netlist in
knowm/memristor-models-4-all.
What is perturbed: its voltage. State: x, 0 to 1. Monotone at a given state.
"""

from hge_spice.devices.element import ARRHENIUS, Element, Parameter, State, Sweep
from hge_spice.devices.expression import Expression

ELEMENT = Element(
    name="hp_biolek",
    summary="HP memristor, linear ion drift with Biolek's window",
    current=Expression("v/(ron*x+roff*(1-x))"),
    states={"x": State(Expression("drift*i*(1-((x-u(-i))*(x-u(-i)))^p)"), initial="x0")},
    sweep=Sweep(-1.0, 1.0, 10.0),
    parameters={
        "ron": Parameter(100.0, "ohm", above=0),
        "roff": Parameter(1e3, "ohm", above=0),
        "d": Parameter(16e-9, "m", above=0),
        "mobility": Parameter(4e-14, "m^2/(V s)", above=0),
        "p": Parameter(7.0, least=1),
        "x0": Parameter(0.076, least=0, most=1),
        "ea": Parameter(0.0, "J", least=0),
    },
    derived={"drift": Expression(f"mobility*ron/(d*d)*{ARRHENIUS.text}")},
    odd=True,
)
