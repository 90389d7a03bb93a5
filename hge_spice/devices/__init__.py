"""The device families, one file each: a family turns a graph into the elements of a circuit."""

from hge_spice.devices import dopant, subcircuit
from hge_spice.devices.family import Family

DEVICES: dict[str, Family] = {"dopant": dopant.FAMILY, "subcircuit": subcircuit.FAMILY}
