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
    bounds : V, between which the unknowns must lie
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
    carriers: bool = False
    weights: Floats = field(default_factory=lambda: np.empty((0, 0)))
    coupling: Floats = field(default_factory=lambda: np.empty((0, 0)))
    offset: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def ground(self) -> int:
        """Position of ground."""
        return len(self.unknowns) + len(self.electrodes)
