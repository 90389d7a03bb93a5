"""What a point of a sign-off costs, how much of it is the solver's, and going to a corner against loading it."""

import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from hge_spice.drive import SimulationError
from hge_spice.graph import Network
from hge_spice.netlist import deck
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.kept import Kept
from hge_spice.ngspice.worker import Worker
from hge_spice.study.bench.network import build_graph
from hge_spice.study.beside.signoff import nominal_point
from hge_spice.study.run.perform import perform
from hge_spice.study.run.plan import Planned, plan_study
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study

DRAWS, LOADED = 10, 6  # loading one takes a second
NETWORK_DRAWS = 4  # a point of the network takes two


def signoff() -> dict[str, Any]:
    """Going from corner to corner of a process section against loading each, and what points of one section cost.

    60 of a neuron, 12 of a network of two. In processor time, ours and that of ngspice's processes, which a busy
    machine doesn't stretch.
    """
    planned = _planned("signoff", DRAWS)
    graphs = [build_graph(parse_study(each.trial.raw)) for each in planned]
    with Kept() as kept:
        _altered(graphs[:1], kept)
        ours = _processor(lambda: _altered(graphs, kept)) / len(graphs)
    theirs = _processor(lambda: _loaded([deck(graph) for graph in graphs[:LOADED]])) / LOADED
    taken, solver = _share(planned)
    network = _planned("signoff_xor", NETWORK_DRAWS)
    of_network, its_solver = _share(network)
    return {
        "ratio": ours / theirs,
        "reference": "the corner's deck loaded into a new ngspice with the whole library, and its operating point",
        "milliseconds_to_a_corner": 1e3 * ours,
        "milliseconds_to_load_it": 1e3 * theirs,
        "points": len(planned),
        "processor_seconds_a_point": taken / len(planned),
        "share_of_going_to_corners": 2 * ours * len(planned) / taken,  # of the plain circuit and that of its noise
        "share_outside_solver": 1 - solver / taken,
        "network_points": len(network),
        "network_processor_seconds_a_point": of_network / len(network),
        "network_share_outside_solver": 1 - its_solver / of_network,
        "cores": {"ours": 1, "reference": 1},
    }


def _planned(study: str, draws: int) -> list[Planned]:
    return plan_study(load_study(study, ["corners.process=['tt']", f"corners.mismatch={draws}"]))


def _share(planned: Sequence[Planned]) -> tuple[float, float]:
    """Processor seconds that the points take, and those of them in the solver."""
    solver: list[float] = []
    taken = _processor(lambda: solver.extend(_points(planned)))
    return taken, sum(solver)


def _points(planned: Sequence[Planned]) -> Iterator[float]:
    """Run them in this process, as one worker of a run does: seconds in the solver, the nominal point's last."""
    with tempfile.TemporaryDirectory(prefix="hge-spice-bench-") as home, Kept() as kept:
        for each in planned:
            found = perform(each.trial, Path(home), kept=kept)
            if found.result is None:
                raise SimulationError(found.reason)
            yield found.result["solver_seconds"]
        yield nominal_point(planned[0].trial.base, kept).solver_seconds  # trained before the first


def _altered(graphs: Sequence[Network], kept: Kept) -> None:
    for graph in graphs:
        with NgspiceDevice(graph, kept=kept) as device:
            device.operating_point(np.zeros(len(device.controls)), np.zeros(len(device.inputs)))


def _loaded(texts: Sequence[str]) -> None:
    for text in texts:
        worker = Worker()
        worker.load(text)
        worker.run([], "op", ("vout_out#branch",))
        worker.close()


def _processor(call: Callable[[], object]) -> float:
    """Processor seconds of a call, here and in the processes that it starts or talks to."""
    before = _spent()
    call()
    return _spent() - before


def _spent() -> float:
    children = [child.cpu_times() for child in psutil.Process().children()]
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + sum(c.user + c.system for c in children) + ended.ru_utime + ended.ru_stime
