"""A network in ngspice as a device under test: drive to alterations, vectors to a waveform, data to a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType
from typing import Self

import numpy as np

from hge_spice import netlist, tables
from hge_spice.devices import DEVICES
from hge_spice.devices.branches import hold_source
from hge_spice.devices.condition import kinds, links, moved_by, multipliers, warmed
from hge_spice.drive import (
    AS_MADE,
    Condition,
    Drive,
    Floats,
    NoiseSource,
    SimulationError,
    Tables,
    Tone,
    Transient,
    Waveform,
)
from hge_spice.graph import Network, readout
from hge_spice.ngspice.kinds import KINDS, by_kind, cards
from hge_spice.ngspice.loaded import LoadedDeck
from hge_spice.ngspice.plateau_windows import integral, plateau_points, powers
from hge_spice.ngspice.session import Result
from hge_spice.ngspice.window import UNIFORM, tone_voltages, window_points
from hge_spice.ngspice.worker import TIMEOUT, Worker
from hge_spice.plateaus import Plateaus
from hge_spice.ramps import sequence_command, sequence_text

OUTSIDE = 1e-6  # V by which an occupation may exceed its bounds by rounding and the clamp's own slope
MOVED = 1e-3  # share of its range by which a state may move during a measurement unnoticed
# What ngspice says when plain Newton didn't find the operating point, and the flag it becomes
_HELP = {
    "gmin stepping": "gmin_stepping",
    "source stepping": "source_stepping",
    "transient op started": "transient_op",
}
_TAIL = 20
# Newton gives a step up after 10 iterations (itl4); a run that needs half of them on average is at its limit
STRAINED = 5.0


class NgspiceDevice:
    """A network of a known family, loaded once in a worker process and altered between measurements.

    Elements that remember start every measurement from their initial states, so that measurements don't depend on each
    other; with `graph.graph["reinitialise"] = False` each starts where the one before it ended, as on a bench.

    What needs another netlist, `.noise` and drives with tables, gets a worker of its own when first asked for: nothing
    that it does can then change a bit of the plain measurements. Use it as a context manager, or call close().
    """

    def __init__(self, graph: Network, timeout: float = TIMEOUT) -> None:
        self.graph = graph
        text = netlist.deck(graph)  # checks the graph before a process is started
        self._timeout = timeout
        self._setup = tuple(graph.graph.get("setup", ()))
        self._rails = netlist.Rails.of(graph)  # a large network is not searched at every measurement
        self._driven = netlist.driven(graph)
        self._controls, self._inputs, self._outputs = self._rails.controls, self._rails.inputs, self._rails.outputs
        self._saved = netlist.saved_vectors(graph)
        self._names = self._saved.names
        self._bounded = {name: k for k, name in enumerate(self._saved.states)}
        self._row = {name: row for row, name in enumerate(self._names)}
        self._readout = readout(graph)
        self._ground = float(graph.nodes[self._outputs[0]].get("voltage", 0.0))
        self._held = dict(DEVICES[graph.graph["family"]].held_states(graph))
        self._strong = False  # once a link was altered, all of them are told at every measurement
        self._bounds = DEVICES[graph.graph["family"]].bounds
        options = DEVICES[graph.graph["family"]].options
        voltage = self._readout.kind == "voltage"
        self._floor = options["vntol"] if voltage else options["abstol"] * self._readout.per_ampere
        self._reltol = options["reltol"]
        self._text = text
        self._plain = LoadedDeck(text, timeout, setup=self._setup)
        self._noisy: LoadedDeck | None = None
        self._tabled: LoadedDeck | None = None
        self._sequence: LoadedDeck | None = None
        self._sequence_text = ""
        self._tables: Tables | None = None
        self._body: tuple[tuple[str, ...], float, str] | None = None  # building it takes longer than loading it
        self._warm: LoadedDeck | None = None
        self._warmer = 0.0

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
        """Family of each link that a condition's `strength` has; raises ValueError for a device that is a block."""
        return kinds(self.graph)

    @property
    def held_states(self) -> tuple[str, ...]:
        """Names of the states that a condition's `start` has."""
        return tuple(self._held)

    @property
    def worker(self) -> Worker:
        """The process behind plain measurements."""
        return self._plain.worker

    @property
    def retried(self) -> int:
        """Analyses that were repeated because a worker died."""
        return sum(loaded.retried for loaded in self._decks)

    @cached_property
    def _instances(self) -> tuple[tuple[str, ...], ...]:
        return links(self.graph)

    @property
    def _decks(self) -> list[LoadedDeck]:
        found = (self._plain, self._noisy, self._tabled, self._sequence, self._warm)
        return [loaded for loaded in found if loaded is not None]

    def measure(self, drive: Drive) -> Waveform:
        """Run the drive as a transient from its operating point.

        With no tones and tables nothing moves: the transient is its operating point, and that alone is asked for.
        Tables need XSPICE's code models, and the circuit loaded again whenever they change; another temperature needs
        the latter too. The strengths of links are altered in place.
        Raises SimulationError where ngspice gives no usable result, ValueError where the drive doesn't fit.
        """
        transient = drive.transient
        if drive.tables is not None:
            loaded, command = self._with_tables(drive.tables, drive.condition), netlist.transient_command(transient)
            result = loaded.run(self._settings(drive, None, in_time=True), command, self._names)
            return self._waveform(drive, result)
        if not drive.tones:
            at_rest = self._at_rest(drive)
            return replace(
                at_rest,
                time=np.asarray(transient.settle + transient.step * np.arange(transient.points)),
                output=np.full(transient.points, at_rest.output[0]),
                probes={name: np.full(transient.points, vector[0]) for name, vector in at_rest.probes.items()},
                simulated_seconds=transient.duration,
                energy=at_rest.energy * transient.duration,
            )
        result = self._run(drive, netlist.transient_command(transient))
        return self._waveform(drive, result)

    def measure_plateaus(self, plateaus: Plateaus) -> list[Waveform]:
        """Run drives one after the other in one transient; see PlateauDevice.

        Levels and ramps are in a netlist of their own, which is loaded again when they change; controls that all drives
        share and tones are altered in it. Raises SimulationError, ValueError where a drive doesn't fit.
        """
        levels = [self._rails.voltages(drive) for drive in plateaus.drives]
        warmer, together = plateaus.condition.warmer, plateaus.tables
        if together is not None:
            plain = self._tabled_text(together, warmer)
        else:
            plain = netlist.deck(warmed(self.graph, warmer)) if warmer else self._text
        text = sequence_text(plain, plateaus, levels)
        if self._sequence is None or together is not None or text != self._sequence_text:
            self._sequence_text = ""
            self._sequence = self._loaded(self._sequence, text, together)
            self._sequence_text = text if together is None else ""
        settings = self._settings(plateaus.first, None, in_time=True)
        result = self._sequence.run(settings, sequence_command(plateaus), self._names)
        return self._plateau_waveforms(plateaus, levels, result)

    def operating_point(self, control: Floats, inputs: Floats, condition: Condition = AS_MADE) -> Waveform:
        """Tones off, at rest: one point, no time spent; `energy` is then the power in W.

        Raises SimulationError where it isn't found.
        """
        return self._at_rest(Drive(control, inputs, (), Transient(1.0, 3), condition=condition))

    def _at_rest(self, drive: Drive) -> Waveform:
        result = self._run(drive, "op")
        parts = self._parts(result)
        flags, notes = self._verdict(result, parts.states)
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

    def small_signal(
        self, control: Floats, inputs: Floats, frequencies: Floats, condition: Condition = AS_MADE
    ) -> np.ndarray:
        """dy/dV by `.ac`, each control at its own frequency: [control], complex, A/V, or V/V of a voltage read-out."""
        response = np.empty(len(self._controls), dtype=np.complex128)
        drive = Drive(control, inputs, (), Transient(1.0, 3), condition=condition)
        for k, (name, frequency) in enumerate(zip(self._controls, frequencies, strict=True)):
            result = self._run(drive, f"ac lin 1 {float(frequency)!r} {float(frequency)!r}", probe=name)
            response[k] = self._combined(self._rows(result.vectors, self._saved.read))[0]
        return response

    def noise(self, control: Floats, inputs: Floats, frequencies: Floats) -> Floats:
        """One-sided density of the output's noise by `.noise`: [frequency], A²/Hz, or V²/Hz of a voltage read-out.

        frequencies : Hz. Only what the device models of ngspice know of noise: thermal noise of resistors, shot and
        flicker noise of semiconductors; behavioural sources make none.
        Raises SimulationError where ngspice gives no usable result.
        """
        density = np.empty(len(frequencies))
        for k, frequency in enumerate(frequencies.tolist()):
            density[k] = self._noise(control, inputs, frequency, "", "onoise_spectrum").vectors[0, 0] ** 2
        return density

    def noise_by_kind(self, control: Floats, inputs: Floats, frequencies: Floats) -> dict[str, Floats]:
        """The same by KINDS of noise, as ngspice's own generators tell: [frequency] each, A²/Hz or V²/Hz."""
        found = np.empty((len(KINDS), len(frequencies)))
        for k, frequency in enumerate(frequencies.tolist()):
            result = self._noise(control, inputs, frequency, " 1", "onoise*")
            found[:, k] = list(by_kind(result.names, result.vectors[:, 0] ** 2).values())
        return dict(zip(KINDS, found, strict=True))

    def noise_sources(self, control: Floats, inputs: Floats) -> tuple[NoiseSource, ...]:
        """What every resistor and diode of the netlist makes at an operating point; see `kinds.cards`."""
        wanted = self._settings(Drive(control, inputs, (), Transient(1.0, 3)), None)

        def current(names: Sequence[str]) -> dict[str, float]:
            unique = tuple(dict.fromkeys(names))
            return (
                dict(zip(unique, np.real(self._quiet.run(wanted, "op", unique).vectors[:, 0]), strict=True))
                if unique
                else {}
            )

        return cards(netlist.build_circuit(self.graph), current)

    @property
    def _quiet(self) -> LoadedDeck:
        """The worker with the netlist for `.noise`, which keeps every quantity of an analysis."""
        if self._noisy is None:
            self._noisy = LoadedDeck(netlist.noise_deck(self.graph), self._timeout, setup=self._setup)
        return self._noisy

    def _noise(self, control: Floats, inputs: Floats, frequency: float, summary: str, names: str) -> Result:
        # ngspice divides by the response to a source, here the first control, to refer the noise to it
        wanted = self._settings(Drive(control, inputs, (), Transient(1.0, 3)), self._controls[0])
        source = netlist.tone_source(self._controls[0])
        command = f"noise v({netlist.NOISE_NODE}) {source} lin 1 {frequency!r} {frequency!r}{summary}"
        return self._quiet.run(wanted, command, (names,))

    def deck(self, drive: Drive) -> str:
        """Return the netlist of one measurement, runnable by `ngspice -b` as it is; tables: see `netlist.deck`."""
        return netlist.deck(self.graph, drive)

    def close(self) -> None:
        """End the worker processes."""
        for loaded in self._decks:
            loaded.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, drive: Drive, analysis: str, probe: str | None = None) -> Result:
        return self._at(drive.condition.warmer).run(self._settings(drive, probe), analysis, self._names)

    def _at(self, warmer: float) -> LoadedDeck:
        """The worker with the circuit at this temperature."""
        if not warmer:
            return self._plain
        if self._warm is None or warmer != self._warmer:
            text = netlist.deck(warmed(self.graph, warmer))
            self._warmer = 0.0  # should loading fail
            if self._warm is None:
                self._warm = LoadedDeck(text, self._timeout, setup=self._setup)
            else:
                self._warm.load(text, setup=self._setup)
            self._warmer = warmer
        return self._warm

    def _with_tables(self, wanted: Tables, condition: Condition) -> LoadedDeck:
        """The worker with these tables loaded, at the condition's temperature."""
        at = (wanted.electrodes, condition.warmer)
        if self._tabled is not None and wanted is self._tables and self._body is not None and self._body[:2] == at:
            return self._tabled
        text = self._tabled_text(wanted, condition.warmer)
        self._tables = None
        self._tabled = self._loaded(self._tabled, text, wanted)
        self._tables = wanted
        return self._tabled

    def _tabled_text(self, wanted: Tables, warmer: float) -> str:
        body = (wanted.electrodes, warmer)
        if self._body is None or self._body[:2] != body:
            self._body = (*body, netlist.tabled_body(warmed(self.graph, warmer), wanted.electrodes))
        return "\n".join([self._body[2], *netlist.table_sources(self.graph, wanted), ".end", ""])

    def _loaded(self, deck: LoadedDeck | None, text: str, wanted: Tables | None) -> LoadedDeck:
        """The worker with this netlist, and the files of its tables, or a new one."""
        files = None if wanted is None else tables.files(wanted)
        try:
            if deck is None:
                return LoadedDeck(text, self._timeout, setup=self._setup, files=files)
            deck.load(text, setup=self._setup, files=files)
        except SimulationError as error:
            if wanted is None or self.worker.features["code_models"]:
                raise
            raise SimulationError(
                "tables need XSPICE's code models, which this ngspice has not loaded; `hge-spice doctor` says more"
            ) from error
        return deck

    def _settings(self, drive: Drive, probe: str | None, *, in_time: bool = False) -> dict[str, str]:
        """Every source value of a measurement, as alter commands by what they alter.

        in_time : whether it is a transient even with no tones, in which those of an earlier one must not play on
        """
        settings = {f"{netlist.dc_source(name)} dc": repr(value) for name, value in self._rails.voltages(drive).items()}
        settings |= {f"{hold_source(name)} dc": repr(value) for name, value in self._starts(drive.condition).items()}
        if drive.condition.strength or self._strong:
            self._strong = True
            told = multipliers(self._instances, drive.condition.strength)
            settings |= {f"{name} m": repr(factor) for name, factor in told.items()}
        tones = {tone.electrode: tone for tone in drive.tones}
        for name in self._controls:
            source = netlist.tone_source(name)
            tone = tones.get(name, Tone(name, 1.0, 0.0))
            arguments = " ".join(repr(a) for a in netlist.sine(tone, drive.transient.settle))
            if drive.tones or in_time:
                settings[f"@{source}[sin]"] = f"[ {arguments} ]"
            settings[f"{source} acmag"] = "1" if name == probe else "0"
        return settings

    def _starts(self, condition: Condition) -> dict[str, float]:
        """Where each held state starts, 0 to 1."""
        return moved_by(self._held, condition.start)

    def _levels(self, drive: Drive) -> Floats:
        """DC voltage of each driven electrode, V."""
        return np.array(list(self._rails.voltages(drive).values()))

    def _rows(self, vectors: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
        return np.asarray(vectors[[self._row[name] for name in names]])

    def _combined(self, read: np.ndarray) -> np.ndarray:
        """The output that is trained, of all that are read [output, point]."""
        found = read[0] - read[1] if self._readout.differential else read[0]
        return np.asarray(self._sign * found)

    @property
    def _sign(self) -> int:
        # an amplifier that inverts does so in the netlist
        return 1 if self._readout.kind == "transimpedance" else self._readout.sign

    def _error(self, parts: "_Parts") -> float:
        outputs = 2 if self._readout.differential else 1
        return float(outputs * (self._floor + self._reltol * np.abs(parts.read[:outputs]).max()))

    def _parts(self, result: Result) -> "_Parts":
        real, saved = np.real(result.vectors), self._saved
        read = self._rows(real, saved.read)
        probes = dict(zip(saved.probes, self._rows(real, saved.probes), strict=True))
        if len(self._outputs) > 1:
            probes |= dict(zip(self._outputs, self._sign * read, strict=True))
        return _Parts(
            self._combined(read),
            read,
            self._rows(real, saved.sunk),
            self._rows(real, saved.driven),
            self._rows(real, saved.states),
            probes,
        )

    def _verdict(self, result: Result, states: Floats) -> tuple[tuple[str, ...], tuple[str, ...]]:
        flags, notes = [], []
        low, high = self._bounds
        if states.size and (states.min() < low - OUTSIDE or states.max() > high + OUTSIDE):
            flags.append("unphysical")
            notes.append(f"states reach {states.min():.4g} … {states.max():.4g}, bounds are {low:g} … {high:g}")
        for line in result.log:
            said = line.lower()
            flags += [flag for word, flag in _HELP.items() if word in said and flag not in flags]
            if said.startswith("warning") or any(word in said for word in _HELP):
                notes.append(line.strip())
        if result.iterations > STRAINED:
            flags.append("newton_limit")
            notes.append(f"Newton took {result.iterations:.1f} iterations a step on average and gives up at 10")
        if result.rejected:
            notes.append(f"the solver took {result.rejected} steps back")
        return tuple(flags), tuple(notes)

    def _waveform(self, drive: Drive, result: Result) -> Waveform:
        transient = drive.transient
        time = result.scale
        if time[-1] < transient.settle + transient.window:
            tail = "\n".join(result.log[-_TAIL:])
            raise SimulationError(f"ngspice stopped at {time[-1]:.6g} s of {transient.duration:.6g} s:\n{tail}")
        parts = self._parts(result)
        chosen, uniform = window_points(time, transient)
        flags, notes = self._verdict(result, parts.states)
        if not uniform:
            flags = (*flags, "uneven")
            notes = (*notes, _uneven(chosen, transient))
        begun = self._starts(drive.condition)
        moved = {name: (before, float(parts.states[self._bounded[name], -1])) for name, before in begun.items()}
        flags, notes = _with_moved(flags, notes, moved)
        if not self.graph.graph.get("reinitialise", True):
            self._held = {name: float(np.clip(after, 0, 1)) for name, (_, after) in moved.items()}
        time, output, currents = time[chosen], parts.output[chosen], parts.currents[:, chosen]
        energy, perturbation = _energy(drive, self._controls, self._levels(drive), time, currents)
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

    def _plateau_waveforms(
        self, plateaus: Plateaus, levels: Sequence[Mapping[str, float]], result: Result
    ) -> list[Waveform]:
        time = result.scale
        if time[-1] < plateaus.duration * (1 - UNIFORM):
            tail = "\n".join(result.log[-_TAIL:])
            raise SimulationError(f"ngspice stopped at {time[-1]:.6g} s of {plateaus.duration:.6g} s:\n{tail}")
        parts = self._parts(result)
        flags, notes = self._verdict(result, parts.states)
        power, tones = powers(plateaus, levels, self._controls, time, parts.currents)
        power = power - self._ground * parts.sunk.sum(axis=0)
        if plateaus.tables is not None:
            power = power + self._table_power(plateaus.tables, time, parts.currents)
        held, waveforms = self._starts(plateaus.condition), list[Waveform]()
        for plateau in plateau_points(time, plateaus):
            whole, chosen = plateau.whole, plateau.window
            after = {name: float(parts.states[self._bounded[name], whole.stop - 1]) for name in held}
            moved = {name: (held[name], after[name]) for name in held}
            own_flags, own_notes = _with_moved(flags, notes, moved)
            if not plateau.uniform:
                own_flags, own_notes = (*own_flags, "uneven"), (*own_notes, _uneven(chosen, plateaus.transient))
            waveforms.append(
                Waveform(
                    time[chosen],
                    parts.output[chosen],
                    plateaus.pitch,
                    energy=integral(power, time, whole),
                    perturbation_energy=integral(tones, time, whole),
                    current_error=self._error(parts),
                    flags=own_flags,
                    notes=own_notes,
                    states=moved,
                    probes={name: vector[chosen] for name, vector in parts.probes.items()},
                    rejected_steps=0 if waveforms else result.rejected,
                    iterations=result.iterations,
                )
            )
            if not plateaus.reset:
                held = after
        if not self.graph.graph.get("reinitialise", True):
            self._held = {name: float(np.clip(after, 0, 1)) for name, after in held.items()}
        return waveforms

    def _table_power(self, tables_: Tables, time: Floats, currents: Floats) -> Floats:
        """Power of the tables' voltages: [point], W."""
        power, voltages = np.zeros(len(time)), tables_.at(time)
        for k, name in enumerate(tables_.electrodes):
            if name in self._driven:
                power -= voltages[k] * currents[self._driven.index(name)]
        return power


@dataclass(frozen=True)
class _Parts:
    """What an analysis gave: the trained output [point], and by [electrode, point], [state, point] the rest."""

    output: Floats
    read: Floats
    sunk: Floats
    currents: Floats
    states: Floats
    probes: dict[str, Floats]


def _uneven(chosen: slice, transient: Transient) -> str:
    return f"the solver took {chosen.stop - chosen.start} steps of its own for {transient.points}"


def _with_moved(
    flags: tuple[str, ...], notes: tuple[str, ...], moved: Mapping[str, tuple[float, float]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Flags and notes, with those of states that moved, by name before and after."""
    far = {name: abs(after - before) for name, (before, after) in moved.items() if abs(after - before) > MOVED}
    if not far:
        return flags, notes
    worst = max(far, key=far.__getitem__)
    told = f"{len(far)} of {len(moved)} states moved; {worst} by {far[worst]:.3g} of its range"
    return (*flags, "moved_state"), (*notes, told)


def _energy(
    drive: Drive, controls: tuple[str, ...], voltage: Floats, time: Floats, currents: Floats
) -> tuple[float, float]:
    """∫ Σ V·I dt over the window, of all sources and of the tones alone, J; a branch current flows into the + end."""
    window = drive.transient.window
    at_rest = voltage @ currents.mean(axis=1)
    rows = [controls.index(tone.electrode) for tone in drive.tones]
    tones = np.vdot(tone_voltages(drive.tones, time.tobytes()), currents[rows]) / len(time)
    return float(-(at_rest + tones) * window), float(-tones * window)
