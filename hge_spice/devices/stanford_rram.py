"""The Stanford-PKU RRAM model: tunnelling through a gap that field and temperature close and open.

    i = i0·exp(−g/g0)·sinh(v/v0)
    dg/dt = −vel0·exp(−ea/kT')·sinh(γ·a0/tox·e·v/kT')    γ = gamma0 − beta·(g/1 nm)³
    T' = T + rth·|v·i|;  γ ends below γ·|v|/tox = fmin, by ½(1 + tanh) over 1 % of fmin

i0 : A; g0, a0, tox : m; v0 : V; vel0 : m/s; ea : J; fmin : V/m; rth : K/W; T is `temperature`, of the surroundings
g : between gmin and gmax, m, where it comes to rest (`limited`); x0 : its initial value, m

Source: Z. Jiang et al., SISPAD 2014, and Stanford RRAM model 1.0, nanoHUB 10.4231/D37H1DN48, without its random
variations; defaults and the gap's bounds as in MemTorch.
What is perturbed: its voltage. State: the gap g. Monotone at a given state.
Published, γ falls to 0 at fmin in one jump. A gap that opens then slides along the jump, where rates of nothing and of
everything alternate without end, and no solver gets on; hence the soft edge.
"""

from scipy.constants import Boltzmann, electron_volt, elementary_charge

from hge_spice.devices.element import Element, Parameter, State, Sweep, limited
from hge_spice.devices.expression import Expression

_GAMMA = "max(gamma0-beta*(g/1e-9)*(g/1e-9)*(g/1e-9),0)"
_KT = f"({Boltzmann!r}*(temperature+rth*abs(v*i)))"
_EDGE = f"0.5*(1+tanh(({_GAMMA}*abs(v)/(tox*fmin)-1)/0.01))"
_RATE = f"-vel0*exp(-ea/{_KT})*sinh({_GAMMA}*{_EDGE}*a0/tox*{elementary_charge!r}*v/{_KT})"

ELEMENT = Element(
    name="stanford_rram",
    summary="Stanford-PKU resistive memory: tunnelling through a gap that moves",
    current=Expression("i0*exp(-g/g0)*sinh(v/v0)"),
    states={"g": State(limited(_RATE, "(g-gmin)/(gmax-gmin)"), initial="x0", low="gmin", high="gmax")},
    sweep=Sweep(-1.3, 1.3, 1e5),
    parameters={
        "i0": Parameter(1e-3, "A", above=0),
        "g0": Parameter(0.25e-9, "m", above=0),
        "v0": Parameter(0.25, "V", above=0),
        "vel0": Parameter(10.0, "m/s", above=0),
        "ea": Parameter(0.6 * electron_volt, "J", least=0),
        "gamma0": Parameter(16.0, above=0),
        "beta": Parameter(0.8, least=0),
        "a0": Parameter(0.25e-9, "m", above=0),
        "tox": Parameter(12e-9, "m", above=0),
        "fmin": Parameter(1.4e9, "V/m", above=0),
        "rth": Parameter(2.1e3, "K/W", least=0),
        "gmin": Parameter(0.2e-9, "m", least=0),
        "gmax": Parameter(1.7e-9, "m", above=0),
        "x0": Parameter(0.2e-9, "m", least=0),
        "temperature": Parameter(298.0, "K", above=0),
    },
    odd=True,
)
