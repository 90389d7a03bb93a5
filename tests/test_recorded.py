"""Recorded traces of a device in closed form, with clocks, gaps and noise that are put in here."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from hge_spice.drive import Drive, Floats, Tone, Transient
from hge_spice.gradient import Measurement, homodyne
from hge_spice.lockin import demodulate
from hge_spice.recorded import Setup, TraceDevice, TraceEstimate, Window, cut_windows, estimate_trace
from hge_spice.recorded.clock import Clock
from hge_spice.tones import plan_from_harmonics, plan_tones

WINDOW = 0.1
HARMONICS = (7, 11, 16, 17, 19)
SLOPE = np.array([2e-9, -1e-9, 0.5e-9, 3e-9, 0.1e-9])
RATE = 4e3


def setup(settle: float = 0.0, amplitude: float = 1e-2) -> Setup:
    phases = np.random.default_rng(9).uniform(0, 2 * np.pi, 5)
    tones = tuple(
        Tone(f"c{k}", h / WINDOW, amplitude, p) for k, (h, p) in enumerate(zip(HARMONICS, phases, strict=True))
    )
    control = {f"c{k}": 0.1 * k for k in range(5)}
    return Setup(tones, WINDOW, settle, control, {"x": 0.3})


def output(played: Setup, time: Floats) -> Floats:
    """Current at the generator's time: linear, with products of 2nd order and a little of 3rd."""
    v = np.array([t.amplitude * np.sin(2 * np.pi * t.frequency * time + t.phase) for t in played.tones])
    return 5e-9 + SLOPE @ v + 2e-8 * v[0] * v[1] - 1e-8 * v[3] ** 2


def trace(
    played: Setup, windows: float, clock: Clock | None = None, noise: float = 0.0, lost: float = 0.0, seed: int = 0
) -> tuple[Floats, Floats]:
    """Time as the recorder labels it, and output."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(windows * WINDOW * RATE)) / RATE
    value = output(played, (clock or Clock()).correct(time)) + noise * rng.standard_normal(len(time))
    kept = rng.random(len(time)) >= lost
    return time[kept], value[kept]


def in_pieces(time: Floats, value: Floats, size: int = 700) -> Iterator[tuple[Floats, Floats]]:
    for first in range(0, len(time), size):
        yield time[first : first + size], value[first : first + size]


def estimate(played: Setup, recording: tuple[Floats, Floats]) -> TraceEstimate:
    return estimate_trace(lambda: in_pieces(*recording), played)


def test_a_clean_trace_is_measured_exactly() -> None:
    found = estimate(setup(), trace(setup(), 4))
    assert found.estimate.jacobian == pytest.approx(SLOPE, abs=1e-18)
    assert np.imag(found.estimate.response) == pytest.approx(np.zeros(5), abs=1e-18)
    assert found.estimate.output == pytest.approx(5e-9 - 1e-8 * 1e-4 / 2, abs=1e-18)
    assert (found.windows, found.samples, found.missing, found.skipped) == (4, 1600, 0, 0)
    assert found.sample_rate == pytest.approx(RATE)
    assert abs(found.clock.error) < 1e-12
    assert found.estimate.flags == ()


@pytest.mark.parametrize("windows", [1, 12])
def test_an_output_that_drifts_needs_a_line_beside_the_tones(windows: int) -> None:
    """A drift of 13 times the largest tone in every window: without the line it is in the tones, with it in none.

    Several windows tell it by themselves. In a lone one it passes for an error of the clock of a per cent, and the
    window ends too early.
    """
    played, (time, value) = setup(), trace(setup(), windows, noise=1e-14)
    drifting = time, value + 4e-10 * time / WINDOW
    if windows == 1:
        with pytest.raises(ValueError, match="less than one window"):
            estimate(played, drifting)
    else:
        assert estimate(played, drifting).trend
        plain = estimate(replace(played, trend=False), drifting)
        assert np.abs(plain.estimate.jacobian - SLOPE).max() > 1e-2 * np.abs(SLOPE).max()
    found = estimate(replace(played, trend=True), drifting)
    assert (np.abs(found.estimate.jacobian - SLOPE) < 5 * found.estimate.stderr).all()
    assert np.abs(found.estimate.jacobian - SLOPE).max() < 1e-4 * np.abs(SLOPE).max()
    assert abs(found.clock.error) < 1e-6
    assert found.estimate.flags == ()


@pytest.mark.parametrize("windows", [2, 3, 12])
def test_a_drift_is_found_and_taken_out_before_it_is_in_the_derivatives(windows: int) -> None:
    """Over repeats the error bars are those of the scatter, though each tone is moved by up to nine of them without."""
    played, rate, off, without = setup(), 4e-11, [], []
    for seed in range(20):
        time, value = trace(played, windows, noise=1e-12, seed=seed)
        found = estimate(played, (time, value + rate * time))
        assert found.trend
        assert found.drift == pytest.approx(rate, abs=5 * found.drift_stderr + 1e-12)
        off.append((found.estimate.jacobian - SLOPE) / found.estimate.stderr)
        kept = estimate(replace(played, trend=False), (time, value + rate * time))
        without.append((kept.estimate.jacobian - SLOPE) / kept.estimate.stderr)
    assert np.sqrt(np.mean(np.square(off))) == pytest.approx(1, abs=0.25)
    assert np.sqrt(np.mean(np.square(without))) > 1.5


def test_without_a_drift_no_line_is_fitted() -> None:
    """White noise: three standard errors come by chance once in 370 traces, in twelve windows a little more often."""
    lines = [estimate(setup(), trace(setup(), 12, noise=1e-12, seed=seed)).trend for seed in range(40)]
    assert sum(lines) <= 2


@pytest.mark.parametrize("ratio", [0.8, 1.25, 5.0])
def test_tones_at_another_rate_are_found_and_no_clock_is_made_of_them(ratio: float) -> None:
    """The recorder's time runs short or long by far more than any clock: the tones are at `ratio` times themselves."""
    played = setup()
    time, value = trace(played, 40, noise=1e-12)
    found = estimate(played, (time / ratio, value))
    assert found.stretched == pytest.approx(ratio, rel=2e-3)
    assert "low_snr" in found.estimate.flags
    assert found.clock == Clock()


def test_slow_noise_is_no_curvature_and_curvature_is_seen_in_it() -> None:
    """Pink noise moves products by several times what a fit's remainder tells."""
    played, raised = setup(), {0.0: 0, 1.0: 0}
    count = round(12 * WINDOW * RATE)
    frequency = np.fft.rfftfreq(count, 1 / RATE)[1:]
    for cubic in raised:
        rng = np.random.default_rng(3)
        for _ in range(20):
            drawn = rng.standard_normal((2, len(frequency))) / np.sqrt(frequency)
            noise = np.fft.irfft(np.append(0, drawn[0] + 1j * drawn[1]), count)
            time, value = trace(played, 12)
            v = np.array([t.amplitude * np.sin(2 * np.pi * t.frequency * time + t.phase) for t in played.tones])
            found = estimate(played, (time, value + 1e-12 * noise / noise.std() + cubic * 1e-6 * v.sum(axis=0) ** 3))
            raised[cubic] += "nonlinear" in found.estimate.flags
    assert raised[0.0] <= 2
    assert raised[1.0] == 20


def test_noise_alone_is_at_no_other_rate() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        time = np.arange(4000) / RATE
        found = estimate(setup(), (time, 1e-12 * rng.standard_normal(len(time))))
        assert found.stretched is None
        assert "low_snr" in found.estimate.flags


def test_a_wrong_clock_and_lost_samples_leave_the_derivatives_within_their_error_bars() -> None:
    """50 ppm and 0.2 %: over repeats the error bars are those of the scatter, clock and all."""
    played, clock = setup(), Clock(50e-6)
    off = []
    for seed in range(20):
        found = estimate(played, trace(played, 12, clock, noise=5e-12, lost=0.002, seed=seed))
        off.append((found.estimate.jacobian - SLOPE) / found.estimate.stderr)
        assert found.clock.error == pytest.approx(50e-6, abs=5 * found.clock.error_stderr)
        assert 1 <= found.missing <= 30
    assert np.sqrt(np.mean(np.square(off))) == pytest.approx(1, abs=0.2)


def test_the_same_within_a_single_window() -> None:
    played = setup()
    off, clocks = [], []
    for seed in range(30):
        found = estimate(played, trace(played, 1.01, Clock(400e-6), noise=3e-15, lost=0.002, seed=seed))
        off.append((found.estimate.jacobian - SLOPE) / found.estimate.stderr)
        clocks.append((found.clock.error - 400e-6) / found.clock.error_stderr)
    assert np.sqrt(np.mean(np.square(off))) == pytest.approx(0.9, abs=0.3)
    assert np.sqrt(np.mean(np.square(clocks))) == pytest.approx(1, abs=0.3)


def test_uncorrected_the_clock_would_ruin_a_long_trace() -> None:
    """What the correction is for: over 500 windows 50 ppm turn the highest tone by 170 degrees."""
    played, clock = setup(), Clock(50e-6)
    recording = trace(played, 500, clock, noise=5e-12)
    found = estimate(played, recording)
    assert np.abs(found.estimate.jacobian - SLOPE).max() < 5 * found.estimate.stderr.max()
    left = np.mean(
        [
            demodulate(w.waveform(WINDOW), played.tones, WINDOW).in_phase / 1e-2
            for w in cut_windows(in_pieces(*recording), played)
        ],
        axis=0,
    )
    assert np.abs(left - SLOPE).max() > 0.3 * SLOPE.max()


def test_drift_of_the_clock_is_found_and_corrected() -> None:
    played, clock = setup(), Clock(-30e-6, 2e-6)
    found = estimate(played, trace(played, 200, clock, noise=5e-12))
    assert found.clock.error == pytest.approx(clock.error, abs=5 * found.clock.error_stderr)
    assert found.clock.drift == pytest.approx(clock.drift, abs=5 * found.clock.drift_stderr)
    assert np.abs(found.estimate.jacobian - SLOPE).max() < 5 * found.estimate.stderr.max()


def test_the_error_bar_falls_as_the_root_of_the_windows() -> None:
    played = setup()
    counts = np.array([10, 40, 160])
    bars = [estimate(played, trace(played, n, noise=5e-12)).estimate.stderr.mean() for n in counts]
    assert np.polyfit(np.log(counts), np.log(bars), 1)[0] == pytest.approx(-0.5, abs=0.08)
    # and is √(S/T)/amplitude over the root of their number, S one-sided
    expected = np.sqrt(2 * (5e-12) ** 2 / RATE / (160 * WINDOW)) / 1e-2
    assert bars[-1] == pytest.approx(expected, rel=0.1)


def test_the_95_per_cent_bar_of_few_windows_is_students() -> None:
    """Of 8 windows' scatter it is 2.36 standard errors, of 7 degrees; 1.96 would cover in 91 %."""
    for windows, times in ((8, 2.365), (7, 1.960)):  # below eight the fits' own residuals tell, of hundreds of samples
        found = estimate(setup(), trace(setup(), windows, noise=1e-10)).estimate
        assert found.bar / found.stderr == pytest.approx(np.full(5, times), rel=1e-3)


def test_the_mean_over_windows_is_what_the_device_gives_to_any_estimator() -> None:
    """A trace is a device under test: homodyne extraction on it, window by window, is the same estimate."""
    played = setup(settle=0.03)
    recording = trace(played, 12.5, noise=5e-12)
    windows = list(cut_windows(in_pieces(*recording), played))
    assert len(windows) == 12
    assert windows[0].start == pytest.approx(0.03)
    device = TraceDevice(played, windows)
    plan = plan_from_harmonics(HARMONICS, WINDOW, 400)
    how = Measurement(plan, played.amplitude, np.array([t.phase for t in played.tones]), settle=0.03)
    control, inputs = np.array(list(played.control.values())), np.full((12, 1), 0.3)
    each = homodyne(device, control, inputs, how)
    found = estimate(played, recording).estimate
    assert np.mean([e.jacobian for e in each], axis=0) == pytest.approx(found.jacobian, rel=1e-6)
    assert found.stderr == pytest.approx(np.std([e.jacobian for e in each], axis=0, ddof=1) / np.sqrt(12), rel=1e-6)
    with pytest.raises(ValueError, match="has 12 windows, and all are used"):
        homodyne(device, control, inputs[:1], how)


def test_a_drive_that_was_not_recorded_is_refused() -> None:
    played = setup()
    device = TraceDevice(played, [Window(0.0, np.arange(400) / RATE, np.zeros(400), 0)])
    control, inputs = np.array(list(played.control.values())), np.array([0.3])
    transient = Transient(WINDOW, 400)
    louder = tuple(Tone(t.electrode, t.frequency, 2 * t.amplitude, t.phase) for t in played.tones)
    with pytest.raises(ValueError, match="these tones are not"):
        device.measure(Drive(control, inputs, louder, transient))
    with pytest.raises(ValueError, match=r"control .* recorded at"):
        device.measure(Drive(control + 0.1, inputs, played.tones, transient))
    with pytest.raises(ValueError, match=r"inputs \[0.4\] V; recorded at \[0.3\] V"):
        device.measure(Drive(control, inputs + 0.1, played.tones, transient))


def test_long_windows_are_taken_as_interleaved_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    played = setup()
    recording = trace(played, 10, noise=5e-12)
    whole = estimate(played, recording).estimate
    monkeypatch.setattr("hge_spice.recorded.windows.SLICE", 130)
    sliced = estimate(played, recording).estimate
    assert sliced.jacobian == pytest.approx(whole.jacobian, abs=whole.stderr.min() / 20)
    assert sliced.output == pytest.approx(whole.output, rel=1e-3)


def test_pieces_of_any_size_give_the_same() -> None:
    played = setup()
    recording = trace(played, 6, Clock(1e-5), noise=5e-12, lost=0.01)
    (first, *others) = (
        estimate_trace(lambda size=size: in_pieces(*recording, size), played) for size in (10**6, 997, 50)
    )
    for other in others:
        assert other.estimate.jacobian == pytest.approx(first.estimate.jacobian, rel=1e-9)
        assert (other.windows, other.missing, other.samples) == (first.windows, first.missing, first.samples)


def test_values_that_are_missing_count_as_lost_and_empty_windows_are_left_out() -> None:
    played = setup()
    time, value = trace(played, 10)
    value[::50] = np.nan
    found = estimate(played, (time, value))
    assert (found.missing, found.samples) == (80, 3920)
    assert found.estimate.jacobian == pytest.approx(SLOPE, abs=1e-17)
    gone = (time < 0.3) | (time > 0.47)
    found = estimate(played, (time[gone], value[gone]))
    assert (found.windows, found.skipped) == (8, 2)
    assert found.estimate.jacobian == pytest.approx(SLOPE, abs=1e-17)


def test_a_simulators_start_up_steps_are_left_out() -> None:
    played = setup()
    time = np.concatenate([np.cumsum([0, 0.01, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64]), 1.28 + np.arange(1, 410)])
    time = time / RATE
    (window,) = cut_windows([(time, output(played, time))], played)
    assert np.diff(window.time) == pytest.approx(np.full(399, 1 / RATE))
    assert window.start == pytest.approx(1.28 / RATE)


def test_flags_are_those_of_any_extraction() -> None:
    played = setup()
    time, value = trace(played, 10)
    noise = np.random.default_rng(0).standard_normal(len(time))
    assert "low_snr" in estimate(played, (time, value + 1e-8 * noise)).estimate.flags
    late = output(played, time - 1e-3)
    assert "lag" in estimate(played, (time, late)).estimate.flags
    v = played.tones[0].amplitude * np.sin(2 * np.pi * played.tones[0].frequency * time + played.tones[0].phase)
    bent = estimate(played, (time, value + 1e-6 * v**3)).estimate
    assert "nonlinear" in bent.flags
    assert bent.bias[0] == pytest.approx(0.75 * 1e-6 * 1e-4, rel=1e-3)  # ¾·c·a²


def test_more_tones_than_a_fit_of_their_products_holds_are_flagged_as_well() -> None:
    """Eighteen tones have 1330 terms up to third order; what one of them bends still shows, and noise alone doesn't."""
    plan = plan_tones(18, 0.1)
    rng = np.random.default_rng(0)
    tones = tuple(Tone(f"c{i}", float(f), 0.01, float(rng.uniform(0, 6))) for i, f in enumerate(plan.frequencies))
    many = Setup(tones, 0.1)
    time = np.arange(16 * plan.points) * 0.1 / plan.points
    v = np.array([tone.amplitude * np.sin(2 * np.pi * tone.frequency * time + tone.phase) for tone in tones])
    slope = 1e-6 * rng.uniform(0.5, 1, 18)
    straight, noise = slope @ v, 1e-10 * rng.standard_normal(len(time))
    doubts = {"nonlinear", "curvature_unseen"}
    assert doubts.isdisjoint(estimate(many, (time, straight)).estimate.flags)
    assert "curvature_unseen" not in estimate(many, (time, straight + noise)).estimate.flags
    bent = estimate(many, (time, straight + 2e-4 * v[0] ** 3)).estimate
    assert np.isnan(bent.bias).all()
    assert bent.jacobian[0] - slope[0] == pytest.approx(0.75 * 2e-4 * 1e-4, rel=1e-3)
    assert "nonlinear" in bent.flags
    assert "c0 by 1." in bent.notes[0]


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        ((np.arange(360) / RATE, np.zeros(360)), "holds 0.09 s from 0 s on, less than one window of 0.1 s"),
        ((np.array([0.0, 1.0]), np.zeros(2)), "2 samples are no trace"),
        ((np.arange(800) / RATE, np.full(800, np.nan)), "all 2 windows of the trace lack"),
        ((np.arange(40) / 300, np.zeros(40)), "half the point rate|unknowns"),
    ],
)
def test_traces_that_hold_nothing(recording: tuple[Floats, Floats], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate(setup(), recording)
    with pytest.raises(ValueError, match="no samples"):
        estimate_trace(list, setup())
