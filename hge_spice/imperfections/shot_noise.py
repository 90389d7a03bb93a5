"""Shot noise of the device's own junctions: 2q|I| of a diode; two ways, see `element_noise.py`."""

from hge_spice.imperfections.element_noise import OF, effect_of
from hge_spice.imperfections.imperfection import Imperfection

IMPERFECTION = Imperfection(
    settings={"of": OF},
    make=lambda settings: effect_of("shot", settings, lambda source: source.shot),
    neutral={"of": "off"},
    example={"of": "ngspice"},
    summary="shot noise of the device's junctions, 2q|I|: from ngspice's .noise, or injected beside each element",
)
