"""The exact jacobian of a device whose equations are known: one adjoint system a pattern gives all derivatives."""

import numpy as np

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
    nothing = np.zeros(len(control))
    return tuple(
        Estimate(
            output=float(output),
            response=jacobian.astype(complex),
            stderr=nothing,
            noise_stderr=nothing,
            bias=nothing,
            bias_stderr=nothing,
            simulated_seconds=0.0,
            energy=0.0,
            perturbation_energy=0.0,
            runs=0,
        )
        for output, jacobian in zip(*dut.exact(control, inputs), strict=True)
    )
