"""Random networks in the plane: points within reach of each other, a Delaunay triangulation, crossing nanowires."""

import networkx as nx
import numpy as np

from hge_spice.drive import Floats
from hge_spice.graph.network import Network
from hge_spice.graph.placement import place_electrodes

SIDE = 10e-6  # m, of the square in which points are drawn
MOST = 100_000  # nodes: beyond, no operating point will be found in a lifetime


def random_geometric(
    *,
    nodes: int = 40,
    reach: float = 0.25,
    electrodes: int = 8,
    placement: str = "rim",
    rng: np.random.Generator,
) -> Network:
    """Points drawn in a square, linked where they lie within reach (a share of its side) of each other."""
    _check(nodes=nodes, reach=reach)
    places = rng.random((nodes, 2))
    from scipy.spatial import KDTree  # noqa: PLC0415 - scipy.spatial is slow to import, and few studies draw such networks

    pairs = KDTree(places).query_pairs(reach, output_type="ndarray")
    return _joined(places, pairs, electrodes, placement, rng)


def delaunay(*, nodes: int = 40, electrodes: int = 8, placement: str = "rim", rng: np.random.Generator) -> Network:
    """Points drawn in a square, linked along the sides of their Delaunay triangles."""
    _check(nodes=nodes)
    if nodes < 3:
        raise ValueError(f"{nodes} nodes; a triangulation needs at least 3")
    places = rng.random((nodes, 2))
    from scipy.spatial import Delaunay  # noqa: PLC0415 - as above

    corners = Delaunay(places).simplices
    sides = np.vstack([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
    return _joined(places, sides, electrodes, placement, rng)


def nanowire(
    *,
    wires: int = 60,
    length: float = 0.35,
    electrodes: int = 8,
    placement: str = "rim",
    rng: np.random.Generator,
) -> Network:
    """Straight wires thrown on a square, a junction where two cross; a wire conducts ideally and is one node.

    length : of each wire, a share of the square's side
    """
    _check(nodes=wires, reach=length)
    places, angle = rng.random((wires, 2)), rng.uniform(0, np.pi, wires)
    along = 0.5 * length * np.column_stack([np.cos(angle), np.sin(angle)])
    from scipy.spatial import KDTree  # noqa: PLC0415 - scipy.spatial is slow to import, and few studies draw such networks

    pairs = KDTree(places).query_pairs(length, output_type="ndarray")  # centres of crossing wires are no further apart
    graph = _joined(places, pairs[_cross(places, along, pairs)], electrodes, placement, rng)
    graph.graph["drawn_as"] = "wires"
    return graph


def _cross(places: Floats, along: Floats, pairs: np.ndarray) -> np.ndarray:
    """Whether the sticks p ± u and q ± w of each pair cross: [pair], bool.

    From p + s·u = q + t·w: s = (d×w)/(u×w) and t = (d×u)/(u×w), d = q − p, both within ±1.
    """
    u, w = along[pairs[:, 0]], along[pairs[:, 1]]
    d = places[pairs[:, 1]] - places[pairs[:, 0]]

    def wedge(a: Floats, b: Floats) -> Floats:
        return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])

    both = np.abs(wedge(u, w))
    return np.asarray((np.abs(wedge(d, w)) <= both) & (np.abs(wedge(d, u)) <= both) & (both > 0))


def _check(nodes: int, reach: float = 1.0) -> None:
    if not 2 <= nodes <= MOST:
        raise ValueError(f"{nodes} nodes or wires; a network needs 2 to {MOST}")
    if not (np.isfinite(reach) and reach > 0):
        raise ValueError(f"reach or length is {reach!r}; it is a share of the square's side, above zero")


def _joined(places: Floats, pairs: np.ndarray, electrodes: int, placement: str, rng: np.random.Generator) -> Network:
    """The largest connected part with its electrodes; a remark says how many nodes were left out."""
    graph: Network = nx.Graph()
    for k, (x, y) in enumerate(SIDE * places):
        graph.add_node(f"n{k}", kind="node", x=float(x), y=float(y))
    graph.add_edges_from((f"n{a}", f"n{b}") for a, b in sorted({(int(min(p)), int(max(p))) for p in pairs}))
    largest = max(nx.connected_components(graph), key=len)
    left_out = len(graph) - len(largest)
    graph.remove_nodes_from([n for n in graph if n not in largest])
    if len(graph) < electrodes:
        raise ValueError(
            f"the largest connected part has {len(graph)} nodes, too few for {electrodes} electrodes; "
            "take more nodes, a longer reach or another seed"
        )
    if left_out:
        graph.graph["remarks"] = [f"{left_out} nodes that no link joins to the largest part were left out"]
    return place_electrodes(graph, electrodes, placement, rng)
