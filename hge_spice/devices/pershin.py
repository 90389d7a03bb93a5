"""Pershin and Di Ventra's memristor with a voltage threshold: its resistance itself is the state.

    i = v/r
    dr/dt = A(T)·[beta·v + ½(alpha − beta)·(|v + vth| − |v − vth|)],  r kept in ron … roff (`limited`)

ron, roff : ohm; vth : V; alpha, beta : ohm/(V s), below and above the threshold; x0 : initial resistance, ohm
ea : activation energy of the motion, J, published: 0 (see hp_biolek)

Source: Y. V. Pershin, M. Di Ventra, Radioengineering 22, 485 (2013), arXiv 1204.2600; defaults of ngspice's example
for 10 ns sweeps of 3 V.
What is perturbed: its voltage. State: r, between ron and roff. Monotone at a given state.
"""

from hge_spice.devices.element import ARRHENIUS, Element, Parameter, State, Sweep, limited
from hge_spice.devices.expression import Expression

ELEMENT = Element(
    name="pershin",
    summary="Pershin and Di Ventra's memristor with a voltage threshold",
    current=Expression("v/r"),
    states={
        "r": State(
            limited("(speed*(beta*v+0.5*(alpha-beta)*(abs(v+vth)-abs(v-vth))))", "(r-ron)/(roff-ron)"),
            initial="x0",
            low="ron",
            high="roff",
        )
    },
    sweep=Sweep(-3.0, 3.0, 1e8),
    parameters={
        "ron": Parameter(1e3, "ohm", above=0),
        "roff": Parameter(10e3, "ohm", above=0),
        "vth": Parameter(1.6, "V", least=0),
        "alpha": Parameter(0.0, "ohm/(V s)", least=0),
        "beta": Parameter(2e12, "ohm/(V s)", least=0),
        "x0": Parameter(7e3, "ohm", above=0),
        "ea": Parameter(0.0, "J", least=0),
    },
    derived={"speed": ARRHENIUS},
    odd=True,
)
