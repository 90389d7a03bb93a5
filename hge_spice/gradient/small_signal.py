"""The truth: the linearised response at each tone's own frequency, one control at a time, nothing perturbed."""

from dataclasses import replace

import numpy as np

from hge_spice.drive import DeviceUnderTest, Floats, SmallSignalDevice, all_points, all_responses
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
    points, responses = all_points(dut, control, inputs), all_responses(dut, control, inputs, frequencies)
    found = [
        Estimate.certain(float(point.output[0]), response, flags=point.flags, notes=point.notes)
        for point, response in zip(points, responses, strict=True)
    ]
    late = np.flatnonzero(np.any(np.abs(responses.imag) > LATE * np.abs(responses), axis=1))
    if len(late):
        low = np.full(len(frequencies), AT_REST * frequencies.min())
        signs = np.where(all_responses(dut, control, inputs[late], low).real < 0, -1.0, 1.0)
        for k, sign in zip(late, signs, strict=True):
            found[k] = replace(found[k], lag=np.angle(responses[k] * sign))
    return tuple(found)
