"""Who solves a screening's operating points: the quasi-static engine, or ngspice where it has no equations to solve."""

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from hge_spice.devices import states_equations
from hge_spice.drive import Floats, SimulationError
from hge_spice.graph import Network, Readout, assign_roles, electrodes, readout
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.quasistatic import BatchedNetwork, solve

# (output electrode, [point, electrode] V in the graph's order) -> [point] A, nan where there is no operating point
Engine = Callable[[str, Floats], Floats]


def check_readout(graph: Network) -> None:
    """Raise ValueError where the quasi-static engine would screen something else than the output that is trained."""
    if readout(graph) != Readout() and states_equations(graph):
        raise ValueError(
            "operating points are screened as currents into a virtual ground; name the electrodes, or let a study "
            'with readout.kind = "current" choose them'
        )


def quasistatic_engine(graph: Network) -> Engine:
    """All points of a call at once. Raises ValueError where the output is read by other than a virtual ground."""
    check_readout(graph)
    network = BatchedNetwork.of(graph)

    def currents(output: str, rims: Floats) -> Floats:
        found = solve(network, rims, None)
        return np.where(found.converged, found.current[:, network.equations.electrodes.index(output)], np.nan)

    return currents


def ngspice_engine(graph: Network, stack: ExitStack) -> Engine:
    """One ngspice an output, started when first asked for and closed with the stack."""
    names = electrodes(graph)
    started: dict[str, NgspiceDevice] = {}

    def currents(output: str, rims: Floats) -> Floats:
        others = [name for name in names if name != output]
        columns = [names.index(name) for name in others]
        if output not in started:
            roles = assign_roles(graph, output=output, inputs=(), controls=others)
            started[output] = stack.enter_context(NgspiceDevice(roles))
        return np.array([simulated_output(started[output], row[columns], np.empty(0)) for row in rims])

    return currents


def simulated_output(device: NgspiceDevice, control: Floats, inputs: Floats) -> float:
    """Output current, A; nan where ngspice finds no physical operating point."""
    try:
        point = device.operating_point(control, inputs)
    except SimulationError:
        return np.nan
    return np.nan if "unphysical" in point.flags else float(point.output[0])
