"""Thermal noise of the device's own resistances and channels: 4kT/R of a resistor; two ways, see `element_noise.py`."""

from hge_spice.imperfections.element_noise import OF, effect_of
from hge_spice.imperfections.imperfection import Imperfection

IMPERFECTION = Imperfection(
    settings={"of": OF},
    make=lambda settings: effect_of("thermal", settings, lambda source: source.thermal),
    neutral={"of": "off"},
    example={"of": "ngspice"},
    summary="thermal noise of the device's elements, 4kT/R: from ngspice's .noise, or injected beside each element",
)
