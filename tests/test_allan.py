"""Allan deviation against allantools and closed forms, and the window that it chooses."""

import json

import allantools
import numpy as np
import pytest
from test_cli import call
from test_gradient import Polynomial, measurement

from hge_spice.allan import _degrees, allan_deviation
from hge_spice.drive import Floats
from hge_spice.gradient import homodyne
from hge_spice.imperfections import seen_through
from hge_spice.imperfections.noise import Pink
from hge_spice.imperfections.processes import RandomWalk
from hge_spice.plot.allan import allan
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.allan import long_run
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study

RUN = 4096


def averages(white: float = 0.0, pink: float = 0.0, walk: float = 0.0, seed: int = 0) -> Floats:
    """Averages of a second: white and pink noise of one-sided densities (at 1 Hz), a walk of this variance a second."""
    rng, time = np.random.default_rng(seed), np.arange(float(RUN))
    slow = RandomWalk(walk).samples(time, rng) + np.sqrt(pink) * Pink(1e-5).samples(time, rng)
    return np.sqrt(white / 2) * rng.standard_normal(RUN) + slow


@pytest.mark.parametrize("kind", ["white", "pink", "walk"])
def test_the_overlapping_estimator_is_allantools(kind: str) -> None:
    values = averages(**{kind: 3e-4})
    found = allan_deviation(values, 0.5)
    _, wanted, _, _ = allantools.oadev(values, rate=2.0, data_type="freq", taus=found.tau)
    assert found.deviation == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("kind", "slope"), [("white", -0.5), ("pink", 0.0), ("walk", 0.5)])
def test_slopes_are_those_of_the_noise(kind: str, slope: float) -> None:
    found = allan_deviation(averages(**{kind: 1.0}), 1.0)
    inside = slice(
        2, 9
    )  # from 4 s: a walk that is looked at and not averaged has more; to 256 s: 16 and more in the run
    fitted = np.polyfit(np.log(found.tau[inside]), np.log(found.deviation[inside]), 1)[0]
    assert fitted == pytest.approx(slope, abs=0.05)


@pytest.mark.parametrize("m", [1, 4, 32])
@pytest.mark.parametrize(("slope", "alpha"), [(-0.5, 0), (0.0, -1), (0.5, -2)])
def test_degrees_of_freedom_are_allantools(m: int, slope: float, alpha: int) -> None:
    """The handbook's short formulas; its exact ones (Greenhall's) are within a third, which is a sixth of a bar."""
    if (m, alpha) != (1, -1):  # there allantools 2024.6 forgets a square and has 0.87 degrees
        assert _degrees(1000, m, slope) == pytest.approx(allantools.edf_simple(1001, m, alpha), rel=1e-9)
    exact = allantools.edf_greenhall(alpha, 2, m, 1001, overlapping=True)
    assert _degrees(1000, m, slope) == pytest.approx(exact, rel=0.35)


def test_the_interval_covers_white_noise() -> None:
    """68 % of intervals hold √(S/2τ)."""
    inside = []
    for seed in range(100):
        found = allan_deviation(averages(white=1.0, seed=seed)[:256], 1.0)
        truth = np.sqrt(1 / (2 * found.tau))
        inside.append((found.low < truth) & (truth < found.high))
    assert np.mean(np.array(inside)[:, :4]) == pytest.approx(0.683, abs=0.07)


def test_a_vectors_variances_add_up() -> None:
    parts = [averages(white=1.0, seed=seed) for seed in (1, 2)]
    both = allan_deviation(np.array(parts).T, 1.0)
    alone = [allan_deviation(part, 1.0).deviation for part in parts]
    assert both.deviation**2 == pytest.approx(alone[0] ** 2 + alone[1] ** 2)


@pytest.mark.parametrize("walk", [1e-2, 1e-3, 1e-4])
def test_the_best_time_lies_where_white_noise_meets_the_walk(walk: float) -> None:
    """S/(2τ) + gτ/3 is least at τ = √(3S/2g); what is chosen is shorter, and loses little."""
    found = allan_deviation(averages(white=1.0, walk=walk, seed=4), 1.0)
    best = np.sqrt(1.5 / walk)
    chosen = float(found.tau[found.best])
    assert best / 4 <= chosen <= 1.5 * best
    expected = np.sqrt(1 / (2 * chosen) + walk * chosen / 3)
    assert expected < 1.3 * np.sqrt(1 / (2 * best) + walk * best / 3)
    assert not found.still_falling


def test_white_noise_alone_asks_for_a_longer_run() -> None:
    assert allan_deviation(averages(white=1.0), 1.0).still_falling
    pink = allan_deviation(averages(pink=1.0), 1.0)
    assert not pink.still_falling
    assert pink.best == 0


def test_gradient_and_output_in_white_readout_noise_are_where_theory_puts_them() -> None:
    """√(S/τ)/A of each derivative, √(S/2τ) of the output, at every averaging time."""
    density, how = 1e-22, measurement(1e-2)
    noise = {"readout_noise": {"psd": density, "at": 1e3, "colour": "white", "lowest": 1e-2}}
    dut = seen_through(Polynomial(), noise, seed=2)
    found = [homodyne(dut, np.zeros(3), np.zeros((1, 1)), how)[0] for _ in range(1024)]
    interval = how.transient.duration
    gradient = allan_deviation(np.array([e.jacobian for e in found]), interval)
    output = allan_deviation(np.array([e.output for e in found]), interval)
    for curve, level in (
        (gradient, np.sqrt(3 * density / gradient.tau) / 1e-2),
        (output, np.sqrt(density / (2 * output.tau))),
    ):
        assert curve.deviation[:4] == pytest.approx(level[:4], rel=0.12)
        assert np.all(np.abs(curve.deviation - level) < 1.5 * (curve.high - curve.low))  # three standard errors


def test_too_short_a_run_is_refused() -> None:
    with pytest.raises(ValueError, match="a run of 15 averages holds no slope; take 16 or more"):
        allan_deviation(np.zeros(15), 1.0)


def test_the_command(tmp_path) -> None:
    settings = 'imperfections.readout_noise={psd="1e-5 nA^2/Hz",colour="pink"}', "perturbation.amplitude=20 mV"
    preset = [word for each in (*settings, "perturbation.settle=0 s") for word in ("--set", each)]
    done = call("allan", "xor", *preset, "--windows", "64", "--json", "--output", "a.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert found["window"] >= found["interval"] > 0
    assert len(found["gradient"]["tau"]) == len(found["output"]["slope"]) == 5
    # the lock-in leaves the slow part of pink noise behind, a mean takes it in
    assert found["gradient"]["slope"][0] < found["output"]["slope"][0]
    assert allan(found).axes
    again = call("allan", "xor", *preset, "--windows", "64", "--output", "a.png", cwd=tmp_path)
    assert again.returncode == 2
    assert "a.png exists; name another file" in again.stderr


def test_a_run_in_which_nothing_is_random_or_of_a_pattern_that_isnt_there_is_refused() -> None:
    with Bench.of(parse_study(load_study("xor", ['perturbation.amplitude="20 mV"']))) as bench:
        with pytest.raises(ValueError, match="output never changes: nothing random acts on it"):
            long_run(bench, 16)
        with pytest.raises(ValueError, match="pattern 4 of 4; take 0 to 3"):
            long_run(bench, 16, pattern=4)


def test_a_quasi_static_device_runs_as_long() -> None:
    """Each window after the first asks the device for nothing new: white noise alone moves the output, by √(S/2T)."""
    settings = ['device.engine="quasistatic"', 'perturbation.amplitude="20 mV"', 'perturbation.settle="0 s"']
    settings += ['imperfections.readout_noise={psd="1e-5 nA^2/Hz"}']
    with Bench.of(parse_study(load_study("xor", settings))) as bench:
        found = long_run(bench, 64)
    assert found["output"]["deviation"][0] == pytest.approx(np.sqrt(1e-23 / 2 / 25e-3), rel=0.4)
