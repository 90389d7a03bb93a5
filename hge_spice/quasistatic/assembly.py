"""One network, or units joined by amplifiers, at rest: currents of its electrodes and derivatives of its outputs.

The amplifiers pass signals one way only (see devices.series), so that units are solved one after the other, and the
chain rule passes derivatives on from each to those that it drives.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hge_spice.devices.series import LIMITED, LINEAR
from hge_spice.drive import Floats
from hge_spice.graph import Network, Readout, electrodes, readout, unit_graph
from hge_spice.quasistatic.network import BatchedNetwork
from hge_spice.quasistatic.newton import MEMORY, Solution, solve

Numbers = TypeVar("Numbers", Floats, NDArray[np.complex128])


@dataclass(frozen=True)
class Points:
    """Operating points, one a row.

    current : [point, electrode], A, out of the network into each; jacobian : by output, [point, electrode], A/V
    unknowns : by unit, [point, unknown], V; rims : by unit, [point, electrode of the unit], V
    converged : [point]; residual : [point], as in Solution, the worst of the units
    passed : by coupling, [point], V/A, how its voltage follows its current
    """

    current: Floats
    jacobian: Mapping[str, Floats]
    unknowns: tuple[Floats, ...]
    rims: tuple[Floats, ...]
    converged: NDArray[np.bool_]
    residual: Floats
    passed: tuple[Floats, ...]


@dataclass(frozen=True)
class _Coupling:
    """An amplifier: the output that drives it, the inputs it drives, and current to voltage with its slope."""

    output: str
    inputs: tuple[str, ...]
    law: Callable[[Floats], tuple[Floats, Floats]]


class Assembly:
    """The units of a network, in the order in which they drive each other; a network without units is one.

    names : of the electrodes, in the order of all arrays; outputs : those that are read
    """

    def __init__(self, graph: Network, network: BatchedNetwork | None = None) -> None:
        """Take a network, and of one without units its equations, where they are another's than its own."""
        joined = graph.graph["family"] == "layered"
        if joined:
            _refuse_readout(graph)
        graphs = [unit_graph(graph, k) for k in range(len(graph.graph["units"]))] if joined else [graph]
        self.outputs = electrodes(graph, "output")
        self.units = [BatchedNetwork.of(each) for each in graphs] if network is None else [network]
        self._own = [
            tuple(f"u{k}_{name}" if joined else name for name in unit.equations.electrodes)
            for k, unit in enumerate(self.units)
        ]
        self.names = electrodes(graph) if joined else self._own[0]
        self._couplings = [_coupling(each) for each in graph.graph.get("couplings", ())]
        read = {*self.outputs, *(each.output for each in self._couplings)}
        self._read = [tuple(name for name in own if name in read) for own in self._own]

    def solve(self, rims: Floats, start: tuple[Floats, ...] | None = None) -> Points:
        """Find the operating points of a batch of electrode voltages [point, electrode], V.

        start : by unit, where Newton begins
        """
        driven = {name: rims[:, column] for column, name in enumerate(self.names)}
        current = np.zeros_like(rims)
        inner: list[Floats] = []
        unknowns: list[Floats] = []
        slopes: list[dict[str, Floats]] = []
        passed: dict[str, Floats] = {}
        converged, residual = np.ones(len(rims), dtype=bool), np.zeros(len(rims))
        for k, (unit, own) in enumerate(zip(self.units, self._own, strict=True)):
            here = np.stack([driven.get(name, np.zeros(len(rims))) for name in own], axis=1)
            found = self._each_output(k, unit, here, None if start is None else start[k])
            last = found[-1][1]
            for column, name in enumerate(own):
                if name in self.names:
                    current[:, self.names.index(name)] = last.current[:, column]
            for coupling in self._couplings:
                if coupling.output in own:
                    voltage, slope = coupling.law(last.current[:, own.index(coupling.output)])
                    driven |= dict.fromkeys(coupling.inputs, voltage)
                    passed[coupling.output] = np.broadcast_to(slope, voltage.shape)
            inner.append(here)
            unknowns.append(last.unknowns)
            slopes.append({name: solution.jacobian for name, solution in found if name})
            converged &= last.converged
            residual = np.maximum(residual, last.residual)
        gains = tuple(passed[each.output] for each in self._couplings)
        through = self._passed_on(slopes, gains)
        return Points(current, through, tuple(unknowns), tuple(inner), converged, residual, gains)

    def _each_output(
        self, k: int, unit: BatchedNetwork, rims: Floats, start: Floats | None
    ) -> list[tuple[str, Solution]]:
        """A unit's operating points, once for each output that is read of it: their adjoints differ."""
        found: list[tuple[str, Solution]] = []
        for name in self._read[k] or ("",):  # a unit of which nothing is read draws current all the same
            position = self._own[k].index(name) if name else 0
            begin = found[-1][1].unknowns if found else start
            found.append((name, solve(unit, rims, position, start=begin)))
        return found

    def _passed_on(self, slopes: Sequence[Mapping[str, Numbers]], gains: Sequence[Floats]) -> dict[str, Numbers]:
        """Derivatives of the outputs by all electrodes [point, electrode], of those within each unit."""
        total: dict[str, Numbers] = {}
        column = {name: place for place, name in enumerate(self.names)}
        into = {name: k for k, each in enumerate(self._couplings) for name in each.inputs}
        for own, each in zip(self._own, slopes, strict=True):
            for output, slope in each.items():
                found = np.zeros((len(slope), len(self.names)), dtype=slope.dtype)
                for place, name in enumerate(own):
                    if name in column:
                        found[:, column[name]] += slope[:, place]
                    elif name in into:
                        k = into[name]
                        found += (slope[:, place] * gains[k])[:, None] * total[self._couplings[k].output]
                total[output] = found
        return total

    def response(self, points: Points, frequency: float) -> NDArray[np.complex128]:
        """dI/dV of each output at the first point and a frequency, capacitances counted: [output, electrode], A/V."""
        slopes = []
        for k, (unit, own) in enumerate(zip(self.units, self._own, strict=True)):
            admittance = unit.slope(points.unknowns[k][0], points.rims[k][0]).astype(np.complex128)
            admittance += 2j * np.pi * frequency * unit.equations.capacitance
            count = unit.count
            inner = np.linalg.solve(admittance[:count, :count], admittance[:count, count:])
            short = admittance[count:, :count] @ inner - admittance[count:, count:]
            slopes.append({name: short[own.index(name)][None] for name in self._read[k]})
        through = self._passed_on(slopes, [gain[:1] for gain in points.passed])
        return np.stack([through[name][0] for name in self.outputs])

    def slowest_at_most(self, points: Points) -> Floats:
        """What the longest time constants of all units add up to, at most: [point], s.

        A norm is never below the spectral radius, and costs no eigenvalues.
        """
        total = np.zeros(len(points.current))
        for unit, unknowns, rims in zip(self.units, points.unknowns, points.rims, strict=True):
            storing = unit.equations.capacitance[: unit.count, : unit.count]
            piece = max(1, int(MEMORY / (8 * unit.nodes**2)))
            for low in range(0, len(total), piece):
                part = slice(low, low + piece)
                slopes = unit.slopes(unknowns[part], rims[part])
                delays = np.linalg.solve(slopes, np.broadcast_to(storing, slopes.shape))
                total[part] += np.abs(delays).sum(axis=2).max(axis=1)
        return total

    def time_constants(self, points: Points, row: int = 0) -> list[Floats]:
        """Time constants of each unit at one of the points, the longest first: [unknown], s."""
        found = []
        for unit, unknowns, rims in zip(self.units, points.unknowns, points.rims, strict=True):
            slope = unit.slope(unknowns[row], rims[row])[: unit.count, : unit.count]
            storing = unit.equations.capacitance[: unit.count, : unit.count]
            found.append(np.sort(np.abs(np.linalg.eigvals(np.linalg.solve(slope, storing))))[::-1])
        return found


def _refuse_readout(graph: Network) -> None:
    """Raise ValueError where more than virtual grounds and ideal sources is around units in series."""
    in_series = any(graph.nodes[n].get("series_resistance") for n in electrodes(graph))
    if readout(graph) != Readout() or in_series or any(graph.graph.get("wiring", {}).values()):
        raise ValueError(
            "the quasi-static engine reads the outputs' currents of units in series, with nothing around them; "
            'amplifiers, loads, differences, series resistances and wiring need device.engine = "ngspice"'
        )


def _coupling(stated: Mapping[str, Any]) -> _Coupling:
    limited = stated["limit"] is not None
    names = ("shift", "gain", "limit") if limited else ("shift", "gain")
    function = (LIMITED if limited else LINEAR).compiled((*names, "i"), by=("i",))
    constants = tuple(float(stated[name]) for name in names)

    def law(current: Floats) -> tuple[Floats, Floats]:
        voltage, slope = function(*constants, current)
        return np.asarray(voltage), np.asarray(slope)

    return _Coupling(str(stated["output"]), tuple(stated["inputs"]), law)
