"""Operating points by the quasi-static engine against ngspice's own, and what they cost by size and batch."""

import os
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import networkx as nx
import numpy as np
import psutil

from hge_spice.benchmarks.overhead import _ask, _bare
from hge_spice.drive import Floats
from hge_spice.graph import Network, assign_roles, dopant_network, electrodes
from hge_spice.netlist import dc_source, deck
from hge_spice.quasistatic import BatchedNetwork, solve

BATCH, BLOCKS, SIMULATED = 1000, 5, 200  # points of ours and of ngspice's in each of the blocks that take turns
SIZES, BATCHES = (10, 30, 100, 300, 1000), (1, 10, 100, 1000, 10_000, 100_000)
LONGEST, LARGEST = 10.0, 2e9  # s and bytes, predicted; larger batches are left out
ALWAYS = 100  # points up to which a batch is measured whatever it takes: what a call costs hides what a point does
REACH = 0.7  # V


def quasistatic() -> dict[str, Any]:
    """A thousand operating points with jacobians by NumPy, against ngspice's `op` alone on the loaded circuit.

    `ratio` is of one core against one core, at 12 sites, in processor time on both sides, which other programs on the
    machine don't stretch; ngspice's has `alter` in it, and no jacobian. `ratio_all_cores` has our time by the clock.
    """
    cases = {
        "12 sites": _against_ngspice(dopant_network(seed=13)),
        "20 sites": _against_ngspice(dopant_network(sites=20, seed=13)),
        "300 nodes of sinh elements": _against_ngspice(mesh("sinh", 300)),
        "300 nodes of diode pairs": _against_ngspice(mesh("diode", 300, antiparallel=1.0)),
    }
    return {
        "ratio": cases["12 sites"]["ratio"],
        "reference": "ngspice's alter and op on the circuit loaded once, through PySpice's binding",
        "cores": {"ours": 1, "reference": 1, "ratio_all_cores": os.cpu_count()},
        "cases": cases,
        "cost": {
            "sinh mesh": cost(lambda size: mesh("sinh", size)),
            "dopant network": cost(lambda size: dopant_network(sites=size, seed=1), SIZES[:3]),
        },
    }


def mesh(family: str, nodes: int, **parameters: float) -> Network:
    """A square mesh of one element, with eight electrodes at random nodes of it."""
    side = int(np.sqrt(nodes))
    grid = nx.grid_2d_graph(side, -(-nodes // side))
    kept = sorted(grid)[:nodes]
    number = {place: f"m{k}" for k, place in enumerate(kept)}
    graph: Network = nx.Graph(family=family, parameters=parameters)
    for k, angle in enumerate(2 * np.pi * np.arange(8) / 8):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=float(np.cos(angle)), y=float(np.sin(angle)))
    for x, y in kept:
        graph.add_node(number[x, y], kind="node", x=float(x), y=float(y))
    graph.add_edges_from((number[a], number[b]) for a, b in sorted(grid.subgraph(kept).edges))
    for k, node in enumerate(np.random.default_rng(0).choice(nodes, 8, replace=False)):
        graph.add_edge(f"e{k}", f"m{node}")
    return graph


def _processor_seconds(pid: int) -> float:
    spent = psutil.Process(pid).cpu_times()
    return float(spent.user + spent.system)


def _rims(points: int, seed: int) -> Floats:
    rims = np.random.default_rng(seed).uniform(-REACH, REACH, (points, 8))
    rims[:, 0] = 0.0
    return rims


def _against_ngspice(graph: Network) -> dict[str, Any]:
    """Mean seconds a point of both sides, in blocks that take turns: processor time is counted in hundredths."""
    names = electrodes(graph)
    graph = assign_roles(graph, output=names[0], inputs=(), controls=names[1:])
    network = BatchedNetwork.of(graph)
    ours: dict[int, list[float]] = {1: [], os.cpu_count() or 1: []}
    theirs: list[float] = []
    converged = 0.0
    with _bare(deck(graph), "op") as bare:
        for block in range(BLOCKS + 1):
            rims = _rims(BATCH, block)
            before = _processor_seconds(bare.pid)
            for row in rims[:SIMULATED]:
                pairs = zip(names[1:], row[1:].tolist(), strict=True)
                _ask(bare, ";".join(f"alter {dc_source(n)} dc = {v!r}" for n, v in pairs))
            if block:  # the first warms both sides up
                theirs.append((_processor_seconds(bare.pid) - before) / SIMULATED)
            for workers, times in ours.items():
                clock = time.process_time if workers == 1 else time.perf_counter
                began = clock()
                found = solve(network, rims, 0, workers=workers)
                if block:
                    times.append((clock() - began) / BATCH)
                converged = float(found.converged.mean())
    each = {workers: float(np.mean(times)) for workers, times in ours.items()}
    reference = float(np.mean(theirs))
    return {
        "ratio": each[1] / reference,
        "times_faster": reference / each[1],
        "ratio_all_cores": each[max(each)] / reference,
        "points_per_second": 1 / each[1],
        "points_per_second_all_cores": 1 / each[max(each)],
        "reference_points_per_second": 1 / reference,
        "converged": converged,
        "batch": BATCH,
    }


def cost(
    build: Callable[[int], Network], sizes: Sequence[int] = SIZES, batches: Sequence[int] = BATCHES
) -> dict[int, dict[int, dict[str, float]]]:
    """Measure `seconds` of one core and `peak_bytes` by size and batch, jacobians included.

    Batches that would take longer than LONGEST, or more memory than LARGEST, are left out.
    """
    found: dict[int, dict[int, dict[str, float]]] = {}
    for size in sizes:
        network = BatchedNetwork.of(build(size))
        solve(network, _rims(2, 0), 0, workers=1)
        found[size], before = {}, (0.0, 1)
        for batch in batches:
            predicted = before[0] * batch / before[1]
            if batch > ALWAYS and (predicted > LONGEST or _results(network, batch) > LARGEST):
                break
            rims = _rims(batch, 1)
            began = time.process_time()
            solve(network, rims, 0, workers=1)
            seconds = time.process_time() - began
            found[size][batch] = {"seconds": seconds, "peak_bytes": _peak(network, rims)}
            before = seconds, batch
    return found


def _peak(network: BatchedNetwork, rims: Floats) -> float:
    """Bytes allocated at the most while a batch is solved; of large batches a part is enough, with its results."""
    part = rims[:1000]
    tracemalloc.start()
    solve(network, part, 0, workers=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return float(peak + _results(network, len(rims) - len(part)))


def _results(network: BatchedNetwork, points: int) -> float:
    """Bytes of the results: in parts, and joined."""
    return 2.0 * 8 * (network.count + 2 * network.rims) * points
