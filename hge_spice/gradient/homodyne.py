"""Homodyne gradient extraction: a tone on every control at once, one lock-in each on the one output current.

Source: Boon et al., Nature Communications 2025, doi 10.1038/s41467-025-65155-7.
"""

from collections.abc import Sequence

import numpy as np

from hge_spice.drive import DeviceUnderTest, Drive, Floats, Tone, Waveform, measure_all
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.lockin import Demodulated, ErrorBars, demodulate, distortion, error_bars

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
    return estimates(measure_all(dut, drives), tones, measurement)


def estimates(waveforms: Sequence[Waveform], tones: tuple[Tone, ...], measurement: Measurement) -> tuple[Estimate, ...]:
    """Demodulate waveforms that were measured together, one per pattern: they share what is learned of the noise."""
    window = measurement.plan.window
    found = [demodulate(waveform, tones, window, measurement.lockin) for waveform in waveforms]
    bars = None
    if found and len({each.residual.shape for each in found}) == 1:
        bars = error_bars(found, window, measurement.noise_exponent)
    return tuple(
        _judge(waveform, each, bars, tones, measurement) for waveform, each in zip(waveforms, found, strict=True)
    )


def _judge(
    waveform: Waveform, found: Demodulated, bars: ErrorBars | None, tones: tuple[Tone, ...], measurement: Measurement
) -> Estimate:
    amplitude = np.array([tone.amplitude for tone in tones])
    stderr = found.stderr if bars is None else bars.stderr
    shift, shift_stderr = distortion(waveform, tones)
    response = found.response
    lag = np.empty(0) if measurement.lag is None else measurement.lag
    turned = response * np.exp(-1j * lag) if len(lag) else response
    largest = np.abs(response).max()
    noise = np.sqrt(measurement.noise_density * found.gain)
    flags, notes = [*waveform.flags, *measurement.plan.flags], [*waveform.notes]
    if np.any((np.abs(shift) > NONLINEAR * largest) & (np.abs(shift) > SIGNIFICANT * shift_stderr)):
        flags.append("nonlinear")
    late = np.abs(turned.imag)
    if np.any((late > LAG * largest) & (late > SIGNIFICANT * stderr)):
        flags.append("lag")
        notes.append(lower_band(turned, tones))
    if measurement.signs is not None:
        # a monotone network's response to a tone on one electrode can't be of the other sign, at any amplitude
        doubt = np.maximum(stderr, waveform.current_error)
        if np.any(-measurement.signs * turned.real > RESOLVED * doubt):
            flags.append("wrong_sign")
    if largest < RESOLVED * waveform.current_error:
        flags.append("below_tolerance")
    if largest < RESOLVED * max(float(noise.max()), float(stderr.max())):
        flags.append("low_snr")
    return Estimate(
        output=found.mean,
        response=response / amplitude,
        stderr=stderr / amplitude,
        noise_stderr=noise / amplitude,
        bias=shift / amplitude,
        bias_stderr=shift_stderr / amplitude,
        simulated_seconds=waveform.simulated_seconds,
        energy=waveform.energy,
        perturbation_energy=waveform.perturbation_energy,
        flags=tuple(dict.fromkeys(flags)),
        notes=tuple(notes),
        degrees_of_freedom=found.degrees_of_freedom if bars is None else bars.degrees_of_freedom,
        lag=lag,
    )


def lower_band(turned: np.ndarray, tones: tuple[Tone, ...]) -> str:
    """Say by how much responses lag, and below which frequency a single pole of that kind would not show.

    turned : [tone], response with the known lag taken off. A single pole turns by φ where tan φ = f/f_c, so its
    quadrature is a share q of its in-phase part at q·f/tan φ.
    """
    worst = int(np.argmax(np.abs(turned.imag)))
    tone = tones[worst]
    lean = abs(turned[worst].imag) / max(abs(turned[worst].real), 1e-300)
    off, below = np.degrees(np.arctan(lean)), LAG * tone.frequency / lean
    return (
        f"the response to {tone.electrode} at {tone.frequency:.4g} Hz lies {off:.0f}° off its tone, or the tone's "
        f"opposite; keep tones below {below:.3g} Hz, where one such pole would turn it by 6°, or measure the lag "
        'beforehand: lockin.phase = "calibrate"'
    )
