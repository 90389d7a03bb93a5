"""The master equation against a kinetic Monte Carlo and a dense solution, both written from the page of physics."""

import numpy as np
import pytest
from conftest import E, HoppingModel, K
from scipy.linalg import null_space

from hge_spice.devices.dopant import single_carriers, strongest_link, varied
from hge_spice.graph import dopant_network
from hge_spice.quasistatic import BatchedNetwork, solve
from hge_spice.quasistatic.master_equation import master_equation


class Hops:
    """Every hop of every occupation: rates of single carriers, from energies before and after.

    rate, target, into : [state, hop]; into is the electrode that a carrier enters, counted from 1, or leaves, negative
    """

    def __init__(self, model: HoppingModel, v: np.ndarray) -> None:
        count = len(model.sites)
        states = np.arange(2**count)
        bits = ((states[:, None] >> np.arange(count)) & 1).astype(float)
        # charging energy of an occupation in V: sites in the electrodes' potential, pairs, and a background of 1/2 each
        energy = bits @ (model.weights @ v) + 0.5 * np.einsum("si,ij,sj->s", bits - 0.5, model.coulomb, bits - 0.5)
        rates, targets, into = [], [], []

        def hop(strength, allowed, target, gained, electrode):
            rise = energy[target] + gained - energy
            rates.append(allowed * strength / E * (1 - np.tanh(rise / model.twice_thermal)))
            targets.append(target)
            into.append(np.full(len(states), electrode))

        for i in range(count):
            for j in range(count):
                if model.hop[i, j]:
                    moved = states ^ (1 << i) ^ (1 << j)
                    hop(model.hop[i, j], bits[:, i] * (1 - bits[:, j]), moved, 0.0, 0)
            for k in range(len(v)):
                if model.lead[i, k]:
                    moved = states ^ (1 << i)
                    hop(model.lead[i, k], bits[:, i], moved, v[k], k + 1)
                    hop(model.lead[i, k], 1 - bits[:, i], moved, -v[k], -k - 1)
        self.rate, self.target, self.into = (np.array(each).T for each in (rates, targets, into))

    def stationary(self) -> np.ndarray:
        count = len(self.rate)
        matrix = np.zeros((count, count))
        for hop in range(self.rate.shape[1]):
            np.add.at(matrix, (self.target[:, hop], np.arange(count)), self.rate[:, hop])
        matrix -= np.diag(self.rate.sum(1))
        (found,) = null_space(matrix / np.abs(matrix).max(), rcond=1e-13).T
        return found / found.sum()

    def currents(self, rims: int) -> np.ndarray:
        """[state, electrode], A."""
        charge = E * self.rate
        return np.array(
            [((self.into == k + 1) * charge - (self.into == -k - 1) * charge).sum(1) for k in range(rims)]
        ).T


def kinetic_monte_carlo(hops: Hops, rims: int, walkers: int, steps: int, rng: np.random.Generator) -> np.ndarray:
    """Currents into the electrodes of independent walkers, A: [walker, electrode]; the first tenth is left out.

    Each walker hops by the rates and stays the mean time of a state (what it would stay at random has that mean); a
    current is the charge that the hops carried over the time that they took.
    """
    total = hops.rate.sum(1)
    cumulative = np.cumsum(hops.rate, axis=1) / total[:, None]
    state = rng.integers(len(total), size=walkers)
    charge, time = np.zeros((walkers, rims)), np.zeros(walkers)
    each = np.arange(walkers)
    for step in range(steps):
        hop = (rng.random(walkers)[:, None] > cumulative[state]).sum(1).clip(max=hops.rate.shape[1] - 1)
        if step >= steps // 10:
            time += 1 / total[state]
            crossed = hops.into[state, hop]
            moved = crossed != 0
            charge[each[moved], np.abs(crossed[moved]) - 1] += E * np.sign(crossed[moved])
        state = hops.target[state, hop]
    return charge / time[:, None]


def setting(seed: int, sites: int = 6, electrodes: int = 5) -> tuple[HoppingModel, BatchedNetwork, np.ndarray]:
    graph = dopant_network(sites=sites, electrodes=electrodes, seed=seed, radius=40e-9)
    v = np.random.default_rng(seed).uniform(-0.15, 0.15, electrodes)
    return HoppingModel(graph), BatchedNetwork.of(graph), v


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_the_dense_solution_of_rates_written_a_second_time(seed: int) -> None:
    model, network, v = setting(seed)
    hops = Hops(model, v)
    expected = hops.stationary() @ hops.currents(len(v))
    found = master_equation(network, v, 0)
    assert np.abs(found.current - expected).max() < 1e-9 * np.abs(expected).max()


def test_kinetic_monte_carlo_agrees_within_its_error_bars_where_the_mean_field_does_not() -> None:
    excluded = 0.0
    for seed in (0, 1, 2):
        model, network, v = setting(seed)
        walked = kinetic_monte_carlo(Hops(model, v), len(v), 200, 5000, np.random.default_rng(seed))
        mean, bar = walked.mean(0), walked.std(0, ddof=1) / np.sqrt(len(walked))
        linked = bar > 0
        exact, mean_field = master_equation(network, v, 0).current, solve(network, v[None], 0).current[0]
        assert (np.abs(mean - exact)[linked] < 4 * bar[linked]).all()
        assert (bar[linked] < 0.05 * np.abs(exact).max()).all()
        excluded = max(excluded, float((np.abs(mean - mean_field)[linked] / bar[linked]).max()))
    assert excluded > 8


def test_a_lone_site_has_no_correlations_to_leave_out() -> None:
    network = BatchedNetwork.of(dopant_network(sites=1, electrodes=3, seed=1, radius=30e-9))
    v = np.array([0.0, 0.02, -0.01])
    found, mean_field = master_equation(network, v, 0), solve(network, v[None], 0)
    assert np.abs(found.current - mean_field.current[0]).max() < 1e-12 * np.abs(found.current).max()
    assert np.abs(found.jacobian - mean_field.jacobian[0]).max() < 1e-9 * np.abs(found.jacobian).max()
    assert found.correlation == 0


def test_charge_is_conserved_and_equilibrium_carries_no_current() -> None:
    for seed in (0, 3):
        _, network, v = setting(seed, sites=8)
        found = master_equation(network, v, 0)
        largest = np.abs(found.current).max()
        assert abs(found.current.sum()) < 1e-9 * largest
        assert abs(found.jacobian.sum()) < 1e-6 * np.abs(found.jacobian).max()  # a shift of everything moves nothing
        at_rest = master_equation(network, np.full(len(v), 0.4), 0)
        assert np.abs(at_rest.current).max() < 1e-9 * largest


def test_its_jacobian_is_that_of_central_differences_with_their_error_of_second_order() -> None:
    _, network, v = setting(4)
    jacobian = master_equation(network, v, 1).jacobian
    errors = []
    for step in (8e-4, 4e-4, 2e-4):
        difference = [
            (
                master_equation(network, v + step * e, 1).current[1]
                - master_equation(network, v - step * e, 1).current[1]
            )
            / (2 * step)
            for e in np.eye(len(v))
        ]
        errors.append(np.abs(difference - jacobian).max() / np.abs(jacobian).max())
    assert errors[-1] < 1e-3
    assert np.polyfit(np.log([8, 4, 2]), np.log(errors), 1)[0] == pytest.approx(2, abs=0.1)


def test_what_has_no_master_equation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"13 sites have 2\^13 occupations; the master equation is solved up to 12"):
        master_equation(BatchedNetwork.of(dopant_network(sites=13, seed=0)), np.zeros(8), 0)


def test_sites_of_unequal_energies_rest_in_boltzmanns_distribution() -> None:
    """All electrodes at one potential: no current, and the occupations of e^(−H/kT) over all 64 states, donors and all.

    H = Σ n_i (E_i + Σ donors − Σ_j C_ij) + Σ_pairs C_ij n_i n_j, in volts over the electrodes' potential.
    """
    bare = dopant_network(sites=6, electrodes=5, seed=1, radius=40e-9)
    graph = varied(bare, np.random.default_rng(2), disorder=0.02, donors=4)
    with pytest.raises(ValueError, match="single carriers on sites has a master equation"):
        master_equation(BatchedNetwork.of(graph), np.full(5, 0.3), 0)
    found = master_equation(BatchedNetwork.of(single_carriers(graph)), np.full(5, 0.3), 0)
    nodes, unit = graph.nodes, E / (4 * np.pi * 8.8541878128e-12 * 3.9)
    place = np.array([complex(nodes[f"s{i}"]["x"], nodes[f"s{i}"]["y"]) for i in range(6)])
    apart = np.abs(place[:, None] - place) + np.diag(np.full(6, np.inf))
    donors = np.array([complex(*donor) for donor in graph.graph["donors"]])
    level = np.array([nodes[f"s{i}"]["energy"] for i in range(6)])
    level = level - (unit / apart).sum(1) + (unit / np.abs(place[:, None] - donors)).sum(1)
    filled = ((np.arange(64) >> np.arange(6)[:, None]) & 1).astype(float)
    energy = level @ filled + ((unit / apart) @ filled * filled).sum(0) / 2
    weight = np.exp(-(energy - energy.min()) / (K * 77 / E))
    expected = filled @ weight / weight.sum()
    np.testing.assert_allclose(found.occupation, expected, atol=1e-9)
    assert np.abs(found.current).max() < 1e-9 * strongest_link(graph)
    assert np.ptp(expected) > 0.1
