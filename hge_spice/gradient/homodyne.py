"""Homodyne gradient extraction: a tone on every control at once, one lock-in each on the one output current.

Source: Boon et al., Nature Communications 2025, doi 10.1038/s41467-025-65155-7.
"""

import numpy as np

from hge_spice.drive import DeviceUnderTest, Drive, Floats, Tone, Waveform, measure_all
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.lockin import demodulate, distortion

NONLINEAR = (
    5e-3  # share of the largest derivative; a predicted bias was never below 0.6 of the true one, so 1e-2 is caught
)
LAG = 0.1  # quadrature over the largest in-phase derivative: at 0.1, in-phase alone loses half a per cent
SIGNIFICANT = 2.0  # standard errors
RESOLVED = 5.0  # standard errors; noise alone exceeds them once in 270 000 tones


def homodyne(dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement) -> tuple[Estimate, ...]:
    """Estimate all derivatives of a pattern from one measurement.

    control : [control], V; inputs : [pattern, input], V

    The bias is of 3rd order in the amplitude: relative error ∝ amplitude². The variance that read-out noise of
    one-sided density S adds to a derivative is S/(window·amplitude²).

    Raises SimulationError where the device gives no result, ValueError where tones and device don't fit.
    """
    tones = measurement.tones(dut.controls)
    drives = [Drive(control, pattern, tones, measurement.transient) for pattern in inputs]
    return tuple(_judge(waveform, tones, measurement) for waveform in measure_all(dut, drives))


def _judge(waveform: Waveform, tones: tuple[Tone, ...], measurement: Measurement) -> Estimate:
    found = demodulate(waveform, tones, measurement.plan.window)
    shift, shift_stderr = distortion(waveform, tones)
    largest = np.abs(found.response).max()
    noise = measurement.tone_noise(waveform.time, tones)
    flags = [*waveform.flags, *measurement.plan.flags]
    if np.any((np.abs(shift) > NONLINEAR * largest) & (np.abs(shift) > SIGNIFICANT * shift_stderr)):
        flags.append("nonlinear")
    late = np.abs(found.quadrature)
    if np.any((late > LAG * largest) & (late > SIGNIFICANT * found.stderr)):
        flags.append("lag")
    if largest < RESOLVED * waveform.current_error:
        flags.append("below_tolerance")
    if largest < RESOLVED * max(float(noise.max()), float(found.stderr.max())):
        flags.append("low_snr")
    return Estimate(
        output=found.mean,
        response=found.response / measurement.amplitude,
        stderr=found.stderr / measurement.amplitude,
        noise_stderr=noise / measurement.amplitude,
        bias=shift / measurement.amplitude,
        bias_stderr=shift_stderr / measurement.amplitude,
        simulated_seconds=waveform.simulated_seconds,
        energy=waveform.energy,
        perturbation_energy=waveform.perturbation_energy,
        flags=tuple(dict.fromkeys(flags)),
        notes=waveform.notes,
    )
