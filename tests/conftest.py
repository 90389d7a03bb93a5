"""Shared devices and the one independent model of the dopant network that the truth tests stand on."""

from collections.abc import Iterator

import networkx as nx
import numpy as np
import pytest
from scipy.optimize import least_squares

from hge_spice.graph import assign_roles, dopant_network
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.worker import Worker

E = 1.602176634e-19
K = 1.380649e-23
EPSILON = 8.8541878128e-12


class HoppingModel:
    """The mean-field equations written a second time, from the page of physics and not from the code under test.

    Voltages in, occupations and currents out, by a bounded solver that knows nothing of circuits.
    """

    def __init__(self, graph: nx.Graph) -> None:
        nodes = graph.nodes
        parameters = graph.graph["parameters"]
        self.sites = [n for n in nodes if nodes[n]["kind"] == "site"]
        self.rim = [n for n in nodes if nodes[n]["kind"] == "electrode"]
        place = {n: complex(nodes[n]["x"], nodes[n]["y"]) for n in nodes}
        self.twice_thermal = 2 * K * parameters["temperature"] / E
        scale = E * parameters["attempt_rate"] / 2
        count = len(self.sites)
        self.coulomb = np.zeros((count, count))
        self.hop = np.zeros((count, count))
        self.lead = np.zeros((count, len(self.rim)))
        for i, a in enumerate(self.sites):
            for j, b in enumerate(self.sites):
                if i != j:
                    distance = abs(place[a] - place[b])
                    self.coulomb[i, j] = E / (4 * np.pi * EPSILON * parameters["permittivity"] * distance)
                    if graph.has_edge(a, b):
                        self.hop[i, j] = scale * np.exp(-2 * distance / parameters["localisation"])
            for k, b in enumerate(self.rim):
                if graph.has_edge(a, b):
                    self.lead[i, k] = scale * np.exp(-2 * abs(place[a] - place[b]) / parameters["localisation"])
        # Poisson's kernel by brute force over the rim
        angle = 2 * np.pi * (np.arange(200_000) + 0.5) / 200_000
        nearest = np.round(angle / (2 * np.pi / len(self.rim))).astype(int) % len(self.rim)
        rim = parameters["radius"] * np.exp(1j * angle)
        self.weights = np.array(
            [
                np.bincount(nearest, (parameters["radius"] ** 2 - abs(z) ** 2) / abs(rim - z) ** 2) / 200_000
                for z in (place[n] for n in self.sites)
            ]
        )

    def balance(self, p: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Net current out of each site, and current into each electrode, A."""
        e = self.weights @ v + self.coulomb @ (p - 0.5)
        difference = e[None, :] - e[:, None] - self.coulomb * (p[:, None] - p[None, :])
        both = p[:, None] + p[None, :] - 2 * np.outer(p, p)
        hops = self.hop * ((p[:, None] - p[None, :]) - np.tanh(difference / self.twice_thermal) * both)
        leads = self.lead * ((2 * p - 1)[:, None] - np.tanh((v[None, :] - e[:, None]) / self.twice_thermal))
        return hops.sum(1) + leads.sum(1), leads.sum(0)

    def solve(self, voltages: dict[str, float]) -> tuple[np.ndarray, dict[str, float]]:
        """Occupations, and the current into each electrode, A."""
        v = np.array([voltages[name] for name in self.rim])
        scale = (self.hop.sum(1) + self.lead.sum(1)).clip(1e-30)
        for start in (0.5, 0.3, 0.7, 0.1, 0.9):
            found = least_squares(
                lambda p: self.balance(p, v)[0] / scale,
                np.full(len(self.sites), start),
                bounds=(0, 1),
                xtol=1e-15,
                ftol=1e-15,
                gtol=1e-15,
            )
            if np.abs(found.fun).max() < 1e-12:
                break
        else:
            raise AssertionError("the independent model found no solution")
        return found.x, dict(zip(self.rim, self.balance(found.x, v)[1], strict=True))


CONTROLS = ("e1", "e4", "e5", "e6", "e7")


@pytest.fixture(scope="session")
def graph() -> nx.Graph:
    """The device of the shipped studies."""
    return assign_roles(dopant_network(seed=13), output="e0", inputs=("e2", "e3"), controls=CONTROLS)


@pytest.fixture(scope="session")
def device(graph: nx.Graph) -> Iterator[NgspiceDevice]:
    with NgspiceDevice(graph) as dut:
        yield dut


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    each = Worker(timeout=20.0)
    yield each
    each.close()
