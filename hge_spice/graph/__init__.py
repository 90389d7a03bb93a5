"""Networks as networkx graphs: builders, readers, electrodes and their roles, how outputs are read, checks.

GRAPHS lists the builders of networks of elements, one file or function and one line each; a builder takes its own
parameters and an `rng`, and leaves to `of_family` what the elements are.
"""

from collections.abc import Callable, Mapping

from hge_spice.graph.dopant import dopant_network
from hge_spice.graph.lattice import crossbar, grid, mesh
from hge_spice.graph.layered import Coupling, joined, layered, unit_graph
from hge_spice.graph.network import (
    ROLES,
    Network,
    assign_roles,
    check,
    electrodes,
    listed,
    node_link,
    readout,
    shown,
    sites,
)
from hge_spice.graph.placement import PLACEMENTS, electrodes_by_name, place_electrodes
from hge_spice.graph.planar import delaunay, nanowire, random_geometric
from hge_spice.graph.read import as_network, read_graph
from hge_spice.graph.readout import Readout

GRAPHS: dict[str, Callable[..., Network]] = {
    "random_geometric": random_geometric,
    "delaunay": delaunay,
    "grid": grid,
    "mesh": mesh,
    "crossbar": crossbar,
    "nanowire": nanowire,
}


def of_family(graph: Network, family: str, parameters: Mapping[str, float] | None = None) -> Network:
    """Return a copy whose links are elements of one family, but for those that have their own.

    parameters : SI, of every element that has none of its own
    """
    graph = graph.copy()
    graph.graph.update(family=family, parameters=dict(parameters or {}))
    return graph


__all__ = [
    "GRAPHS",
    "PLACEMENTS",
    "ROLES",
    "Coupling",
    "Network",
    "Readout",
    "as_network",
    "assign_roles",
    "check",
    "crossbar",
    "delaunay",
    "dopant_network",
    "electrodes",
    "electrodes_by_name",
    "grid",
    "joined",
    "layered",
    "listed",
    "mesh",
    "nanowire",
    "node_link",
    "of_family",
    "place_electrodes",
    "random_geometric",
    "read_graph",
    "readout",
    "shown",
    "sites",
    "unit_graph",
]
