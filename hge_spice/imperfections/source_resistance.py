"""Resistance between each source and its electrode, with a capacitance of the electrode to ground behind it.

They are elements of the netlist: the drop follows the network's own current, and `.ac` knows of both.
"""

from hge_spice.imperfections.imperfection import Effect, Imperfection, Setting, Settings
from hge_spice.imperfections.wiring import wired


def _make(settings: Settings) -> Effect:
    values = {
        "source_resistance": float(settings["resistance"]),
        "electrode_capacitance": float(settings["capacitance"]),
    }
    return Effect(graph=lambda network, _: wired(network, values))


IMPERFECTION = Imperfection(
    settings={
        "resistance": Setting("resistance", default=0.0, least=0),
        "capacitance": Setting("capacitance", default=0.0, least=0),
    },
    make=_make,
    neutral={},
    example={"resistance": "10 kohm", "capacitance": "100 pF"},
    summary="resistance of every source, and capacitance of every electrode behind it",
)
