"""ngspice's vectors become waveforms: outputs, energies of all sources and of tones, states before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hge_spice import netlist
from hge_spice.devices import DEVICES
from hge_spice.drive import Drive, Floats, SimulationError, Tables, Waveform
from hge_spice.drive.plateaus import Plateaus
from hge_spice.graph import Network, readout
from hge_spice.ngspice.flags import flags_and_notes, with_moved, with_uneven
from hge_spice.ngspice.log import ending
from hge_spice.ngspice.plateau_windows import integral, plateau_points, powers
from hge_spice.ngspice.session import Result
from hge_spice.ngspice.window import UNIFORM, tone_voltages, window_points


@dataclass(frozen=True)
class _Parts:
    """What an analysis gave: the trained output [point], and by [electrode, point], [state, point] the rest.

    own_states : of the user's subcircuits, V, by node
    """

    output: Floats
    read: Floats
    sunk: Floats
    currents: Floats
    states: Floats
    own_states: dict[str, Floats]
    probes: dict[str, Floats]


class WaveformReader:
    """Waveforms of one network, whose vectors are looked up once: a large one is not searched at every measurement.

    names : of the vectors that an analysis must keep; every : and those that are read at rest alone
    heard : of those that tell the response of an `.ac`
    """

    def __init__(self, graph: Network, rails: netlist.Rails) -> None:
        family = DEVICES[graph.graph["family"]]
        self._rails = rails
        self._controls, self._outputs = rails.controls, rails.outputs
        self._driven = netlist.driven(graph)
        saved = netlist.saved_vectors(graph)
        self.names, self.every, self.heard = saved.usual, saved.names, saved.read
        self._probe_names, self._watched_names = saved.probes, saved.watched
        self._bounded = {name: k for k, name in enumerate(saved.states)}
        row = {name: k for k, name in enumerate(self.every)}

        def rows(names: tuple[str, ...]) -> NDArray[np.intp]:
            return np.array([row[name] for name in names], dtype=np.intp)

        self._read, self._sunk, self._currents = rows(saved.read), rows(saved.sunk), rows(saved.driven)
        self._states, self._probes, self._watched = rows(saved.states), rows(saved.probes), rows(saved.watched)
        self._own = dict(zip(saved.own_states, rows(saved.own_states), strict=True))
        self._readout = readout(graph)
        self._ground = float(graph.nodes[self._outputs[0]].get("voltage", 0.0))
        self._bounds = family.bounds
        voltage = self._readout.kind == "voltage"
        self._floor = family.options["vntol"] if voltage else family.options["abstol"] * self._readout.per_ampere
        self._reltol = family.options["reltol"]

    def response(self, result: Result) -> np.ndarray:
        """Of the trained output, by an `.ac` that keeps what is `heard`: [frequency], complex, A or V."""
        return self._combined(result.vectors)

    def at_rest(self, drive: Drive, result: Result) -> Waveform:
        """One point, no time spent; `energy` is the power in W."""
        parts = self._parts(result)
        flags, notes = flags_and_notes(result, parts.states, self._bounds)
        return Waveform(
            np.zeros(1),
            parts.output,
            0.0,
            energy=float(-self._levels(drive) @ parts.currents[:, 0] - self._ground * parts.sunk.sum()),
            current_error=self._error(parts),
            flags=flags,
            notes=notes,
            probes=parts.probes,
        )

    def in_time(self, drive: Drive, result: Result, begun: Mapping[str, float]) -> Waveform:
        """The window of a transient; begun : where each state started, 0 to 1.

        Raises SimulationError where it ended early.
        """
        transient = drive.transient
        time = result.scale
        if time[-1] < transient.settle + transient.window:
            raise stopped(result, transient.duration)
        parts = self._parts(result)
        chosen, uniform = window_points(time, transient)
        told = flags_and_notes(result, parts.states, self._bounds)
        if not uniform:
            told = with_uneven(told, chosen, transient)
        moved, far = self._moved(parts, begun, slice(None))
        flags, notes = with_moved(told, far, self._own)
        time, output, currents = time[chosen], parts.output[chosen], parts.currents[:, chosen]
        energy, perturbation = _energy(drive, self._controls, self._levels(drive), time, currents)
        if self._ground:
            energy -= self._ground * float(parts.sunk[:, chosen].sum(axis=0).mean()) * transient.window
        if drive.tables is not None:
            energy += float(self._table_power(drive.tables, time, currents).mean()) * transient.window
        scale = transient.duration / transient.window  # settling is spent at the window's mean power
        return Waveform(
            time,
            output,
            transient.duration,
            energy=energy * scale,
            perturbation_energy=perturbation * scale,
            current_error=self._error(parts),
            flags=flags,
            notes=notes,
            states=moved,
            probes={name: vector[chosen] for name, vector in parts.probes.items()},
            rejected_steps=result.rejected,
            iterations=result.iterations,
        )

    def of_plateaus(
        self, plateaus: Plateaus, levels: Sequence[Mapping[str, float]], result: Result, begun: Mapping[str, float]
    ) -> list[Waveform]:
        """The window of each plateau of a sequence; begun : where each state started, 0 to 1.

        levels : DC voltage of each driven electrode, V, by drive. Raises SimulationError where it ended early.
        """
        time = result.scale
        if time[-1] < plateaus.duration * (1 - UNIFORM):
            raise stopped(result, plateaus.duration)
        parts = self._parts(result)
        told = flags_and_notes(result, parts.states, self._bounds)
        power, tones = powers(plateaus, levels, self._controls, time, parts.currents)
        power = power - self._ground * parts.sunk.sum(axis=0)
        if plateaus.tables is not None:
            power = power + self._table_power(plateaus.tables, time, parts.currents)
        held, waveforms = begun, list[Waveform]()
        for plateau in plateau_points(time, plateaus):
            whole, chosen = plateau.whole, plateau.window
            moved, far = self._moved(parts, held, whole)
            own = with_moved(told, far, self._own)
            if not plateau.uniform:
                own = with_uneven(own, chosen, plateaus.transient)
            waveforms.append(
                Waveform(
                    time[chosen],
                    parts.output[chosen],
                    plateaus.pitch,
                    energy=integral(power, time, whole),
                    perturbation_energy=integral(tones, time, whole),
                    current_error=self._error(parts),
                    flags=own[0],
                    notes=own[1],
                    states=moved,
                    probes={name: vector[chosen] for name, vector in parts.probes.items()},
                    rejected_steps=0 if waveforms else result.rejected,
                    iterations=result.iterations,
                )
            )
            if not plateaus.reset:
                held = {name: moved[name][1] for name in held}
        return waveforms

    def _moved(
        self, parts: _Parts, begun: Mapping[str, float], chosen: slice
    ) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
        """Each state before and after, 0 to 1 or V, and how far it came from where it began, as `with_moved` has it."""
        moved, far = {}, {}
        for name, before in begun.items():
            path = parts.states[self._bounded[name], chosen]
            moved[name], far[name] = (before, float(path[-1])), float(np.abs(path - before).max())
        for name, volts in parts.own_states.items():
            path = volts[chosen]
            largest = float(np.abs(path).max())
            moved[name] = float(path[0]), float(path[-1])
            far[name] = float(np.abs(path - path[0]).max()) / largest if largest else 0.0
        return moved, far

    def _levels(self, drive: Drive) -> Floats:
        """DC voltage of each driven electrode, V."""
        return np.array(list(self._rails.voltages(drive).values()))

    def _combined(self, read: np.ndarray) -> np.ndarray:
        """The output that is trained, of all that are read [output, point]."""
        found = read[0] - read[1] if self._readout.differential else read[0]
        return np.asarray(self._sign * found)

    @property
    def _sign(self) -> int:
        # an amplifier that inverts does so in the netlist
        return 1 if self._readout.kind == "transimpedance" else self._readout.sign

    def _error(self, parts: _Parts) -> float:
        outputs = 2 if self._readout.differential else 1
        return float(outputs * (self._floor + self._reltol * np.abs(parts.read[:outputs]).max()))

    def _parts(self, result: Result) -> _Parts:
        real = np.real(result.vectors)
        read = real[self._read]
        probes = dict(zip(self._probe_names, real[self._probes], strict=True))
        if len(real) > len(self.names):
            probes |= dict(zip(self._watched_names, real[self._watched], strict=True))
        if len(self._outputs) > 1:
            probes |= dict(zip(self._outputs, self._sign * read, strict=True))
        own = {name: real[k] for name, k in self._own.items()}
        return _Parts(
            self._combined(read), read, real[self._sunk], real[self._currents], real[self._states], own, probes
        )

    def _table_power(self, tables: Tables, time: Floats, currents: Floats) -> Floats:
        """Power of the tables' voltages: [point], W."""
        power, voltages = np.zeros(len(time)), tables.at(time)
        for k, name in enumerate(tables.electrodes):
            if name in self._driven:
                power -= voltages[k] * currents[self._driven.index(name)]
        return power


def stopped(result: Result, duration: float) -> SimulationError:
    """The error of a transient that ended before its duration, s: when, perhaps why, and the end of the log."""
    said = f"ngspice stopped at {result.scale[-1]:.6g} s of {duration:.6g} s"
    if result.scale[-1] > 0 and any("timestep too small" in line.lower() for line in result.log):
        said += (
            "; the operating point it began at may be unstable: see whether feedback, such as an amplifier's, has the "
            "right sign"
        )
    return SimulationError(f"{said}:\n{ending(result.log)}")


def _energy(
    drive: Drive, controls: tuple[str, ...], voltage: Floats, time: Floats, currents: Floats
) -> tuple[float, float]:
    """∫ Σ V·I dt over the window, of all sources and of the tones alone, J; a branch current flows into the + end."""
    window = drive.transient.window
    at_rest = voltage @ (currents.sum(axis=1) / len(time))
    rows = [controls.index(tone.electrode) for tone in drive.tones]
    tones = np.vdot(tone_voltages(drive.tones, time.tobytes()), currents[rows]) / len(time)
    return float(-(at_rest + tones) * window), float(-tones * window)
