"""A peer in a process of its own: asked for one gradient after another over a pipe, it answers with seconds taken."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

import numpy as np

from hge_spice.benchmarks.peers.problem import Problem
from hge_spice.drive import Floats
from hge_spice.ngspice.library import find_library

# (control, points or samples of a window, or whatever else decides accuracy) -> gradients [pattern, control], A/V
Gradient = Callable[[Floats, int], Floats]


def serve(methods: Mapping[str, Callable[[Any], Gradient]], posed: Callable[..., Any] = Problem) -> None:
    """Answer requests on standard input until it ends; the first line is what is posed and the method's name.

    Whatever a library prints goes to standard error: standard output is the answers' alone.
    """
    asked, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    first = json.loads(asked.readline())
    gradient = methods[first["method"]](posed(**first["problem"]))
    for line in asked:
        request = json.loads(line)
        control = np.array(request["control"])
        began = time.perf_counter()
        found = gradient(control, request["effort"])
        seconds = time.perf_counter() - began
        answers.write(json.dumps({"seconds": seconds, "gradient": np.asarray(found).tolist()}) + "\n")
        answers.flush()


class Peer:
    """The other end: a module's method at work on a problem. Use it as a context manager."""

    def __init__(self, module: str, method: str, problem: Any) -> None:
        self._what = f"{module}.{method}"
        self._first = {"method": method, "problem": asdict(problem)}
        self._command = [sys.executable, "-W", "ignore", "-m", f"{__package__}.{module}"]
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._environment = {**os.environ, **one_thread, "NGSPICE_LIBRARY_PATH": str(find_library())}

    def __enter__(self) -> Self:
        self._remarks = tempfile.TemporaryFile("w+")  # a pipe that nobody reads would fill up
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._remarks,
            text=True,
            env=self._environment,
        )
        self._send(self._first)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._remarks.close()

    def ask(self, control: Floats, effort: int) -> tuple[float, Floats]:
        """Seconds taken and gradients [pattern, control], A/V. Raises RuntimeError where the peer gives up."""
        self._send({"control": control.tolist(), "effort": effort})
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self._remarks.seek(0)
            raise RuntimeError(f"{self._what} ended: {self._remarks.read()[-1000:]}")
        answer: dict[str, Any] = json.loads(line)
        return float(answer["seconds"]), np.array(answer["gradient"])

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._process.stdin is None:
            raise RuntimeError(f"{self._what} has no pipe")
        with contextlib.suppress(BrokenPipeError):  # it has ended, and `ask` says why
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
