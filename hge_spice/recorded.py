"""A recorded trace as a device under test, and its derivatives: windows of it, demodulated one after another."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hge_spice.clock import SIGNIFICANT, Clock, clock_from_phases
from hge_spice.drive import Drive, Floats, Tone, Waveform
from hge_spice.gradient.estimate import Estimate
from hge_spice.gradient.homodyne import LAG, NONLINEAR, RESOLVED
from hge_spice.lockin import demodulate, distortion
from hge_spice.lockin.least_squares import fitted

Pieces = Iterable[tuple[Floats, Floats]]  # time, s, and output, A; as many samples a piece as are at hand

SLICE = 4096  # samples demodulated together; longer windows are taken as interleaved slices
CUBIC = 1024  # samples that the 3rd-order fit is given
CUBIC_WINDOWS = 8
SCATTER_WINDOWS = 8  # from here on the windows themselves tell the error: its own error is 1/√(2·7) = 27 %
START_UP = 32  # samples within which a simulator's first short steps are looked for
REGULAR = 1e-3  # of a step
ALIKE = 1e-5  # rad
HARMONIC_MARGIN = 64  # samples beyond the unknowns of a fit of all harmonics
RESOLUTION = 1e-9  # of a column, below which rounding is all that is left of it
PASSES = 3
TRUSTED = 100e-6  # an instrument's clock, where a short trace can't tell: five times a common crystal's tolerance


@dataclass(frozen=True)
class Setup:
    """What was played while a trace was recorded; the trace's time zero is where the tones have their phases.

    tones : whole harmonics of 1/window
    window, settle : s; what comes before `settle` is not used
    control, inputs : V, by electrode
    output : the electrode that was read, if it has a name
    sample_rate : 1/s, for traces without a column of time
    trend : whether a straight line is fitted beside the tones of every window, for outputs that drift
    """

    tones: tuple[Tone, ...]
    window: float
    settle: float = 0.0
    control: dict[str, float] = field(default_factory=dict)
    inputs: dict[str, float] = field(default_factory=dict)
    output: str | None = None
    sample_rate: float | None = None
    trend: bool = False

    @property
    def frequencies(self) -> Floats:
        """[tone], Hz."""
        return np.array([tone.frequency for tone in self.tones])

    @property
    def amplitude(self) -> Floats:
        """[tone], V peak."""
        return np.array([tone.amplitude for tone in self.tones])


@dataclass(frozen=True)
class Window:
    """One window's samples.

    start : s, generator's time of the first
    time : [sample], s from there
    missing : samples that the rate promises and the trace lacks
    """

    start: float
    time: Floats
    output: Floats
    missing: int

    def waveform(self, window: float) -> Waveform:
        """On a time axis on which tones have their own phases, since they are whole harmonics of 1/window."""
        return Waveform(np.fmod(self.start, window) + self.time, self.output, window)


@dataclass(frozen=True)
class TraceEstimate:
    """Derivatives of a recorded trace, and what is known of the recording.

    scatter : [control], A/V, standard error from how windows differ; nan below two windows
    sample_rate : 1/s, as recorded; samples : used, of all windows; skipped : windows too incomplete to use
    """

    estimate: Estimate
    scatter: Floats
    clock: Clock
    sample_rate: float
    windows: int
    skipped: int
    samples: int
    missing: int


class TraceDevice:
    """A recorded trace played back: each measurement gives its next window.

    Raises ValueError, when measured, for a drive that is not the one recorded, and when the windows are used up.
    """

    def __init__(self, setup: Setup, windows: Sequence[Window]) -> None:
        self.setup = setup
        self.controls = tuple(tone.electrode for tone in setup.tones)
        self.inputs = tuple(setup.inputs)
        self._windows = windows
        self._used = 0

    def measure(self, drive: Drive) -> Waveform:
        """The next window of the trace."""
        self._same(drive)
        if self._used == len(self._windows):
            raise ValueError(f"the trace has {self._used} windows, and all are used; record a longer one")
        self._used += 1
        return self._windows[self._used - 1].waveform(self.setup.window)

    def _same(self, drive: Drive) -> None:
        def numbers(tones: tuple[Tone, ...]) -> Floats:
            return np.array([(t.frequency, t.amplitude, t.phase) for t in tones])

        recorded = numbers(self.setup.tones)
        if (
            tuple(t.electrode for t in drive.tones) != self.controls
            or not np.allclose(numbers(drive.tones), recorded, rtol=1e-9, atol=1e-12)
            or not np.isclose(drive.transient.window, self.setup.window, rtol=1e-9)
        ):
            raise ValueError("these tones are not the ones that were played while the trace was recorded")
        for name, values, kept in (
            ("control", drive.control, self.setup.control),
            ("inputs", drive.inputs, self.setup.inputs),
        ):
            if kept and not np.allclose(values, list(kept.values()), rtol=1e-9, atol=1e-12):
                raise ValueError(f"{name} {np.asarray(values).tolist()} V; recorded at {list(kept.values())} V")


def cut_windows(pieces: Pieces, setup: Setup, clock: Clock | None = None) -> Iterator[Window]:
    """Cut a trace into windows of the generator's time, holding one in memory.

    A simulator's short start-up steps are left out; a window holds the samples from half a step before its start to
    half a step before its end. Raises ValueError where not one window is complete.
    """
    clock = clock or Clock()
    times: list[Floats] = []
    outputs: list[Floats] = []
    step = begin = last = np.nan
    number = 0
    for recorded, values in pieces:
        time = clock.correct(recorded)
        if np.isnan(step):
            step, begin = _grid(time, setup)
        kept = np.isfinite(values) & (time >= begin - step / 2)
        last = time[-1]
        times.append(time[kept])
        outputs.append(values[kept])
        if last < begin + (number + 1) * setup.window - step / 2:
            continue
        time, output = np.concatenate(times), np.concatenate(outputs)
        while last >= (end := begin + (number + 1) * setup.window - step / 2):
            cut = int(np.searchsorted(time, end))
            yield _window(time[:cut], output[:cut], step, setup)
            time, output, number = time[cut:], output[cut:], number + 1
        times, outputs = [time], [output]
    if np.isnan(step):
        raise ValueError("the trace has no samples")
    # the last window ends with the sample before its end
    if last >= begin + (number + 1) * setup.window - 1.5 * step:
        yield _window(np.concatenate(times), np.concatenate(outputs), step, setup)
    elif number == 0:
        raise ValueError(
            f"the trace holds {max(0.0, last - begin + step):.6g} s from {begin:.6g} s on, less than one window of "
            f"{setup.window:.6g} s; record longer, or correct the window in the settings"
        )


def _grid(time: Floats, setup: Setup) -> tuple[float, float]:
    """Step of the samples and where the first window begins, s."""
    if len(time) < 3:
        raise ValueError(f"{len(time)} samples are no trace; record a whole window")
    steps = np.diff(time)
    step = float(np.median(steps))
    short = np.flatnonzero(steps[:-1] < 0.9 * step)  # the last is cut short at the end of a simulation
    started = int(short[-1]) + 1 if len(short) and short[-1] < START_UP else 0
    return step, max(setup.settle, float(time[started]))


def _window(time: Floats, output: Floats, step: float, setup: Setup) -> Window:
    expected = round(setup.window / step)
    top = float(setup.frequencies.max()) * setup.window
    if len(time) == 0:
        return Window(0.0, time, output, expected)
    relative = time - time[0]
    if len(time) > 1:
        # One grid for all windows of the same steps: a lock-in that has seen it needn't be set up again. Steps are
        # rounded to what turns the highest tone by less than ALIKE over the window.
        rounding = ALIKE / (2 * np.pi * top)
        longer = relative[-1] / (len(time) - 1) / step - 1
        even = step * (1 + rounding * round(longer / rounding)) * np.arange(len(time))
        if np.abs(relative - even).max() < REGULAR * step:
            relative = even
    return Window(float(time[0]), relative, output, max(0, expected - len(time)))


def estimate_trace(pieces: Callable[[], Pieces], setup: Setup) -> TraceEstimate:
    """Demodulate a whole trace, window by window, in the memory of one; correct the clock where it is seen to be off.

    pieces : gives the trace from its start each time it is called; it is read twice or three times where the clock is
    off

    The estimate is the mean over the windows. Its standard error is from the scatter of the windows where there are
    8 or more, otherwise from what the fits leave over.

    Raises ValueError for tones that the window can't hold, too few samples, a trace shorter than a window.
    """
    clock = Clock()
    for _ in range(PASSES):
        found = _pass(pieces(), setup, clock)
        if len(found.response) > 1:
            more = clock_from_phases(found.response, found.stderr, found.middle, setup.frequencies)
        else:
            more = _clock_within(found.cubic[0], setup)
        clock = clock.and_then(more)
        if more.error == more.drift == 0.0:
            break
    else:
        found = _pass(pieces(), setup, clock)
    return _summed_up(found, setup, clock)


@dataclass(frozen=True)
class _Found:
    """One pass: response [window, tone], A; stderr [tone], A, of one window; mean, A; middle [window], s."""

    response: np.ndarray
    stderr: Floats
    mean: float
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
        response, variance, mean = _lock(window, setup)
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
        float(np.mean(means)),
        np.array(middles),
        tuple(first),
        samples,
        missing,
        skipped,
        step,
    )


def _slices(window: Window, most: int) -> Iterator[tuple[float, Floats, Floats]]:
    """Interleaved parts of a window, each over all of it: start, time from there, output."""
    parts = -(-len(window.time) // most)
    for part in range(parts):
        time = window.time[part::parts]
        yield window.start + time[0], time - time[0], window.output[part::parts]


def _lock(window: Window, setup: Setup) -> tuple[np.ndarray, Floats, float]:
    """Response [tone], A, against the tones' own phases, its variance, and the mean.

    The fit runs on time from the first sample, where all windows of one grid are alike; the phase is turned after it.
    """
    responses, variances, means = [], [], []
    for start, time, output in _slices(window, SLICE):
        found = demodulate(Waveform(time, output, setup.window), setup.tones, setup.window, trend=setup.trend)
        turn = np.fmod(start, setup.window) * setup.frequencies
        responses.append(found.response * np.exp(-2j * np.pi * turn))
        variances.append(found.stderr**2)
        means.append(found.mean)
    parts = len(responses)
    return np.mean(responses, axis=0), np.sum(variances, axis=0) / parts**2, float(np.mean(means))


def _clock_within(window: Window, setup: Setup) -> Clock:
    """The clock's error from a single window: least squares of all harmonics and the error, by Gauss-Newton.

    Every harmonic that the tones' products up to 5th order may have is fitted (3rd where samples lack): one left out
    would leak into t·cos and pass for an error of the clock. Unknown where samples lack for that.
    """
    start, relative, output = next(_slices(window, SLICE))
    time = start + relative
    top = int(np.rint(setup.frequencies.max() * setup.window))
    highest = min(5 * top, (len(time) - HARMONIC_MARGIN) // 2)
    if highest < 3 * top:
        return Clock()
    rate = 2 * np.pi * np.arange(1, highest + 1) / setup.window
    error, stderr = 0.0, np.nan
    for _ in range(4):
        angle = np.outer(np.fmod(time - error * time, setup.window), rate)
        sine, cosine = np.sin(angle), np.cos(angle)
        design = np.column_stack([np.ones(len(time)), sine, cosine, *([relative] if setup.trend else [])])
        found = fitted(design, output)
        slope = (cosine * rate) @ found[1 : highest + 1] - (sine * rate) @ found[highest + 1 : 2 * highest + 1]
        # reduced to what no harmonic explains
        upright, triangle = np.linalg.qr(np.column_stack([design, -slope * time]))
        moved = float(triangle[-1, -1])
        if abs(moved) < RESOLUTION * np.linalg.norm(slope * time):
            return Clock()
        step = float(upright[:, -1] @ output) / moved
        left = output - upright @ (upright.T @ output)
        stderr = float(np.linalg.norm(left)) / np.sqrt(len(time) - triangle.shape[0]) / abs(moved)
        error += step
        if abs(step) < 1e-3 * stderr:
            break
    return Clock(error if abs(error) > SIGNIFICANT * stderr else 0.0, 0.0, stderr)


def _summed_up(found: _Found, setup: Setup, clock: Clock) -> TraceEstimate:
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
    shift, shift_stderr = _bias(found.cubic, setup)
    estimate = Estimate(
        output=found.mean,
        response=response / amplitude,
        stderr=stderr / amplitude,
        noise_stderr=np.zeros(len(amplitude)),
        bias=shift / amplitude,
        bias_stderr=shift_stderr / amplitude,
        simulated_seconds=setup.settle + count * setup.window,
        energy=0.0,
        perturbation_energy=0.0,
        flags=_flags(response, stderr, shift, shift_stderr),
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
        ends.append(_lock(replace(window, start=window.start * scale, time=window.time * scale), setup)[0])
    return np.asarray(np.abs(np.real(ends[0] - ends[1])) / 2)


def _bias(windows: Sequence[Window], setup: Setup) -> tuple[Floats, Floats]:
    """What 3rd-order products add to each tone, from the first windows: [tone], A, and its standard error."""
    shifts, errors = [], []
    for window in windows:
        start, time, output = next(_slices(window, CUBIC))
        waveform = Waveform(np.fmod(start, setup.window) + time, output, setup.window)
        if setup.trend:
            waveform = demodulate(waveform, setup.tones, setup.window, trend=True).straightened(waveform)
        shift, error = distortion(waveform, setup.tones)
        shifts.append(shift)
        errors.append(error)
    return np.mean(shifts, axis=0), np.sqrt(np.mean(np.square(errors), axis=0) / len(errors))


def _flags(response: Any, stderr: Floats, shift: Floats, shift_stderr: Floats) -> tuple[str, ...]:
    """As for any other extraction."""
    largest = np.abs(response).max()
    late = np.abs(np.imag(response))
    flags = []
    if np.any((np.abs(shift) > NONLINEAR * largest) & (np.abs(shift) > 2 * shift_stderr)):
        flags.append("nonlinear")
    if np.any((late > LAG * largest) & (late > 2 * stderr)):
        flags.append("lag")
    if largest < RESOLVED * stderr.max():
        flags.append("low_snr")
    return tuple(flags)


def scaled(pieces: Pieces, factor: float, step: float | None = None) -> Iterator[tuple[Floats, Floats]]:
    """A trace in A, and in s where it counts rows: `step` s each."""
    for time, output in pieces:
        yield (time if step is None else time * step), output * factor
