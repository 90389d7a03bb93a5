import numpy as np
import pytest
from scipy.special import polygamma
from scipy.stats import t as student

from hge_spice.drive import Tone, Waveform
from hge_spice.imperfections.noise import Pink
from hge_spice.lockin import demodulate, distortion, error_bars
from hge_spice.lockin.noise import _degrees, _times_covariance

WINDOW, POINTS = 25e-3, 75
HARMONICS = (7, 11, 16, 17, 19)


def tones(rng: np.random.Generator, amplitude: float = 1e-3) -> tuple[Tone, ...]:
    return tuple(Tone(f"e{k}", h / WINDOW, amplitude, rng.uniform(0, 2 * np.pi)) for k, h in enumerate(HARMONICS))


def grid(points: int = POINTS, offset: float = 0.3) -> np.ndarray:
    return (np.arange(points) + offset) * WINDOW / points


def voltages(played: tuple[Tone, ...], time: np.ndarray) -> np.ndarray:
    return np.array([t.amplitude * np.sin(2 * np.pi * t.frequency * time + t.phase) for t in played])


def test_amplitude_and_phase_of_known_sinusoids() -> None:
    rng = np.random.default_rng(0)
    played, time = tones(rng), grid()
    lag = rng.uniform(-np.pi, np.pi, 5)
    size = rng.uniform(0.1, 3, 5)
    output = 2.0 + sum(
        a * np.sin(2 * np.pi * t.frequency * time + t.phase + p) for a, t, p in zip(size, played, lag, strict=True)
    )
    found = demodulate(Waveform(time, output, WINDOW), played, WINDOW)
    assert found.mean == pytest.approx(2.0, abs=1e-12)
    assert np.allclose(found.magnitude, size, atol=1e-12)
    assert np.allclose(np.angle(np.exp(1j * (found.theta - lag))), 0, atol=1e-12)
    assert np.allclose(found.in_phase, size * np.cos(lag), atol=1e-12)
    assert np.allclose(found.quadrature, size * np.sin(lag), atol=1e-12)
    assert np.abs(found.residual).max() < 1e-12


def test_second_order_products_do_not_touch_tones_or_mean() -> None:
    rng = np.random.default_rng(1)
    played, time = tones(rng, 1.0), grid()
    v = voltages(played, time)
    curvature = rng.standard_normal((5, 5))
    slope = rng.standard_normal(5)
    output = 0.5 + slope @ v + np.einsum("it,ij,jt->t", v, curvature, v)
    found = demodulate(Waveform(time, output, WINDOW), played, WINDOW)
    assert np.allclose(found.response, slope, atol=1e-12)
    assert np.abs(found.residual).max() < 1e-12
    # the mean is the output with the tones on: rectified by the trace of the curvature
    assert found.mean == pytest.approx(0.5 + np.trace(curvature) / 2, abs=1e-12)


@pytest.mark.parametrize("step", [1 / 40, 1 / 40.4, 1 / 39.7])
def test_aliases_lie_where_the_points_put_them_also_out_of_step_with_the_window(step: float) -> None:
    """A recorder's rate need not fit the window; 2·17, 2·13 and 13 + 17 are beyond half of 40 points a second."""
    time = 0.3 + step * np.arange(40)
    tones = (Tone("a", 13.0, 1.0, 0.3), Tone("b", 17.0, 1.0, 1.1))
    one, other = (np.sin(2 * np.pi * t.frequency * time + t.phase) for t in tones)
    output = 0.2 + one - 0.5 * other + 0.3 * one * other + 0.2 * one**2 + 0.1 * other**2
    found = demodulate(Waveform(time, output, 1.0), tones, 1.0)
    assert found.response == pytest.approx(np.array([1.0, -0.5]), abs=1e-12)
    assert np.abs(found.residual).max() < 1e-12


def test_time_points_of_the_solvers_own_choice() -> None:
    """On an uneven grid the fit is still exact; interpolating it would not be."""
    rng = np.random.default_rng(2)
    played = tones(rng, 1.0)
    time = np.sort(rng.uniform(0, WINDOW, 140))
    v = voltages(played, time)
    slope = rng.standard_normal(5)
    output = slope @ v + (v[0] * v[3]) + v[2] ** 2
    found = demodulate(Waveform(time, output, WINDOW), played, WINDOW)
    assert np.allclose(found.response, slope, atol=1e-9)


def test_in_white_noise_the_error_bar_is_the_spread() -> None:
    """Variance of a tone's amplitude is S/T, of the mean S/2T, S one-sided; the residual's own error bar agrees."""
    rng = np.random.default_rng(3)
    played, time = tones(rng), grid()
    density = 1e-23
    step = WINDOW / POINTS
    noise = np.sqrt(density / (2 * step)) * rng.standard_normal((4000, POINTS))
    found = [demodulate(Waveform(time, row, WINDOW), played, WINDOW) for row in noise]
    spread = np.var([f.in_phase for f in found])
    assert spread == pytest.approx(density / WINDOW, rel=0.03)
    assert np.var([f.quadrature for f in found]) == pytest.approx(density / WINDOW, rel=0.03)
    assert np.var([f.mean for f in found]) == pytest.approx(density / (2 * WINDOW), rel=0.07)
    assert np.mean([f.stderr**2 for f in found]) == pytest.approx(density / WINDOW, rel=0.03)


def test_predicted_distortion_is_the_shift_that_a_cubic_makes() -> None:
    rng = np.random.default_rng(4)
    played, time = tones(rng, 0.5), grid()
    v = voltages(played, time)
    slope, curvature, cubic = rng.standard_normal(5), rng.standard_normal((5, 5)), rng.standard_normal((5, 5, 5))
    output = slope @ v + np.einsum("it,ij,jt->t", v, curvature, v) + np.einsum("it,jt,kt,ijk->t", v, v, v, cubic)
    waveform = Waveform(time, output, WINDOW)
    shift, stderr = distortion(waveform, played)
    # by hand: ⟨v_i³⟩ gives ¾a³, ⟨v_i v_k²⟩ gives ½a³, over the orderings of the indices
    a = 0.5
    for i in range(5):
        expected = 0.75 * cubic[i, i, i] * a**3
        for k in range(5):
            if k != i:
                expected += 0.5 * a**3 * (cubic[i, k, k] + cubic[k, i, k] + cubic[k, k, i])
        assert shift[i] == pytest.approx(expected, abs=1e-10)
    assert stderr.max() < 1e-10
    # on a plan free of hits that shift is exactly what the lock-in is off by, except for what products leave in shared
    # bins
    fine = grid(1200)
    v = voltages(played, fine)
    output = slope @ v + np.einsum("it,ij,jt->t", v, curvature, v) + np.einsum("it,jt,kt,ijk->t", v, v, v, cubic)
    found = demodulate(Waveform(fine, output, WINDOW), played, WINDOW)
    assert np.allclose(found.in_phase - a * slope, shift, atol=1e-10)


def test_too_few_points_for_the_cubic_say_nothing() -> None:
    played = tones(np.random.default_rng(5))
    shift, stderr = distortion(Waveform(grid(60), np.zeros(60), WINDOW), played)
    assert np.isnan(shift).all()
    assert np.isnan(stderr).all()


def test_fewer_points_than_unknowns_on_an_uneven_grid() -> None:
    time = np.sort(np.random.default_rng(6).uniform(0, WINDOW, 41))
    with pytest.raises(ValueError, match="41 points for 61 unknowns"):
        demodulate(Waveform(time, np.zeros(41), WINDOW), tones(np.random.default_rng(0)), WINDOW)


@pytest.mark.parametrize(
    ("frequencies", "points", "message"),
    [
        ((280.0, 300.0), 75, r"tone spacing 20 Hz is below the 40 Hz that a 0.025 s window resolves"),
        ((1600.0,), 75, "not below half the point rate"),
        ((), 75, "no tones"),
    ],
)
def test_what_cannot_be_demodulated(frequencies: tuple[float, ...], points: int, message: str) -> None:
    played = tuple(Tone("e0", f, 1e-3) for f in frequencies)
    time = grid(points)
    with pytest.raises(ValueError, match=message):
        demodulate(Waveform(time, np.zeros_like(time), WINDOW), played, WINDOW)


def homodyne_stderr(outputs: np.ndarray, played: tuple[Tone, ...], time: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors [pattern, tone] and half widths of the 95 % bars [tone] of patterns measured together, truth zero."""
    found = [demodulate(Waveform(time, row, WINDOW), played, WINDOW) for row in outputs]
    bars = error_bars(found, WINDOW, None)[0]
    return np.array([f.response for f in found]), student.ppf(0.975, bars.degrees_of_freedom) * bars.stderr


def test_the_estimate_reaches_the_cramer_rao_bound_in_white_noise() -> None:
    """The bound of a sinusoid's in-phase and quadrature amplitude is 2σ²/N each; 2000 windows, 5 tones."""
    rng = np.random.default_rng(7)
    played, time = tones(rng), grid()
    found = np.array(
        [
            demodulate(Waveform(time, row, WINDOW), played, WINDOW).response
            for row in rng.standard_normal((2000, POINTS))
        ]
    )
    bound = 2 / POINTS
    assert 0.95 < np.var(found.real, axis=0).mean() / bound < 1.05
    assert 0.95 < np.var(found.imag, axis=0).mean() / bound < 1.05


@pytest.mark.parametrize("colour", ["white", "pink"])
def test_the_95_per_cent_bar_covers_in_noise_of_either_colour(colour: str) -> None:
    """500 extractions of 4 patterns: 2000 windows of 5 tones, the colour not told."""
    rng = np.random.default_rng(8)
    played, time = tones(rng), grid()
    process, inside = Pink(0.01), []
    for extraction in range(500):
        starts = (4 * extraction + np.arange(4)) * WINDOW
        rows = [
            rng.standard_normal(POINTS) if colour == "white" else process.samples(start + time, rng) for start in starts
        ]
        response, half_width = homodyne_stderr(np.array(rows), played, time)
        inside.append(np.abs(response.real) < half_width)
    assert 0.93 < np.mean(inside) < 0.97
    # the lowest tone lies furthest from the free bins, where an exponent that isn't known matters most
    assert 0.92 < np.mean(inside, axis=(0, 1))[0] < 0.98


@pytest.mark.parametrize("phase", [0.0, 0.8, np.pi / 2])
def test_the_95_per_cent_bar_covers_where_pink_noise_leaks_into_the_lowest_harmonics(phase: float) -> None:
    """A sine that begins at the window's edge takes in what is slower than the window, a cosine doesn't."""
    played = tuple(Tone("e0", h / WINDOW, 1e-3, phase) for h in (2, 3))
    rng, time = np.random.default_rng(10), grid(128)
    process, inside = Pink(0.01), []
    for k in range(1500):
        found = demodulate(Waveform(time, process.samples(k * WINDOW + time, rng), WINDOW), played, WINDOW)
        (bars,) = error_bars([found], WINDOW, 1.0)
        inside.append(np.abs(found.in_phase) < student.ppf(0.975, bars.degrees_of_freedom) * bars.stderr)
    covered = np.mean(inside, axis=0)
    assert np.all((covered > 0.93) & (covered < 0.97)), covered


def test_the_variance_that_a_random_walk_gives_a_sine_is_three_times_a_cosines() -> None:
    """By Itô: (2/T)∫B·cos has variance S(f)/T at a harmonic, (2/T)∫B·sin, which ends on B(T), thrice that."""
    points, harmonics = 512, np.arange(1, 6)
    angle = 2 * np.pi * np.outer(harmonics, np.arange(points)) / points
    for rows, times in ((np.cos(angle), 1.0), (np.sin(angle), 3.0)):
        amplitude = 2 / points * rows
        variance = np.diag(amplitude @ _times_covariance(amplitude, 2.0).T)
        assert variance == pytest.approx(times * harmonics**-2.0, rel=0.02)


def test_each_window_of_a_transient_has_the_bar_of_its_own_phases() -> None:
    """A tone that runs on begins each window elsewhere: a quarter turn apart a random walk moves one by √3 more."""
    played, points = (Tone("e0", 4 / WINDOW, 1e-3),), 512
    walk = np.cumsum(np.random.default_rng(12).standard_normal((2, points)), axis=1)
    starts = (0.0, WINDOW / 16)
    found = [
        demodulate(Waveform(start + grid(points), row, WINDOW), played, WINDOW)
        for start, row in zip(starts, walk, strict=True)
    ]
    sine, cosine = error_bars(found, WINDOW, 2.0)
    assert sine.stderr / cosine.stderr == pytest.approx(np.sqrt(3), rel=0.02)
    # what is learned of the noise is learned of both
    assert error_bars(found[::-1], WINDOW, 2.0)[1].stderr == pytest.approx(sine.stderr, rel=1e-12)


def test_white_noise_has_no_covariance_between_samples() -> None:
    found = _times_covariance(np.eye(32), 0.0)
    assert found == pytest.approx(16 * np.eye(32), abs=1e-10)  # density 1 up to half the point rate, 16/window


def test_degrees_whose_sample_variance_scatters_as_much() -> None:
    degrees = np.array([1.5, 3.0, 14.0, 128.0])
    assert _degrees(polygamma(1, degrees / 2)) == pytest.approx(degrees, rel=1e-9)


def test_an_exponent_that_is_not_known_makes_the_bar_wider() -> None:
    rng = np.random.default_rng(11)
    played, time = tones(rng), grid()
    found = [demodulate(Waveform(time, rng.standard_normal(POINTS), WINDOW), played, WINDOW)]
    known, unknown = error_bars(found, WINDOW, 0.0)[0], error_bars(found, WINDOW, None)[0]
    assert known.degrees_of_freedom == pytest.approx(14)  # of 7 free bins
    assert np.all(unknown.degrees_of_freedom < 14)
    assert unknown.degrees_of_freedom[0] == unknown.degrees_of_freedom.min()


def test_a_residual_taken_for_white_would_not_cover_low_tones_in_pink_noise() -> None:
    """What the local density is for: the plain residual's bar covers the lowest tone in under 85 %."""
    rng = np.random.default_rng(9)
    played, time = tones(rng), grid()
    process, inside = Pink(0.01), []
    for k in range(1000):
        found = demodulate(Waveform(time, process.samples(k * WINDOW + time, rng), WINDOW), played, WINDOW)
        inside.append(abs(found.in_phase[0]) < student.ppf(0.975, found.degrees_of_freedom) * found.stderr[0])
    assert np.mean(inside) < 0.85
