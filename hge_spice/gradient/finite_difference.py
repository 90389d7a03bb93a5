"""Finite differences: one control at a time is shifted by the amplitude and the output read again."""

import numpy as np

from hge_spice.drive import DeviceUnderTest, Floats
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.gradient.slots import decode, read_slots


def finite_difference(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Estimate, ...]:
    """Two-sided: (y(V + a) − y(V − a))/2a from 2n read-outs; biased by a²·y‴/6, variance S/(4T·a²).

    control : [control], V; inputs : [pattern, input], V
    """
    count, step = len(control), measurement.amplitude
    shifts = np.repeat(np.diag(step), 2, axis=0) * np.tile([1.0, -1.0], count)[:, None]
    decoder = np.repeat(np.diag(0.5 / step), 2, axis=1) * np.tile([1.0, -1.0], count)
    slots = read_slots(dut, control, inputs, measurement, shifts)
    return decode(slots, decoder, measurement, np.full(2 * count, 0.5 / count))


def finite_difference_forward(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Estimate, ...]:
    """One-sided: (y(V + a) − y(V))/a from n + 1 read-outs; biased by a·y″/2, variance S/(T·a²), common part shared.

    control : [control], V; inputs : [pattern, input], V
    """
    count, step = len(control), measurement.amplitude
    shifts = np.vstack([np.zeros(count), np.diag(step)])
    decoder = np.hstack([-1 / step[:, None], np.diag(1 / step)])
    slots = read_slots(dut, control, inputs, measurement, shifts)
    return decode(slots, decoder, measurement, np.eye(1, count + 1)[0])
