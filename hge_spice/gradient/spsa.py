"""Simultaneous perturbation: all controls are shifted at once by a random sign, and shifted back the other way.

Source: J. C. Spall, IEEE Trans. Automatic Control 37, 332 (1992).
"""

import numpy as np

from hge_spice.drive import DeviceUnderTest, Floats
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.gradient.slots import decode, read_slots


def spsa(dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement) -> tuple[Estimate, ...]:
    """Average of (y(V + aΔ) − y(V − aΔ))/(2aΔ_k) over `repeats` directions Δ, the same for all patterns.

    control : [control], V; inputs : [pattern, input], V

    Unbiased to a², but every derivative carries those of all others with random signs: one direction alone has an error
    as large as the gradient. The standard error is the spread over directions; of one direction, the estimate's size.

    Raises ValueError without an rng.
    """
    if measurement.rng is None:
        raise ValueError("spsa draws its directions; give the measurement an rng")
    count, step, repeats = len(control), measurement.amplitude, measurement.repeats
    signs = measurement.rng.choice([-1.0, 1.0], size=(repeats, count))
    shifts = np.repeat(signs * step, 2, axis=0) * np.tile([1.0, -1.0], repeats)[:, None]
    each = (np.repeat(signs / step, 2, axis=0) * np.tile([0.5, -0.5], repeats)[:, None]).T
    slots = read_slots(dut, control, inputs, measurement, shifts)
    single = slots.outputs[:, None, :] * each  # [pattern, control, slot]
    by_direction = single.reshape(len(inputs), count, repeats, 2).sum(axis=3)
    spread = by_direction.std(axis=2, ddof=1) / np.sqrt(repeats) if repeats > 1 else np.abs(by_direction[:, :, 0])
    at_rest = np.full(2 * repeats, 0.5 / repeats)
    return decode(slots, each / repeats, measurement, at_rest, stderr=spread, degrees=max(1, repeats - 1))
