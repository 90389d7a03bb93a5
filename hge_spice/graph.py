"""Networks as networkx graphs: the dopant network's builder, electrode roles, and checks before a simulation.

A node is an electrode (`kind="electrode"`, `role` one of ROLES or None) or a site (`kind="site"`), with a position
`x`, `y` in metres. An edge is a link with its `length` in metres. `graph.graph` names the device family and holds its
parameters. Names are data: what becomes netlist text is derived from them in `netlist.py`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

if TYPE_CHECKING:
    Network = nx.Graph[str]  # generic only in its stubs
else:
    Network = nx.Graph

ROLES = ("input", "control", "output", "ground", "bias", "open")


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


def electrodes(graph: Network, role: str | None = None) -> tuple[str, ...]:
    """Names of the electrodes, or of those with one role, in the order in which roles were given or nodes added."""
    found = [n for n, data in graph.nodes(data=True) if data.get("kind") == "electrode"]
    if role is not None:
        found = [n for n in found if graph.nodes[n].get("role") == role]
        found.sort(key=lambda n: graph.nodes[n].get("order", 0))
    return tuple(found)


def sites(graph: Network) -> tuple[str, ...]:
    """Names of the sites, in the order in which they were added."""
    return tuple(n for n, data in graph.nodes(data=True) if data.get("kind") == "site")


def assign_roles(
    graph: Network,
    *,
    output: str,
    inputs: Sequence[str],
    controls: Sequence[str],
    grounds: Sequence[str] = (),
    bias: Mapping[str, float] | None = None,
    output_voltage: float = 0.0,
    unconnected: Sequence[str] = (),
) -> Network:
    """Return a copy of the graph with roles on its electrodes, checked by `check`.

    bias : V, of supplies and fixed electrodes; output_voltage : V, at which the output's virtual ground stands
    unconnected : electrodes left open, such as a block's monitors

    Raises ValueError: an unknown electrode, one with two roles, one with none, a network that can't work.
    """
    wanted = [(output, "output"), *((n, "input") for n in inputs), *((n, "control") for n in controls)]
    wanted += [*((n, "ground") for n in grounds), *((n, "bias") for n in bias or {})]
    wanted += [(n, "open") for n in unconnected]
    graph = graph.copy()
    known = electrodes(graph)
    for name in known:
        graph.nodes[name].update(role=None, order=0)
    for order, (name, role) in enumerate(wanted):
        if name not in known:
            raise ValueError(f"there is no electrode {name!r}; the network has {', '.join(known)}")
        before = graph.nodes[name]["role"]
        if before is not None:
            raise ValueError(f"electrode {name} is {before} and {role}; an electrode has one role")
        graph.nodes[name].update(role=role, order=order)
    for name, voltage in {output: output_voltage, **(bias or {})}.items():
        if not np.isfinite(voltage):
            raise ValueError(f"the voltage of electrode {name} is {voltage!r}; it must be finite")
        graph.nodes[name]["voltage"] = float(voltage)
    check(graph)
    return graph


def check(graph: Network) -> None:
    """Refuse a network that can't be trained: raises ValueError saying which electrode or site, and what to do."""
    for role in ("output", "control"):
        if not electrodes(graph, role):
            raise ValueError(f"no electrode is {role}; name one")
    if len(electrodes(graph, "output")) > 1:
        raise ValueError(f"{', '.join(electrodes(graph, 'output'))} are all output; a network has one")
    idle = [n for n in electrodes(graph) if graph.nodes[n].get("role") not in ROLES]
    if idle:
        raise ValueError(
            f"electrode {', '.join(idle)} has no role; name it as input, control, ground, bias or unconnected"
        )
