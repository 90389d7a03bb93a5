"""Stray coupling from every driven electrode to the output: a capacitance and a leakage conductance each.

They are elements of the netlist, in parallel to the network: ωC in quadrature and G in phase add to every derivative,
and `.ac` knows of both, since a control moves the output through them as through the network.
"""

from hge_spice.imperfections.imperfection import Effect, Imperfection, Setting, Settings
from hge_spice.imperfections.wiring import wired


def _make(settings: Settings) -> Effect:
    values = {
        "output_capacitance": float(settings["capacitance"]),
        "output_conductance": float(settings["conductance"]),
    }
    return Effect(graph=lambda network, _: wired(network, values))


IMPERFECTION = Imperfection(
    settings={
        "capacitance": Setting("capacitance", default=0.0, least=0),
        "conductance": Setting("conductance", default=0.0, least=0),
    },
    make=_make,
    neutral={},
    example={"capacitance": "1 fF", "conductance": "10 pS"},
    summary="stray capacitance and leakage from every driven electrode to the output",
)
