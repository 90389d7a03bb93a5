"""A deck in a worker process: told only what changed, told everything again after the process died."""

from collections.abc import Mapping, Sequence

import numpy as np

from hge_spice.drive import SimulationError
from hge_spice.ngspice.lean import lean
from hge_spice.ngspice.log import ending
from hge_spice.ngspice.session import Result
from hge_spice.ngspice.worker import TIMEOUT, Worker, WorkerDied

TEMPERATURE = "option temp"  # what alters a circuit's temperature, in °C
TRUNCATION = "option trtol"  # what alters how far its time steps may be off beyond its tolerances
OPTIONS = frozenset({TEMPERATURE, TRUNCATION})  # commands of their own, where all else is an `alter`


class LoadedDeck:
    """One deck, one worker. Call close().

    placed : what is altered in it beside what each analysis asks for, by what it alters; told once, and when it is
        another mapping
    """

    def __init__(
        self,
        text: str,
        timeout: float = TIMEOUT,
        *,
        setup: tuple[str, ...] = (),
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self.retried = 0
        self.solver_seconds = 0.0  # that analyses took
        self.placed: Mapping[str, str] = {}
        self._present: dict[str, str] = {}
        self._told: Mapping[str, str] | None = None  # of what is placed
        self._closed = False
        self.worker = Worker(timeout)
        try:
            self.load(text, setup=setup, files=files)
        except BaseException:
            self.close()
            raise

    def load(self, text: str, *, setup: tuple[str, ...] = (), files: Mapping[str, bytes] | None = None) -> None:
        """Load another deck in the same process; setup and files : see Worker.load.

        Raises SimulationError where ngspice can't read it.
        """
        self._present, self._told = {}, None
        self.worker.load(lean(text), setup=setup, files=files)
        self.text, self.setup = text, setup

    def run(self, wanted: Mapping[str, str], analysis: str, names: tuple[str, ...]) -> Result:
        """Run an analysis with these values in place; wanted : by what they alter.

        A worker that dies is replaced and the analysis repeated once. Raises SimulationError where that fails too, and
        for a result that can't be used.
        """
        return self.run_all([(wanted, analysis)], names)[0]

    def run_all(self, jobs: Sequence[tuple[Mapping[str, str], str]], names: tuple[str, ...]) -> list[Result]:
        """Run several in one message; all are repeated where the worker dies. See run."""
        try:
            results = self._attempt(jobs, names)
        except WorkerDied:
            if self._closed:  # by another thread: nobody waits for the result any more
                raise
            self.retried += 1
            results = self._attempt(jobs, names)
        self.solver_seconds += sum(result.seconds for result in results)
        for (_, analysis), result in zip(jobs, results, strict=True):
            _check(result, analysis.split(maxsplit=1)[0])
        return results

    def close(self) -> None:
        """End the process; an analysis that runs in another thread fails."""
        self._closed = True
        self.worker.close()

    def _attempt(self, jobs: Sequence[tuple[Mapping[str, str], str]], names: tuple[str, ...]) -> list[Result]:
        try:
            return self.worker.run_all([(self._changes(wanted), analysis) for wanted, analysis in jobs], names)
        except BaseException:
            # a fresh process has the circuit as loaded; of this one it isn't known what it took in
            self._present, self._told = {}, None
            raise

    def _changes(self, wanted: Mapping[str, str]) -> list[str]:
        if self._told is not self.placed:
            wanted, self._told = {**self.placed, **wanted}, self.placed
        changed = {key: value for key, value in wanted.items() if self._present.get(key) != value}
        self._present |= changed
        return [f"{key if key in OPTIONS else f'alter {key}'} = {value}" for key, value in changed.items()]


def _check(result: Result, kind: str) -> None:
    if result.missing:
        raise SimulationError(f"the circuit has no {', '.join(result.missing)}; probe nodes and devices that exist")
    if not result.vectors.shape[1]:
        raise SimulationError(f"ngspice gave no result for {kind}:\n{ending(result.log)}")
    if not np.isfinite(result.vectors).all():
        raise SimulationError(f"ngspice gave values that are not finite for {kind}")
