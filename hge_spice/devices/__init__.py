"""The device families, one file each: a family turns a graph into the elements of a circuit.

Some are whole devices; of the others (`elements.py`) every edge of a graph is one, each its own or all alike.
"""

from dataclasses import replace

from hge_spice.devices import dopant, subcircuit
from hge_spice.devices.branches import edge_family
from hge_spice.devices.element_equations import element_equations
from hge_spice.devices.elements import ELEMENTS
from hge_spice.devices.family import Family
from hge_spice.devices.foreign import has_foreign
from hge_spice.devices.series import series_of
from hge_spice.graph import Network

_UNITS: dict[str, Family] = {
    "dopant": dopant.FAMILY,
    **{name: replace(edge_family(element), equations=element_equations) for name, element in ELEMENTS.items()},
}
DEVICES: dict[str, Family] = {**_UNITS, "subcircuit": subcircuit.FAMILY, "layered": series_of(_UNITS)}


def states_equations(graph: Network) -> bool:
    """Whether the network can be solved in NumPy: its family says how, and no edge is a netlist's."""
    return DEVICES[graph.graph["family"]].equations is not None and not has_foreign(graph)


__all__ = ["DEVICES", "ELEMENTS", "Family", "states_equations"]
