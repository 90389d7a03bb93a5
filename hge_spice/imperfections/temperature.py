"""Temperature beside what the study states: another level, and for networks of elements a gradient across them.

The gradient is along x, about the middle of the nodes; each element is at the temperature of its own middle.
"""

import numpy as np

from hge_spice.devices.condition import temperature_of, warmed
from hge_spice.devices.elements import ELEMENTS
from hge_spice.devices.foreign import refuse_foreign
from hge_spice.graph import Network
from hge_spice.imperfections.imperfection import Effect, Imperfection, Setting, Settings


def _make(settings: Settings) -> Effect:
    offset, gradient = float(settings["offset"]), float(settings["gradient"])

    def graph(network: Network, __: np.random.Generator) -> Network:
        if not (offset or gradient):
            return network
        if gradient:
            refuse_foreign(network, "its circuit has one temperature, and a gradient is for our own elements")
        network = warmed(network, offset)
        if not gradient:
            return network
        if network.graph["family"] not in ELEMENTS:
            raise ValueError(
                f"a {network.graph['family']} network has one temperature; a gradient is for networks of elements"
            )
        network = network.copy()
        places = [node["x"] for _, node in network.nodes(data=True)]
        middle = (max(places) + min(places)) / 2
        for a, b, data in network.edges(data=True):
            place = (network.nodes[a]["x"] + network.nodes[b]["x"]) / 2 - middle
            level = temperature_of(network, data) + gradient * place
            data["parameters"] = {**data.get("parameters", {}), "temperature": level}
        return network

    return Effect(graph=graph)


IMPERFECTION = Imperfection(
    settings={
        "offset": Setting("temperature difference", default=0.0, about="Beside the temperature stated."),
        "gradient": Setting(
            "temperature gradient",
            default=0.0,
            about="Along x about the middle of the nodes, for networks of elements.",
        ),
    },
    make=_make,
    neutral={},
    example={"offset": "5 K"},
    summary="kelvin beside the stated temperature, and kelvin per metre along x between elements",
)
