"""The dopant network: sites in a disc under electrodes on its rim, links where two lie close enough to hop."""

import networkx as nx
import numpy as np

from hge_spice.graph.network import Network


def dopant_network(  # the parameters are the device's own, each with its unit below
    *,
    sites: int = 12,
    electrodes: int = 8,
    seed: int = 0,
    radius: float = 75e-9,
    localisation: float = 10e-9,
    permittivity: float = 3.9,
    temperature: float = 77.0,
    attempt_rate: float = 1e14,
    cutoff: float = 1e-4,
) -> Network:
    """Place sites in a disc with electrodes evenly on its rim; link what lies close enough to hop.

    radius : m; localisation : m, the length a in exp(−2r/a); permittivity : relative; temperature : K
    attempt_rate : Hz, the one absolute rate ν0 of all devices, I0 = e·ν0
    cutoff : links with exp(−2r/a) below this share of the strongest are left out

    Sites are uniform within 0.95 radius and at least 0.8 radius/√sites apart. The same seed gives the same graph.

    Raises ValueError for parameters out of bounds, and where the sites don't fit.
    """
    _check_dopant(sites, electrodes, cutoff)
    for name, value in {
        "radius": radius,
        "localisation": localisation,
        "permittivity": permittivity,
        "temperature": temperature,
        "attempt_rate": attempt_rate,
    }.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value!r}; it must be above zero")
    rng = np.random.default_rng(seed)
    graph: Network = nx.Graph(
        family="dopant",
        parameters={
            "radius": radius,
            "localisation": localisation,
            "permittivity": permittivity,
            "temperature": temperature,
            "attempt_rate": attempt_rate,
        },
    )
    for k, angle in enumerate(2 * np.pi * np.arange(electrodes) / electrodes):
        graph.add_node(
            f"e{k}", kind="electrode", role=None, x=float(radius * np.cos(angle)), y=float(radius * np.sin(angle))
        )
    positions = _scatter(sites, radius, rng)
    for i, (x, y) in enumerate(positions):
        graph.add_node(f"s{i}", kind="site", x=float(x), y=float(y))
    names = [f"s{i}" for i in range(sites)]
    lengths = {
        (a, b): float(np.hypot(graph.nodes[a]["x"] - graph.nodes[b]["x"], graph.nodes[a]["y"] - graph.nodes[b]["y"]))
        for i, a in enumerate(names)
        for b in [*names[i + 1 :], *(f"e{k}" for k in range(electrodes))]
    }
    # exp(−2r/a) ≥ cutoff·exp(−2r_min/a), written as a bound on the length so that nothing underflows
    longest = min(lengths.values()) - 0.5 * localisation * np.log(cutoff)
    for (a, b), length in lengths.items():
        if length <= longest:
            graph.add_edge(a, b, length=length)
    return graph


def _check_dopant(sites: int, electrodes: int, cutoff: float) -> None:
    if sites < 1:
        raise ValueError(f"{sites} sites; a dopant network needs at least 1")
    if electrodes < 2:
        raise ValueError(f"{electrodes} electrodes; a network needs at least 2")
    if not 0 < cutoff < 1:
        raise ValueError(f"cutoff is {cutoff!r}; it is a share of the strongest link, between 0 and 1")


def _scatter(count: int, radius: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    apart = 0.8 * radius / np.sqrt(count)
    placed: list[tuple[float, float]] = []
    for _ in range(1000 * count):
        r, angle = 0.95 * radius * np.sqrt(rng.random()), 2 * np.pi * rng.random()
        x, y = float(r * np.cos(angle)), float(r * np.sin(angle))
        if all(np.hypot(x - px, y - py) >= apart for px, py in placed):
            placed.append((x, y))
            if len(placed) == count:
                return placed
    raise ValueError(f"{count} sites at least {apart:.3g} m apart found no place; take another seed")
