"""Several outputs of one device, each as a device under test of its own; what is measured for one is there for all."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hge_spice.drive import DeviceUnderTest, Drive, ExactDevice, ExactOutputs, Floats, Waveform, Wrapped
from hge_spice.drive.remembered import measure_new


class Channels:
    """A device whose outputs are read side by side, by one lock-in each for every tone: one measurement serves all."""

    def __init__(self, dut: DeviceUnderTest, outputs: Sequence[str]) -> None:
        self.dut = dut
        self._known: dict[str, Waveform] = {}
        self._solved: dict[tuple[bytes, bytes], dict[str, tuple[Floats, Floats]]] = {}
        self.channels = tuple(Channel(self, name) for name in outputs)

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """One waveform per drive; those not known yet are measured together. A drive that comes twice is known."""
        return measure_new(self.dut, drives, self._known)

    def exact(self, control: Floats, inputs: Floats, output: str) -> tuple[Floats, Floats]:
        """One output and its derivatives, of a device that knows its equations; see ExactDevice."""
        if isinstance(self.dut, ExactOutputs):
            point = control.tobytes(), inputs.tobytes()
            if point not in self._solved:
                self._solved[point] = self.dut.exact_outputs(control, inputs)
            return self._solved[point][output]
        if not isinstance(self.dut, ExactDevice):
            raise TypeError(f"{type(self.dut).__name__} doesn't know its equations; take another estimator")
        return self.dut.exact(control, inputs, output)


class Channel(Wrapped[DeviceUnderTest]):
    """One output of several as a device under test."""

    def __init__(self, shared: Channels, output: str) -> None:
        super().__init__(shared.dut)
        self._shared, self._output = shared, output

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """What each drive gives at this output."""
        return [replace(found, output=found.probes[self._output]) for found in self._shared.measure_many(drives)]

    def exact(self, control: Floats, inputs: Floats, output: str | None = None) -> tuple[Floats, Floats]:
        """Output currents and derivatives of a device that knows its equations; see ExactDevice."""
        return self._shared.exact(control, inputs, output or self._output)


def side_by_side(found: Sequence[Waveform], outputs: Sequence[str]) -> Floats:
    """Means of the named outputs: [waveform, output], A."""
    return np.array([[each.probes[name].mean() for name in outputs] for each in found])
