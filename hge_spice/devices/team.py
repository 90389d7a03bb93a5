"""TEAM, the threshold adaptive memristor model: a barrier whose width a current beyond a threshold moves.

    i = v/(ron + (roff − ron)·(x − xon)/(xoff − xon))
    dx/dt = A(T)·koff·(i/ioff − 1)^alphaoff·exp(−exp((x − aoff)/wc))  for i > ioff
            A(T)·kon·(i/ion − 1)^alphaon·exp(−exp(−(x − aon)/wc))    for i < ion
            0 between

ron, roff : ohm, at xon and xoff, m; ioff > 0 > ion : A; koff > 0 > kon : m/s; aoff, aon, wc : m, of the window
x0 : initial x, m; ea : activation energy of the motion, J, published: 0 (see hp_biolek)

Source: S. Kvatinsky, E. G. Friedman, A. Kolodny, U. C. Weiser, IEEE Trans. CAS I 60, 211 (2013), with linear current
and, as Xyce has it, without the |i|/b in the window; defaults of Xyce's regression test.
What is perturbed: its voltage. State: x, between xon and xoff. Monotone at a given state.
"""

from hge_spice.devices.element import ARRHENIUS, Element, Parameter, State, Sweep
from hge_spice.devices.expression import Expression

# the inner exponent ends at 50, where the window has long been zero, so that nothing overflows
_OFF = "koff*max(i/ioff-1,0)^alphaoff*exp(-exp(min((x-aoff)/wc,50)))"
_ON = "kon*max(i/ion-1,0)^alphaon*exp(-exp(min((aon-x)/wc,50)))"

ELEMENT = Element(
    name="team",
    summary="TEAM memristor: state moved by currents beyond two thresholds",
    current=Expression("v/(ron+(roff-ron)*(x-xon)/(xoff-xon))"),
    states={"x": State(Expression(f"speed*({_OFF}+{_ON})"), initial="x0", low="xon", high="xoff")},
    sweep=Sweep(-1.0, 1.0, 1e3),
    parameters={
        "ron": Parameter(50.0, "ohm", above=0),
        "roff": Parameter(1e3, "ohm", above=0),
        "koff": Parameter(1.46e-18, "m/s", above=0),
        "kon": Parameter(-4.68e-22, "m/s", below=0),
        "alphaoff": Parameter(10.0, least=1),
        "alphaon": Parameter(10.0, least=1),
        "ioff": Parameter(115e-6, "A", above=0),
        "ion": Parameter(-8.9e-6, "A", below=0),
        "xon": Parameter(0.0, "m"),
        "xoff": Parameter(3e-9, "m"),
        "aon": Parameter(0.0, "m"),
        "aoff": Parameter(3e-9, "m"),
        "wc": Parameter(1e-12, "m", above=0),
        "x0": Parameter(0.0, "m"),
        "ea": Parameter(0.0, "J", least=0),
    },
    derived={"speed": ARRHENIUS},
    odd=False,
)
