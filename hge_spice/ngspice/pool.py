"""Several ngspice workers as one device under test: drives side by side, results as from one."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Protocol

import numpy as np

from hge_spice.closing import Closing
from hge_spice.drive import AS_MADE, Condition, Drive, Floats, NoiseSource, Waveform
from hge_spice.drive.plateaus import Plateaus
from hge_spice.drive.remembered import digest
from hge_spice.graph import Network
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.kept import Kept
from hge_spice.ngspice.worker import TIMEOUT


class Record(Protocol):
    """Something that keeps measurements, in their order, and may know them from an earlier run."""

    def recall(self, key: str) -> list[Waveform] | None:
        """What was measured next then, if it has this key."""
        ...

    def note(self, key: str, waveforms: Sequence[Waveform]) -> None:
        """Keep what was measured."""
        ...


class NgspicePool(Closing):
    """N workers with the same network loaded, each in a process of its own.

    A measurement doesn't depend on what its worker did before, so results are the same bit for bit for every N. Safe to
    use from several threads. Use it as a context manager, or call close().

    record : where measurements in time are kept, and taken from as long as they are the same; for one thread
    kept : circuits that stay loaded after this pool, see NgspiceDevice
    """

    def __init__(
        self,
        graph: Network,
        workers: int = 1,
        timeout: float = TIMEOUT,
        record: Record | None = None,
        kept: Kept | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"{workers} workers can't measure; take 1 or more")
        if workers > 1 and not graph.graph.get("reinitialise", True):
            raise ValueError(f"states that go on from one measurement to the next need 1 worker, not {workers}")
        self.graph = graph
        self._record = record
        self._threads = ThreadPoolExecutor(workers) if workers > 1 else None
        self._devices: list[NgspiceDevice] = []
        self._idle: SimpleQueue[NgspiceDevice] = SimpleQueue()
        try:
            self._devices += [NgspiceDevice(graph, timeout, kept) for _ in range(workers)]
        except BaseException:
            self.close()
            raise
        for device in self._devices:
            self._idle.put(device)

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the control electrodes, in the order of `Drive.control`."""
        return self._devices[0].controls

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input electrodes, in the order of `Drive.inputs`."""
        return self._devices[0].inputs

    @property
    def links(self) -> tuple[str, ...]:
        """Family of each link that a condition's `strength` has; raises ValueError for a device that is a block."""
        return self._devices[0].links

    @property
    def held_states(self) -> tuple[str, ...]:
        """Names of the states that a condition's `start` has."""
        return self._devices[0].held_states

    @property
    def devices(self) -> tuple[NgspiceDevice, ...]:
        """The workers' devices."""
        return tuple(self._devices)

    @property
    def retried(self) -> int:
        """Measurements that were repeated because a worker died."""
        return sum(device.retried for device in self._devices)

    def keep_to_the_grid(self) -> None:
        """Take the time steps asked for and no others; see NgspiceDevice.keep_to_the_grid."""
        for device in self._devices:
            device.keep_to_the_grid()

    @property
    def solver_seconds(self) -> float:
        """What ngspice's analyses took, of all workers."""
        return sum(device.solver_seconds for device in self._devices)

    def measure(self, drive: Drive) -> Waveform:
        """Measure on the next idle worker; see NgspiceDevice.measure."""
        if self._record is not None:
            return self.measure_many([drive])[0]
        return self._measured(drive)

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """One waveform per drive, in their order."""
        found: list[Waveform] = []
        keys = [digest(drive) for drive in drives] if self._record is not None else []
        if self._record is not None:
            for key in keys:
                known = self._record.recall(key)
                if known is None:
                    break
                found += known
        rest = drives[len(found) :]
        if self._threads is None:
            with self._borrowed() as device:
                fresh = device.measure_many(rest)
        else:
            fresh = list(self._threads.map(self._measured, rest))
        if self._record is not None:
            for key, waveform in zip(keys[len(found) :], fresh, strict=True):
                self._record.note(key, [waveform])
        return found + fresh

    def measure_plateaus(self, plateaus: Plateaus) -> list[Waveform]:
        """Drives one after the other in one transient, on the next idle worker; see NgspiceDevice.measure_plateaus."""
        key = digest(*plateaus.drives, ramp=plateaus.ramp)
        known = None if self._record is None else self._record.recall(key)
        if known is not None:
            return known
        with self._borrowed() as device:
            found = device.measure_plateaus(plateaus)
        if self._record is not None:
            self._record.note(key, found)
        return found

    def _measured(self, drive: Drive) -> Waveform:
        with self._borrowed() as device:
            return device.measure(drive)

    def operating_point(self, control: Floats, inputs: Floats, condition: Condition = AS_MADE) -> Waveform:
        """Tones off, at rest; see NgspiceDevice.operating_point."""
        with self._borrowed() as device:
            return device.operating_point(control, inputs, condition)

    def small_signal(
        self, control: Floats, inputs: Floats, frequencies: Floats, condition: Condition = AS_MADE
    ) -> np.ndarray:
        """dI_out/dV by `.ac`, each control at its own frequency: [control], A/V complex."""
        with self._borrowed() as device:
            return device.small_signal(control, inputs, frequencies, condition)

    def small_signals(self, control: Floats, inputs: Floats, frequencies: Floats) -> np.ndarray:
        """dI_out/dV by `.ac`, of several patterns: [pattern, control], A/V complex."""
        with self._borrowed() as device:
            return device.small_signals(control, inputs, frequencies)

    def operating_points(self, control: Floats, inputs: Floats) -> list[Waveform]:
        """Tones off, at rest, of several patterns; see NgspiceDevice.operating_point."""
        with self._borrowed() as device:
            return device.operating_points(control, inputs)

    def swept(self, control: Floats, sweeps: Sequence[tuple[Floats, str, str]]) -> list[tuple[Floats, np.ndarray]]:
        """dI_out/dV by `.ac` over frequencies, of each sweep; see NgspiceDevice.swept."""
        with self._borrowed() as device:
            return device.swept(control, sweeps)

    def noises(self, control: Floats, inputs: Floats, frequencies: Floats) -> Floats:
        """One-sided density of the output current's noise, of several patterns: [pattern, frequency], A²/Hz."""
        with self._borrowed() as device:
            return device.noises(control, inputs, frequencies)

    def noise(self, control: Floats, inputs: Floats, frequencies: Floats) -> Floats:
        """One-sided density of the output current's noise: [frequency], A²/Hz; see NgspiceDevice.noise."""
        with self._borrowed() as device:
            return device.noise(control, inputs, frequencies)

    def noise_by_kind(self, control: Floats, inputs: Floats, frequencies: Floats) -> dict[str, Floats]:
        """The same by kind of noise; see NgspiceDevice.noise_by_kind."""
        with self._borrowed() as device:
            return device.noise_by_kind(control, inputs, frequencies)

    def noise_sources(self, control: Floats, inputs: Floats) -> tuple[NoiseSource, ...]:
        """What every resistor and diode makes; see NgspiceDevice.noise_sources."""
        with self._borrowed() as device:
            return device.noise_sources(control, inputs)

    @contextmanager
    def _borrowed(self) -> Iterator[NgspiceDevice]:
        device = self._idle.get()
        try:
            yield device
        finally:
            self._idle.put(device)

    def close(self) -> None:
        """End the worker processes."""
        for device in self._devices:
            device.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
