"""The University of Michigan's tungsten oxide memristor: a Schottky and a tunnelling path side by side.

    i = (1 − x)·alpha·(1 − exp(−beta·v)) + x·gamma·sinh(delta·v)
    dx/dt = A(T)·lam·(eta1·sinh(eta2·v) − x/tau),  x kept in 0 … 1 (`limited`); x/tau only with drift = 1

alpha, gamma : A; beta, delta, eta2 : 1/V; lam, eta1 : 1/s together; tau : diffusion; drift : 1 with it, 0 without
x0 : initial; ea : activation energy of the motion, J, published: 0 (see hp_biolek)

Source: T. Chang et al., Appl. Phys. A 102, 857 (2011); defaults of the netlist in knowm/memristor-models-4-all.
What is perturbed: its voltage. State: x, 0 to 1; there is no threshold, every voltage moves it. Monotone at a given
state.
"""

from hge_spice.devices.element import ARRHENIUS, Element, Parameter, State, Sweep, limited
from hge_spice.devices.expression import Expression

ELEMENT = Element(
    name="umich",
    summary="University of Michigan memristor: Schottky and tunnelling paths",
    current=Expression("(1-x)*alpha*(1-exp(-beta*v))+x*gamma*sinh(delta*v)"),
    states={"x": State(limited("(speed*(eta1*sinh(eta2*v)-drift*x/tau))", "x"), initial="x0")},
    sweep=Sweep(-1.0, 1.0, 0.1),
    parameters={
        "alpha": Parameter(0.5e-6, "A", above=0),
        "beta": Parameter(0.5, "1/V", above=0),
        "gamma": Parameter(4e-6, "A", above=0),
        "delta": Parameter(2.0, "1/V", above=0),
        "lam": Parameter(4.5, "1/s", above=0),
        "eta1": Parameter(0.004, above=0),
        "eta2": Parameter(4.0, "1/V", above=0),
        "tau": Parameter(10.0, above=0),
        "drift": Parameter(0.0, least=0, most=1),
        "x0": Parameter(0.0, least=0, most=1),
        "ea": Parameter(0.0, "J", least=0),
    },
    derived={"speed": Expression(f"lam*{ARRHENIUS.text}")},
)
