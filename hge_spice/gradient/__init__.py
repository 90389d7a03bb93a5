"""Gradient estimators, one file each, one signature: estimate(dut, control, inputs, measurement) -> Estimates."""

from collections.abc import Callable

from hge_spice.drive import DeviceUnderTest, Floats
from hge_spice.gradient.adjoint import adjoint
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.gradient.finite_difference import finite_difference, finite_difference_forward
from hge_spice.gradient.homodyne import homodyne
from hge_spice.gradient.homodyne_sequential import homodyne_sequential
from hge_spice.gradient.multiplexed import multiplexed_code, multiplexed_frequency, multiplexed_time, multiplexed_walsh
from hge_spice.gradient.richardson import half_amplitude_bias, homodyne_richardson
from hge_spice.gradient.small_signal import small_signal
from hge_spice.gradient.spsa import spsa

Estimator = Callable[[DeviceUnderTest, Floats, Floats, Measurement], tuple[Estimate, ...]]

ESTIMATORS: dict[str, Estimator] = {
    "homodyne": homodyne,
    "homodyne_richardson": homodyne_richardson,
    "homodyne_sequential": homodyne_sequential,
    "finite_difference": finite_difference,
    "finite_difference_forward": finite_difference_forward,
    "spsa": spsa,
    "multiplexed_time": multiplexed_time,
    "multiplexed_frequency": multiplexed_frequency,
    "multiplexed_code": multiplexed_code,
    "multiplexed_walsh": multiplexed_walsh,
    "small_signal": small_signal,
    "adjoint": adjoint,
}

# What others must know of estimators, by name: those that play tones, and with one tone on at a time
WITH_TONES = frozenset({"homodyne", "homodyne_richardson", "homodyne_sequential", "multiplexed_frequency"})
ONE_AT_A_TIME = frozenset({"homodyne_sequential"})
# those that draw directions or codes, `Measurement.repeats` of them; that drive nothing; that can demodulate the loss
DRAWN = frozenset({"spsa", "multiplexed_code"})
UNDRIVEN = frozenset({"adjoint", "small_signal"})
OF_THE_LOSS = frozenset({"multiplexed_time", "multiplexed_frequency", "multiplexed_code", "multiplexed_walsh"})
# those that drive alike whatever is read, so that one measurement serves all outputs
SIDE_BY_SIDE = frozenset(
    {"homodyne", "homodyne_sequential", "finite_difference", "finite_difference_forward", "adjoint"}
)

__all__ = [
    "DRAWN",
    "ESTIMATORS",
    "OF_THE_LOSS",
    "ONE_AT_A_TIME",
    "SIDE_BY_SIDE",
    "UNDRIVEN",
    "WITH_TONES",
    "Estimate",
    "Estimator",
    "Measurement",
    "adjoint",
    "half_amplitude_bias",
    "homodyne",
    "homodyne_richardson",
    "homodyne_sequential",
    "small_signal",
]
