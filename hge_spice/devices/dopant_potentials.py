"""Potentials of a dopant network's sites: what carriers, electrodes, donors and background make of each."""

import numpy as np
from scipy.constants import elementary_charge, epsilon_0

from hge_spice.drive import Floats
from hge_spice.graph import Network, electrodes, sites


def coulomb(graph: Network) -> Floats:
    """Potential at each site of one elementary charge at each other: [site, site], V, zero diagonal."""
    x, y = _positions(graph, sites(graph))
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    return np.asarray(
        elementary_charge / (4 * np.pi * epsilon_0 * graph.graph["parameters"]["permittivity"] * distance)
    )


def electrode_weights(graph: Network) -> Floats:
    """Share of each electrode in the potential of each site: [site, electrode], rows sum to one.

    The harmonic measure of an arc [α, β] of the unit circle seen from ρ·e^(iθ) is
    (1/π)·[atan((1+ρ)/(1−ρ)·tan((φ−θ)/2))] taken from α to β, the primitive of Poisson's kernel.
    """
    count = len(electrodes(graph))
    x, y = _positions(graph, sites(graph))
    rho = np.hypot(x, y) / graph.graph["parameters"]["radius"]
    angle = np.arctan2(y, x)
    edges = 2 * np.pi * (np.arange(count + 1) - 0.5) / count
    half = (edges[None, :] - angle[:, None]) / 2
    # atan folds to (−π/2, π/2]; adding π for each half turn keeps the primitive continuous
    stretch = ((1 + rho) / (1 - rho))[:, None]
    primitive = np.arctan(stretch * np.tan(half)) + np.pi * np.round(half / np.pi)
    return np.asarray(np.diff(primitive, axis=1) / np.pi)


def fixed_potential(graph: Network, repulsion: Floats) -> Floats:
    """What the electrodes and carriers don't make of each site's potential: background, donors, energies: [site], V."""
    names = sites(graph)
    x, y = _positions(graph, names)
    donors = np.array(graph.graph.get("donors", ())).reshape(-1, 2)
    background = -1.0 if len(donors) else -0.5
    energy = np.array([graph.nodes[name].get("energy", 0.0) for name in names])
    distance = np.hypot(x[:, None] - donors[:, 0], y[:, None] - donors[:, 1])
    unit = elementary_charge / (4 * np.pi * epsilon_0 * graph.graph["parameters"]["permittivity"])
    return np.asarray(background * repulsion.sum(axis=1) + (unit / distance).sum(axis=1) + energy)


def _positions(graph: Network, names: tuple[str, ...]) -> tuple[Floats, Floats]:
    return np.array([graph.nodes[n]["x"] for n in names]), np.array([graph.nodes[n]["y"] for n in names])
