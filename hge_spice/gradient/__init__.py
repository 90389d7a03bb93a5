"""Gradient estimators, one file each, one signature: estimate(dut, control, inputs, measurement) -> Estimates."""

from collections.abc import Callable

from hge_spice.drive import DeviceUnderTest, Floats
from hge_spice.gradient.adjoint import adjoint
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.gradient.homodyne import homodyne
from hge_spice.gradient.small_signal import small_signal

Estimator = Callable[[DeviceUnderTest, Floats, Floats, Measurement], tuple[Estimate, ...]]

ESTIMATORS: dict[str, Estimator] = {"homodyne": homodyne, "small_signal": small_signal, "adjoint": adjoint}

__all__ = ["ESTIMATORS", "Estimate", "Estimator", "Measurement", "adjoint", "homodyne", "small_signal"]
