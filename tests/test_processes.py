"""Slow processes against their definitions, at any steps and through pieces."""

import allantools
import numpy as np
import pytest

from hge_spice.imperfections.processes import PROCESSES, LogTime, OrnsteinUhlenbeck, RandomWalk


def in_pieces(process, time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([process.samples(part, rng) for part in np.array_split(time, min(7, len(time)))])


@pytest.mark.parametrize("uneven", [False, True])
def test_ornstein_uhlenbeck_has_its_variance_and_correlation_time(uneven: bool) -> None:
    rng = np.random.default_rng(1)
    steps = rng.uniform(0.1, 3.0, 400) if uneven else np.full(400, 0.5)
    time = np.cumsum(steps)
    runs = np.array([in_pieces(OrnsteinUhlenbeck(2.0, 5.0), time, rng) for _ in range(2000)])
    assert runs.var() == pytest.approx(4.0, rel=0.03)
    assert runs[:, 0].var() == pytest.approx(4.0, rel=0.1)  # stationary from the first value on
    for lag in (1, 5, 20):
        apart = time[100 + lag] - time[100]
        assert np.mean(runs[:, 100] * runs[:, 100 + lag]) / 4.0 == pytest.approx(np.exp(-apart / 5.0), abs=0.07)
    lagged = np.mean(runs[:, 1:] * runs[:, :-1] / np.exp(-np.diff(time) / 5.0), axis=None) / 4.0
    assert lagged == pytest.approx(1.0, abs=0.03)


def test_a_random_walk_grows_as_the_root_of_time() -> None:
    rng = np.random.default_rng(2)
    time = np.array([1.0, 2.0, 10.0, 100.0])
    ends = np.array([in_pieces(RandomWalk(3.0), time, rng) for _ in range(4000)])
    assert ends.var(axis=0) == pytest.approx(3.0 * time, rel=0.1)
    assert np.cov(ends[:, 1], ends[:, 3])[0, 1] == pytest.approx(6.0, rel=0.25)
    record = RandomWalk(1.0).samples(np.arange(2.0**16), rng)
    taus, deviation, _, _ = allantools.oadev(record, rate=1.0, data_type="freq", taus=2.0 ** np.arange(3, 11))
    assert deviation == pytest.approx(np.sqrt(taus / 3), rel=0.12)  # IEEE Std 1139: σ² = (growth/3)·τ


def test_every_kind_reaches_its_size_at_its_time() -> None:
    rng = np.random.default_rng(3)
    at = np.array([60.0])
    for name, start in PROCESSES.items():
        ends = np.array([start(0.5, 60.0).samples(at, rng)[0] for _ in range(3000)])
        wanted = 0.5 * np.log10(2) if name == "log_time" else 0.5
        assert np.sqrt(np.mean(ends**2)) == pytest.approx(wanted, rel=0.05), name


def test_log_time_loses_so_much_a_decade() -> None:
    late = LogTime(0.1, 1.0).samples(np.array([1e3, 1e4, 1e5]), np.random.default_rng(0))
    assert np.diff(late) == pytest.approx([0.1, 0.1], rel=1e-3)
