"""Homodyne at two amplitudes: what changes with the amplitude tells the bias, and takes it off.

With D(a) = D + c·a² + d·a⁴ + …, (4·D(a/2) − D(a))/3 is D − d·a⁴/4 + … (Richardson extrapolation). It costs twice the
time, and the variance of white noise grows to (4²·4 + 1)/9 = 65/9 of one measurement's at a.
"""

from dataclasses import replace

import numpy as np

from hge_spice.drive import DeviceUnderTest, Floats
from hge_spice.gradient.curvature import PRODUCTS
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.gradient.homodyne import homodyne
from hge_spice.gradient.trust import is_below


def half_amplitude_bias(full: Estimate, half: Estimate) -> tuple[Floats, Floats]:
    """Bias of `full` as a repeat at half its amplitude tells it, (D(a) − D(a/2))·4/3, and its standard error, A/V."""
    shift = (full.jacobian - half.jacobian) * 4 / 3
    return shift, np.hypot(full.stderr, half.stderr) * 4 / 3


def homodyne_richardson(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Estimate, ...]:
    """Measure at the amplitude and at half of it; extrapolate to none.

    control : [control], V; inputs : [pattern, input], V

    `bias` is what was taken off; what is left falls as amplitude⁴.
    """
    full = homodyne(dut, control, inputs, measurement)
    half = homodyne(dut, control, inputs, replace(measurement, amplitude=measurement.amplitude / 2))
    return tuple(_extrapolated(*pair) for pair in zip(full, half, strict=True))


def _extrapolated(full: Estimate, half: Estimate) -> Estimate:
    bias, bias_stderr = half_amplitude_bias(full, half)
    stderr = np.hypot(4 * half.stderr, full.stderr) / 3
    judged = ("nonlinear", "curvature_unseen", "low_snr")
    flags = [f for f in dict.fromkeys([*full.flags, *half.flags]) if f not in judged]
    response = (4 * half.response - full.response) / 3
    noise_stderr = np.hypot(4 * half.noise_stderr, full.noise_stderr) / 3
    # the predicted bias of the half amplitude still bends what the extrapolation takes for a parabola
    flags += [flag for flag in judged[:2] if flag in half.flags]
    if is_below(response, noise_stderr, stderr):
        flags.append("low_snr")
    return replace(
        full,
        output=(4 * half.output - full.output) / 3,
        response=response,
        stderr=stderr,
        noise_stderr=noise_stderr,
        bias=bias,
        bias_stderr=bias_stderr,
        simulated_seconds=full.simulated_seconds + half.simulated_seconds,
        energy=full.energy + half.energy,
        perturbation_energy=full.perturbation_energy + half.perturbation_energy,
        flags=tuple(flags),
        notes=tuple(dict.fromkeys([*(note for note in full.notes if PRODUCTS not in note), *half.notes])),
        runs=full.runs + half.runs,
    )
