"""Homodyne gradient extraction: a tone on every control at once, one lock-in each on the one output current.

Source: Boon et al., Nature Communications 2025, doi 10.1038/s41467-025-65155-7.
"""

from collections.abc import Sequence

import numpy as np

from hge_spice.drive import DeviceUnderTest, Drive, Floats, Tone, Waveform, measure_all
from hge_spice.gradient.curvature import curvature
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.gradient.trust import LAG, RESOLVED, SILENT, is_below, lags
from hge_spice.lockin import Demodulated, ErrorBars, demodulate, error_bars

DRIFTING = 3.0  # standard errors of the line
ROUNDING = 1e-15  # share of the output, below which its digits end
FEWEST_LEFT = 4  # degrees of freedom; with fewer a line is told from nothing


def homodyne(dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement) -> tuple[Estimate, ...]:
    """Estimate all derivatives of a pattern from one measurement.

    control : [control], V; inputs : [pattern, input], V

    The bias is of 3rd order in the amplitude: relative error ∝ amplitude². The variance that read-out noise of
    one-sided density S adds to a derivative is S/(window·amplitude²).

    Raises SimulationError where the device gives no result, ValueError where tones and device don't fit.
    """
    tones, transient = measurement.tones(dut.controls), measurement.transient
    drives = [Drive(control, pattern, tones, transient) for pattern in inputs]
    return estimates(measure_all(dut, drives), tones, measurement)


def estimates(waveforms: Sequence[Waveform], tones: tuple[Tone, ...], measurement: Measurement) -> tuple[Estimate, ...]:
    """Demodulate waveforms that were measured together, one per pattern: they share what is learned of the noise.

    A state that moves during the window tilts the output, and the tilt leaks into the tones. Unless the measurement
    says otherwise, a straight line is fitted with them where a state has moved and the line stands out of the noise by
    DRIFTING standard errors: there, leaving it in would cost more than the variance that taking it out adds.
    """
    window = measurement.plan.window
    found = _demodulated(waveforms, tones, measurement)
    alike = len({each.residual.shape for each in found}) == 1
    bars = error_bars(found, window, measurement.noise_exponent) if alike else ()
    least = SILENT * max((float(np.abs(each.response).max()) for each in found), default=0.0)
    return tuple(
        _judge(waveform, each, bar, tones, measurement, least)
        for waveform, each, bar in zip(waveforms, found, bars or [None] * len(found), strict=True)
    )


def _demodulated(waveforms: Sequence[Waveform], tones: tuple[Tone, ...], measurement: Measurement) -> list[Demodulated]:
    """All with a trend, or all without."""
    window, lockin, asked = measurement.plan.window, measurement.lockin, measurement.trend
    found = [demodulate(each, tones, window, lockin, trend=bool(asked)) for each in waveforms]
    moved = any(before != after for each in waveforms for before, after in each.states.values())
    hardware = lockin is not None and lockin.name == "rc"
    if asked is not None or not moved or hardware or min(each.degrees_of_freedom for each in found) <= FEWEST_LEFT:
        return found
    tilted = [demodulate(each, tones, window, lockin, trend=True) for each in waveforms]
    return tilted if any(abs(each.trend) > DRIFTING * each.trend_stderr for each in tilted) else found


def _judge(
    waveform: Waveform,
    found: Demodulated,
    bars: ErrorBars | None,
    tones: tuple[Tone, ...],
    measurement: Measurement,
    least: float,
) -> Estimate:
    """The estimate of a pattern.

    least : response, A or V, below which it is off: its lag is nobody's to mend, and products count beside the others'
    """
    amplitude = np.array([tone.amplitude for tone in tones])
    stderr = found.stderr if bars is None else bars.stderr
    response = found.response
    known = measurement.point_noise(len(waveform.time)) if measurement.noise_added else 0.0
    off = np.abs(response).max() < least
    beside = np.full(len(response), least / SILENT) if off else response  # as `against_truth.error_scale` has it
    bent = curvature(found.straightened(waveform), tones, measurement.plan.window, beside, known)
    lag = np.empty(0) if measurement.lag is None else measurement.lag
    turned = response * np.exp(-1j * lag) if len(lag) else response
    noise = np.sqrt(measurement.noise_density_at(np.array(found.frequencies)) * found.gain)
    resolved = max(waveform.current_error, ROUNDING * float(np.abs(waveform.output).max()))
    doubt = np.maximum(stderr, resolved)
    flags, notes = [*waveform.flags, *measurement.plan.flags], [*waveform.notes]
    if found.trend:
        notes.append(
            f"the output drifts by {found.trend:.3g} (its unit) over the window: a straight line was fitted too"
        )
    flags += bent.flags
    notes += bent.notes
    if lags(turned, doubt):
        flags.append("lag")
        if not off:
            notes.append((higher_band if "moved_state" in flags else lower_band)(turned, tones))
    # a monotone network's response to a tone on one electrode can't be of the other sign, at any amplitude
    if measurement.signs is not None and np.any(-measurement.signs * turned.real > RESOLVED * doubt):
        flags.append("wrong_sign")
    if is_below(response, resolved):
        flags.append("below_tolerance")
    if is_below(response, noise, stderr):
        flags.append("low_snr")
    return Estimate(
        output=found.mean,
        response=response / amplitude,
        stderr=stderr / amplitude,
        noise_stderr=noise / amplitude,
        bias=bent.shift / amplitude,
        bias_stderr=bent.stderr / amplitude,
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
    said, tone, lean = _latest(turned, tones)
    return (
        f"{said}; keep tones below {LAG * tone.frequency / lean:.3g} Hz, where one such pole would turn it by 6°, or "
        'measure the lag beforehand: lockin.phase = "calibrate"'
    )


def higher_band(turned: np.ndarray, tones: tuple[Tone, ...]) -> str:
    """The same where a state moved: it follows a tone as its integral, so that its share falls as 1/f.

    Slower tones would make it worse, and a calibration take its motion for a delay.
    """
    said, tone, lean = _latest(turned, tones)
    return (
        f"{said}, and a state moved: if it follows the tones, keep them above {tone.frequency * lean / LAG:.3g} Hz, "
        "where that would turn it by 6° (a shorter perturbation.window), or make tones and bias smaller than what "
        'moves it; lockin.phase = "calibrate" would count its motion'
    )


def _latest(turned: np.ndarray, tones: tuple[Tone, ...]) -> tuple[str, Tone, float]:
    """Words for the response with the largest quadrature, its tone, and its quadrature's share of the in-phase part."""
    worst = int(np.argmax(np.abs(turned.imag)))
    tone = tones[worst]
    lean = abs(turned[worst].imag) / max(abs(turned[worst].real), 1e-300)
    off = np.degrees(np.arctan(lean))
    said = f"the response to {tone.electrode} at {tone.frequency:.4g} Hz lies {off:.0f}° off its tone"
    return f"{said}, or the tone's opposite", tone, lean
