"""The dopant network without its mean field: the master equation over all occupations of its sites, at rest.

With whole occupations the mean-field current of a link is e times the rate at which carriers hop over it: one statement
of the physics serves both. With Q the matrix of rates between the 2^n occupations and π their stationary probability,

    Qπ = 0, Σπ = 1,  I = c·π,  dI/dV = (∂c/∂V)·π − λᵀ (∂Q/∂V) π,  Qᵀ λ = c − I.

Probabilities are found by GMRES behind an incomplete factorisation, to the rounding of the currents; a direct
factorisation (2 s at 12 sites) where that doesn't converge. BiCGSTAB stagnates at 1e-10 on some of the adjoints.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import LinearOperator, gmres, spilu, splu

from hge_spice.drive import Floats
from hge_spice.quasistatic.network import BatchedNetwork
from hge_spice.quasistatic.newton import solve

MOST_SITES = 12  # 4096 occupations
TOLERANCE = 1e-12  # of the residual
REFINEMENTS = 8
DROP, FILL = 1e-2, 5.0  # of the incomplete factorisation


@dataclass(frozen=True)
class Exact:
    """One operating point of the master equation.

    current : [electrode], A, out of the network into each
    jacobian : [electrode], A/V, of the output current by each electrode's voltage
    occupation : [site], mean; correlation : the largest |⟨n_i n_j⟩ − ⟨n_i⟩⟨n_j⟩|, which the mean field leaves out
    """

    current: Floats
    jacobian: Floats
    occupation: Floats
    correlation: float


def master_equation(network: BatchedNetwork, electrodes: Floats, output: int) -> Exact:
    """Solve the master equation at one setting of the electrodes: some 0.2 s at 12 sites.

    electrodes : [electrode], V; output : position of the output electrode

    Raises ValueError for a network that isn't one of carriers on sites, or has more than 12 of them.
    """
    equations, count = network.equations, network.count
    if not equations.carriers:
        raise ValueError(
            "only a network of single carriers on sites has a master equation; take a dopant network (of varied sites "
            "as `single_carriers` makes it)"
        )
    if count > MOST_SITES:
        raise ValueError(f"{count} sites have 2^{count} occupations; the master equation is solved up to {MOST_SITES}")
    states = np.arange(2**count)
    occupied = ((states >> np.arange(count)[:, None]) & 1).astype(float)
    flow, slopes = network.branches(occupied, np.repeat(electrodes[:, None], len(states), axis=1))
    hops = _hops(network, flow)
    likely = solve(network, electrodes[None], output, workers=1).unknowns[0] > 0.5  # by the mean field
    pinned = int(likely @ (1 << np.arange(count)))
    probability, solve_transposed = _stationary(hops, np.abs(flow[hops.branch, hops.state]), len(states), pinned)
    into = -(network.balance @ flow)[count:]  # [electrode, state]
    current = into @ probability
    adjoint = solve_transposed(into[output] - current[output])
    by_voltage = _by_voltage(network, slopes)  # [branch, state, electrode]
    direct = -np.einsum("b,bsk,s->k", network.balance[count + output].toarray()[0], by_voltage, probability)
    # a hop's rate is the size of its branch's current
    change = np.sign(flow[hops.branch, hops.state])[:, None] * by_voltage[hops.branch, hops.state]
    moved = (adjoint[hops.target] - adjoint[hops.state]) * probability[hops.state]
    occupation = occupied @ probability
    together = (occupied * probability) @ occupied.T - np.outer(occupation, occupation)
    np.fill_diagonal(together, 0.0)
    return Exact(current, direct - moved @ change, occupation, float(np.abs(together).max()))


@dataclass(frozen=True)
class _Hops:
    """Every hop that can happen: over which branch, from which occupation of all sites to which."""

    branch: NDArray[np.intp]
    state: NDArray[np.intp]
    target: NDArray[np.intp]


def _hops(network: BatchedNetwork, flow: Floats) -> _Hops:
    branch, state = np.nonzero(flow)
    forward = flow[branch, state] > 0
    leaves = np.concatenate([group.leaves for group in network.groups])[branch]
    enters = np.concatenate([group.enters for group in network.groups])[branch]
    target = state.copy()
    for node in (np.where(forward, leaves, enters), np.where(forward, enters, leaves)):
        site = node < network.count  # an electrode gives and takes without an end
        target[site] ^= 1 << node[site]
    return _Hops(branch, state, target)


def _stationary(hops: _Hops, rate: Floats, count: int, pinned: int) -> tuple[Floats, Callable[[Floats], Floats]]:
    """Probabilities of the states, and a solver of Qᵀλ = right side, with λ of the pinned state set to zero.

    pinned : a likely state, whose probability is 1 until all are divided by their sum; its balance follows from the
    others'. An unlikely one would make all others huge, and their differences rounding.
    """
    scaled = rate / rate.max()
    leaving = np.bincount(hops.state, scaled, count)
    rows = np.concatenate([hops.target, np.arange(count)])
    columns = np.concatenate([hops.state, np.arange(count)])
    matrix = csc_matrix((np.concatenate([scaled, -leaving]), (rows, columns)), shape=(count, count))
    rest = np.flatnonzero(np.arange(count) != pinned)
    inner = _solver(matrix[rest][:, rest].tocsc())
    probability = np.ones(count)
    probability[rest] = inner(-matrix[rest][:, [pinned]].toarray().ravel(), "N")

    def solve_transposed(right: Floats) -> Floats:
        found = np.zeros(count)
        found[rest] = inner(right[rest], "T") / rate.max()
        return found

    return probability / probability.sum(), solve_transposed


def _solver(matrix: csc_matrix) -> Callable[[Floats, Literal["N", "T"]], Floats]:
    rough = spilu(matrix, drop_tol=DROP, fill_factor=FILL, permc_spec="NATURAL", diag_pivot_thresh=0.0)

    def inner(right: Floats, transposed: Literal["N", "T"]) -> Floats:
        acting = matrix.T if transposed == "T" else matrix
        near = LinearOperator(matrix.shape, lambda x: np.asarray(rough.solve(x, transposed)))  # type: ignore[call-overload]  # not in its stubs
        found, left = np.zeros_like(right), right
        for _ in range(REFINEMENTS):  # a residual computed afresh: the method's own count of it drifts
            change, _ = gmres(acting, left, M=near, rtol=1e-6, restart=60, maxiter=4)
            better = right - acting @ (found + change)
            if not np.linalg.norm(better) < np.linalg.norm(left):
                break
            found, left = found + change, better
            if np.linalg.norm(left) < TOLERANCE * np.linalg.norm(right):
                return np.asarray(found)
        if not np.linalg.norm(left) < 100 * TOLERANCE * np.linalg.norm(right):
            whole = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0)
            found = whole.solve(right, transposed)  # type: ignore[call-overload]  # as above
        return np.asarray(found)

    return inner


def _by_voltage(network: BatchedNetwork, slopes: Floats) -> Floats:
    """Derivative of every branch's current by every electrode's voltage at fixed occupations: [branch, state, k]."""
    equations = network.equations
    follow = np.zeros((network.nodes + 1 + len(equations.offset), network.rims))
    follow[network.count : network.nodes] = np.eye(network.rims)
    follow[network.nodes + 1 :] = equations.weights
    parts, row = [], 0
    for group in network.groups:
        found = np.zeros((len(group.leaves), slopes.shape[1], network.rims))
        for plus, minus in group.quantities.values():
            slope = slopes[row : row + len(plus)]
            found += slope[:, :, None] * (follow[plus] - follow[minus])[:, None]
            row += len(plus)
        parts.append(found)
    return np.concatenate(parts)
