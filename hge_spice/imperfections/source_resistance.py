"""Resistance between each source and its electrode, with a capacitance of the electrode to ground behind it.

They are elements of the netlist: the drop follows the network's own current, and `.ac` knows of both.
"""

import numpy as np

from hge_spice.graph import Network
from hge_spice.imperfections.imperfection import Effect, Imperfection, Setting, Settings
from hge_spice.imperfections.wiring import wired
from hge_spice.netlist import driven


def _make(settings: Settings) -> Effect:
    resistance, capacitance = float(settings["resistance"]), float(settings["capacitance"])

    def graph(network: Network, _: np.random.Generator) -> Network:
        network = wired(network, {"electrode_capacitance": capacitance})
        if not resistance:
            return network
        network = network.copy()
        for name in driven(network):
            before = network.nodes[name].get("series_resistance", 0.0)
            network.nodes[name]["series_resistance"] = before + resistance
        return network

    return Effect(graph=graph)


IMPERFECTION = Imperfection(
    settings={
        "resistance": Setting("resistance", default=0.0, least=0, about="Of every source."),
        "capacitance": Setting(
            "capacitance", default=0.0, least=0, about="Of every electrode to ground, behind its resistance."
        ),
    },
    make=_make,
    neutral={},
    example={"resistance": "10 kohm", "capacitance": "100 pF"},
    summary="resistance of every source, and capacitance of every electrode behind it",
)
