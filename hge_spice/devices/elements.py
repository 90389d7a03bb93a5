"""Every element that an edge can be, by name: one file and one line each."""

from hge_spice.devices import (
    diode,
    hp_biolek,
    hp_joglekar,
    mosfet,
    mss,
    pershin,
    resistor,
    sinh,
    stanford_rram,
    team,
    threshold_switch,
    tunnel,
    umich,
    vteam,
    yakopcic,
)
from hge_spice.devices.element import Element

ELEMENTS: dict[str, Element] = {
    "resistor": resistor.ELEMENT,
    "diode": diode.ELEMENT,
    "sinh": sinh.ELEMENT,
    "tunnel": tunnel.ELEMENT,
    "threshold_switch": threshold_switch.ELEMENT,
    "mosfet": mosfet.ELEMENT,
    "hp_joglekar": hp_joglekar.ELEMENT,
    "hp_biolek": hp_biolek.ELEMENT,
    "yakopcic": yakopcic.ELEMENT,
    "team": team.ELEMENT,
    "vteam": vteam.ELEMENT,
    "stanford_rram": stanford_rram.ELEMENT,
    "mss": mss.ELEMENT,
    "umich": umich.ELEMENT,
    "pershin": pershin.ELEMENT,
}
