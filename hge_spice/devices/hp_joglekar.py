"""HP's linear ion drift with Joglekar's window: a film of thickness d, doped over the share x of it.

    i = v/(ron·x + roff·(1 − x))
    dx/dt = mobility·A(T)·ron/d²·i·f,  f = 1 − (2x − 1)^(2p)

ron, roff : ohm, all doped and undoped; d : m; mobility : m²/(V s), of the dopants; p : exponent of the window
x0 : initial share; ea : activation energy of the drift, J: A(T) = exp(ea/k·(1/T0 − 1/T)), T0 = 300.15 K; the published
model has none (0)

Source: Y. N. Joglekar, S. J. Wolf, Eur. J. Phys. 30, 661 (2009); defaults of Z. Biolek, D. Biolek, V. Biolková,
Radioengineering 18, 210 (2009). A state at a bound stays there for ever: that is this window's known defect.
What is perturbed: its voltage. State: x, 0 to 1. Monotone at a given state.
"""

from hge_spice.devices.element import ARRHENIUS, Element, Parameter, State, Sweep
from hge_spice.devices.expression import Expression

ELEMENT = Element(
    name="hp_joglekar",
    summary="HP memristor, linear ion drift with Joglekar's window",
    current=Expression("v/(ron*x+roff*(1-x))"),
    states={"x": State(Expression("drift*i*(1-((2*x-1)*(2*x-1))^p)"), initial="x0")},
    sweep=Sweep(-1.0, 1.0, 1.0),
    parameters={
        "ron": Parameter(100.0, "ohm", above=0),
        "roff": Parameter(16e3, "ohm", above=0),
        "d": Parameter(10e-9, "m", above=0),
        "mobility": Parameter(1e-14, "m^2/(V s)", above=0),
        "p": Parameter(1.0, least=1),
        "x0": Parameter(5 / 15.9, least=0, most=1),
        "ea": Parameter(0.0, "J", least=0),
    },
    derived={"drift": Expression(f"mobility*ron/(d*d)*{ARRHENIUS.text}")},
    odd=True,
)
