"""Peers of `bench peers`: each that is there gives the gradient, in the way its error says; the rest say what to do."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hge_spice.benchmarks.peers import matched, side_by_side
from hge_spice.benchmarks.peers.adjoint import against_adjoint
from hge_spice.benchmarks.peers.crossbar import against_badcrossbar
from hge_spice.benchmarks.peers.lines import lines_written, source
from hge_spice.benchmarks.peers.matched import METHODS, Side
from hge_spice.benchmarks.peers.multiplexed import at_equal_time
from hge_spice.benchmarks.peers.present import missing
from hge_spice.benchmarks.peers.problem import OPTIONS, Problem, Visit, pose, relative_error
from hge_spice.benchmarks.peers.serve import Peer
from hge_spice.devices import DEVICES

METHODS_OF_ALL = [(module, method) for module, methods in METHODS.items() for method in methods]


@pytest.fixture(scope="module")
def posed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Problem, Visit]:
    return pose("transistor", tmp_path_factory.mktemp("peers"))


def ask(posed: tuple[Problem, Visit], module: str, method: str, *efforts: int) -> list[float]:
    """Errors of a peer at the first control setting, one an effort."""
    problem, visit = posed
    with Peer(module, method, problem) as peer:
        return [relative_error(peer.ask(visit.controls[0], effort)[1], visit.truth[0]) for effort in efforts]


@pytest.mark.parametrize(("module", "method"), METHODS_OF_ALL)
def test_every_peer_finds_the_gradient(posed: tuple[Problem, Visit], module: str, method: str) -> None:
    if why := missing(module):
        pytest.skip(why)
    plain = method == "lock_in" and module != "hge"
    (error,) = ask(posed, module, method, 1536 if plain else 96)
    assert error < (1e-3 if plain else 1e-4)


def test_a_resampled_lock_in_converges_with_the_square_of_its_samples(posed: tuple[Problem, Visit]) -> None:
    errors = ask(posed, "pyspice_loop", "lock_in", 256, 512, 1024)
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)


def test_every_side_has_our_tolerances() -> None:
    ours = DEVICES["subcircuit"].options
    assert {key: float(value) for key, value in (word.split("=") for word in OPTIONS.split())} == ours


def test_gradients_agree_with_the_adjoint_of_another_solver() -> None:
    if why := missing("neospice_adjoint"):
        pytest.skip(why)
    found = against_adjoint(("diode", "transistor"))
    for errors in found.values():
        assert errors["small_signal"] < 1e-9
        assert max(errors["at_0.1_mV"], errors["extrapolated"]) < 1e-4


def test_a_crossbar_has_badcrossbars_currents() -> None:
    if why := missing("badcrossbar_currents"):
        pytest.skip(why)
    found = against_badcrossbar(5, 4)
    assert found["ngspice"]["error"] < 1e-9
    assert found["quasistatic"]["error"] < 1e-9
    # sinh(x) is x(1 + x²/6): a tenth of the voltage is a hundredth of the difference
    coarse, fine = found["sinh"].values()
    assert coarse / fine == pytest.approx(100, rel=0.01)


def test_estimators_get_the_same_time() -> None:
    found = at_equal_time(("homodyne", "multiplexed_walsh", "spsa"), repeats=4)
    assert [each["seconds"] for each in found.values()] == pytest.approx([0.4] * 3, rel=1e-6)
    assert found["homodyne"]["error"] < 0.3 * found["spsa"]["error"]


class Converging:
    """A peer whose error is 1/effort²."""

    def __init__(self, truth: np.ndarray) -> None:
        self.truth, self.asked = truth, list[int]()

    def ask(self, _control: np.ndarray, effort: int) -> tuple[float, np.ndarray]:
        self.asked.append(effort)
        return effort * 1e-3, self.truth * (1 + 1 / effort**2)


def test_the_cheapest_effort_is_taken_for_each_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matched, "EFFORTS", {"lock_in": (4, 8, 16, 64, 128)})
    truth = np.array([[1.0, -2.0], [0.5, 0.25]])
    peer: Any = Converging(truth)
    side = Side("any", "lock_in", peer)
    side.calibrate(Visit(np.zeros((3, 2)), np.array([truth] * 3)), (1e-3, 2e-2, 1e-9))
    assert side.effort == {2e-2: 8, 1e-3: 64}  # and 1e-9 isn't reached
    assert peer.asked == [4, 8, 8, 8, 16, 64, 64, 64, 128]
    side.time(np.zeros(2))
    assert side.result()["0.001"] == {
        "seconds": 64e-3,
        "fastest": 64e-3,
        "error": pytest.approx(64**-2),
        "points": 64,
    }


def test_a_peer_that_is_missing_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "spicelib" else SimpleNamespace())
    assert missing("spicelib_runs") == "spicelib isn't installed: pip install 'hge-spice[peers]'"
    assert missing("neospice_adjoint") is None
    monkeypatch.setattr(matched, "METHODS", {"spicelib_runs": ("lock_in",)})
    assert list(matched.at_equal_error(())["skipped"]) == ["spicelib_runs"]


def test_ratios_are_of_like_with_like_and_the_worst_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def sides(plain: float, **others: float) -> dict[str, Any]:
        seconds = {"hge.lock_in": 2.0, "hge.without_tones": 3.0, "pyspice_loop.lock_in": plain, **others}
        return {name: {"0.01": {"seconds": 1.0}, "0.0002": {"seconds": each}} for name, each in seconds.items()}

    circuits = {"a": sides(40.0, **{"neospice_adjoint.without_tones": 0.3}), "b": sides(20.0), "c": sides(1.0)}
    del circuits["c"]["pyspice_loop.lock_in"]["0.0002"]  # it doesn't get there, and says nothing of speed
    monkeypatch.setattr(side_by_side, "at_equal_error", lambda: {"circuits": circuits, "skipped": {}})
    for rest in ("against_adjoint", "against_badcrossbar", "at_equal_time"):
        monkeypatch.setattr(side_by_side, rest, dict)
    found = side_by_side.peers()
    assert found["ratio"] == pytest.approx(0.1)
    assert found["faster"] == {
        "pyspice_loop.lock_in": {"a": 20.0, "b": 10.0, "c": None},
        "neospice_adjoint.without_tones": {"a": pytest.approx(0.1)},
    }
    assert found["faster_at"]["0.0002"] == found["faster"]
    assert found["faster_at"]["0.01"]["pyspice_loop.lock_in"] == dict.fromkeys("abc", 1.0)
    assert found["faster_at"]["0.001"]["pyspice_loop.lock_in"] == dict.fromkeys("abc")  # nobody was asked here


def test_what_a_peer_died_of_is_told(tmp_path: Path) -> None:
    problem = Problem("none", str(tmp_path), ["a"], {"a": 1}, [], [], [[]], 1.0, [], 1e-3)
    with (
        Peer("hge", "lock_in", problem) as peer,
        pytest.raises(RuntimeError, match=r"(?s)hge\.lock_in ended.*no study file"),
    ):
        peer.ask(np.zeros(1), 64)


def test_a_peer_that_dies_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matched, "METHODS", {"pyspice_loop": ("none",)})
    found = matched.at_equal_error(("transistor",), rounds=1)
    assert found["circuits"] == {"transistor": {}}
    assert found["skipped"] == {"pyspice_loop.none on transistor": "KeyError: 'none'"}


WRITTEN = '''"""A file."""

import os
import sys

import numpy as np


def helper(x):
    """It helps.

    A lot.
    """
    # with this
    return np.array(
        x,
    )


def other():
    return os.getcwd()


def method(problem):
    def one(x):

        return helper(x)

    return one
'''


def test_lines_are_those_that_a_method_needs() -> None:
    assert lines_written(WRITTEN, "method") == 1 + 4 + 4  # numpy, helper, method
    assert lines_written(WRITTEN, "other") == 1 + 2
    for module, methods in METHODS.items():
        assert all(5 < lines_written(source(module), method) < 60 for method in methods)
