"""A block at a corner: its draw of mismatch, and what a sign-off asks of its transistors."""

import numpy as np

from hge_spice.devices.block_mismatch import looked_at, with_thresholds
from hge_spice.graph import Network
from hge_spice.study.tables.corners import Corners
from hge_spice.study.text.files import suggestion


def at_corner(graph: Network, corners: Corners, seed: int, *, steady: bool) -> Network:
    """The block with its draw of mismatch, and with what a sign-off asks of its transistors among its probes.

    steady : whether no expression of the process's follows the temperature
    Raises ValueError for a network that is no block, one without a transistor that must be saturated, and where
    transistors can't be told apart.
    """
    if graph.graph["family"] != "subcircuit" or graph.number_of_edges():
        raise ValueError("corners: they are of a block's transistors; name its netlist in device.subcircuit")
    names = looked_at(graph)
    known = list(names)
    strange = [name for name in corners.saturated if name.lower() not in known]
    if strange:
        raise ValueError(
            f"corners.saturated: the block has no transistor {', '.join(strange)}{suggestion(strange[0], known)}"
        )
    if corners.draw:
        rng = np.random.default_rng((seed, corners.draw, *b"mismatch"))
        graph = with_thresholds(graph, corners.threshold, corners.gain, rng)
    graph = graph.copy()
    graph.graph["in_place"] = {"draws": bool(corners.mismatch or corners.draw), "steady": steady}
    graph.graph["watched"] = tuple(f"@{name}[{what}]" for name in names.values() for what in ("vds", "vdsat"))
    return graph
