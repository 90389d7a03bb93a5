"""A network's equations as arrays: which current follows which law between which quantities, for solvers in NumPy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hge_spice.devices.expression import Expression
from hge_spice.drive import Floats

Positions = NDArray[np.intp]


@dataclass(frozen=True)
class Branches:
    """Currents that share one law.

    current : A; constants : [branch] by symbol
    quantities : by symbol, two positions per branch: the symbol stands for the first quantity less the second
    leaves, enters : [branch], positions of the nodes that the current leaves and enters
    links : [branch], number of the graph's edge that each branch is, in the graph's order; −1 for what is none, empty
        where none is one
    """

    current: Expression
    constants: Mapping[str, Floats]
    quantities: Mapping[str, tuple[Positions, Positions]]
    leaves: Positions
    enters: Positions
    links: Positions = field(default_factory=lambda: np.empty(0, dtype=np.intp))


@dataclass(frozen=True)
class Equations:
    """Kirchhoff's current law at every unknown node.

    Positions count the unknowns, then the electrodes, then ground (always zero), then the potentials
    `weights @ electrodes + coupling @ unknowns + offset`, which are no nodes: no current enters them.

    unknowns, electrodes : names in order
    bounds : V, between which the unknowns must lie, but for the leads
    leads : positions among the electrodes of those whose inner ends are the last unknowns, in that order
    carriers : the unknowns are mean occupations of sites; with whole occupations (0 or 1) a branch's current is e times
        the rate at which single carriers hop, so that the mean field's equations state the master equation too
    weights : [potential, electrode]; coupling : [potential, unknown]; offset : [potential], V
    capacitance : [node, node], F, beside the derivatives of the currents; nodes are the unknowns, then the electrodes
    """

    unknowns: tuple[str, ...]
    electrodes: tuple[str, ...]
    branches: tuple[Branches, ...]
    capacitance: Floats
    bounds: tuple[float, float] = (-np.inf, np.inf)
    leads: tuple[int, ...] = ()
    carriers: bool = False
    weights: Floats = field(default_factory=lambda: np.empty((0, 0)))
    coupling: Floats = field(default_factory=lambda: np.empty((0, 0)))
    offset: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def ground(self) -> int:
        """Position of ground."""
        return len(self.unknowns) + len(self.electrodes)

    @property
    def lowest(self) -> Floats:
        """Lower bound of each unknown: [unknown], V."""
        return self._each(self.bounds[0], -np.inf)

    @property
    def highest(self) -> Floats:
        """Upper bound of each unknown: [unknown], V."""
        return self._each(self.bounds[1], np.inf)

    def _each(self, bound: float, free: float) -> Floats:
        found = np.full(len(self.unknowns), bound)
        found[len(self.unknowns) - len(self.leads) :] = free
        return found
