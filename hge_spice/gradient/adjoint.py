"""The exact jacobian of a device whose equations are known: one adjoint system a pattern gives all derivatives."""

from hge_spice.drive import DeviceUnderTest, ExactDevice, Floats
from hge_spice.gradient.estimate import Estimate, Measurement


def adjoint(dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement) -> tuple[Estimate, ...]:
    """Estimate without a measurement, at rest: what tones far below the device's poles would find without noise.

    control : [control], V; inputs : [pattern, input], V

    Raises TypeError for a device whose equations aren't known, SimulationError where there is no operating point.
    """
    if not isinstance(dut, ExactDevice):
        raise TypeError(
            f"{type(dut).__name__} doesn't know its equations; take a quasi-static device, or another estimator"
        )
    measurement.tones(dut.controls)  # refuses what doesn't fit, as every estimator does
    found = zip(*dut.exact(control, inputs), strict=True)
    return tuple(Estimate.certain(float(output), jacobian) for output, jacobian in found)
