"""A device under test around another: what a wrapper passes on, so that each says only what it changes."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from hge_spice.drive.device import Complexes, DeviceUnderTest, SmallSignalDevice, measure_all
from hge_spice.drive.drive import AS_MADE, Condition, Drive, Floats
from hge_spice.drive.waveform import Waveform

Inner = TypeVar("Inner", bound=DeviceUnderTest)
Known = TypeVar("Known", bound=SmallSignalDevice)


class Wrapped(Generic[Inner]):
    """A device with the electrodes of the one inside; a wrapper that acts has its own `measure_many`."""

    def __init__(self, inner: Inner) -> None:
        self._inner = inner

    @property
    def inner(self) -> Inner:
        """What it wraps."""
        return self._inner

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the control electrodes, in the order of `Drive.control`."""
        return self.inner.controls

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the input electrodes, in the order of `Drive.inputs`."""
        return self.inner.inputs

    def measure(self, drive: Drive) -> Waveform:
        """One drive, as `measure_many` does it. Raises what the device inside raises."""
        return self.measure_many([drive])[0]

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """One waveform per drive, in their order. Raises what the device inside raises."""
        return measure_all(self.inner, drives)


class WrappedKnown(Wrapped[Known]):
    """The same around a device that knows its own linearised response, which is told as it is."""

    def operating_point(self, control: Floats, inputs: Floats, condition: Condition = AS_MADE) -> Waveform:
        """Tones off, at rest: one point."""
        return self.inner.operating_point(control, inputs, condition)

    def small_signal(
        self, control: Floats, inputs: Floats, frequencies: Floats, condition: Condition = AS_MADE
    ) -> Complexes:
        """dI_out/dV of each control at its own frequency: [control], A/V complex."""
        return self.inner.small_signal(control, inputs, frequencies, condition)


def innermost(dut: DeviceUnderTest) -> DeviceUnderTest:
    """The device itself, behind all that wraps it."""
    while isinstance(dut, Wrapped):
        dut = dut.inner
    return dut
