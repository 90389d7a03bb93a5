import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from test_gradient import Polynomial, measurement

from hge_spice.drive import Drive, Tone, Transient
from hge_spice.imperfections import seen_through
from hge_spice.lockin import demodulate
from hge_spice.study.beside.spacing import Neighbours, _sets, expected
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study

FREQUENCY, TRANSIENT = 1e3, Transient(0.1, 800)


def error(dut: object, strength: float, spacing: float, phases: tuple[float, float, float]) -> float:
    drive = Drive(np.empty(0), np.array([strength, spacing, *phases]), (), TRANSIENT)
    own = (Tone("signal", FREQUENCY, 1.0, phases[0]),)
    return float(demodulate(dut.measure(drive), own, TRANSIENT.window).in_phase[0]) - 1.0  # type: ignore[attr-defined]


@pytest.mark.parametrize("spacing", [3.0, 7.0, 15.0, 24.0, 43.0])
def test_the_formula_is_the_mean_over_all_phases(spacing: float) -> None:
    """Phases on a grid average sinusoids exactly: no random numbers, no kernel."""
    turn = 2 * np.pi * np.arange(5) / 5 + 0.3
    mean = np.mean([error(Neighbours(FREQUENCY), 2.05, spacing, p) ** 2 for p in itertools.product(turn, repeat=3)])
    assert mean == pytest.approx(expected(2.05, np.array([spacing]), FREQUENCY, TRANSIENT, 0.0)[0], rel=1e-6)


def test_at_multiples_of_the_windows_inverse_only_noise_is_left() -> None:
    found = expected(20.0, np.array([10.0, 20.0, 40.0]), FREQUENCY, TRANSIENT, 1e-4)
    assert np.allclose(found, 1e-4, rtol=1e-9)
    between = expected(20.0, np.array([15.0]), FREQUENCY, TRANSIENT, 1e-4)
    assert between == pytest.approx(400 * (2 / (3 * np.pi)) ** 2, rel=0.01)  # sinc² at 3/2, the images neglected


def test_monte_carlo_agrees_within_its_error() -> None:
    density, rng = 2e-5, np.random.default_rng(3)
    noise = {"readout_noise": {"psd": density, "at": 1e3, "colour": "white", "lowest": 1.0}}
    dut = seen_through(Neighbours(FREQUENCY), noise, seed=0)
    off = []
    for strength, spacing in itertools.product((1.0, 2.05, 20.0), (6.0, 10.0, 17.0, 30.0)):
        squared = [error(dut, strength, spacing, tuple(rng.uniform(0, 2 * np.pi, 3))) ** 2 for _ in range(300)]
        truth = expected(strength, np.array([spacing]), FREQUENCY, TRANSIENT, density / TRANSIENT.window)[0]
        off.append((np.mean(squared) - truth) / (np.std(squared, ddof=1) / np.sqrt(300)))
    assert np.abs(off).max() < 4
    assert 0.3 < np.mean(np.square(off)) < 2.2  # 12 of them: χ²/12 within 1 % and 99.5 %


def test_a_spacing_that_the_window_does_not_resolve_is_refused() -> None:
    raw = load_study("repro_spacing", ['spacing.spacings=["10 Hz", "15 Hz"]'])
    with pytest.raises(StudyError, match="15 Hz is no multiple of the 10 Hz that the window resolves"):
        parse_study(raw)


def test_a_spacing_of_nothing_is_refused() -> None:
    with pytest.raises(StudyError, match="neither neighbours nor spacings are given"):
        parse_study(load_study("repro_spacing", ["spacing.neighbours=[]"]))


def test_a_lag_known_at_other_tones_turns_none_of_the_sets() -> None:
    dut = Polynomial()
    dut.curvature = np.zeros((3, 3))
    how = replace(measurement(0.01), lag=np.full(3, 1.0))
    bench = SimpleNamespace(
        dut=dut,
        recipe=SimpleNamespace(measurement=how, inputs=np.zeros((1, 1))),
        study=SimpleNamespace(
            perturbation=SimpleNamespace(window=how.plan.window), electrodes=SimpleNamespace(control_range=(-0.5, 0.5))
        ),
    )
    asked = SimpleNamespace(first=200.0, sets=3)
    found = _sets(bench, asked, 40.0, np.random.default_rng(0))  # type: ignore[arg-type]
    assert found["slope"] == pytest.approx(1, rel=1e-9)
    assert found["rms_difference"] < 1e-9 * np.abs(dut.slope).max()
