"""A network in ngspice as a device under test: drive to alterations, vectors to a waveform, data to a verdict."""

from dataclasses import replace
from functools import lru_cache
from types import TracebackType
from typing import Self

import numpy as np

from hge_spice import netlist, tables
from hge_spice.devices import DEVICES
from hge_spice.devices.branches import hold_source
from hge_spice.drive import Drive, Floats, SimulationError, Tables, Tone, Transient, Waveform
from hge_spice.graph import Network, electrodes
from hge_spice.ngspice.loaded import LoadedDeck
from hge_spice.ngspice.session import Result
from hge_spice.ngspice.worker import TIMEOUT, Worker

UNIFORM = 1e-6  # steps equal to this share of a step count as equal: a millionth of a step shifts no phase that matters
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
        self._controls = electrodes(graph, "control")
        self._inputs = electrodes(graph, "input")
        self._names = netlist.saved_vectors(graph)
        self._currents = len(netlist.driven(graph))
        bounded = DEVICES[graph.graph["family"]].bounded_nodes(graph)
        self._states = len(bounded)
        self._held = dict(DEVICES[graph.graph["family"]].held_states(graph))
        self._rows = {name: bounded.index(name) for name in self._held}
        self._probes = tuple(graph.graph.get("probes", ()))
        self._supplies = np.array([graph.nodes[n]["voltage"] for n in electrodes(graph, "bias")])
        self._ground = float(graph.nodes[electrodes(graph, "output")[0]].get("voltage", 0.0))
        self._bounds = DEVICES[graph.graph["family"]].bounds
        options = DEVICES[graph.graph["family"]].options
        self._abstol, self._reltol = options["abstol"], options["reltol"]
        self._plain = LoadedDeck(text, timeout, setup=self._setup)
        self._noisy: LoadedDeck | None = None
        self._tabled: LoadedDeck | None = None
        self._tables: Tables | None = None
        self._body: tuple[tuple[str, ...], str] | None = None  # building it takes longer than loading it

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the control electrodes, in the order of `Drive.control`."""
        return self._controls

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input electrodes, in the order of `Drive.inputs`."""
        return self._inputs

    @property
    def worker(self) -> Worker:
        """The process behind plain measurements."""
        return self._plain.worker

    @property
    def retried(self) -> int:
        """Analyses that were repeated because a worker died."""
        return sum(loaded.retried for loaded in self._decks)

    @property
    def _decks(self) -> list[LoadedDeck]:
        return [loaded for loaded in (self._plain, self._noisy, self._tabled) if loaded is not None]

    def measure(self, drive: Drive) -> Waveform:
        """Run the drive as a transient from its operating point.

        With no tones and tables nothing moves: the transient is its operating point, and that alone is asked for.
        Tables need XSPICE's code models, and the circuit loaded again whenever they change.
        Raises SimulationError where ngspice gives no usable result, ValueError where the drive doesn't fit.
        """
        transient = drive.transient
        if drive.tables is not None:
            wanted = self._settings(drive, None)
            result = self._with_tables(drive.tables).run(wanted, netlist.transient_command(transient), self._names)
            return self._waveform(drive, result)
        if not drive.tones:
            at_rest = self.operating_point(drive.control, drive.inputs)
            return replace(
                at_rest,
                time=np.asarray(transient.settle + transient.step * np.arange(transient.points)),
                output=np.full(transient.points, at_rest.output[0]),
                simulated_seconds=transient.duration,
                energy=at_rest.energy * transient.duration,
            )
        result = self._run(drive, netlist.transient_command(transient))
        return self._waveform(drive, result)

    def operating_point(self, control: Floats, inputs: Floats) -> Waveform:
        """Tones off, at rest: one point, no time spent; `energy` is then the power in W.

        Raises SimulationError where it isn't found.
        """
        result = self._run(Drive(control, inputs, (), Transient(1.0, 3)), "op")
        output, currents, states, probes = self._parts(result)
        voltage = np.concatenate([control, inputs, self._supplies])
        flags, notes = self._verdict(result, states)
        return Waveform(
            np.zeros(1),
            output,
            0.0,
            energy=float(-voltage @ currents[:, 0] - self._ground * output[0]),
            current_error=self._error(output),
            flags=flags,
            notes=notes,
            probes=probes,
        )

    def small_signal(self, control: Floats, inputs: Floats, frequencies: Floats) -> np.ndarray:
        """dI_out/dV by `.ac`, each control at its own frequency: [control], A/V complex."""
        response = np.empty(len(self._controls), dtype=np.complex128)
        drive = Drive(control, inputs, (), Transient(1.0, 3))
        for k, (name, frequency) in enumerate(zip(self._controls, frequencies, strict=True)):
            result = self._run(drive, f"ac lin 1 {float(frequency)!r} {float(frequency)!r}", probe=name)
            response[k] = result.vectors[0, 0]
        return response

    def noise(self, control: Floats, inputs: Floats, frequencies: Floats) -> Floats:
        """One-sided density of the output current's noise by `.noise`: [frequency], A²/Hz.

        frequencies : Hz. Only what the device models of ngspice know of noise: thermal noise of resistors, shot and
        flicker noise of semiconductors; behavioural sources make none.
        Raises SimulationError where ngspice gives no usable result.
        """
        if self._noisy is None:
            self._noisy = LoadedDeck(netlist.noise_deck(self.graph), self._timeout, setup=self._setup)
        # ngspice divides by the response to a source, here the first control, to refer the noise to it
        wanted = self._settings(Drive(control, inputs, (), Transient(1.0, 3)), self._controls[0])
        source = netlist.tone_source(self._controls[0])
        density = np.empty(len(frequencies))
        for k, frequency in enumerate(frequencies.tolist()):
            command = f"noise v({netlist.NOISE_NODE}) {source} lin 1 {frequency!r} {frequency!r}"
            density[k] = self._noisy.run(wanted, command, ("onoise_spectrum",)).vectors[0, 0] ** 2
        return density

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
        return self._plain.run(self._settings(drive, probe), analysis, self._names)

    def _with_tables(self, wanted: Tables) -> LoadedDeck:
        """The worker with these tables loaded."""
        if self._tabled is not None and wanted is self._tables:
            return self._tabled
        if self._body is None or self._body[0] != wanted.electrodes:
            self._body = (wanted.electrodes, netlist.tabled_body(self.graph, wanted.electrodes))
        text = "\n".join([self._body[1], *netlist.table_sources(self.graph, wanted), ".end", ""])
        files = tables.files(wanted)
        self._tables = None
        try:
            if self._tabled is None:
                self._tabled = LoadedDeck(text, self._timeout, setup=self._setup, files=files)
            else:
                self._tabled.load(text, setup=self._setup, files=files)
        except SimulationError as error:
            if self.worker.features["code_models"]:
                raise
            raise SimulationError(
                "tables need XSPICE's code models, which this ngspice has not loaded; `hge-spice doctor` says more"
            ) from error
        self._tables = wanted
        return self._tabled

    def _settings(self, drive: Drive, probe: str | None) -> dict[str, str]:
        """Every source value of a measurement, as alter commands by what they alter."""
        settings = {
            f"{netlist.dc_source(name)} dc": repr(value) for name, value in netlist.voltages(self.graph, drive).items()
        }
        settings |= {f"{hold_source(name)} dc": repr(value) for name, value in self._held.items()}
        tones = {tone.electrode: tone for tone in drive.tones}
        for name in self._controls:
            source = netlist.tone_source(name)
            arguments = " ".join(repr(a) for a in netlist.sine(tones.get(name, Tone(name, 1.0, 0.0))))
            if drive.tones:
                settings[f"@{source}[sin]"] = f"[ {arguments} ]"
            settings[f"{source} acmag"] = "1" if name == probe else "0"
        return settings

    def _error(self, output: Floats) -> float:
        return float(self._abstol + self._reltol * np.abs(output).max())

    def _parts(self, result: Result) -> tuple[Floats, Floats, Floats, dict[str, Floats]]:
        """Output [point], currents of the driven electrodes [electrode, point], states [state, point], probes."""
        real = np.real(result.vectors)
        first, last = 1 + self._currents, 1 + self._currents + self._states
        return real[0], real[1:first], real[first:last], dict(zip(self._probes, real[last:], strict=True))

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
        output, currents, states, probes = self._parts(result)
        chosen, uniform = window_points(time, transient)
        flags, notes = self._verdict(result, states)
        if not uniform:
            flags = (*flags, "uneven")
            notes = (*notes, f"the solver took {chosen.stop - chosen.start} steps of its own for {transient.points}")
        moved = {name: (before, float(states[self._rows[name], -1])) for name, before in self._held.items()}
        far = {name: abs(after - before) for name, (before, after) in moved.items() if abs(after - before) > MOVED}
        if far:
            worst = max(far, key=far.__getitem__)
            flags = (*flags, "moved_state")
            notes = (*notes, f"{len(far)} of {len(moved)} states moved; {worst} by {far[worst]:.3g} of its range")
        if not self.graph.graph.get("reinitialise", True):
            self._held = {name: float(np.clip(after, 0, 1)) for name, (_, after) in moved.items()}
        time, output, currents = time[chosen], output[chosen], currents[:, chosen]
        voltage = np.concatenate([drive.control, drive.inputs, self._supplies])
        energy, perturbation = _energy(drive, self._controls, voltage, time, currents)
        energy -= self._ground * float(output.mean()) * transient.window
        if drive.tables is not None:
            energy += self._table_energy(drive.tables, time, currents) * transient.window
        scale = transient.duration / transient.window  # settling is spent at the window's mean power
        return Waveform(
            time,
            output,
            transient.duration,
            energy=energy * scale,
            perturbation_energy=perturbation * scale,
            current_error=self._error(output),
            flags=flags,
            notes=notes,
            states=moved,
            probes={name: vector[chosen] for name, vector in probes.items()},
            rejected_steps=result.rejected,
            iterations=result.iterations,
        )

    def _table_energy(self, tables_: Tables, time: Floats, currents: Floats) -> float:
        """Mean power of the tables' voltages, W."""
        driven = netlist.driven(self.graph)
        rows = [(k, driven.index(name)) for k, name in enumerate(tables_.electrodes) if name in driven]
        voltages = tables_.at(time)
        return float(-sum(np.vdot(voltages[k], currents[row]) for k, row in rows) / len(time))


def window_points(time: Floats, transient: Transient) -> tuple[slice, bool]:
    """Choose the points that make up the window, and say whether they lie on a uniform grid.

    ngspice's start-up steps (fractions of a step that double) are left out: what remains are `points` steps of equal
    length over exactly one window. Where capacitors made the solver take steps of its own, all points of the window
    are.
    """
    step = transient.step
    regular = np.abs(np.diff(time) - step) < UNIFORM * step
    ends = np.flatnonzero(~regular[: len(regular) - 1])  # the last step is cut to end at tstop
    first = int(ends[-1]) + 1 if len(ends) else 0
    if len(time) - first >= transient.points and time[first] >= transient.settle - UNIFORM * step:
        return slice(first, first + transient.points), True
    first = int(np.searchsorted(time, transient.settle))
    last = int(np.searchsorted(time, transient.settle + transient.window, side="right"))
    return slice(first, last), False


def _energy(
    drive: Drive, controls: tuple[str, ...], voltage: Floats, time: Floats, currents: Floats
) -> tuple[float, float]:
    """∫ Σ V·I dt over the window, of all sources and of the tones alone, J; a branch current flows into the + end."""
    window = drive.transient.window
    at_rest = voltage @ currents.mean(axis=1)
    rows = [controls.index(tone.electrode) for tone in drive.tones]
    tones = np.vdot(_tone_voltages(drive.tones, time.tobytes()), currents[rows]) / len(time)
    return float(-(at_rest + tones) * window), float(-tones * window)


@lru_cache(maxsize=8)
def _tone_voltages(tones: tuple[Tone, ...], time_bytes: bytes) -> Floats:
    """[tone, point], V; the same at every step of a training."""
    time = np.frombuffer(time_bytes)
    return np.array([tone.amplitude * np.sin(2 * np.pi * tone.frequency * time + tone.phase) for tone in tones])
