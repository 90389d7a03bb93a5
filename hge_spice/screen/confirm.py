"""What ngspice says of the control settings that a screening found."""

from collections.abc import Sequence

import numpy as np

from hge_spice.devices import states_equations
from hge_spice.drive import Floats
from hge_spice.graph import Network, electrodes
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.screen.engines import quasistatic_engine, simulated_output
from hge_spice.screen.search import Choice
from hge_spice.tasks import Task

AGREEMENT = 1e-6  # of the largest current, between the two engines


def confirm(graph: Network, choice: Choice, task: Task, levels: Sequence[tuple[float, float]]) -> tuple[float, Floats]:
    """Ask ngspice for the operating points of a choice's first control settings.

    graph : with the choice's roles

    Returns the largest difference from the quasi-static outputs over the largest of these (nan where only ngspice can
    solve the network), and ngspice's outputs [setting, pattern], A, nan where it has no physical operating point.
    """
    inputs = task.inputs(levels)
    found = np.full((len(choice.first[task.name]), len(inputs)), np.nan)
    with NgspiceDevice(graph) as device:
        for s, control in enumerate(choice.first[task.name]):
            for p, pattern in enumerate(inputs):
                found[s, p] = simulated_output(device, np.array(control), pattern)
    if not states_equations(graph):
        return np.nan, found
    names = electrodes(graph)
    held = {name: graph.nodes[name].get("voltage", 0.0) for name in names}
    rims = [
        held | dict(zip(choice.inputs, pattern, strict=True)) | dict(zip(choice.controls, control, strict=True))
        for control in choice.first[task.name]
        for pattern in inputs
    ]
    expected = quasistatic_engine(graph)(choice.output, np.array([[row[name] for name in names] for row in rims]))
    return float(np.nanmax(np.abs(found.ravel() - expected)) / np.abs(expected).max()), found
