"""A network in ngspice as a device under test: drives become analyses, source values and conditions alterations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from hge_spice import netlist
from hge_spice.closing import Closing
from hge_spice.devices import DEVICES
from hge_spice.devices.branches import foreign_hold_source, foreign_states, hold_source
from hge_spice.devices.condition import kinds, links, moved_by, multipliers
from hge_spice.devices.in_place import in_place
from hge_spice.drive import AS_MADE, Condition, Drive, Floats, NoiseSource, Transient, Waveform
from hge_spice.drive.plateaus import Plateaus
from hge_spice.graph import Network
from hge_spice.netlist.ramps import sequence_command
from hge_spice.ngspice.alterations import EVEN, perturbation, placement
from hge_spice.ngspice.decks import Decks
from hge_spice.ngspice.kept import Kept
from hge_spice.ngspice.kinds import KINDS, by_kind, cards
from hge_spice.ngspice.loaded import TRUNCATION
from hge_spice.ngspice.session import Result
from hge_spice.ngspice.waveforms import WaveformReader
from hge_spice.ngspice.worker import TIMEOUT, Worker

AT_ONCE = 8  # drives in one message, so that a kill takes no more with it


class NgspiceDevice(Closing):
    """A network of a known family, loaded once in a worker process and altered between measurements.

    Elements that remember start every measurement from their initial states, so that measurements don't depend on each
    other; with `graph.graph["reinitialise"] = False` each starts where the one before it ended, as on a bench.

    What needs another netlist, `.noise` and drives with tables, gets a worker of its own when first asked for: nothing
    that it does can then change a bit of the plain measurements. Use it as a context manager, or call close().

    A block at a corner is loaded as its `in_place` says, and altered to be what it is. kept : where its circuits stay
    loaded when it is closed, for the next of them
    """

    def __init__(self, graph: Network, timeout: float = TIMEOUT, kept: Kept | None = None) -> None:
        self.graph = graph
        placed = in_place(graph)
        loaded = graph if placed is None else placed.common
        shared = kept if placed is not None else None
        # checks the graph before a process is started
        text = netlist.deck(loaded) if shared is None else shared.text(loaded, netlist.deck)
        self._placed = placement(placed) if placed is not None else {}
        self._rails = netlist.Rails.of(graph)  # a large network is not searched at every measurement
        self._controls, self._inputs = self._rails.controls, self._rails.inputs
        self._levels = {name: f"{netlist.dc_source(name)} dc" for name in netlist.driven(graph)}
        self._reader = WaveformReader(graph, self._rails)
        self._held = dict(DEVICES[graph.graph["family"]].held_states(graph))
        self._own = foreign_states(graph)
        self._carried: dict[str, float] = {}  # own states that go on, V by the source that holds each
        self._strong = False  # once a link was altered, all of them are told at every measurement
        self._decks = Decks(loaded, text, timeout, shared)
        self._decks.place(self._placed)

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
        return self._decks.plain.worker

    @property
    def retried(self) -> int:
        """Analyses that were repeated because a worker died."""
        return self._decks.retried

    @property
    def solver_seconds(self) -> float:
        """What ngspice's analyses took; loading and altering circuits is not in it."""
        return self._decks.solver_seconds

    @cached_property
    def _instances(self) -> tuple[tuple[str, ...], ...]:
        return links(self.graph)

    def keep_to_the_grid(self) -> None:
        """Take the time steps that a drive asks for and no others, at a corner; see `calibrate.follows_the_grid`."""
        if TRUNCATION in self._placed:
            self._placed = {**self._placed, TRUNCATION: EVEN}
            self._decks.place(self._placed)

    def measure(self, drive: Drive) -> Waveform:
        """Run the drive as a transient from its operating point.

        With no tones and tables nothing moves: the transient is its operating point, and that alone is asked for.
        Tables need XSPICE's code models, and the circuit loaded again whenever they change; another temperature needs
        the latter too. The strengths of links are altered in place.
        Raises SimulationError where ngspice gives no usable result, ValueError where the drive doesn't fit.
        """
        if drive.tables is not None:
            loaded = self._decks.with_tables(drive.tables, drive.condition.warmer)
            command = netlist.transient_command(drive.transient)
            result = loaded.run(self._settings(drive, None, in_time=True), command, self._reader.names)
            return self._waveform(drive, result)
        loaded = self._decks.at(drive.condition.warmer)
        result = loaded.run(self._settings(drive, None), _analysis(drive), self._reader.names)
        return self._read(drive, result)

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """One waveform per drive, in their order, a few of them in one message; see measure."""
        apart = {drive.condition.warmer for drive in drives}
        if len(apart) != 1 or any(d.tables for d in drives) or not self.graph.graph.get("reinitialise", True):
            return [self.measure(drive) for drive in drives]
        found: list[Waveform] = []
        for few in (drives[k : k + AT_ONCE] for k in range(0, len(drives), AT_ONCE)):
            jobs = [(self._settings(drive, None), _analysis(drive)) for drive in few]
            results = self._decks.at(drives[0].condition.warmer).run_all(jobs, self._reader.names)
            found += [self._read(drive, result) for drive, result in zip(few, results, strict=True)]
        return found

    def measure_plateaus(self, plateaus: Plateaus) -> list[Waveform]:
        """Run drives one after the other in one transient; see PlateauDevice.

        Levels and ramps are in a netlist of their own, which is loaded again when they change; controls that all drives
        share and tones are altered in it. Raises SimulationError, ValueError where a drive doesn't fit.
        """
        levels = [self._rails.voltages(drive) for drive in plateaus.drives]
        loaded = self._decks.sequence(plateaus, levels)
        settings = self._settings(plateaus.first, None, in_time=True)
        result = loaded.run(settings, sequence_command(plateaus), self._reader.names)
        begun = self._starts(plateaus.condition)
        waveforms = self._reader.of_plateaus(plateaus, levels, result, begun)
        ended = {name: after for name, (_, after) in waveforms[-1].states.items()}
        self._remember(ended | begun if plateaus.reset else ended)
        return waveforms

    def operating_point(self, control: Floats, inputs: Floats, condition: Condition = AS_MADE) -> Waveform:
        """Tones off, at rest: one point, no time spent; `energy` is then the power in W.

        Raises SimulationError where it isn't found.
        """
        drive = Drive(control, inputs, (), Transient(1.0, 3), condition=condition)
        result = self._decks.at(condition.warmer).run(self._settings(drive, None), "op", self._reader.every)
        return self._reader.at_rest(drive, result)

    def operating_points(self, control: Floats, inputs: Floats) -> list[Waveform]:
        """The same for each pattern, in one message. inputs : [pattern, input], V."""
        drives = [Drive(control, pattern, (), Transient(1.0, 3)) for pattern in inputs]
        results = self._decks.plain.run_all([(self._settings(d, None), "op") for d in drives], self._reader.every)
        return [self._reader.at_rest(drive, result) for drive, result in zip(drives, results, strict=True)]

    def small_signal(
        self, control: Floats, inputs: Floats, frequencies: Floats, condition: Condition = AS_MADE
    ) -> np.ndarray:
        """dy/dV by `.ac`, each control at its own frequency: [control], complex, A/V, or V/V of a voltage read-out."""
        results = self._decks.at(condition.warmer).run_all(
            self._responding(control, inputs, frequencies, condition), self._reader.heard
        )
        return np.array([self._reader.response(result)[0] for result in results])

    def small_signals(self, control: Floats, inputs: Floats, frequencies: Floats) -> np.ndarray:
        """The same for each pattern, in one message: [pattern, control]. inputs : [pattern, input], V."""
        jobs = [job for pattern in inputs for job in self._responding(control, pattern, frequencies, AS_MADE)]
        results = self._decks.plain.run_all(jobs, self._reader.heard)
        found = np.array([self._reader.response(result)[0] for result in results])
        return found.reshape(len(inputs), len(self._controls))

    def _responding(
        self, control: Floats, inputs: Floats, frequencies: Floats, condition: Condition
    ) -> list[tuple[dict[str, str], str]]:
        drive = Drive(control, inputs, (), Transient(1.0, 3), condition=condition)
        held, pairs = self._held_at(drive), zip(self._controls, frequencies, strict=True)
        return [(held | self._playing(drive, name), f"ac lin 1 {float(f)!r} {float(f)!r}") for name, f in pairs]

    def swept(self, control: Floats, sweeps: Sequence[tuple[Floats, str, str]]) -> list[tuple[Floats, np.ndarray]]:
        """dy/dV by `.ac` over frequencies: [frequency], Hz, and the response there, A/V or V/V complex, of each sweep.

        sweeps : inputs [input], V, the control, and the frequencies as ngspice says them, "dec 10 1 1e6"; in a message
        """
        jobs = [
            (self._settings(Drive(control, inputs, (), Transient(1.0, 3)), name), f"ac {sweep}")
            for inputs, name, sweep in sweeps
        ]
        results = self._decks.plain.run_all(jobs, self._reader.heard)
        return [(result.scale, self._reader.response(result)) for result in results]

    def noise(self, control: Floats, inputs: Floats, frequencies: Floats) -> Floats:
        """One-sided density of the output's noise by `.noise`: [frequency], A²/Hz, or V²/Hz of a voltage read-out.

        frequencies : Hz. Only what the device models of ngspice know of noise: thermal noise of resistors, shot and
        flicker noise of semiconductors; behavioural sources make none.
        Raises SimulationError where ngspice gives no usable result.
        """
        return np.asarray(self.noises(control, inputs[None], frequencies)[0])

    def noises(self, control: Floats, inputs: Floats, frequencies: Floats) -> Floats:
        """The same for each pattern, in one message: [pattern, frequency]. inputs : [pattern, input], V."""
        results = self._noise(control, inputs, frequencies, "", "onoise_spectrum")
        found = np.array([result.vectors[0, 0] ** 2 for result in results])
        return found.reshape(len(inputs), len(frequencies))

    def noise_by_kind(self, control: Floats, inputs: Floats, frequencies: Floats) -> dict[str, Floats]:
        """The same by KINDS of noise, as ngspice's own generators tell: [frequency] each, A²/Hz or V²/Hz."""
        found = np.empty((len(KINDS), len(frequencies)))
        for k, result in enumerate(self._noise(control, inputs[None], frequencies, " 1", "onoise*")):
            found[:, k] = list(by_kind(result.names, result.vectors[:, 0] ** 2).values())
        return dict(zip(KINDS, found, strict=True))

    def noise_sources(self, control: Floats, inputs: Floats) -> tuple[NoiseSource, ...]:
        """What every resistor and diode of the netlist makes at an operating point; see `kinds.cards`."""
        wanted = self._settings(Drive(control, inputs, (), Transient(1.0, 3)), None)

        def current(names: Sequence[str]) -> dict[str, float]:
            unique = tuple(dict.fromkeys(names))
            return (
                dict(zip(unique, np.real(self._decks.noisy.run(wanted, "op", unique).vectors[:, 0]), strict=True))
                if unique
                else {}
            )

        return cards(netlist.build_circuit(self.graph), current)

    def _noise(self, control: Floats, inputs: Floats, frequencies: Floats, summary: str, names: str) -> list[Result]:
        # ngspice divides by the response to a source, here the first control, to refer the noise to it
        first = self._controls[0]
        wanted = [self._settings(Drive(control, pattern, (), Transient(1.0, 3)), first) for pattern in inputs]
        source = netlist.tone_source(first)
        command = f"noise v({netlist.NOISE_NODE}) {source} lin 1"
        asked = [f"{command} {each!r} {each!r}{summary}" for each in frequencies.tolist()]
        jobs = [(settings, analysis) for settings in wanted for analysis in asked]
        return self._decks.noisy.run_all(jobs, (names,))

    def deck(self, drive: Drive) -> str:
        """Return the netlist of one measurement, runnable by `ngspice -b` as it is; tables: see `netlist.deck`."""
        return netlist.deck(self.graph, drive)

    def close(self) -> None:
        """End the worker processes."""
        self._decks.close()

    def _read(self, drive: Drive, result: Result) -> Waveform:
        """What a drive without tables gave; at rest, its operating point for as long as the drive lasts."""
        if drive.tones:
            return self._waveform(drive, result)
        at_rest, transient = self._reader.at_rest(drive, result), drive.transient
        return replace(
            at_rest,
            time=np.asarray(transient.settle + transient.step * np.arange(transient.points)),
            output=np.full(transient.points, at_rest.output[0]),
            probes={name: np.full(transient.points, vector[0]) for name, vector in at_rest.probes.items()},
            simulated_seconds=transient.duration,
            energy=at_rest.energy * transient.duration,
        )

    def _waveform(self, drive: Drive, result: Result) -> Waveform:
        found = self._reader.in_time(drive, result, self._starts(drive.condition))
        self._remember({name: after for name, (_, after) in found.states.items()})
        return found

    def _remember(self, ended: Mapping[str, float]) -> None:
        """Where states ended, 0 to 1 or V, is where they start next, if they are not to be initialised again."""
        if not self.graph.graph.get("reinitialise", True):
            self._held = {name: float(np.clip(ended[name], 0, 1)) for name in self._held}
            self._carried = {f"{foreign_hold_source(name)} dc": ended[name] for name in self._own}

    def _settings(self, drive: Drive, probe: str | None, *, in_time: bool = False) -> dict[str, str]:
        """Every source value of a measurement, as alter commands by what they alter.

        in_time : whether it is a transient even with no tones, in which those of an earlier one must not play on
        """
        return self._held_at(drive) | self._playing(drive, probe, in_time=in_time)

    def _held_at(self, drive: Drive) -> dict[str, str]:
        """What does not depend on tones, nor on who drives an `.ac`."""
        settings = {self._levels[name]: repr(value) for name, value in self._rails.voltages(drive).items()}
        settings |= {f"{hold_source(name)} dc": repr(value) for name, value in self._starts(drive.condition).items()}
        settings |= {name: repr(volts) for name, volts in self._carried.items()}
        if drive.condition.strength or self._strong:
            self._strong = True
            told = multipliers(self._instances, drive.condition.strength)
            settings |= {f"{name} m": repr(factor) for name, factor in told.items()}
        return settings

    def _playing(self, drive: Drive, probe: str | None, *, in_time: bool = False) -> dict[str, str]:
        """What tones play, or an `.ac` source."""
        playing = bool(drive.tones) or in_time
        return perturbation(self._controls, drive.tones, drive.transient.settle, probe, playing=playing)

    def _starts(self, condition: Condition) -> dict[str, float]:
        """Where each held state starts, 0 to 1."""
        return moved_by(self._held, condition.start)


def _analysis(drive: Drive) -> str:
    return netlist.transient_command(drive.transient) if drive.tones else "op"
