"""The same learning done by a program: extractions of a device under test instead of mixers and integrators.

What the circuit does between two clock edges is one line each of the averaged model: the averages over whole periods
are the estimator's, holds and sums are variables. It is what the circuit's trajectory is held against.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hge_spice.drive import DeviceUnderTest, Floats
from hge_spice.gradient import Estimator, Measurement
from hge_spice.materia.averaged import averaged
from hge_spice.materia.circuit import Circuit
from hge_spice.materia.parts import Parts


def averaged_loop(
    dut: DeviceUnderTest, circuit: Circuit, estimator: Estimator, measurement: Measurement, epochs: int
) -> Iterator[Floats]:
    """Controls at the start and after each epoch: [control], V. The parts' errors aren't in it.

    Raises SimulationError where the device gives no result.
    """

    def respond(control: Floats) -> tuple[Floats, Floats]:
        found = estimator(dut, control, circuit.inputs, measurement)
        outputs, slopes = np.array([each.output for each in found]), np.array([each.jacobian for each in found])
        return circuit.gain * outputs, circuit.gain * slopes

    return averaged(respond, replace(circuit, parts=Parts.ideal(len(circuit.control))), epochs)
