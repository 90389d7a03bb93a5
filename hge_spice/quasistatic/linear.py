"""The linear systems of a batch of Newton steps and of the adjoint: LAPACK on full matrices, elimination on sparse.

Measured on a core: LAPACK takes 1.0 µs a point at 12 unknowns, 2.6 µs at 20, 1.4 ms at 300. On a square mesh of 300
nodes SuperLU takes 0.25 ms a point, the elimination below 0.13 ms. A whole operating point of a sinh mesh in a batch of
1000 takes 0.11 ms with full matrices and 0.07 ms with elimination at 30 nodes, 0.39 and 0.14 at 60, 0.95 and 0.25 at
100, 2.2 and 0.40 at 150; one alone takes 2 ms and 6 ms at 30, 3 and 19 at 100.
"""

from collections.abc import Callable

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from hge_spice.drive import Floats
from hge_spice.quasistatic.network import BatchedNetwork

LARGEST_DENSE = 50  # unknowns

# (entries of the network's inner table [entry, point], right side [unknown, point], transposed) -> [unknown, point]
Solve = Callable[[Floats, Floats, bool], Floats]


def solver(network: BatchedNetwork) -> Solve:
    """Choose the solver of a network's linear systems; a singular matrix gives nan or inf for its point alone."""
    return _dense(network) if is_dense(network) else Elimination(network).solve


def is_dense(network: BatchedNetwork) -> bool:
    """Whether full matrices are solved: small ones, and those whose potentials couple all unknowns."""
    return network.count <= LARGEST_DENSE or len(network.equations.offset) > 0


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


class Elimination:
    """LU without pivoting on one sparse pattern, vectorised over the points.

    The order is minimum degree (SuperLU's), and where it fills in is worked out once. Without pivoting a matrix that
    isn't dominated by its diagonal may lose digits: Newton then takes more steps, and a residual that stays is seen.
    """

    def __init__(self, network: BatchedNetwork) -> None:
        count, table = network.count, network.inner
        order = _minimum_degree(table.row, table.column, count)
        rank = np.argsort(order)
        below = _fill(rank[table.row], rank[table.column], count)
        # entries of pivot k lie together: the diagonal, its column below, its row to the right
        starts = np.concatenate([[0], np.cumsum([1 + 2 * len(rows) for rows in below])]).astype(np.intp)
        place = {(k, k): int(starts[k]) for k in range(count)}
        for k, rows in enumerate(below):
            for n, i in enumerate(rows):
                place[i, k], place[k, i] = int(starts[k]) + 1 + n, int(starts[k]) + 1 + len(rows) + n
        self._size, self._order, self._rank, self._starts = int(starts[-1]), order, rank, starts
        self._below = [np.array(rows, dtype=np.intp) for rows in below]
        self._targets = [np.array([[place[i, j] for j in rows] for i in rows], dtype=np.intp) for rows in below]
        pairs = zip(rank[table.row].tolist(), rank[table.column].tolist(), strict=True)
        self._entries = np.array([place[pair] for pair in pairs], dtype=np.intp)

    def solve(self, entries: Floats, right: Floats, transposed: bool) -> Floats:
        """Solve for every point; see Solve."""
        table = np.zeros((self._size, right.shape[1]))
        table[self._entries] = entries
        moved = right[self._order]
        parts = [self._parts(table, k) for k in range(len(self._below))]
        for (diagonal, lower, upper), targets in zip(parts, self._targets, strict=True):
            if len(targets):
                np.divide(lower, diagonal, out=lower)
                table[targets] -= lower[:, None] * upper
        # LUx = b, or UᵀLᵀx = b: the factor with the ones on its diagonal is L
        for k, (diagonal, lower, upper) in enumerate(parts):
            if transposed:
                moved[k] /= diagonal
            moved[self._below[k]] -= (upper if transposed else lower) * moved[k]
        for k in range(len(parts) - 1, -1, -1):
            diagonal, lower, upper = parts[k]
            moved[k] -= ((lower if transposed else upper) * moved[self._below[k]]).sum(axis=0)
            if not transposed:
                moved[k] /= diagonal
        return np.asarray(moved[self._rank])

    def _parts(self, table: Floats, k: int) -> tuple[Floats, Floats, Floats]:
        """Diagonal [point], column below and row to the right [entry, point] of a pivot: views."""
        first, last, count = int(self._starts[k]), int(self._starts[k + 1]), len(self._below[k])
        return table[first], table[first + 1 : first + 1 + count], table[first + 1 + count : last]


def _minimum_degree(rows: np.ndarray, columns: np.ndarray, count: int) -> np.ndarray:
    """Unknowns in the order in which to eliminate them."""
    diagonal = np.arange(count)
    pattern = csc_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    dominant = pattern + pattern.T + csc_matrix((np.full(count, 4.0 * count), (diagonal, diagonal)))
    return np.argsort(splu(dominant.tocsc(), permc_spec="MMD_AT_PLUS_A").perm_c)


def _fill(rows: np.ndarray, columns: np.ndarray, count: int) -> list[list[int]]:
    """Rows below the diagonal of each pivot's column, fill included; rows and columns are taken as symmetric."""
    linked: list[set[int]] = [set() for _ in range(count)]
    for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
        if i != j:
            linked[min(i, j)].add(max(i, j))
    for k in range(count):
        for i in linked[k]:
            linked[i] |= {j for j in linked[k] if j > i}
    return [sorted(each) for each in linked]
