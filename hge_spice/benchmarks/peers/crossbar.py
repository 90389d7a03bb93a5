"""Currents of a crossbar with line resistance against badcrossbar's: of resistors, and of what becomes one near 0 V."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hge_spice.benchmarks.peers.badcrossbar_currents import Crossbar
from hge_spice.benchmarks.peers.present import missing
from hge_spice.benchmarks.peers.serve import Peer
from hge_spice.drive import Floats
from hge_spice.graph import Network, assign_roles, crossbar, of_family
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.quasistatic import QuasistaticDevice

ROWS, COLUMNS, LINE = 16, 12, 5.0  # ohm
SCALE = 0.1  # V, v0 of the sinh elements
VOLTAGES = (1e-2, 1e-3)  # V, largest row voltage, at which sinh elements are compared


def against_badcrossbar(rows: int = ROWS, columns: int = COLUMNS) -> dict[str, Any]:
    """Largest difference of a column's current over the largest current, and seconds of either side."""
    why = missing("badcrossbar_currents")
    if why:
        return {"skipped": why}
    rng = np.random.default_rng(0)
    ohm, volts = rng.uniform(1e3, 1e5, (rows, columns)), rng.uniform(0.1, 1.0, rows)
    linear, bent = linear_crossbar(ohm), sinh_crossbar(ohm)
    with Peer("badcrossbar_currents", "currents", Crossbar(ohm.tolist(), LINE)) as peer:
        peer.ask(volts, 0)  # imports
        seconds, expected = peer.ask(volts, 0)
        near_zero = {volt: peer.ask(volts * volt, 0)[1] for volt in VOLTAGES}
    engines: dict[str, Callable[[], Any]] = {
        "ngspice": lambda: NgspiceDevice(linear),
        "quasistatic": lambda: QuasistaticDevice(linear),
    }
    found: dict[str, Any] = {"rows": rows, "columns": columns, "badcrossbar_seconds": seconds}
    for name, make in engines.items():
        with make() as device:
            read(device, volts)
            began = time.perf_counter()
            current = read(device, volts)
            found[name] = {"error": _difference(current, expected), "seconds": time.perf_counter() - began}
    with QuasistaticDevice(bent) as device:
        found["sinh"] = {
            f"{volt:g} V": _difference(read(device, volts * volt), current) for volt, current in near_zero.items()
        }
    return found


def linear_crossbar(ohm: Floats) -> Network:
    """Crossbar of resistors: ohm [row, column]."""
    return _crossbar(ohm, "resistor", lambda r: {"resistance": r})


def sinh_crossbar(ohm: Floats) -> Network:
    """Crossbar of sinh elements with these resistances at 0 V."""
    return _crossbar(ohm, "sinh", lambda r: {"i0": SCALE / r, "v0": SCALE})


def _crossbar(ohm: Floats, family: str, parameters: Callable[[float], Mapping[str, float]]) -> Network:
    rows, columns = ohm.shape
    graph = of_family(crossbar(rows=rows, columns=columns, line_resistance=LINE), family, dict(parameters(1.0)))
    for (i, j), value in np.ndenumerate(ohm):
        graph.edges[f"r{i}_{j}", f"c{i}_{j}"]["parameters"] = dict(parameters(float(value)))
    names = [f"r{i}" for i in range(rows)]
    return assign_roles(graph, output=[f"c{j}" for j in range(columns)], inputs=names[:1], controls=names[1:])


def read(device: NgspiceDevice | QuasistaticDevice, volts: Floats) -> Floats:
    """Currents out of the columns: [column], A; volts : [row]."""
    point = device.operating_point(volts[1:], volts[:1])
    outputs = [name for name, data in device.graph.nodes(data=True) if data.get("role") == "output"]
    return np.array([point.probes[name][0] for name in outputs])


def _difference(found: Floats, expected: Floats) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())
