"""A network in ngspice as a device under test: drive to alterations, vectors to a waveform, data to a verdict."""

from dataclasses import replace
from functools import lru_cache
from types import TracebackType
from typing import Self

import numpy as np

from hge_spice import netlist
from hge_spice.devices import DEVICES
from hge_spice.devices.branches import hold_source
from hge_spice.drive import Drive, Floats, SimulationError, Tone, Transient, Waveform
from hge_spice.graph import Network, electrodes
from hge_spice.ngspice.session import Result
from hge_spice.ngspice.worker import TIMEOUT, Worker, WorkerDied

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


class NgspiceDevice:
    """A network of a known family, loaded once in a worker process and altered between measurements.

    Elements that remember start every measurement from their initial states, so that measurements don't depend on each
    other; with `graph.graph["reinitialise"] = False` each starts where the one before it ended, as on a bench.

    Use it as a context manager, or call close().
    """

    def __init__(self, graph: Network, timeout: float = TIMEOUT) -> None:
        self.graph = graph
        self._text = netlist.deck(graph)  # checks the graph before a process is started
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
        self._present: dict[str, str] = {}
        self.retried = 0
        self._worker = Worker(timeout)
        try:
            self._worker.load(self._text)
        except BaseException:
            self.close()
            raise

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
        """The process behind it."""
        return self._worker

    def measure(self, drive: Drive) -> Waveform:
        """Run the drive as a transient from its operating point.

        With no tones nothing moves: the transient is its operating point, and ngspice is asked for that alone.
        Raises SimulationError where ngspice gives no usable result, ValueError where the drive doesn't fit.
        """
        transient = drive.transient
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

    def deck(self, drive: Drive) -> str:
        """Return the netlist of one measurement, runnable by `ngspice -b` as it is."""
        return netlist.deck(self.graph, drive)

    def close(self) -> None:
        """End the worker process."""
        self._worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, drive: Drive, analysis: str, probe: str | None = None) -> Result:
        wanted = self._settings(drive, probe)
        try:
            result = self._worker.run(self._changes(wanted), analysis, self._names)
        except WorkerDied:
            # A fresh process has the circuit as loaded: say everything again, once.
            self._present = {}
            self.retried += 1
            result = self._worker.run(self._changes(wanted), analysis, self._names)
        except SimulationError:
            self._present = {}
            raise
        if result.missing:
            raise SimulationError(f"the circuit has no {', '.join(result.missing)}; probe nodes and devices that exist")
        if not result.vectors.shape[1]:
            tail = "\n".join(result.log[-_TAIL:])
            raise SimulationError(f"ngspice gave no result for {analysis.split(maxsplit=1)[0]}:\n{tail}")
        if not np.isfinite(result.vectors).all():
            raise SimulationError(f"ngspice gave values that are not finite for {analysis.split(maxsplit=1)[0]}")
        return result

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

    def _changes(self, wanted: dict[str, str]) -> list[str]:
        changed = {key: value for key, value in wanted.items() if self._present.get(key) != value}
        self._present |= changed
        return [f"alter {key} = {value}" for key, value in changed.items()]

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
        )


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
