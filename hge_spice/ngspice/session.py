"""One libngspice in this process, through PySpice's binding, with the binding's defects worked around here alone.

PySpice 1.5 raises for any line on stderr that doesn't start with "Warning:", also for complete runs; looks for a
library
name that Debian doesn't have; and never frees a run. So commands go to the library directly, nothing is raised for
what is printed, and a run is judged by its data: `Result` says what came back, the caller decides.
A second session in one process fails: use worker.py.
"""

import logging
import re
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySpice.Spice.NgSpice import Shared

from hge_spice.drive import Floats, SimulationError
from hge_spice.ngspice.library import find_library

COMMAND_LIMIT = 1000  # ngspice cuts a command beyond 1024 characters without a word
_SHOWN = 200  # characters of a line of the log: of a model that it can't read ngspice quotes all of it, many times
RUNS_PER_RELEASE = 100  # its history of control lines grows by 2.8 KiB a run until released


@dataclass(frozen=True)
class Result:
    """What one analysis left behind.

    scale : [point], s or Hz, empty if nothing ran
    vectors : [name, point], in the order asked for; complex after an AC analysis
    names : of the vectors, where some were asked for by how they begin
    seconds : of a processor, that ngspice took for the analysis alone
    log : ngspice's own lines
    """

    scale: Floats
    vectors: np.ndarray
    log: tuple[str, ...]
    missing: tuple[str, ...] = ()  # names that the circuit doesn't have, where others came back
    iterations: float = 0.0  # of Newton, for each step that a transient tried
    rejected: int = 0  # steps that it took back
    names: tuple[str, ...] = ()
    seconds: float = 0.0

    def __reduce__(self) -> tuple[Any, ...]:
        # an array takes longer to pickle than a small analysis takes to be read
        scale, vectors = self.scale, self.vectors
        arrays = (scale.tobytes(), vectors.tobytes(), vectors.dtype.char, vectors.shape)
        rest = (self.log, self.missing, self.iterations, self.rejected, self.names, self.seconds)
        return _unpacked, (*arrays, *rest)


def _unpacked(scale: bytes, vectors: bytes, kind: str, shape: tuple[int, int], *rest: Any) -> Result:
    return Result(np.frombuffer(scale), np.frombuffer(vectors, dtype=kind).reshape(shape), *rest)


class _Binding(Shared.NgSpiceShared):  # type: ignore[misc]  # PySpice has no type information
    def exec_command(self, command: str, join_lines: bool = True) -> str | list[str]:
        self.clear_output()
        self._ngspice_shared.ngSpice_Command(command.encode("ascii"))
        return self.stdout if join_lines else list(self._stdout)

    @staticmethod
    def _send_char(message: Any, _identity: int, user: Any) -> int:
        # PySpice logs and classifies each line, which costs more than the line is worth
        binding = Shared.ffi.from_handle(user)
        stream, _, text = Shared.ffi.string(message).decode("utf-8", "replace").partition(" ")
        (binding._stderr if stream == "stderr" else binding._stdout).append(text)  # noqa: SLF001 - it is ourselves
        return 0

    @staticmethod
    def _send_stat(_message: Any, _identity: int, _user: Any) -> int:
        return 0  # per cent done, several times a run

    def load(self, lines: list[str]) -> int:
        self.clear_output()
        keep = [Shared.ffi.new("char[]", line.encode("ascii")) for line in [*lines, ""]]
        return int(self._ngspice_shared.ngSpice_Circ(Shared.ffi.new("char *[]", [*keep, Shared.ffi.NULL])))

    def release(self) -> None:
        self._ngspice_shared.ngSpice_Command(Shared.ffi.NULL)

    def vector(self, name: str) -> np.ndarray | None:
        info = self._ngspice_shared.ngGet_Vec_Info(name.encode("ascii"))
        if info == Shared.ffi.NULL or info.v_length == 0:
            return None
        if info.v_compdata != Shared.ffi.NULL:
            return np.frombuffer(Shared.ffi.buffer(info.v_compdata, info.v_length * 16), dtype=np.complex128)
        return np.frombuffer(Shared.ffi.buffer(info.v_realdata, info.v_length * 8), dtype=np.float64)

    def vector_names(self) -> tuple[str, ...]:
        """Those of the last analysis."""
        every = self._ngspice_shared.ngSpice_AllVecs(self._ngspice_shared.ngSpice_CurPlot())
        found: list[str] = []
        while every[len(found)] != Shared.ffi.NULL:
            found.append(Shared.ffi.string(every[len(found)]).decode("ascii", "replace"))
        return tuple(found)

    @property
    def lines(self) -> tuple[str, ...]:
        return (*self._stdout, *self._stderr)


class Session:
    """One loaded circuit at a time: load once, then alter and run."""

    def __init__(self) -> None:
        logging.getLogger("PySpice").setLevel(logging.CRITICAL)
        _Binding.setup_platform()
        _Binding.LIBRARY_PATH = str(find_library())
        self._ngspice = _Binding()
        self._ngspice.exec_command("set noinit")  # else every transient prints each node's voltage at its start
        # else it asks the system for its processor time at every point, to print now and then where it has got to: a
        # tenth of a small circuit's transient
        self._ngspice.exec_command("set norefvalue")
        # Built with OpenMP, ngspice evaluates BSIM transistors in threads that wait for each other spinning: on a busy
        # machine a transistor's operating point takes 40 times as long. OMP_NUM_THREADS doesn't reach it
        self._ngspice.exec_command("set num_threads=1")
        self._loaded = False
        self._runs = 0
        self._counts = [0, 0, 0]  # iterations, steps accepted, steps rejected so far

    @property
    def version(self) -> str:
        """Version of ngspice, as it prints it."""
        return str(self._ngspice.ngspice_version)

    @property
    def features(self) -> dict[str, bool]:
        """What this build can do: `klu`, `osdi`, `code_models` (XSPICE's, loaded and not only shipped)."""
        about, osdi, models = (self._said(command) for command in ("version -f", "osdi", "devhelp filesource"))
        return {
            "klu": "KLU" in about,
            "osdi": "no such command" not in osdi,  # `version -f` never names it
            "code_models": "filesource -" in models,
        }

    def load(self, text: str, setup: tuple[str, ...] = ()) -> None:
        """Replace the loaded circuit. Raises SimulationError with ngspice's log where it doesn't parse.

        setup : commands that come before it
        """
        if self._loaded:
            self._ngspice.exec_command("remcirc")
            self._loaded = False
        for command in setup:
            self._set_up(command)
        self._counts = [0, 0, 0]
        code = self._ngspice.load(text.splitlines())
        log = self._ngspice.lines
        if code or any("error" in line.lower() for line in log):
            said = dict.fromkeys(line if len(line) <= _SHOWN else f"{line[:_SHOWN]} …" for line in log)
            raise SimulationError("ngspice can't read the netlist:\n" + "\n".join([*said][-20:]))
        self._loaded = True

    def run(self, alterations: list[str], analysis: str, names: tuple[str, ...]) -> Result:
        """Apply alterations, run one analysis, copy the named vectors, free the run's memory.

        A name that ends in * stands for all vectors that begin like it: `names` of the result tells them.
        """
        for command in _joined(alterations):
            self._ngspice.exec_command(command)
        began = time.process_time()  # which other processes don't lengthen
        self._ngspice.exec_command(analysis)
        seconds = time.process_time() - began
        log = self._ngspice.lines
        if any(name.endswith("*") for name in names):
            starts = tuple(name.removesuffix("*") for name in names)
            names = tuple(sorted(name for name in self._ngspice.vector_names() if name.startswith(starts)))
        scale = self._ngspice.vector("time" if analysis.startswith("tran") else "frequency")
        found = [self._ngspice.vector(name) for name in names]
        iterations, rejected = self._effort() if analysis.startswith("tran") else (0.0, 0)
        missing = tuple(name for name, vector in zip(names, found, strict=True) if vector is None)
        if missing or not found:
            missing = missing if len(missing) < len(names) else ()
            result = Result(np.empty(0), np.empty((len(names), 0)), log, missing, seconds=seconds)
        else:
            vectors = np.array(found)
            scale = np.zeros(1) if scale is None else np.real(scale).copy()
            result = Result(scale, vectors, log, iterations=iterations, rejected=rejected, names=names, seconds=seconds)
        self._ngspice.exec_command("destroy all")
        self._runs += 1
        if self._runs % RUNS_PER_RELEASE == 0:
            self._ngspice.release()
        return result

    def _said(self, command: str) -> str:
        self._ngspice.exec_command(command)
        return "\n".join(self._ngspice.lines)

    def _set_up(self, command: str) -> None:
        said = self._said(command)
        if command.startswith("osdi ") and "no such command" in said:
            raise SimulationError(
                "this ngspice can't load compiled Verilog-A models (OSDI); from version 40 it can, where the build has "
                "it, as that of Debian 13"
            )
        if re.search(r"error|can't|cannot|fail", said, re.IGNORECASE):
            raise SimulationError(f"{command} failed:\n{said}")

    def _effort(self) -> tuple[float, int]:
        """Iterations for each step that the last transient tried, and steps that it took back."""
        counts = [int(count) for count in re.findall(r"= (\d+)", self._said("rusage traniter accept rejected"))]
        if len(counts) != len(self._counts):  # another ngspice may say it otherwise
            return 0.0, 0
        iterations, accepted, rejected = (now - before for now, before in zip(counts, self._counts, strict=True))
        self._counts = counts  # ngspice counts on until the circuit is loaded again
        return iterations / max(accepted + rejected, 1), rejected


def _joined(commands: list[str]) -> list[str]:
    """Put as many commands on a line as ngspice reads whole."""
    lines: list[str] = []
    for command in commands:
        if len(command) > COMMAND_LIMIT:
            raise ValueError(f"a command of {len(command)} characters; ngspice would cut it at {COMMAND_LIMIT}")
        if lines and len(lines[-1]) + len(command) < COMMAND_LIMIT:
            lines[-1] += "; " + command
        else:
            lines.append(command)
    return lines
