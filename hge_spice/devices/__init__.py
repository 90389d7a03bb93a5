"""The device families, one file each: a family turns a graph into the elements of a circuit.

Some are whole devices; of the others (`elements.py`) every edge of a graph is one, each its own or all alike.
"""

from hge_spice.devices import dopant, subcircuit
from hge_spice.devices.branches import edge_family
from hge_spice.devices.elements import ELEMENTS
from hge_spice.devices.family import Family
from hge_spice.devices.series import series_of

_UNITS: dict[str, Family] = {
    "dopant": dopant.FAMILY,
    **{name: edge_family(element) for name, element in ELEMENTS.items()},
}
DEVICES: dict[str, Family] = {**_UNITS, "subcircuit": subcircuit.FAMILY, "layered": series_of(_UNITS)}

__all__ = ["DEVICES", "ELEMENTS", "Family"]
