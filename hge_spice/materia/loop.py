"""The same learning done by a program: extractions of a device under test instead of mixers and integrators.

What the circuit does between two clock edges is here one line each: the averages over whole periods are the
estimator's, holds and sums are variables. It is what the circuit's trajectory is held against.
"""

from collections.abc import Iterator

import numpy as np

from hge_spice.drive import DeviceUnderTest, Floats
from hge_spice.gradient import Estimator, Measurement
from hge_spice.materia.circuit import PEAK_KEPT, SHARE, Circuit
from hge_spice.materia.error import ERRORS


def averaged_loop(
    dut: DeviceUnderTest, circuit: Circuit, estimator: Estimator, measurement: Measurement, epochs: int
) -> Iterator[Floats]:
    """Controls at the start and after each epoch: [control], V.

    As in the circuit, the first epoch only fills the holds, and a pattern's force is formed from its own latest output
    and the others' held ones. Raises SimulationError where the device gives no result.
    """
    error, (low, high) = ERRORS[circuit.error], circuit.control_range
    control, held = np.array(circuit.control), np.zeros(circuit.schedule.patterns)
    peak = np.zeros(len(control))
    yield control
    for epoch in range(epochs):
        descent, power = np.zeros(len(control)), 0.0
        for p, found in enumerate(estimator(dut, control, circuit.inputs, measurement)):
            held[p] = circuit.gain * found.output
            slope = circuit.gain * found.jacobian
            descent -= error.of(held, circuit.teacher)[p] * slope
            power += float(slope @ slope)
        if epoch > 0:
            if error.divisor == "peak":
                peak = np.maximum(PEAK_KEPT * peak, np.abs(descent))
                change = circuit.rate * descent / np.maximum(peak, circuit.floor)
            else:
                step = SHARE * descent / max(power, circuit.floor**2)
                change = circuit.rate * np.tanh(step / circuit.rate)
            control = np.clip(control + change, low, high)
        yield control
