"""The truth: the linearised response at each tone's own frequency, one control at a time, nothing perturbed."""

from dataclasses import replace

import numpy as np

from hge_spice.drive import DeviceUnderTest, Floats, SmallSignalDevice
from hge_spice.gradient.estimate import Estimate, Measurement

LATE = 1e-3  # quadrature over magnitude beyond which a response's sign is looked up at rest
AT_REST = 1e-3  # of the lowest tone's frequency


def small_signal(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Estimate, ...]:
    """Estimate by `.ac`; no time passes.

    control : [control], V; inputs : [pattern, input], V

    The derivative is the response's magnitude at the tone's frequency with the sign it has at rest: where poles turn
    the phase, that is what a lock-in reads whose reference is as late as the response. Its in-phase part alone loses
    cos φ and changes sign beyond 90°.

    Raises TypeError for a device that only the bench knows, SimulationError where the operating point isn't found.
    """
    if not isinstance(dut, SmallSignalDevice):
        raise TypeError(f"{type(dut).__name__} has no small-signal response; measure it with another estimator")
    tones = measurement.tones(dut.controls)
    frequencies = np.array([tone.frequency for tone in tones])
    return tuple(_linearised(dut, control, pattern, frequencies) for pattern in inputs)


def _linearised(dut: SmallSignalDevice, control: Floats, inputs: Floats, frequencies: Floats) -> Estimate:
    at_rest = dut.operating_point(control, inputs)
    response = dut.small_signal(control, inputs, frequencies)
    found = Estimate.certain(float(at_rest.output[0]), response, flags=at_rest.flags, notes=at_rest.notes)
    if np.all(np.abs(response.imag) <= LATE * np.abs(response)):
        return found
    low = np.full(len(frequencies), AT_REST * frequencies.min())
    sign = np.where(dut.small_signal(control, inputs, low).real < 0, -1.0, 1.0)
    return replace(found, lag=np.angle(response * sign))
