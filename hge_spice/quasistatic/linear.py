"""The linear systems of a batch of Newton steps and of the adjoint: LAPACK on full matrices, SuperLU on sparse ones."""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from hge_spice.drive import Floats
from hge_spice.quasistatic.network import BatchedNetwork

LARGEST_DENSE = 200  # unknowns; on a square mesh of 300 nodes SuperLU takes 0.25 ms a point, LAPACK 1.4 ms

# (entries of the network's inner table [entry, point], right side [unknown, point], transposed) -> [unknown, point]
Solve = Callable[[Floats, Floats, bool], Floats]


def solver(network: BatchedNetwork) -> Solve:
    """Choose the solver of a network's linear systems; a singular matrix gives nan for its point alone.

    Potentials that couple all unknowns leave nothing sparse.
    """
    if network.count <= LARGEST_DENSE or len(network.equations.offset):
        return _dense(network)
    return _sparse(network)


def _dense(network: BatchedNetwork) -> Solve:
    def solve(entries: Floats, right: Floats, transposed: bool) -> Floats:
        full = network.dense(entries)
        matrices = np.ascontiguousarray(np.transpose(full, (2, 1, 0) if transposed else (2, 0, 1)))
        columns = right.T[..., None]
        try:
            found = np.linalg.solve(matrices, columns)
        except np.linalg.LinAlgError:
            found = np.stack([_one(matrix, column) for matrix, column in zip(matrices, columns, strict=True)])
        return np.ascontiguousarray(found[..., 0].T)

    return solve


def _one(matrix: Floats, column: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(matrix, column))
    except np.linalg.LinAlgError:
        return np.full_like(column, np.nan)


def _sparse(network: BatchedNetwork) -> Solve:
    """One factorisation a point; the order of elimination is found once, since all points share one pattern."""
    count, table = network.count, network.inner
    diagonal = np.arange(count)
    pattern = csc_matrix((np.ones(len(table.row)), (table.row, table.column)), shape=(count, count))
    pattern = pattern + pattern.T + csc_matrix((np.full(count, 4.0 * count), (diagonal, diagonal)))
    place = splu(pattern, permc_spec="MMD_AT_PLUS_A").perm_c  # of each unknown in the order of elimination
    rows, columns = place[table.row], place[table.column]
    order = np.lexsort((rows, columns))
    indices = rows[order]
    starts = np.searchsorted(columns[order], np.arange(count + 1))
    options = {"SymmetricMode": True}

    def solve(entries: Floats, right: Floats, transposed: bool) -> Floats:
        values, moved = np.ascontiguousarray(entries[order].T), np.empty_like(right)
        moved[place] = right
        found = np.empty_like(moved)
        for point in range(right.shape[1]):
            matrix = csc_matrix((values[point], indices, starts), shape=(count, count))
            try:
                factors = splu(matrix, permc_spec="NATURAL", diag_pivot_thresh=0.1, options=options)
                found[:, point] = factors.solve(moved[:, point], "T" if transposed else "N")
            except RuntimeError:  # SuperLU: exactly singular
                found[:, point] = np.nan
        return found[place]

    return solve
