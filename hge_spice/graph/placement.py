"""Where electrodes stand: nodes of a graph become electrodes by name, at random, or on the rim."""

from collections.abc import Sequence

import networkx as nx
import numpy as np

from hge_spice.graph.network import Network, shown


def _random(graph: Network, count: int, rng: np.random.Generator) -> list[str]:
    """Nodes drawn at random."""
    names = list(graph)
    return [names[k] for k in rng.choice(len(names), count, replace=False)]


def _rim(graph: Network, count: int, _rng: np.random.Generator) -> list[str]:
    """For each of evenly spaced directions from the centre, the node that lies furthest out in it."""
    names = list(graph)
    place = np.array([(graph.nodes[n]["x"], graph.nodes[n]["y"]) for n in names])
    place -= place.mean(axis=0)
    size = float(np.abs(place).max()) or 1.0
    free = np.ones(len(names), dtype=bool)
    chosen = []
    for angle in 2 * np.pi * np.arange(count) / count:
        out = np.array([np.cos(angle), np.sin(angle)])
        # of equally far ones that nearest the ray; rounded, so that a lattice's ties are ties
        aside = np.round(np.abs(place @ [-out[1], out[0]]) / size, 9)
        far = np.where(free, np.round(place @ out / size, 9), -np.inf)
        best = int(np.lexsort((aside, -far))[0])
        free[best] = False
        chosen.append(names[best])
    return chosen


PLACEMENTS = {"rim": _rim, "random": _random}


def place_electrodes(graph: Network, count: int, placement: str, rng: np.random.Generator) -> Network:
    """Make `count` nodes electrodes, named e0, e1, …; the others keep their names.

    placement : "rim" or "random"

    Raises ValueError: an unknown placement, fewer nodes than electrodes, fewer than two electrodes.
    """
    if placement not in PLACEMENTS:
        raise ValueError(f"placement is {placement!r}; there are {', '.join(PLACEMENTS)}")
    if not 2 <= count <= len(graph):
        raise ValueError(f"{count} electrodes on {len(graph)} nodes; a network takes 2 or more, one node each")
    chosen = PLACEMENTS[placement](graph, count, rng)
    placed = electrodes_by_name(graph, chosen)
    return nx.relabel_nodes(placed, {name: f"e{k}" for k, name in enumerate(chosen)}, copy=True)


def electrodes_by_name(graph: Network, names: Sequence[str]) -> Network:
    """Return a copy in which these nodes are electrodes. Raises ValueError for a name that isn't there."""
    graph = graph.copy()
    for name in names:
        if name not in graph:
            raise ValueError(f"there is no node {shown(name)} to be an electrode")
        graph.nodes[name].update(kind="electrode", role=None)
    return graph
