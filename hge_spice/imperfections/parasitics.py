"""What comes with the layout: capacitance and leakage of inner nodes to ground, capacitance across every element.

They are elements of the netlist, and so part of the truth by `.ac`. A dopant network's sites have their own charge, and
its hops no electrode of their own: it takes none.
"""

import numpy as np

from hge_spice.devices.elements import ELEMENTS
from hge_spice.devices.foreign import SUBCIRCUIT, refuse_foreign
from hge_spice.graph import Network
from hge_spice.imperfections.imperfection import Effect, Imperfection, Setting, Settings


def _make(settings: Settings) -> Effect:
    node, edge, leakage = (float(settings[key]) for key in ("node", "edge", "leakage"))

    def graph(network: Network, __: np.random.Generator) -> Network:
        if not (node or edge or leakage):
            return network
        network = network.copy()
        family = network.graph["family"]
        if family not in (*ELEMENTS, SUBCIRCUIT) or not network.number_of_edges():
            raise ValueError(f"parasitics are for networks of elements; a {family} has none of its own")
        if edge:
            refuse_foreign(network, "state capacitances in its netlist, and parasitics of nodes alone here")
        for _, inner in network.nodes(data=True):
            if inner.get("kind") != "electrode":
                inner["capacitance"] = inner.get("capacitance", network.graph.get("node_capacitance", 0.0)) + node
                if leakage:
                    inner["leakage"] = inner.get("leakage", 0.0) + leakage
        for _, _, data in network.edges(data=True) if edge else ():
            given = data.get("parameters", {})
            before = given.get("capacitance", network.graph.get("parameters", {}).get("capacitance", 0.0))
            data["parameters"] = {**given, "capacitance": before + edge}
        return network

    return Effect(graph=graph)


IMPERFECTION = Imperfection(
    settings={
        "node": Setting("capacitance", default=0.0, least=0, about="From every inner node to ground."),
        "edge": Setting("capacitance", default=0.0, least=0, about="Across every element."),
        "leakage": Setting("conductance", default=0.0, least=0, about="From every inner node to ground."),
    },
    make=_make,
    neutral={},
    example={"node": "10 fF", "edge": "1 fF", "leakage": "1 pS"},
    summary="capacitance and leakage of inner nodes to ground, capacitance across every element",
)
