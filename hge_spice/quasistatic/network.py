"""A network's equations evaluated for a batch of points: currents out of the nodes and their derivatives."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from hge_spice.devices import DEVICES
from hge_spice.devices.equations import Branches, Equations, Positions
from hge_spice.devices.expression import Compiled
from hge_spice.devices.foreign import refuse_foreign
from hge_spice.drive import Floats
from hge_spice.graph import Network
from hge_spice.quasistatic.fixture import on_its_bench


@dataclass(frozen=True)
class _Law:
    """One kind of branch, ready to be evaluated: a minus of None is ground for all."""

    function: Compiled
    constants: tuple[Floats, ...]
    positions: tuple[tuple[Any, Any], ...]
    strength: Floats | None = None  # [branch, 1], what each current is multiplied by


@dataclass(frozen=True)
class _Contributions:
    """Where every derivative of a branch goes: signed, from its place among all of them to a node and a quantity."""

    sign: Floats
    place: Positions
    node: Positions
    quantity: Positions


class BatchedNetwork:
    """Kirchhoff's law of one network at many points at once.

    Arrays are batch last, so that every operation runs over contiguous points. Nodes are the unknowns, then the
    electrodes.
    """

    def __init__(self, equations: Equations, strength: tuple[float, ...] = ()) -> None:
        """Take equations, and what every link's current is multiplied by, in the graph's order (`drive.Condition`)."""
        self.equations = equations
        self.count, self.rims = len(equations.unknowns), len(equations.electrodes)
        self.nodes = self.count + self.rims
        self.groups = [branches for branches in equations.branches if len(branches.leaves)]
        self._laws = [_law(branches, equations.ground, strength) for branches in self.groups]
        self.balance = self._incidence()
        self.inner_balance = self.balance[: self.count]
        found = self._contributions()
        inner = (found.node < self.count) & ((found.quantity < self.count) | (found.quantity > self.nodes))
        self.inner = Table.of(found, inner, self.count)
        self.whole = Table.of(found, np.ones_like(inner), self.nodes)

    @classmethod
    def of(cls, graph: Network) -> "BatchedNetwork":
        """Of a graph whose family states its equations, with what its bench puts around it.

        Raises ValueError for any other.
        """
        name = graph.graph["family"]
        refuse_foreign(graph, 'take device.engine = "ngspice"')
        state = DEVICES[name].equations
        if state is None:
            known = ", ".join(key for key, family in DEVICES.items() if family.equations)
            raise ValueError(f"the family {name} states no equations for NumPy, only a netlist; {known} do")
        return cls(on_its_bench(state(graph), graph))

    def _incidence(self) -> csr_matrix:
        """[node, branch]: +1 where a current leaves, −1 where it enters."""
        leaves = np.concatenate([branches.leaves for branches in self.groups])
        enters = np.concatenate([branches.enters for branches in self.groups])
        branch = np.arange(len(leaves))
        signs = np.repeat([1.0, -1.0], len(leaves))
        shape = (self.nodes + 1, len(leaves))
        return csr_matrix((signs, (np.concatenate([leaves, enters]), np.tile(branch, 2))), shape=shape)[: self.nodes]

    def _contributions(self) -> _Contributions:
        parts: list[tuple[Any, Any, Any, Any]] = []
        place = 0
        for branches in self.groups:
            for pair in branches.quantities.values():
                mine = place + np.arange(len(branches.leaves))
                place += len(branches.leaves)
                for quantity, direction in zip(pair, (1.0, -1.0), strict=True):
                    for node, sign in ((branches.leaves, 1.0), (branches.enters, -1.0)):
                        kept = (node < self.nodes) & (quantity != self.nodes)
                        parts.append((np.full(kept.sum(), sign * direction), mine[kept], node[kept], quantity[kept]))
        return _Contributions(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def quantities(self, unknowns: Floats, electrodes: Floats) -> Floats:
        """Everything that a law may depend on: [quantity, point], V."""
        equations = self.equations
        parts = [unknowns, electrodes, np.zeros((1, unknowns.shape[1]))]
        if len(equations.offset):
            parts.append(equations.weights @ electrodes + equations.coupling @ unknowns + equations.offset[:, None])
        return np.concatenate(parts)

    def branches(self, unknowns: Floats, electrodes: Floats) -> tuple[Floats, Floats]:
        """Currents of all branches [branch, point], A, and their derivatives [branch by quantity, point], A/V."""
        everything = self.quantities(unknowns, electrodes)
        currents, slopes = [], []
        for law in self._laws:
            values = (
                everything[plus] if minus is None else everything[plus] - everything[minus]
                for plus, minus in law.positions
            )
            current, *slope = law.function(*law.constants, *values)
            if law.strength is not None:
                current, slope = law.strength * current, [law.strength * each for each in slope]
            currents.append(current)
            slopes += slope
        return np.concatenate(currents), np.concatenate(slopes)

    def residual(self, unknowns: Floats, electrodes: Floats) -> tuple[Floats, Floats]:
        """Net current out of the unknown nodes [unknown, point], A, and the entries of `inner` [entry, point], A/V."""
        currents, slopes = self.branches(unknowns, electrodes)
        return self.inner_balance @ currents, self.inner.gather @ slopes

    def dense(self, entries: Floats) -> Floats:
        """Derivatives of the unknowns' net currents by the unknowns: [unknown, unknown, point], from `inner`."""
        count, equations, points = self.count, self.equations, entries.shape[1]
        full = np.zeros((count, self.nodes + 1 + len(equations.offset), points))
        full[self.inner.row, self.inner.column] = entries
        found = full[:, :count]
        return found + np.matmul(equations.coupling.T, full[:, self.nodes + 1 :]) if len(equations.offset) else found

    def slopes(self, unknowns: Floats, electrodes: Floats) -> Floats:
        """Derivatives of the unknowns' net currents by the unknowns: [point, unknown, unknown], A/V.

        unknowns : [point, unknown]; electrodes : [point, electrode], V
        """
        _, entries = self.residual(np.ascontiguousarray(unknowns.T), np.ascontiguousarray(electrodes.T))
        return np.ascontiguousarray(np.moveaxis(self.dense(entries), 2, 0))

    def node_slope(self, entries: Floats, node: int) -> Floats:
        """Derivatives of one node's net current by unknowns and electrodes: [node, point], from `whole`."""
        chosen = np.flatnonzero(self.whole.row == node)
        full = np.zeros((self.nodes + 1 + len(self.equations.offset), entries.shape[1]))
        full[self.whole.column[chosen]] = entries[chosen]
        return self._chained(full)

    def slope(self, unknowns: Floats, electrodes: Floats) -> Floats:
        """Derivatives of all net currents at one point by all nodes: [node, node], A/V.

        unknowns : [unknown]; electrodes : [electrode], V
        """
        _, slopes = self.branches(unknowns[:, None], electrodes[:, None])
        full = np.zeros((self.nodes + 1 + len(self.equations.offset), self.nodes))
        full[self.whole.column, self.whole.row] = (self.whole.gather @ slopes)[:, 0]
        return self._chained(full).T

    def pulled_back(self, entries: Floats, adjoint: Floats) -> Floats:
        """Σ over the unknown nodes of λ times the derivative by each electrode: [electrode, point], from `whole`.

        adjoint : [unknown, point]
        """
        table = self.whole
        chosen = np.flatnonzero(table.row < self.count)
        weighted = adjoint[table.row[chosen]] * entries[chosen]
        width = self.nodes + 1 + len(self.equations.offset)
        gather = csr_matrix(
            (np.ones(len(chosen)), (table.column[chosen], np.arange(len(chosen)))), shape=(width, len(chosen))
        )
        return self._chained(np.asarray(gather @ weighted))[self.count :]

    def _chained(self, full: Floats) -> Floats:
        """Derivatives by quantities [quantity, point] to those by nodes, potentials replaced by what they depend on."""
        found = full[: self.nodes]
        equations = self.equations
        if not len(equations.offset):
            return found
        return found + np.concatenate([equations.coupling, equations.weights], axis=1).T @ full[self.nodes + 1 :]


@dataclass(frozen=True)
class Table:
    """Entries of a sparse table [node, quantity], what gathers them from the branches' derivatives, and by the node."""

    row: Positions
    column: Positions
    gather: csr_matrix
    by_node: csr_matrix

    @classmethod
    def of(cls, found: _Contributions, kept: NDArray[np.bool_], nodes: int) -> "Table":
        """The contributions that are kept, those to one entry of the matrix gathered."""
        pairs = np.stack([found.node[kept], found.quantity[kept]])
        entries, which = np.unique(pairs, axis=1, return_inverse=True)
        shape = (entries.shape[1], int(found.place.max()) + 1)
        gather = csr_matrix((found.sign[kept], (which.ravel(), found.place[kept])), shape=shape)
        count = entries.shape[1]
        by_node = csr_matrix((np.ones(count), (entries[0], np.arange(count))), shape=(nodes, count))
        return cls(entries[0], entries[1], gather, by_node)


def _law(branches: Branches, ground: int, strength: tuple[float, ...]) -> _Law:
    constants, quantities = tuple(branches.constants), tuple(branches.quantities)
    return _Law(
        branches.current.compiled(constants + quantities, by=quantities),
        tuple(branches.constants[name][:, None] for name in constants),
        tuple(
            (plus, None if (minus == ground).all() else minus)
            for plus, minus in (branches.quantities[name] for name in quantities)
        ),
        np.append(strength, 1.0)[branches.links][:, None] if strength and len(branches.links) else None,
    )
