"""A block at a corner as the circuit that its process section's corners share, and what has to be altered in it.

A process's library takes a second to read; temperature, supplies and a draw of mismatch take no time to alter.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hge_spice.devices.block_mismatch import areas, mismatched, with_parameters
from hge_spice.graph import Network, electrodes

NOMINAL = 300.15  # K, at which the common circuit is loaded
_TEMPER = re.compile(r"\btemper\b", re.IGNORECASE)


@dataclass(frozen=True)
class InPlace:
    """What a block differs in from a circuit that others share.

    common : what is loaded, the same for all; its supplies are altered with the electrodes' voltages anyway
    temperature : K, to alter; None where the common circuit has it
    values : to alter, by flattened transistor and parameter
    """

    common: Network
    temperature: float | None
    values: Mapping[tuple[str, str], float]


def in_place(written: Network) -> InPlace | None:
    """Split a block with roles, a draw of mismatch perhaps written into it; None where it must be loaded as it is.

    Its `in_place` says, draws : whether others of the same circuit have a draw; steady : whether no expression of the
    process's follows the temperature, which ngspice would not evaluate again
    """
    if "in_place" not in written.graph:
        return None
    described, said = written.graph["subcircuit"], written.graph["in_place"]
    common: Network = written.copy()
    values: dict[tuple[str, str], float] = {}
    if said["draws"]:
        found = areas(written)
        if found is None:
            return None
        common, values = with_parameters(written), mismatched(written, found)
    for name in electrodes(common, "bias"):
        common.nodes[name]["voltage"] = 0.0
    if not said["steady"] or _TEMPER.search(described["text"]):
        return InPlace(common, None, values)
    given = common.graph["parameters"]
    common.graph["parameters"] = {**given, "temperature": NOMINAL}
    return InPlace(common, given["temperature"], values)
