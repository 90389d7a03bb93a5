"""Operating points by the thousand, and exact jacobians, of networks whose families state their equations."""

from hge_spice.quasistatic.device import QuasistaticDevice
from hge_spice.quasistatic.multistable import count_solutions
from hge_spice.quasistatic.network import BatchedNetwork
from hge_spice.quasistatic.newton import Solution, solve

__all__ = ["BatchedNetwork", "QuasistaticDevice", "Solution", "count_solutions", "solve"]
