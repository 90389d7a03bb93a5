"""VTEAM: a state variable of length that a voltage beyond a threshold moves.

    i = v/(ron + (roff − ron)·(x − xon)/(xoff − xon))
    dx/dt = A(T)·koff·(v/voff − 1)^alphaoff·exp(−exp((x − aoff)/wc))  for v > voff
            A(T)·kon·(v/von − 1)^alphaon·exp(−exp(−(x − aon)/wc))    for v < von
            0 between

ron, roff : ohm, at xon and xoff, m; voff > 0 > von : V; koff > 0 > kon : m/s; aoff, aon, wc : m, of the window
x0 : initial x, m; ea : activation energy of the motion, J, published: 0 (see hp_biolek)

Source: S. Kvatinsky, M. Ramadan, E. G. Friedman, A. Kolodny, IEEE Trans. CAS II 62, 786 (2015), with linear current and
TEAM's window; defaults of MemTorch. They switch within nanoseconds: slow kon and koff down for slow tones.
What is perturbed: its voltage. State: x, between xon and xoff. Monotone at a given state.
"""

from hge_spice.devices.element import ARRHENIUS, Element, Parameter, State, Sweep
from hge_spice.devices.expression import Expression

# the inner exponent ends at 50, where the window has long been zero, so that nothing overflows
_OFF = "koff*max(v/voff-1,0)^alphaoff*exp(-exp(min((x-aoff)/wc,50)))"
_ON = "kon*max(v/von-1,0)^alphaon*exp(-exp(min((aon-x)/wc,50)))"

ELEMENT = Element(
    name="vteam",
    summary="VTEAM memristor: state moved by voltages beyond two thresholds",
    current=Expression("v/(ron+(roff-ron)*(x-xon)/(xoff-xon))"),
    states={"x": State(Expression(f"speed*({_OFF}+{_ON})"), initial="x0", low="xon", high="xoff")},
    sweep=Sweep(-1.0, 1.0, 5e7),
    parameters={
        "ron": Parameter(50.0, "ohm", above=0),
        "roff": Parameter(1e3, "ohm", above=0),
        "koff": Parameter(5e-4, "m/s", above=0),
        "kon": Parameter(-10.0, "m/s", below=0),
        "alphaoff": Parameter(1.0, least=1),
        "alphaon": Parameter(3.0, least=1),
        "voff": Parameter(0.02, "V", above=0),
        "von": Parameter(-0.2, "V", below=0),
        "xon": Parameter(0.0, "m"),
        "xoff": Parameter(3e-9, "m"),
        "aon": Parameter(0.0, "m"),
        "aoff": Parameter(3e-9, "m"),
        "wc": Parameter(1e-12, "m", above=0),
        "x0": Parameter(1.5e-9, "m"),
        "ea": Parameter(0.0, "J", least=0),
    },
    derived={"speed": ARRHENIUS},
    odd=False,
)
