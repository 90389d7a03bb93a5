"""How the cost of an extraction grows with nodes, links, controls and points, and how much of it is ngspice's."""

from typing import Any

import numpy as np

from hge_spice.benchmarks.mesh import mesh
from hge_spice.benchmarks.overhead import against_bare
from hge_spice.gradient import Measurement
from hge_spice.graph import Network, assign_roles, dopant_network
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.tones import TonePlan, plan_from_harmonics

WINDOW = 25e-3  # s
SECONDS = 4.0  # of bare transients per case

Cases = dict[int, dict[str, float]]  # by size, what `against_bare` gives


def scale() -> dict[str, Any]:
    """One extraction against its bare transient on ever larger circuits; the worst ratio, and the exponents of growth.

    Meshes of diodes to 3000 nodes, with two and four links a node; dopant networks, where every site acts on every
    other, to 40 sites; 128 controls; 512 points.
    """
    few, many = _odd(5, 75), _odd(128, 1024)
    nodes = {side * (side + 1): _case(mesh(side), few) for side in (10, 17, 31, 54)}
    links = {"2 a node": nodes[306], "4 a node": _case(mesh(17, diagonals=True), few)}
    sites = {count: _case(_dopant(count), few) for count in (10, 20, 40)}
    controls = {count: _case(mesh(17, count), _odd(count, 1024)) for count in (8, 32)}
    controls[128] = _case(mesh(17, 128), many)
    points = {count: _case(mesh(17), _odd(5, count)) for count in (128, 256, 512)}
    grown: dict[str, dict[int, dict[str, float]]] = {
        "nodes": nodes,
        "sites": sites,
        "controls": controls,
        "points": points,
    }
    worst = max(case["ratio"] for case in (*links.values(), *(c for cases in grown.values() for c in cases.values())))
    return {
        "ratio": worst,
        "reference": "tran of the same deck on a bare libngspice; the worst of all cases",
        "largest_share_outside_ngspice": 1 - 1 / worst,
        "exponents": {name: _exponent(cases) for name, cases in grown.items()},
        "cores": {"ours": 1, "reference": 1},
        "cases": {**grown, "links": links},
    }


def _odd(count: int, points: int) -> TonePlan:
    """Odd harmonics from count on: even products stay off the tones, which is all that a timing needs."""
    return plan_from_harmonics(tuple(2 * (count // 2 + k) + 1 for k in range(count)), WINDOW, points=points)


def _dopant(sites: int) -> Network:
    return assign_roles(
        dopant_network(sites=sites, seed=1), output="e0", inputs=("e1", "e2"), controls=("e3", "e4", "e5", "e6", "e7")
    )


def _case(graph: Network, plan: TonePlan) -> dict[str, float]:
    count = len(plan.harmonics)
    with NgspicePool(graph) as dut:
        measurement = Measurement(plan, np.full(count, 2e-3), np.linspace(0.0, 6.0, count))
        return against_bare(dut, measurement, np.zeros((1, 2)), seconds=SECONDS)


def _exponent(cases: Cases) -> float:
    """Slope of log time against log size."""
    return float(np.polyfit(np.log(list(cases)), np.log([case["milliseconds"] for case in cases.values()]), 1)[0])
