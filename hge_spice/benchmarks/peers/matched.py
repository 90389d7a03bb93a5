"""Gradients of the same circuits by every peer at the same error, timed in turn."""

import contextlib
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hge_spice.benchmarks.peers.lines import lines_written, source
from hge_spice.benchmarks.peers.present import missing
from hge_spice.benchmarks.peers.problem import CIRCUITS, Problem, Visit, pose, relative_error
from hge_spice.benchmarks.peers.serve import Peer
from hge_spice.drive import Floats

# the last is about what the fewest points of a fit give whatever is asked: there, all sides' errors are alike
ASKED = (1e-2, 1e-3, 2e-4)
ROUNDS = 4
LONG = 6.0  # s, of one method's gradients after which it is timed no more
POINTS = (64, 72, 80, 96, 112, 128, 160, 192)  # of a fit to the solver's own; fewer don't resolve the tones' products
# of a lock-in on resampled points, whose error falls as 1/samples²: so close that none pays a twentieth too much
SAMPLES = tuple(round(256 * 2 ** (k / 16)) for k in range(65))
EFFORTS: Mapping[str, tuple[int, ...]] = {
    "hge.lock_in": POINTS,
    "fitted": POINTS,
    "lock_in": SAMPLES,
}  # by name or method
METHODS = {
    "hge": ("lock_in", "without_tones", "adjoint"),
    "pyspice_loop": ("lock_in", "fitted", "without_tones"),
    "spicelib_runs": ("lock_in", "fitted", "without_tones"),
    "neospice_adjoint": ("without_tones",),
}


@dataclass
class Side:
    """A method at work, its cheapest effort for each error asked for, and its times at that effort, s."""

    module: str
    method: str
    peer: Peer
    effort: dict[float, int] = field(default_factory=dict)
    error: dict[float, float] = field(default_factory=dict)
    seconds: dict[float, list[float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As results name it."""
        return f"{self.module}.{self.method}"

    def calibrate(self, visit: Visit, asked: Iterable[float]) -> None:
        """Find the cheapest effort whose error at every setting is no larger than asked, for each that is asked for."""
        left = sorted(asked, reverse=True)
        for effort in EFFORTS.get(self.name, EFFORTS.get(self.method, (0,))):
            if not left:
                break
            error = self._error(visit, effort, left[0])
            while left and error <= left[0]:
                wanted = left.pop(0)
                self.effort[wanted], self.error[wanted], self.seconds[wanted] = effort, error, []

    def _error(self, visit: Visit, effort: int, bound: float) -> float:
        """Return the largest error at any setting, or the first that is beyond the bound."""
        worst = 0.0
        for control, truth in zip(visit.controls, visit.truth, strict=True):
            worst = max(worst, relative_error(self.peer.ask(control, effort)[1], truth))
            if worst > bound:
                break
        return worst

    def time(self, control: Floats) -> None:
        """Take the time of one gradient at each effort found; errors with the same effort share it."""
        if self.seconds and max(map(sum, self.seconds.values())) > LONG:
            return
        taken: dict[int, float] = {}
        for asked, effort in self.effort.items():
            if effort not in taken:
                taken[effort] = self.peer.ask(control, effort)[0]
            self.seconds[asked].append(taken[effort])

    def result(self) -> dict[str, Any]:
        """What was found, for each error asked for."""
        return {
            f"{asked:g}": {
                "seconds": float(np.median(self.seconds[asked])),
                "fastest": float(np.min(self.seconds[asked])),
                "error": self.error[asked],
                **({"points": effort} if effort else {}),
            }
            for asked, effort in self.effort.items()
        }


def at_equal_error(
    circuits: Iterable[str] = tuple(CIRCUITS), asked: Iterable[float] = ASKED, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Seconds per gradient of all patterns, by circuit, method and error asked for.

    `skipped` says why a peer isn't there, or what it died of. Raises RuntimeError where it is ours that does.
    """
    found: dict[str, Any] = {"circuits": {}, "skipped": {m: why for m in METHODS if (why := missing(m))}}
    for circuit in circuits:
        with tempfile.TemporaryDirectory(prefix="hge_peers_") as folder, contextlib.ExitStack() as stack:
            problem, visit = pose(circuit, Path(folder))
            sides = [
                Side(module, method, stack.enter_context(Peer(module, method, problem)))
                for module, methods in METHODS.items()
                if module not in found["skipped"]
                for method in methods
            ]
            for side in tuple(sides):
                try:
                    side.calibrate(visit, asked)
                except RuntimeError as error:
                    if side.module == "hge":
                        raise
                    sides.remove(side)
                    found["skipped"][f"{side.name} on {circuit}"] = str(error).splitlines()[-1]
            for _ in range(rounds):
                for control in visit.controls[1:]:
                    for side in sides:
                        side.time(control)
            found["circuits"][circuit] = {side.name: side.result() for side in sides}
            found["lines"] = {side.name: _lines(side, Path(folder)) for side in sides}
            found["simulated_seconds"] = _simulated(problem)
    return found


def _lines(side: Side, folder: Path) -> int:
    written = lines_written(source(side.module), side.method)
    if side.module == "hge":
        written += len((folder / "study.toml").read_text("utf-8").splitlines())
    return written


def _simulated(problem: Problem) -> Mapping[str, float]:
    """Device time of a gradient, s: what a bench would spend, where operating points take a window each."""
    patterns, window = len(problem.patterns), problem.window
    return {
        "tones": patterns * window,
        "differences": 2 * len(problem.controls) * patterns * window,
        "adjoint": 0.0,
    }
