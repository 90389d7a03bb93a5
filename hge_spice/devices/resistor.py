"""The resistor, with a linear temperature coefficient.

    i = v/R,  R = resistance·(1 + tc1·(T − 300.15 K))

What is perturbed: its voltage. State: none. Monotone and linear.
"""

from collections.abc import Mapping

from PySpice.Spice.Netlist import Circuit

from hge_spice.devices.element import NOMINAL_TEMPERATURE, Branch, Element, Parameter
from hge_spice.devices.expression import Expression


def _check(values: Mapping[str, float]) -> None:
    if not values["r"] > 0:
        raise ValueError(f"the resistance is {values['r']:g} ohm at {values['temperature']:g} K; lower tc1")


def _stamp(circuit: Circuit, branch: Branch) -> None:
    kelvin = branch.values["temperature"]
    # no coefficient on the card: its temperature is what ngspice's thermal noise asks for
    own = {} if kelvin == NOMINAL_TEMPERATURE else {"temp": kelvin - 273.15}
    circuit.R(branch.name, branch.plus, branch.minus, branch.values["r"], **own)


ELEMENT = Element(
    name="resistor",
    summary="resistor with a temperature coefficient (linear: no nonlinearity to train on)",
    current=Expression("v/r"),
    parameters={"resistance": Parameter(1e4, "ohm", above=0), "tc1": Parameter(0.0, "1/K")},
    derived={
        "r": Expression(f"resistance*(1+tc1*(temperature-{NOMINAL_TEMPERATURE!r}))+series_resistance"),
    },
    odd=True,
    linear=True,
    check=_check,
    stamp=_stamp,
    instances=lambda branch: (f"r{branch.name}",),
)
