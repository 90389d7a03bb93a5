"""Whether an operating point is the only one: the same electrode voltages solved from several starts."""

import numpy as np

from hge_spice.drive import Floats
from hge_spice.quasistatic.network import BatchedNetwork
from hge_spice.quasistatic.newton import solve

APART = 1e-6  # V, between two unknowns that count as different


def count_solutions(
    network: BatchedNetwork, electrodes: Floats, output: int, *, starts: int, rng: np.random.Generator
) -> np.ndarray:
    """Different operating points found at each setting: [point]; 0 where none was found.

    electrodes : [point, electrode], V; starts : random ones a setting, besides the usual one

    A count above one is a proof: each solves Kirchhoff's law, stable or not. A count of one is none: a start near the
    other solution may have been missed.
    """
    reach = np.abs(electrodes).max(initial=0.0)
    low, high = (
        np.where(np.isfinite(bound), bound, sign * reach)
        for bound, sign in ((network.equations.lowest, -1), (network.equations.highest, 1))
    )
    found = [solve(network, electrodes, output)]
    for _ in range(starts):
        begin = rng.uniform(low, high, (len(electrodes), network.count))
        found.append(solve(network, electrodes, output, start=begin))
    counts = np.zeros(len(electrodes), dtype=np.intp)
    for point in range(len(electrodes)):
        different: list[Floats] = []
        for each in found:
            here = each.unknowns[point]
            if each.converged[point] and all(np.abs(here - other).max() > APART for other in different):
                different.append(here)
        counts[point] = len(different)
    return counts
