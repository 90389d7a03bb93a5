"""What can be driven and measured: DeviceUnderTest, and what more a device may know of itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hge_spice.drive.drive import AS_MADE, Condition, Drive, Floats
from hge_spice.drive.waveform import Waveform

Complexes = NDArray[np.complex128]


class DeviceUnderTest(Protocol):
    """Anything that can be driven and measured: a simulator, a recorded trace, a closed form in a test.

    One that can measure several drives at once also has `measure_many`; ask through `measure_all`.
    """

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the control electrodes, in the order of `Drive.control`."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input electrodes, in the order of `Drive.inputs`."""
        ...

    def measure(self, drive: Drive) -> Waveform:
        """Apply the drive, return the output. Raises SimulationError where there is no usable result."""
        ...


@runtime_checkable
class ManyAtOnce(Protocol):
    """A device that takes several drives at once: workers side by side, or a wrapper that passes them on in order."""

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """One waveform per drive, in their order, the same as one after the other would give."""
        ...


def measure_all(dut: DeviceUnderTest, drives: Sequence[Drive]) -> list[Waveform]:
    """One waveform per drive, in their order; side by side where the device can."""
    if _has(type(dut), ManyAtOnce):
        return cast(ManyAtOnce, dut).measure_many(drives)
    return [dut.measure(drive) for drive in drives]


@lru_cache(maxsize=64)  # Python 3.11 takes longer over a protocol than over an analysis
def _has(kind: type, protocol: type) -> bool:
    return issubclass(kind, protocol)


@runtime_checkable
class SmallSignalDevice(DeviceUnderTest, Protocol):
    """A device under test that also knows its own linearised response: the truth of a derivative."""

    def small_signal(
        self, control: Floats, inputs: Floats, frequencies: Floats, condition: Condition = AS_MADE
    ) -> Complexes:
        """dI_out/dV of each control at its own frequency, of a device that became so: [control], A/V complex."""
        ...

    def operating_point(self, control: Floats, inputs: Floats, condition: Condition = AS_MADE) -> Waveform:
        """Tones off, at rest: one point."""
        ...


@runtime_checkable
class ManyLinearised(Protocol):
    """A device that knows its linearised responses, and operating points, of several patterns at once."""

    def small_signals(self, control: Floats, inputs: Floats, frequencies: Floats) -> Complexes:
        """dI_out/dV of each control at its own frequency: [pattern, control], A/V complex."""
        ...

    def operating_points(self, control: Floats, inputs: Floats) -> list[Waveform]:
        """Tones off, at rest: one point for each pattern."""
        ...


def all_responses(dut: SmallSignalDevice, control: Floats, inputs: Floats, frequencies: Floats) -> Complexes:
    """dI_out/dV of each control at its own frequency, [pattern, control], A/V complex; together where the device can.

    inputs : [pattern, input], V; frequencies : [control], Hz
    """
    if _has(type(dut), ManyLinearised):
        return cast(ManyLinearised, dut).small_signals(control, inputs, frequencies)
    return np.array([dut.small_signal(control, pattern, frequencies) for pattern in inputs])


def all_points(dut: SmallSignalDevice, control: Floats, inputs: Floats) -> list[Waveform]:
    """One operating point for each pattern, tones off; together where the device can. inputs : [pattern, input], V."""
    if _has(type(dut), ManyLinearised):
        return cast(ManyLinearised, dut).operating_points(control, inputs)
    return [dut.operating_point(control, pattern) for pattern in inputs]


@runtime_checkable
class ExactDevice(DeviceUnderTest, Protocol):
    """A device under test whose equations are known, so that its derivatives are exact."""

    def exact(self, control: Floats, inputs: Floats, output: str | None = None) -> tuple[Floats, Floats]:
        """Output currents [pattern], A, and dI_out/dV [pattern, control], A/V, at rest.

        control : [control], V; inputs : [pattern, input], V; output : which of several, the first unless given

        Raises SimulationError where there is no operating point.
        """
        ...


@runtime_checkable
class ExactOutputs(ExactDevice, Protocol):
    """One that tells this of all its outputs at once, for little more than of one."""

    def exact_outputs(self, control: Floats, inputs: Floats) -> dict[str, tuple[Floats, Floats]]:
        """What `exact` tells of each output, by name. Raises SimulationError where there is no operating point."""
        ...


@runtime_checkable
class NoisyDevice(DeviceUnderTest, Protocol):
    """A device under test that knows the noise which its own elements make."""

    def noise(self, control: Floats, inputs: Floats, frequencies: Floats) -> Floats:
        """One-sided density of the output current's noise: [frequency], A²/Hz."""
        ...


@dataclass(frozen=True)
class NoiseSource:
    """One element that makes noise, at an operating point: a current beside it, from its first node to its second.

    name : as `Tables` know it with INJECTED before it; nodes : of the netlist
    thermal, shot : A²/Hz, one-sided; current : A through it
    """

    name: str
    nodes: tuple[str, ...]
    thermal: float
    shot: float
    current: float


@runtime_checkable
class NoisyElements(NoisyDevice, Protocol):
    """A noisy device that tells kinds of noise and elements apart."""

    def noise_by_kind(self, control: Floats, inputs: Floats, frequencies: Floats) -> dict[str, Floats]:
        """One-sided density of the output current's thermal, shot, flicker and other noise: [frequency], A²/Hz."""
        ...

    def noise_sources(self, control: Floats, inputs: Floats) -> tuple[NoiseSource, ...]:
        """Every element that makes noise. Raises ValueError where they aren't known one by one."""
        ...


@runtime_checkable
class ChangingDevice(DeviceUnderTest, Protocol):
    """A device under test whose own elements change as `Drive.condition` says."""

    @property
    def links(self) -> tuple[str, ...]:
        """Family of each link that a condition's `strength` has; raises ValueError where they can't change alone."""
        ...

    @property
    def held_states(self) -> tuple[str, ...]:
        """Names of the states that a condition's `start` has."""
        ...
