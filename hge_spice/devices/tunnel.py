"""The tunnel (Esaki) diode: negative differential resistance between its peak and its valley.

    i = ip·(v/vp)·exp(1 − max(v, 0)/vp) + s·(exp(v/a) − 1),  a = n·kT/e
    s = saturation_current·exp(bandgap/(n·k)·(1/T0 − 1/T)),  T0 = 300.15 K

ip, vp : A and V of the peak; saturation_current : A, of the junction at T0; n : ideality; bandgap : J
Left to itself the first exponent runs away in reverse (−1.4e6·ip at −0.7 V); here the reverse branch is the tangent in
zero, e·ip/vp·v, which a tunnel diode's ohmic reverse branch is near. The second exponent goes on linearly beyond 80.
The default is a germanium diode: peak 1 mA at 65 mV, valley near 0.3 V.

Source: S. M. Sze, Physics of Semiconductor Devices, 2nd ed., section 9.2.
What is perturbed: its voltage. State: none. Not monotone: current falls between peak and valley.
"""

from scipy.constants import Boltzmann, electron_volt

from hge_spice.devices.element import NOMINAL_TEMPERATURE, Element, Parameter, Sweep
from hge_spice.devices.expression import Expression

ELEMENT = Element(
    name="tunnel",
    summary="tunnel diode: negative differential resistance between peak and valley",
    current=Expression("ip*(v/vp)*exp(1-max(v,0)/vp)+s*(exp(min(v/a,80))*(1+max(v/a-80,0))-1)"),
    sweep=Sweep(-0.02, 0.45),
    parameters={
        "ip": Parameter(1e-3, "A", above=0),
        "vp": Parameter(0.065, "V", above=0),
        "saturation_current": Parameter(1e-10, "A", above=0),
        "n": Parameter(1.0, above=0),
        "bandgap": Parameter(0.66 * electron_volt, "J", least=0),
    },
    derived={
        "a": Expression("n*thermal"),
        "s": Expression(f"saturation_current*exp(bandgap/(n*{Boltzmann!r})*(1/{NOMINAL_TEMPERATURE!r}-1/temperature))"),
    },
    monotone=False,
)
