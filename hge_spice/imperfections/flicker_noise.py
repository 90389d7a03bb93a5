"""Flicker noise of the device's own elements; two ways, see `element_noise.py`.

ngspice has it where a model card has a coefficient (KF, AF). Injected, every resistor and diode has ratio·I²/f, I its
current at the operating point; ratio is a number of this form, γ/N of Hooge (Phys. Lett. A 29, 139 (1969)).
"""

from hge_spice.imperfections.element_noise import OF, effect_of
from hge_spice.imperfections.imperfection import Effect, Imperfection, Setting, Settings


def _make(settings: Settings) -> Effect:
    ratio = float(settings["ratio"])
    if (settings["of"] == "elements") != (ratio > 0):
        raise ValueError(
            'ratio belongs to of = "elements", which needs one above zero: the density of a current I is ratio·I²/f'
        )
    return effect_of("flicker", settings, lambda source: ratio * source.current**2)


IMPERFECTION = Imperfection(
    settings={
        "of": OF,
        "ratio": Setting("ratio", default=0.0, least=0, about="Of a density ratio·I²/f, injected beside each element."),
    },
    make=_make,
    neutral={"of": "off"},
    example={"of": "ngspice"},
    summary="flicker noise of the device's elements: from ngspice's .noise, or ratio·I²/f injected beside each element",
)
