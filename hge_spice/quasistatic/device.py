"""A network solved in NumPy as a device under test, for windows whose tones lie far below its poles."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from hge_spice.closing import Closing
from hge_spice.devices import DEVICES
from hge_spice.devices.condition import kinds, links, multipliers, warmed
from hge_spice.drive import AS_MADE, Condition, Drive, Floats, SimulationError, Transient, Waveform
from hge_spice.drive.plateaus import Plateaus
from hge_spice.graph import Network, readout
from hge_spice.netlist import Rails
from hge_spice.quasistatic.assembly import Assembly, Points
from hge_spice.quasistatic.network import BatchedNetwork
from hge_spice.quasistatic.newton import RESIDUAL, TOLERANCE

_UNTIMED = Transient(1.0, 3)
SLOWEST = 1e-3  # 2πf times the longest time constant: a pole shifts no response by a larger share


class QuasistaticDevice(Closing):
    """A network as a device under test without a simulator: at every instant it is at the operating point.

    Units in series are solved one after the other. Of several outputs the first is the waveform's, and all are among
    its probes, by name. Nothing is remembered between measurements. It can be used as a context manager, as the
    simulated devices are.
    """

    def __init__(self, graph: Network, network: BatchedNetwork | None = None) -> None:
        """Take a network, and its equations where they are another's than `BatchedNetwork.of` makes."""
        self.graph = graph
        self._network = Assembly(graph, network)
        self._names, self._outputs = self._network.names, self._network.outputs
        self._places = [self._names.index(name) for name in self._outputs]
        self._readout = readout(graph)
        self._rails = Rails.of(graph)  # the graph is not searched at every measurement
        self._resting = {name: float(graph.nodes[name].get("voltage", 0.0)) for name in self._names}
        self._controls, self._inputs = self._rails.controls, self._rails.inputs
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
        return self.waveforms(drives, windows, [d.transient.duration for d in drives])

    def measure_plateaus(self, plateaus: Plateaus) -> list[Waveform]:
        """Drives one after the other; only their windows are solved, and ramps are taken for windows in what they cost.

        Raises what measure_many raises.
        """
        step = plateaus.transient.step * np.arange(plateaus.transient.points)
        windows = [np.asarray(start + plateaus.dead + step) for start in plateaus.starts.tolist()]
        drives = [replace(drive, condition=AS_MADE) for drive in plateaus.drives]
        return self._become(plateaus.condition).waveforms(drives, windows, [plateaus.pitch] * len(windows))

    def waveforms(self, drives: Sequence[Drive], windows: list[Floats], seconds: list[float]) -> list[Waveform]:
        """One waveform per drive on its window's points [point], s; what each takes in all, s. See measure_many."""
        if any(drive.tables is not None for drive in drives):
            raise ValueError(
                "a quasi-static device takes no tables, only tones: control_noise and a dac change a drive point by "
                'point; simulate with ngspice, or leave them out, such as active = "all but dac"'
            )
        if any(drive.condition != AS_MADE for drive in drives):
            return self._measured_as_they_are(drives, windows, seconds)
        resting = [self._voltages(drive) for drive in drives]
        at_rest = self._solved(np.array(resting))
        time = [window if drive.tones else window[:1] for drive, window in zip(drives, windows, strict=True)]
        self._check_poles(drives, at_rest)
        swung = [
            self._swung(drive, rims, instants) for drive, rims, instants in zip(drives, resting, time, strict=True)
        ]
        counts = [len(rows) for rows in swung]
        moving = at_rest
        if any(drive.tones for drive in drives):
            begin = tuple(np.repeat(each, counts, axis=0) for each in at_rest.unknowns)
            moving = self._solved(np.concatenate(swung), begin)
        ends = np.cumsum(counts)[:-1]
        parts = zip(resting, windows, seconds, swung, np.split(moving.current, ends), strict=True)
        return [self._waveform(*part) for part in parts]

    def _measured_as_they_are(
        self, drives: Sequence[Drive], windows: list[Floats], seconds: list[float]
    ) -> list[Waveform]:
        found: dict[int, Waveform] = {}
        for condition in dict.fromkeys(drive.condition for drive in drives):
            alike = [n for n, drive in enumerate(drives) if drive.condition == condition]
            part = [replace(drives[n], condition=AS_MADE) for n in alike], [windows[n] for n in alike]
            waveforms = self._become(condition).waveforms(*part, [seconds[n] for n in alike])
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
        if len(self._network.units) > 1:
            raise ValueError("units in series are simulated as they were made; simulate changes with ngspice")
        network = self._network.units[0] if graph is self.graph else BatchedNetwork.of(graph)
        return QuasistaticDevice(graph, BatchedNetwork(network.equations, condition.strength))

    def operating_point(self, control: Floats, inputs: Floats, condition: Condition = AS_MADE) -> Waveform:
        """Tones off, at rest: one point; `energy` is then the power in W. Raises SimulationError."""
        if condition != AS_MADE:
            return self._become(condition).operating_point(control, inputs)
        rims = self.held(control, inputs)
        current = self._solved(rims[None]).current
        return Waveform(
            np.zeros(1),
            self.combined(self.read(current)),
            0.0,
            energy=float(-rims @ current[0]),
            current_error=self._error(current),
            probes=self._probes(current, 1),
        )

    def exact(self, control: Floats, inputs: Floats, output: str | None = None) -> tuple[Floats, Floats]:
        """Outputs [pattern], A or V, and their derivatives [pattern, control], A/V or 1, at rest.

        control : [control], V; inputs : [pattern, input], V
        output : which, of several, instead of the one that is trained. Raises SimulationError.
        """
        values, slopes = self._exactly(control, inputs)
        if output is None:
            return self.combined(values), self.combined(slopes)
        place = self._outputs.index(output)
        return values[place], slopes[place]

    def exact_outputs(self, control: Floats, inputs: Floats) -> dict[str, tuple[Floats, Floats]]:
        """What `exact` tells of each output, by name, of units that are solved once. Raises SimulationError."""
        return dict(zip(self._outputs, zip(*self._exactly(control, inputs), strict=True), strict=True))

    def _exactly(self, control: Floats, inputs: Floats) -> tuple[Floats, Floats]:
        """Every output [output, pattern] and its derivatives [output, pattern, control]."""
        found = self._solved(np.array([self.held(control, pattern) for pattern in inputs]))
        slopes = np.stack([found.jacobian[name] for name in self._outputs])
        return self.read(found.current), self._factor * slopes[:, :, self._columns]

    @property
    def _factor(self) -> float:
        return self._readout.sign * self._readout.per_ampere

    def read(self, current: Floats) -> Floats:
        """What each output electrode is read as: [output, point], A or V.

        current : [point, electrode], A
        """
        # the voltage on a load stands on that of its foot
        voltage = self._readout.kind == "voltage"
        foot = [self._readout.sign * self._resting[name] if voltage else 0.0 for name in self._outputs]
        return np.asarray(self._factor * current[:, self._places].T + np.array(foot)[:, None])

    def combined(self, read: np.ndarray) -> np.ndarray:
        """What is trained, of something that every output has [output, …]."""
        return np.asarray(read[0] - read[1] if self._readout.differential else read[0])

    def small_signal(
        self, control: Floats, inputs: Floats, frequencies: Floats, condition: Condition = AS_MADE
    ) -> np.ndarray:
        """Derivative by each control at its own frequency, capacitances counted: [control], A/V or 1, complex."""
        if condition != AS_MADE:
            return self._become(condition).small_signal(control, inputs, frequencies)
        rims = self.held(control, inputs)
        found = self._solved(rims[None])
        response = np.empty(len(self._controls), dtype=np.complex128)
        for k, (column, frequency) in enumerate(zip(self._columns, frequencies, strict=True)):
            each = self._network.response(found, float(frequency))
            amplified = 1 / (1 + 2j * np.pi * float(frequency) * self._of_amplifier)
            response[k] = self._factor * amplified * self.combined(each[:, column])
        return response

    @property
    def _of_amplifier(self) -> float:
        """Time constant of the read-out's amplifier, s."""
        bandwidth = self._readout.bandwidth
        return 0.0 if bandwidth is None or self._readout.kind != "transimpedance" else 1 / (2 * np.pi * bandwidth)

    def time_constants(self, control: Floats, inputs: Floats) -> Floats:
        """Time constants of all units and of the read-out's amplifier at rest, the longest first, s."""
        each = self._network.time_constants(self._solved(self.held(control, inputs)[None]))
        amplifier = [self._of_amplifier] if self._of_amplifier else []
        return np.sort(np.concatenate([*each, amplifier]))[::-1]

    def close(self) -> None:
        """Nothing is held."""

    def _voltages(self, drive: Drive) -> Floats:
        """Voltage of every electrode at rest, V; grounds and what has no voltage of its own are at zero."""
        given = self._resting | self._rails.voltages(drive)
        return np.array([given[name] for name in self._names])

    def held(self, control: Floats, inputs: Floats) -> Floats:
        """Voltages of all electrodes with the tones off: [electrode], V, in the graph's order."""
        return self._voltages(Drive(control, inputs, (), _UNTIMED))

    def _solved(self, rims: Floats, start: tuple[Floats, ...] | None = None) -> Points:
        found = self._network.solve(rims, start)
        lost = np.flatnonzero(~found.converged)
        if len(lost):
            where = ", ".join(f"{name} {v:g} V" for name, v in zip(self._names, rims[lost[0]].tolist(), strict=True))
            raise SimulationError(
                f"no operating point was found at {len(lost)} of {len(rims)} settings: a node is left with "
                f"{found.residual[lost[0]]:.2g} of the currents that meet there, above {RESIDUAL:g}, at {where}; "
                "simulate with ngspice, or start elsewhere"
            )
        return found

    def _swung(self, drive: Drive, resting: Floats, time: Floats) -> Floats:
        rims = np.repeat(resting[None], len(time), axis=0)
        for tone in drive.tones:
            swing = tone.amplitude * np.sin(2 * np.pi * tone.frequency * time + tone.phase)
            rims[:, self._names.index(tone.electrode)] += swing
        return rims

    @cached_property
    def _stores(self) -> bool:
        return self._of_amplifier > 0 or any(np.any(unit.equations.capacitance) for unit in self._network.units)

    def _check_poles(self, drives: Sequence[Drive], at_rest: Points) -> None:
        playing = [row for row, drive in enumerate(drives) if drive.tones]
        if not playing or not self._stores:
            return
        fastest = {row: max(tone.frequency for tone in drives[row].tones) for row in playing}
        try:
            # units in series delay one after the other, and so does what reads them
            at_most = self._of_amplifier + self._network.slowest_at_most(at_rest)
        except np.linalg.LinAlgError:  # a singular point among them: each is looked at by itself
            at_most = np.full(len(drives), np.inf)
        for row in playing:
            if not 2 * np.pi * fastest[row] * at_most[row] <= SLOWEST:
                self._check_pole(fastest[row], at_rest, row)

    def _check_pole(self, fastest: float, at_rest: Points, row: int) -> None:
        longest = self._of_amplifier + sum(float(each[0]) for each in self._network.time_constants(at_rest, row))
        if 2 * np.pi * fastest * longest > SLOWEST:
            raise SimulationError(
                f"a tone of {fastest:g} Hz is too near the pole at {1 / (2 * np.pi * longest):.3g} Hz for a "
                f"quasi-static device, which needs {1 / SLOWEST:g} times between them; lengthen the window or "
                "simulate with ngspice"
            )

    def _error(self, current: Floats) -> float:
        return float(TOLERANCE**2 * self._readout.per_ampere * np.abs(current).max())

    def _probes(self, current: Floats, points: int) -> dict[str, Floats]:
        """What every output is read as, where there are several: [point], A or V."""
        if len(self._outputs) < 2:
            return {}
        return {
            name: np.broadcast_to(row, points).copy()
            for name, row in zip(self._outputs, self.read(current), strict=True)
        }

    def _waveform(self, resting: Floats, time: Floats, seconds: float, rims: Floats, current: Floats) -> Waveform:
        power = -np.einsum("tk,tk->t", rims, current)
        tones = -np.einsum("tk,tk->t", rims - resting, current)
        return Waveform(
            time,
            np.broadcast_to(self.combined(self.read(current)), len(time)).copy(),
            seconds,
            energy=float(power.mean() * seconds),
            perturbation_energy=float(tones.mean() * seconds),
            current_error=self._error(current),
            probes=self._probes(current, len(time)),
        )
