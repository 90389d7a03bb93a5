"""Operating points of one network by the batch: damped, bounded Newton, continuation where it fails, exact jacobian.

Newton's steps are limited and kept inside the unknowns' bounds. A point that doesn't converge is tried again with
shorter steps and then by continuation: all electrodes are raised together from 0 V, where the solution is known to be
easy. The derivative of the output current is that of the adjoint: with residual F(x, V) = 0 and output I(x, V),

    dI/dV = ∂I/∂V − λᵀ ∂F/∂V,  (∂F/∂x)ᵀ λ = ∂I/∂x,

one linear system a point for all electrodes. The same λ takes the first-order effect of the residual that is left out
of the current: I − λᵀF.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hge_spice.drive import Floats
from hge_spice.quasistatic.linear import Solve, is_dense, solver
from hge_spice.quasistatic.network import BatchedNetwork

TOLERANCE = 1e-7  # V, of the last step; Newton squares it once more
FINEST = 1e-12  # V, the same where a residual is still left
RESIDUAL = 1e-8  # share of the currents that meet at a node
ROUNDING = 1e-15  # V: what rounding makes of quantities near 1 V, times a node's slopes by them, is no residual
ITERATIONS = 60
LIMITS = (0.5, 0.1)  # V, longest step of an unknown; on 12 to 20 sites 0.5 takes 5.9 steps in the mean, 0.2 takes 6.5
RAMP = 16  # steps of continuation
NEAR = 0.9  # share of the way to a bound that a step across it takes
MEMORY = 16e6  # bytes of one matrix table in a chunk: what caches hold decides the speed


@dataclass(frozen=True)
class Solution:
    """Operating points, one a row.

    unknowns : [point, unknown], V; current : [point, electrode], A, out of the network into each
    jacobian : [point, electrode], A/V, of the output current by each electrode's voltage; nan where none was asked for
    converged : [point]; residual : [point], largest net current of a node over those that meet there
    iterations : [point], Newton steps of all attempts
    """

    unknowns: Floats
    current: Floats
    jacobian: Floats
    converged: NDArray[np.bool_]
    residual: Floats
    iterations: NDArray[np.intp]


def solve(
    network: BatchedNetwork,
    electrodes: Floats,
    output: int | None,
    *,
    start: Floats | None = None,
    chunk: int | None = None,
    workers: int | None = None,
) -> Solution:
    """Find the operating points of a batch of electrode voltages.

    electrodes : [point, electrode], V
    output : position of the electrode whose current the jacobian is of; None works out none, in a quarter less time
    start : [point, unknown], V, where Newton begins; see `_prediction` for the default
    chunk : points solved together, which bounds the memory; workers : threads that share the chunks, one a core

    A point's result depends neither on the others nor on chunk and workers, but for the rounding of BLAS, which adds
    up in another order at another chunk size: currents agree to 1e-13 of the largest.

    Raises ValueError where the shapes don't fit.
    """
    electrodes = np.asarray(electrodes, dtype=float)
    if electrodes.ndim != 2 or electrodes.shape[1] != network.rims:
        raise ValueError(
            f"electrode voltages have shape {electrodes.shape}; [point, {network.rims}] fits "
            f"{', '.join(network.equations.electrodes)}"
        )
    if start is not None and start.shape != (len(electrodes), network.count):
        raise ValueError(f"start has shape {start.shape}; [{len(electrodes)}, {network.count}] fits")
    size = chunk or _chunk(network)
    linear = solver(network)
    begin = _prediction(network, linear)

    def part(low: int) -> Solution:
        rims = np.ascontiguousarray(electrodes[low : low + size].T)
        first = begin(rims) if start is None else np.ascontiguousarray(start[low : low + size].T)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # such a point fails, and is told so
            return _part(network, linear, first, rims, output)

    lows = range(0, len(electrodes), size)
    threads = min(workers or os.cpu_count() or 1, len(lows))
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            return _joined(list(pool.map(part, lows)), network)
    return _joined([part(low) for low in lows], network)


def _chunk(network: BatchedNetwork) -> int:
    if not is_dense(network):
        return 128  # a pivot costs some µs of Python whatever the number of points
    wide = network.nodes + 1 + len(network.equations.offset)
    return int(np.clip(MEMORY / (8 * network.nodes * wide), 8, 256))


def _prediction(network: BatchedNetwork, linear: Solve) -> Callable[[Floats], Floats]:
    """Where Newton begins: the middle of the bounds, or what the network linearised at 0 V makes of the electrodes.

    Beside unknowns with bounds, leads begin where they are driven. On meshes of sinh elements and of diode pairs the
    second takes half the steps that a start at 0 V takes.
    """
    low, high = network.equations.bounds
    count = network.count
    if np.isfinite(low) and np.isfinite(high):
        leads = list(network.equations.leads)
        middle = np.full((count - len(leads), 1), 0.5 * (low + high))
        return lambda rims: np.concatenate([np.repeat(middle, rims.shape[1], axis=1), rims[leads]])
    at_zero = np.zeros(count), np.zeros(network.rims)
    _, entries = network.residual(*(each[:, None] for each in at_zero))
    driven = network.slope(*at_zero)[:count, count:]
    follows = np.nan_to_num(-linear(np.repeat(entries, network.rims, axis=1), driven, False), posinf=0.0, neginf=0.0)
    return lambda rims: follows @ rims


def _joined(parts: list[Solution], network: BatchedNetwork) -> Solution:
    if not parts:
        empty = np.empty((0, network.rims))
        return Solution(np.empty((0, network.count)), empty, empty, np.empty(0, bool), np.empty(0), np.empty(0, int))
    return Solution(*(np.concatenate([getattr(p, name) for p in parts]) for name in Solution.__annotations__))


def _part(network: BatchedNetwork, linear: Solve, start: Floats, rims: Floats, output: int | None) -> Solution:
    unknowns, iterations = start.copy(), np.zeros(start.shape[1], dtype=np.intp)
    left = np.arange(start.shape[1])
    for attempt in (*(_plain(limit) for limit in LIMITS), _continued):
        found, done, steps = attempt(network, linear, start[:, left], rims[:, left])
        unknowns[:, left] = found
        iterations[left] += steps
        left = left[~done]
        if not len(left):
            break
    outcome = _outcome(network, linear, unknowns, rims, output)
    doubtful = np.flatnonzero(outcome[2] >= RESIDUAL)
    doubtful = doubtful[~np.isin(doubtful, left)]
    if len(doubtful):  # a node that hardly anything reaches: its own small currents need smaller steps
        unknowns[:, doubtful], _, steps = _newton(
            network, linear, unknowns[:, doubtful], rims[:, doubtful], LIMITS[-1], FINEST
        )
        iterations[doubtful] += steps
        for whole, part in zip(
            outcome, _outcome(network, linear, unknowns[:, doubtful], rims[:, doubtful], output), strict=True
        ):
            whole[..., doubtful] = part
    current, jacobian, residual = outcome
    converged = residual < RESIDUAL
    if output is not None:
        converged &= np.isfinite(jacobian).all(axis=0)
    converged[left] = False
    return Solution(
        np.ascontiguousarray(unknowns.T), current.T.copy(), jacobian.T.copy(), converged, residual, iterations
    )


Attempt = Callable[[BatchedNetwork, Solve, Floats, Floats], tuple[Floats, NDArray[np.bool_], NDArray[np.intp]]]


def _plain(limit: float) -> Attempt:
    return lambda network, linear, start, rims: _newton(network, linear, start, rims, limit)


def _newton(
    network: BatchedNetwork,
    linear: Solve,
    start: Floats,
    rims: Floats,
    limit: float,
    tolerance: float = TOLERANCE,
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.intp]]:
    """Newton from a start: unknowns [unknown, point], whether each point converged, steps taken."""
    low, high = network.equations.lowest[:, None], network.equations.highest[:, None]
    unknowns = start.copy()
    converged, steps = np.zeros(start.shape[1], dtype=bool), np.zeros(start.shape[1], dtype=np.intp)
    active = np.arange(start.shape[1])
    here, there = unknowns, rims
    for _ in range(ITERATIONS):
        residual, entries = network.residual(here, there)
        step = linear(entries, residual, False)
        np.negative(step, out=step)
        size = np.abs(step).max(axis=0)
        if not np.isfinite(size).all():  # singular: such a point stays where it is, and is left
            step[:, ~np.isfinite(size)] = 0.0
        np.clip(step, -limit, limit, out=step)
        here = _inside(here, step, low, high)
        steps[active] += 1
        done = size < tolerance  # and not for nan
        if done.any() or not np.isfinite(size).all():
            unknowns[:, active] = here
            converged[active[done]] = True
            kept = ~done & np.isfinite(size)
            active, here, there = active[kept], here[:, kept], there[:, kept]
            if not len(active):
                break
    unknowns[:, active] = here
    return unknowns, converged, steps


def _inside(unknowns: Floats, step: Floats, low: Floats, high: Floats) -> Floats:
    """Take the step, but across a bound only most of the way to it. low, high : [unknown, 1]."""
    moved = unknowns + step
    if np.isfinite(low).any():
        moved = np.where(moved <= low, unknowns + NEAR * (low - unknowns), moved)
    if np.isfinite(high).any():
        moved = np.where(moved >= high, unknowns + NEAR * (high - unknowns), moved)
    return moved


def _continued(
    network: BatchedNetwork, linear: Solve, start: Floats, rims: Floats
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.intp]]:
    """Raise all electrodes together from 0 V; the last of these solutions decides."""
    unknowns, steps = start, np.zeros(start.shape[1], dtype=np.intp)
    for share in np.linspace(0, 1, RAMP + 1):
        unknowns, converged, taken = _newton(network, linear, unknowns, share * rims, LIMITS[-1])
        steps += taken
    return unknowns, converged, steps


def _outcome(
    network: BatchedNetwork, linear: Solve, unknowns: Floats, rims: Floats, output: int | None
) -> tuple[Floats, Floats, Floats]:
    """Currents into the electrodes and the output's derivatives [electrode, point], residual [point]."""
    count = network.count
    currents, slopes = network.branches(unknowns, rims)
    net = network.balance @ currents
    inner = network.inner.gather @ slopes
    size = abs(network.inner_balance) @ np.abs(currents)
    size += ROUNDING / RESIDUAL * (network.inner.by_node @ np.abs(inner))
    residual = (np.abs(net[:count]) / np.where(size > 0, size, 1.0)).max(axis=0)
    if output is None:
        return -net[count:], np.full_like(rims, np.nan), residual
    entries = network.whole.gather @ slopes
    direct = network.node_slope(entries, count + output)  # [unknown + electrode, point]
    adjoint = linear(inner, direct[:count], True)
    net[count + output] -= np.einsum("ip,ip->p", adjoint, net[:count])
    jacobian = -direct[count:] + network.pulled_back(entries, adjoint)
    return -net[count:], jacobian, residual
