"""The sinh element: hopping and tunnelling between grains, or a pair of ideal diodes.

    i = i0·exp(ea/k·(1/T0 − 1/T))·sinh(v/v0),  T0 = 300.15 K

i0, v0 : A and V at T0; ea : activation energy, J (zero: temperature does nothing)
The default is 1 nA and 50 mV with 0.1 eV: a few tens of nA at 0.2 V.

What is perturbed: its voltage. State: none. Monotone and odd.
"""

from scipy.constants import electron_volt

from hge_spice.devices.element import ARRHENIUS, Element, Parameter, Sweep
from hge_spice.devices.expression import Expression

ELEMENT = Element(
    name="sinh",
    summary="i0*sinh(v/v0): hopping between grains, or an ideal diode pair",
    current=Expression("scale*sinh(v/v0)"),
    sweep=Sweep(-0.3, 0.3),
    parameters={
        "i0": Parameter(1e-9, "A", above=0),
        "v0": Parameter(0.05, "V", above=0),
        "ea": Parameter(0.1 * electron_volt, "J", least=0),
    },
    derived={"scale": Expression(f"i0*{ARRHENIUS.text}")},
    odd=True,
)
