"""Derivatives of a recorded trace: its windows demodulated one after another, the clock corrected, errors summed up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtr, stdtrit

from hge_spice.drive import Floats, Waveform
from hge_spice.gradient.curvature import Curvature, judged
from hge_spice.gradient.estimate import Estimate
from hge_spice.gradient.trust import SIGNIFICANT, is_below, lags
from hge_spice.lockin import demodulate, distortion
from hge_spice.recorded.clock import Clock, clock_from_phases
from hge_spice.recorded.clock_within import clock_within
from hge_spice.recorded.drift import harms, slope_of
from hge_spice.recorded.rate import stretched
from hge_spice.recorded.windows import Pieces, Setup, Window, cut_windows, lock, slices

CUBIC = 1024  # samples that the 3rd-order fit is given
CUBIC_WINDOWS = 8
SCATTER_WINDOWS = 8  # from here on the windows themselves tell the error: its own error is 1/√(2·7) = 27 %
PASSES = 3
TRUSTED = 100e-6  # an instrument's clock, where a short trace can't tell: five times a common crystal's tolerance


@dataclass(frozen=True)
class TraceEstimate:
    """Derivatives of a recorded trace, and what is known of the recording.

    scatter : [control], A/V, standard error from how windows differ; nan below two windows
    sample_rate : 1/s, as recorded; samples : used, of all windows; skipped : windows too incomplete to use
    drift, drift_stderr : A/s, of the output, and its standard error; nan where they can't be told
    trend : whether a straight line was fitted beside the tones of every window
    stretched : ratio at which lines lie to the tones' frequencies, where no tone stands out at its own; else None
    """

    estimate: Estimate
    scatter: Floats
    clock: Clock
    sample_rate: float
    windows: int
    skipped: int
    samples: int
    missing: int
    drift: float
    drift_stderr: float
    trend: bool
    stretched: float | None = None


def estimate_trace(pieces: Callable[[], Pieces], setup: Setup) -> TraceEstimate:
    """Demodulate a whole trace, window by window, in the memory of one; correct the clock where it is seen to be off.

    pieces : gives the trace from its start each time it is called; it is read twice or three times where the clock is
    off, and once more where the output drifts

    Where `setup` leaves it open, a straight line is fitted beside the tones if the windows' means drift by more than
    the error bars bear; a lone window can't tell.

    The estimate is the mean over the windows. Its standard error is from the scatter of the windows where there are
    8 or more, otherwise from what the fits leave over.

    Raises ValueError for tones that the window can't hold, too few samples, a trace shorter than a window.
    """
    clock = Clock()
    found = _pass(pieces(), setup, clock)
    # a tone's in-phase amplitude has twice the variance of the mean
    drift = slope_of(found.middle, found.mean, float(np.median(found.stderr)) / np.sqrt(2))
    if setup.trend is None:
        setup = replace(setup, trend=harms(*drift, found.stderr / np.sqrt(len(found.response)), setup))
        if setup.trend:
            found = _pass(pieces(), setup, clock)
    as_labelled = found
    for again in range(PASSES):
        if again:
            found = _pass(pieces(), setup, clock)
        if len(found.response) > 1:
            more = clock_from_phases(found.response, found.stderr, found.middle, setup.frequencies)
        else:
            more = clock_within(found.cubic[0], setup)
        clock = clock.and_then(more)
        if more.error == more.drift == 0.0:
            break
    else:
        found = _pass(pieces(), setup, clock)
    told = _summed_up(found, setup, clock, drift)
    if "low_snr" in told.estimate.flags and (ratio := stretched(as_labelled.cubic, setup)) is not None:
        # a clock that was fitted to tones that aren't there is none
        return replace(_summed_up(as_labelled, setup, Clock(), drift), stretched=ratio)
    return told


@dataclass(frozen=True)
class _Found:
    """One pass: response [window, tone], A; stderr [tone], A, of one window; mean [window], A; middle [window], s."""

    response: np.ndarray
    stderr: Floats
    mean: Floats
    middle: Floats
    cubic: tuple[Window, ...]
    samples: int
    missing: int
    skipped: int
    step: float


def _pass(pieces: Pieces, setup: Setup, clock: Clock) -> _Found:
    responses, variances, means, middles = [], [], [], []
    first: list[Window] = []
    samples = missing = skipped = 0
    for window in cut_windows(pieces, setup, clock):
        if len(window.time) < window.missing:
            skipped += 1
            continue
        response, variance, mean = lock(window, setup)
        responses.append(response)
        variances.append(variance)
        means.append(mean)
        middles.append(window.start + window.time[-1] / 2)
        samples, missing = samples + len(window.time), missing + window.missing
        if len(first) < CUBIC_WINDOWS:
            first.append(window)
    if not responses:
        raise ValueError(f"all {skipped} windows of the trace lack more than half of their samples")
    step = float(np.median(np.diff(first[0].time))) / (1 - clock.error)
    stderr = np.sqrt(np.mean(variances, axis=0))
    return _Found(
        np.array(responses),
        stderr,
        np.array(means),
        np.array(middles),
        tuple(first),
        samples,
        missing,
        skipped,
        step,
    )


def _summed_up(found: _Found, setup: Setup, clock: Clock, drift: tuple[float, float]) -> TraceEstimate:
    count = len(found.response)
    amplitude = setup.amplitude
    response = found.response.mean(axis=0)
    left = found.stderr / np.sqrt(count)
    scatter = np.full(len(amplitude), np.nan)
    if count > 1:
        scatter = np.std(np.real(found.response), axis=0, ddof=1) / np.sqrt(count)
    stderr = scatter if count >= SCATTER_WINDOWS else left
    if np.isfinite(clock.error_stderr):
        stderr = np.hypot(stderr, _moved_by_clock(found, setup, response, min(clock.error_stderr, TRUSTED)))
    # products are the same in every window: what makes windows differ is the noise of one's points
    noise = float(np.sqrt(np.mean(scatter**2) * found.samples / 2)) if count >= SCATTER_WINDOWS else 0.0
    first = _for_products(found.cubic[0], setup)
    bent = judged(_bias(found.cubic, setup), first, setup.tones, setup.window, response, noise)
    estimate = Estimate(
        output=float(found.mean.mean()),
        response=response / amplitude,
        stderr=stderr / amplitude,
        noise_stderr=np.zeros(len(amplitude)),
        bias=bent.shift / amplitude,
        bias_stderr=bent.stderr / amplitude,
        simulated_seconds=setup.settle + count * setup.window,
        energy=0.0,
        perturbation_energy=0.0,
        flags=_flags(response, stderr, bent),
        notes=bent.notes,
        degrees_of_freedom=count - 1.0 if count >= SCATTER_WINDOWS else np.inf,
    )
    return TraceEstimate(
        estimate,
        scatter / amplitude,
        clock,
        1 / found.step,
        count,
        found.skipped,
        found.samples,
        found.missing,
        *drift,
        bool(setup.trend),
    )


def _moved_by_clock(found: _Found, setup: Setup, response: np.ndarray, error: float) -> Floats:
    """What an error of the clock that is left adds to in-phase amplitudes: [tone], A."""
    if len(found.response) > 1:
        # phases turn: the quadrature becomes in-phase
        turn = 2 * np.pi * setup.frequencies * float(found.middle.mean()) * error
        return np.asarray(np.abs(turn * np.imag(response)))
    window = found.cubic[0]
    ends = []
    for sign in (1, -1):
        scale = 1 - sign * error
        ends.append(lock(replace(window, start=window.start * scale, time=window.time * scale), setup)[0])
    return np.asarray(np.abs(np.real(ends[0] - ends[1])) / 2)


def _bias(windows: Sequence[Window], setup: Setup) -> tuple[Floats, Floats]:
    """What 3rd-order products add to each tone, from the first windows: [tone], A, and its standard error."""
    shifts, errors = zip(*(distortion(_for_products(window, setup), setup.tones) for window in windows), strict=True)
    count = len(shifts)
    if count < SCATTER_WINDOWS:
        return np.mean(shifts, axis=0), np.sqrt(np.mean(np.square(errors), axis=0) / count)
    # Products lie where slow noise is strong, of which what a fit leaves over knows nothing; windows do. Widened so
    # that as many such errors as `nonlinear` asks for hold as much as of a normal distribution.
    wider = float(stdtrit(count - 1, ndtr(SIGNIFICANT))) / SIGNIFICANT
    return np.mean(shifts, axis=0), np.std(shifts, axis=0, ddof=1) / np.sqrt(count) * wider


def _for_products(window: Window, setup: Setup) -> Waveform:
    """As much of a window as products are looked for in, freed of its trend."""
    start, time, output = next(slices(window, CUBIC))
    waveform = Waveform(np.fmod(start, setup.window) + time, output, setup.window)
    if setup.trend:
        return demodulate(waveform, setup.tones, setup.window, trend=True).straightened(waveform)
    return waveform


def _flags(response: Any, stderr: Floats, bent: Curvature) -> tuple[str, ...]:
    """As for any other extraction."""
    doubts = {"lag": lags(response, stderr), "low_snr": is_below(response, stderr)}
    return (*bent.flags, *(flag for flag, raised in doubts.items() if raised))
