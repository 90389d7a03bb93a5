"""Windows of a recorded trace: what was played meanwhile, where each window begins and ends, and its lock-in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from hge_spice.drive import Floats, Tone, Waveform
from hge_spice.lockin import demodulate
from hge_spice.recorded.clock import Clock

Pieces = Iterable[tuple[Floats, Floats]]  # time, s, and output, A; as many samples a piece as are at hand

SLICE = 4096  # samples demodulated together; longer windows are taken as interleaved slices
START_UP = 32  # samples within which a simulator's first short steps are looked for
REGULAR = 1e-3  # of a step
ALIKE = 1e-5  # rad


@dataclass(frozen=True)
class Setup:
    """What was played while a trace was recorded; the trace's time zero is where the tones have their phases.

    tones : whole harmonics of 1/window
    window, settle : s; what comes before `settle` is not used
    control, inputs : V, by electrode
    supplies : V, by electrode, of what else is driven: complements of the inputs, bias
    output : the electrode that was read, if it has a name
    sample_rate : 1/s, for traces without a column of time
    trend : whether a straight line is fitted beside the tones of every window, for outputs that drift; None where the
    trace is to tell
    """

    tones: tuple[Tone, ...]
    window: float
    settle: float = 0.0
    control: dict[str, float] = field(default_factory=dict)
    inputs: dict[str, float] = field(default_factory=dict)
    output: str | None = None
    sample_rate: float | None = None
    trend: bool | None = None
    supplies: dict[str, float] = field(default_factory=dict)

    @property
    def levels(self) -> dict[str, float]:
        """What every driven electrode is held at, V."""
        return self.control | self.inputs | self.supplies

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


def scaled(pieces: Pieces, factor: float, step: float | None = None) -> Iterator[tuple[Floats, Floats]]:
    """A trace in A, and in s where it counts rows: `step` s each."""
    for time, output in pieces:
        yield (time if step is None else time * step), output * factor


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


def slices(window: Window, most: int) -> Iterator[tuple[float, Floats, Floats]]:
    """Interleaved parts of a window, each over all of it: start, time from there, output."""
    parts = -(-len(window.time) // most)
    for part in range(parts):
        time = window.time[part::parts]
        yield window.start + time[0], time - time[0], window.output[part::parts]


def lock(window: Window, setup: Setup) -> tuple[np.ndarray, Floats, float]:
    """Response [tone], A, against the tones' own phases, its variance, and the mean.

    The fit runs on time from the first sample, where all windows of one grid are alike; the phase is turned after it.
    """
    responses, variances, means = [], [], []
    for start, time, output in slices(window, SLICE):
        found = demodulate(Waveform(time, output, setup.window), setup.tones, setup.window, trend=bool(setup.trend))
        turn = np.fmod(start, setup.window) * setup.frequencies
        responses.append(found.response * np.exp(-2j * np.pi * turn))
        variances.append(found.stderr**2)
        means.append(found.mean)
    parts = len(responses)
    return np.mean(responses, axis=0), np.sum(variances, axis=0) / parts**2, float(np.mean(means))
