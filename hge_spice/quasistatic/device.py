"""A network solved in NumPy as a device under test, for windows whose tones lie far below its poles."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Self

import numpy as np

from hge_spice.devices import DEVICES
from hge_spice.devices.condition import kinds, links, multipliers, warmed
from hge_spice.drive import AS_MADE, Condition, Drive, Floats, SimulationError, Transient, Waveform
from hge_spice.graph import Network, electrodes, readout
from hge_spice.netlist import voltages
from hge_spice.plateaus import Plateaus
from hge_spice.quasistatic.network import BatchedNetwork
from hge_spice.quasistatic.newton import RESIDUAL, TOLERANCE, Solution, solve

_UNTIMED = Transient(1.0, 3)
SLOWEST = 1e-3  # 2πf times the longest time constant: a pole shifts no response by a larger share


class QuasistaticDevice:
    """A network as a device under test without a simulator: at every instant it is at the operating point.

    Nothing is remembered between measurements. It can be used as a context manager, as the simulated devices are.
    """

    def __init__(self, graph: Network, network: BatchedNetwork | None = None) -> None:
        """Take a network, and its equations where they are another's than `BatchedNetwork.of` makes."""
        self.graph = graph
        self._network = network or BatchedNetwork.of(graph)
        self._names = self._network.equations.electrodes
        self._readout, self._outputs = readout(graph), electrodes(graph, "output")
        self._places = [self._names.index(name) for name in self._outputs]
        self._controls, self._inputs = electrodes(graph, "control"), electrodes(graph, "input")
        self._columns = [self._names.index(name) for name in self._controls]
        self.retried = 0

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the control electrodes, in the order of `Drive.control`."""
        return self._controls

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input electrodes, in the order of `Drive.inputs`."""
        return self._inputs

    @property
    def links(self) -> tuple[str, ...]:
        """Family of each link that a condition's `strength` has."""
        return kinds(self.graph)

    @property
    def held_states(self) -> tuple[str, ...]:
        """Names of the states that are held, none of which a condition can move here."""
        return tuple(DEVICES[self.graph.graph["family"]].held_states(self.graph))

    def measure(self, drive: Drive) -> Waveform:
        """See measure_many."""
        return self.measure_many([drive])[0]

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """One waveform per drive; every instant is an operating point, found from the one at rest.

        Raises SimulationError where one isn't found or the poles are too near the tones, ValueError where a drive
        doesn't fit the network.
        """
        windows = [
            d.transient.settle + d.transient.step * np.arange(d.transient.points, dtype=np.float64) for d in drives
        ]
        return self._measured(drives, windows, [d.transient.duration for d in drives])

    def measure_plateaus(self, plateaus: Plateaus) -> list[Waveform]:
        """Drives one after the other; only their windows are solved, and ramps are taken for windows in what they cost.

        Raises what measure_many raises.
        """
        step = plateaus.transient.step * np.arange(plateaus.transient.points)
        windows = [np.asarray(start + plateaus.dead + step) for start in plateaus.starts.tolist()]
        return self._measured(plateaus.drives, windows, [plateaus.pitch] * len(windows))

    def _measured(self, drives: Sequence[Drive], windows: list[Floats], seconds: list[float]) -> list[Waveform]:
        """One waveform per drive on its window's points [point], s; what each takes in all, s."""
        if any(drive.tables is not None for drive in drives):
            raise ValueError("a quasi-static device takes no tables, only tones; simulate with ngspice")
        if any(drive.condition != AS_MADE for drive in drives):
            return self._measured_as_they_are(drives)
        at_rest = self._solved(np.array([self._voltages(drive) for drive in drives]))
        time = [window if drive.tones else window[:1] for drive, window in zip(drives, windows, strict=True)]
        for drive, unknowns in zip(drives, at_rest.unknowns, strict=True):
            self._check_poles(drive, unknowns)
        swung = [self._swung(drive, instants) for drive, instants in zip(drives, time, strict=True)]
        counts = [len(rows) for rows in swung]
        everything = np.concatenate(swung)
        moving = self._solved(everything, np.repeat(at_rest.unknowns, counts, axis=0))
        ends = np.cumsum(counts)[:-1]
        parts = zip(drives, windows, seconds, swung, np.split(moving.current, ends), strict=True)
        return [self._waveform(*part) for part in parts]

    def _measured_as_they_are(self, drives: Sequence[Drive]) -> list[Waveform]:
        found: dict[int, Waveform] = {}
        for condition in dict.fromkeys(drive.condition for drive in drives):
            alike = [n for n, drive in enumerate(drives) if drive.condition == condition]
            device = self._become(condition)
            waveforms = device.measure_many([replace(drives[n], condition=AS_MADE) for n in alike])
            found |= zip(alike, waveforms, strict=True)
        return [found[n] for n in range(len(drives))]

    def _become(self, condition: Condition) -> "QuasistaticDevice":
        if condition == AS_MADE:
            return self
        if condition.start:
            raise ValueError("a quasi-static device holds every state where it is; simulate with ngspice")
        graph = warmed(self.graph, condition.warmer)
        if condition.strength:
            multipliers(links(graph), condition.strength)
        network = self._network if graph is self.graph else BatchedNetwork.of(graph)
        return QuasistaticDevice(graph, BatchedNetwork(network.equations, condition.strength))

    def operating_point(self, control: Floats, inputs: Floats) -> Waveform:
        """Tones off, at rest: one point; `energy` is then the power in W. Raises SimulationError."""
        rims = self.held(control, inputs)
        current = self._solved(rims[None]).current
        return Waveform(
            np.zeros(1),
            self.combined(self.read(current)),
            0.0,
            energy=float(-rims @ current[0]),
            current_error=self._error(current),
            probes=self._probes(current),
        )

    def exact(self, control: Floats, inputs: Floats) -> tuple[Floats, Floats]:
        """Outputs [pattern], A or V, and their derivatives [pattern, control], A/V or 1, at rest.

        control : [control], V; inputs : [pattern, input], V. Raises SimulationError.
        """
        rims = np.array([self.held(control, pattern) for pattern in inputs])
        found = self._solved(rims)
        slope = found.jacobian
        if self._readout.differential:
            slope = slope - self._solved(rims, found.unknowns, self._places[1]).jacobian
        factor = self._readout.sign * self._readout.per_ampere
        return self.combined(self.read(found.current)), factor * slope[:, self._columns]

    def read(self, current: Floats) -> Floats:
        """What each output electrode is read as: [output, point], A or V.

        current : [point, electrode], A
        """
        # the voltage on a load stands on that of its foot
        foot = [
            self.graph.nodes[name].get("voltage", 0.0) if self._readout.kind == "voltage" else 0.0
            for name in self._outputs
        ]
        read = self._readout.per_ampere * current[:, self._places].T + np.array(foot)[:, None]
        return np.asarray(self._readout.sign * read)

    def combined(self, read: Floats) -> Floats:
        """The output that is trained, of what is read [output, point]: [point]."""
        return np.asarray(read[0] - read[1] if self._readout.differential else read[0])

    def small_signal(self, control: Floats, inputs: Floats, frequencies: Floats) -> np.ndarray:
        """Derivative by each control at its own frequency, capacitances counted: [control], A/V or 1, complex."""
        rims = self.held(control, inputs)
        slope = self._network.slope(self._solved(rims[None]).unknowns[0], rims)
        count = self._network.count
        outs = [count + place for place in self._places]
        response = np.empty(len(self._controls), dtype=np.complex128)
        for k, (column, frequency) in enumerate(zip(self._columns, frequencies, strict=True)):
            admittance = slope + 2j * np.pi * float(frequency) * self._network.equations.capacitance
            inner = np.linalg.solve(admittance[:count, :count], admittance[:count, count + column])
            response[k] = self.combined(admittance[outs, :count] @ inner - admittance[outs, count + column])
        amplified = 1 / (1 + 2j * np.pi * np.asarray(frequencies) * self._slowest_of_readout)
        return np.asarray(self._readout.sign * self._readout.per_ampere * amplified * response)

    def time_constants(self, control: Floats, inputs: Floats) -> Floats:
        """Time constants of the network at rest and of its amplifier, the longest first, s."""
        rims = self.held(control, inputs)
        return self._time_constants(self._solved(rims[None]).unknowns[0], rims)

    @property
    def _slowest_of_readout(self) -> float:
        """Time constant of the amplifier, s."""
        bandwidth = self._readout.bandwidth
        return 0.0 if bandwidth is None or self._readout.kind != "transimpedance" else 1 / (2 * np.pi * bandwidth)

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _voltages(self, drive: Drive) -> Floats:
        """Voltage of every electrode at rest, V; grounds and what has no voltage of its own are at zero."""
        given = voltages(self.graph, drive)
        return np.array([given.get(name, self.graph.nodes[name].get("voltage", 0.0)) for name in self._names])

    def held(self, control: Floats, inputs: Floats) -> Floats:
        """Voltages of all electrodes with the tones off: [electrode], V, in the graph's order."""
        return self._voltages(Drive(control, inputs, (), _UNTIMED))

    def _solved(self, rims: Floats, start: Floats | None = None, output: int | None = None) -> Solution:
        found = solve(self._network, rims, self._places[0] if output is None else output, start=start)
        lost = np.flatnonzero(~found.converged)
        if len(lost):
            where = ", ".join(f"{name} {v:g} V" for name, v in zip(self._names, rims[lost[0]].tolist(), strict=True))
            raise SimulationError(
                f"no operating point was found at {len(lost)} of {len(rims)} settings: a node is left with "
                f"{found.residual[lost[0]]:.2g} of the currents that meet there, above {RESIDUAL:g}, at {where}; "
                "simulate with ngspice, or start elsewhere"
            )
        return found

    def _swung(self, drive: Drive, time: Floats) -> Floats:
        rims = np.repeat(self._voltages(drive)[None], len(time), axis=0)
        for tone in drive.tones:
            swing = tone.amplitude * np.sin(2 * np.pi * tone.frequency * time + tone.phase)
            rims[:, self._names.index(tone.electrode)] += swing
        return rims

    @cached_property
    def _stores(self) -> bool:
        return bool(np.any(self._network.equations.capacitance)) or self._slowest_of_readout > 0

    def _time_constants(self, unknowns: Floats, rims: Floats) -> Floats:
        count = self._network.count
        slope = self._network.slope(unknowns, rims)[:count, :count]
        storing = self._network.equations.capacitance[:count, :count]
        of_network = np.abs(np.linalg.eigvals(np.linalg.solve(slope, storing)))
        of_readout = [self._slowest_of_readout] if self._slowest_of_readout else []
        return np.sort(np.concatenate([of_network, of_readout]))[::-1]

    def _check_poles(self, drive: Drive, unknowns: Floats) -> None:
        if not drive.tones or not self._stores:
            return
        longest = float(self._time_constants(unknowns, self._voltages(drive))[0])
        fastest = max(tone.frequency for tone in drive.tones)
        if 2 * np.pi * fastest * longest > SLOWEST:
            raise SimulationError(
                f"a tone of {fastest:g} Hz is too near the pole at {1 / (2 * np.pi * longest):.3g} Hz for a "
                f"quasi-static device, which needs {1 / SLOWEST:g} times between them; lengthen the window or "
                "simulate with ngspice"
            )

    def _error(self, current: Floats) -> float:
        return float(TOLERANCE**2 * self._readout.per_ampere * np.abs(current).max())

    def _probes(self, current: Floats) -> dict[str, Floats]:
        """Each output by its name, where there are several."""
        if len(self._outputs) == 1:
            return {}
        return dict(zip(self._outputs, self.read(current), strict=True))

    def _waveform(self, drive: Drive, time: Floats, seconds: float, rims: Floats, current: Floats) -> Waveform:
        power = -np.einsum("tk,tk->t", rims, current)
        tones = -np.einsum("tk,tk->t", rims - self._voltages(drive), current)

        def every(values: Floats) -> Floats:  # a point at rest stands for the whole window
            return np.broadcast_to(values, len(time)).copy()

        return Waveform(
            time,
            every(self.combined(self.read(current))),
            seconds,
            energy=float(power.mean() * seconds),
            perturbation_energy=float(tones.mean() * seconds),
            current_error=self._error(current),
            probes={name: every(values) for name, values in self._probes(current).items()},
        )
