"""Every element that an edge can be, by name: one file and one line each."""

from hge_spice.devices import diode, resistor, sinh
from hge_spice.devices.element import Element

ELEMENTS: dict[str, Element] = {
    "resistor": resistor.ELEMENT,
    "diode": diode.ELEMENT,
    "sinh": sinh.ELEMENT,
}
