from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.signal import TransferFunction, step

from hge_spice.drive import Tone, Transient, Waveform
from hge_spice.lockin import FILTERS, Filter, crosstalk, demodulate, harmonics, rc
from hge_spice.lockin.filters import TAPERS

WINDOW, POINTS = 25e-3, 75
TAU = 1e-3
ORDERS = range(1, 9)


def every() -> list[Filter]:
    return [*(Filter(name, WINDOW) for name in TAPERS), *(Filter("rc", 1.0, TAU, order) for order in ORDERS)]


def transfer(lockin: Filter, frequency: float) -> complex:
    """H(f) with H(0) = 1, from the stages of the RC cascade, or by Fourier integrals of the taper's cosines."""
    if lockin.name == "rc":
        return complex(1 / (1 + 2j * np.pi * frequency * lockin.time_constant) ** lockin.order)
    u = (np.arange(4000) + 0.5) / 4000
    weight = sum(a * np.cos(2 * np.pi * k * u) for k, a in enumerate(TAPERS[lockin.name]))
    turn = np.exp(-2j * np.pi * frequency * lockin.length * u)
    return complex((weight * turn).sum() / weight.sum())


@pytest.mark.parametrize("lockin", every(), ids=str)
def test_enbw_is_the_integral_of_the_transfer_function(lockin: Filter) -> None:
    scale = lockin.time_constant or WINDOW
    if lockin.name == "rc":
        integral = quad(lambda f: abs(transfer(lockin, f)) ** 2, 0, np.inf)[0]
    else:  # the boxcar's tail beyond f holds 1/(2π²f) of it
        grid = np.linspace(0, 200 / scale, 40_001)
        power = np.array([abs(transfer(lockin, f)) ** 2 for f in grid[::10]])
        integral = np.trapezoid(power, grid[::10])
        if lockin.name in {"window", "hamming"}:
            edge = sum(TAPERS[lockin.name]) / TAPERS[lockin.name][0]
            integral += edge**2 / (2 * np.pi**2 * scale**2 * grid[-1])
    assert lockin.enbw == pytest.approx(integral, rel=5e-3)


@pytest.mark.parametrize("lockin", every(), ids=str)
def test_settling_is_that_of_the_step_response(lockin: Filter) -> None:
    if lockin.name == "rc":
        t = np.linspace(0, 30 * TAU, 60_001)
        answer = step(TransferFunction([1], np.polynomial.polynomial.polypow([1, TAU], lockin.order)[::-1]), T=t)[1]
    else:
        t = np.linspace(0, WINDOW, 60_001)
        weight = sum(a * np.cos(2 * np.pi * k * t / WINDOW) for k, a in enumerate(TAPERS[lockin.name]))
        answer = np.cumsum(weight) / weight.sum()
    settled = t[np.flatnonzero(answer < 0.99)[-1] + 1]
    assert lockin.settling == pytest.approx(settled, rel=1e-2)


@pytest.mark.parametrize("lockin", every(), ids=str)
def test_half_the_power_is_left_at_the_corner(lockin: Filter) -> None:
    assert abs(transfer(lockin, lockin.half_power)) ** 2 == pytest.approx(0.5, rel=1e-3)


def test_orders_1_to_4_as_lockin_makers_tabulate_them() -> None:
    found = [Filter("rc", 1.0, TAU, order).enbw * TAU for order in (1, 2, 3, 4)]
    assert found == pytest.approx([1 / 4, 1 / 8, 3 / 32, 5 / 64], rel=1e-12)
    settling = [Filter("rc", 1.0, TAU, order).settling / TAU for order in (1, 2, 3, 4)]
    assert settling == pytest.approx([4.61, 6.64, 8.41, 10.05], abs=5e-3)


def played(rng: np.random.Generator, harmonics: tuple[int, ...] = (7, 11, 16, 17, 19)) -> tuple[Tone, ...]:
    return tuple(Tone(f"e{k}", h / WINDOW, 1e-3, rng.uniform(0, 2 * np.pi)) for k, h in enumerate(harmonics))


@pytest.mark.parametrize("lockin", [*(Filter(n, WINDOW) for n in TAPERS), *(rc(WINDOW, n) for n in (1, 4, 8))], ids=str)
def test_noise_through_a_filter_is_that_of_its_enbw(lockin: Filter) -> None:
    """Var X = 2·S·ENBW with one tone alone; an RC filter read when settled to 1 % is scaled up by 1/0.99."""
    rng = np.random.default_rng(0)
    tones, points = played(rng, (120,)), 400
    time = (np.arange(points) + 0.3) * WINDOW / points
    noise = rng.standard_normal((3000, points))  # S = 2h
    found = [demodulate(Waveform(time, row, WINDOW), tones, WINDOW, lockin) for row in noise]
    density = 2 * WINDOW / points
    expected = 2 * density * lockin.enbw / (0.99**2 if lockin.name == "rc" else 1)
    # what beats at twice the tone against the edge of order 1 has opposite signs in two tones a quarter turn apart
    turned = (replace(tones[0], phase=tones[0].phase + np.pi / 2),)
    gain = (found[0].gain[0] + demodulate(Waveform(time, noise[0], WINDOW), turned, WINDOW, lockin).gain[0]) / 2
    assert gain * density == pytest.approx(expected, rel=5e-3)
    assert np.var([f.in_phase for f in found]) == pytest.approx(expected, rel=0.08)
    assert np.var([f.quadrature for f in found]) == pytest.approx(expected, rel=0.08)
    assert np.mean([f.stderr**2 for f in found]) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("name", TAPERS)
def test_every_fitted_filter_finds_known_sinusoids_without_crosstalk(name: str) -> None:
    rng = np.random.default_rng(1)
    tones, transient = played(rng), Transient(WINDOW, POINTS, 1e-3)
    assert np.allclose(crosstalk(tones, transient, Filter(name, WINDOW)), np.eye(5), atol=1e-9)


def test_an_rc_filters_crosstalk_falls_with_its_order_and_is_what_it_lets_through() -> None:
    tones, transient = played(np.random.default_rng(2), (100, 140, 190)), Transient(WINDOW, 2000)
    leaked = []
    for order in (1, 2, 4):
        matrix = crosstalk(tones, transient, rc(WINDOW, order))
        assert np.allclose(np.diag(matrix), 1, atol=0.02)
        leaked.append(np.abs(matrix - np.diag(np.diag(matrix))).max())
    assert leaked[0] > 5 * leaked[1] > 5 * leaked[2]


def test_harmonics_of_a_bent_sinusoid() -> None:
    """y = c₂v² + c₃v³ with v = a·sin θ: −c₂a²/2·cos 2θ, (3/4)c₃a³·sin θ and −(1/4)c₃a³·sin 3θ."""
    tone = Tone("e0", 7 / WINDOW, 0.5, 0.4)
    time = (np.arange(POINTS) + 0.1) * WINDOW / POINTS
    v = 0.5 * np.sin(2 * np.pi * tone.frequency * time + 0.4)
    found = harmonics(Waveform(time, 2 * v**2 + 3 * v**3, WINDOW), (tone,), WINDOW, 4)[:, 0]
    assert np.allclose(found, [0.75 * 3 * 0.125, -2j * 0.25 / 2, -0.25 * 3 * 0.125, 0], atol=1e-12)
    with pytest.raises(ValueError, match="harmonic 3 of 280 Hz can't be told from harmonic 2 of 280 Hz at 35 points"):
        harmonics(Waveform(time[:35], v[:35], WINDOW), (tone,), WINDOW, 5)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("rc", WINDOW, 5e-3, 4), r"takes 0\.05023 s to settle to 1 %, longer than the window of 0\.025 s"),
        (("rc", WINDOW, 1e-3, 9), "orders 1 to 8"),
        (("rc", WINDOW, 0.0, 1), "a time constant above zero"),
        (("sinc", WINDOW), "there is no lock-in filter 'sinc'; there are window, hann"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(asked: tuple[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Filter(*asked)
    assert set(FILTERS) == {*TAPERS, "rc"}
