"""What a spicelib user writes: a netlist edited for every run, ngspice started on it, its raw file read back."""

from pathlib import Path

import numpy as np
from spicelib import RawRead, SpiceEditor
from spicelib.sim.sim_runner import SimRunner
from spicelib.simulators.ngspice_simulator import NGspiceSimulator

from hge_spice.benchmarks.peers.problem import LIBRARY, NAME, OPTIONS, Problem
from hge_spice.benchmarks.peers.serve import Gradient, serve
from hge_spice.drive import Floats


def template(problem: Problem, analysis: str) -> SpiceEditor:
    """Write the netlist that is edited."""
    sources = [f"V{pin} {pin} 0 0" for pin in (*problem.outputs, *problem.inputs, *problem.controls)]
    saved = [f".save i(v{pin})" for pin in problem.outputs]
    lines = ["* gradient", f".include {LIBRARY}", f".options {OPTIONS}", f"X1 {' '.join(problem.pins)} {NAME}"]
    path = Path(problem.folder) / f"{analysis.split(maxsplit=1)[0]}.net"
    path.write_text("\n".join([*lines, *sources, *saved, f".{analysis}", ".end", ""]), "utf-8")
    return SpiceEditor(path)


def output_of(problem: Problem, runner: SimRunner, netlist: SpiceEditor) -> tuple[RawRead, Floats]:
    """Run a netlist, read its raw file."""
    raw_file, _ = runner.run_now(netlist)
    raw = RawRead(raw_file, dialect="ngspice", verbose=False)
    outputs = [sign * np.array(raw.get_wave(f"i(v{pin})")) for pin, sign in problem.outputs.items()]
    runner.cleanup_files()
    return raw, np.sum(outputs, axis=0)


def starter(problem: Problem) -> SimRunner:
    """One run at a time, with ngspice as it is."""
    NGspiceSimulator.set_compatibility_mode(None)
    return SimRunner(simulator=NGspiceSimulator, parallel_sims=1, output_folder=problem.folder)


def record(
    problem: Problem, runner: SimRunner, control: Floats, pattern: list[float], samples: int
) -> tuple[Floats, Floats]:
    """Time and output of a window on the solver's points."""
    step = problem.window / samples
    netlist = template(problem, f"tran {step} {problem.window} 0 {step}")
    for pin, voltage in zip(problem.inputs, pattern, strict=True):
        netlist.set_component_value(f"V{pin}", voltage)
    for pin, voltage, frequency in zip(problem.controls, control, problem.frequencies, strict=True):
        netlist.set_component_value(f"V{pin}", f"SIN({voltage} {problem.amplitude} {frequency})")
    raw, output = output_of(problem, runner, netlist)
    return np.array(raw.get_axis()), output


def lock_in(problem: Problem) -> Gradient:
    """All tones at once; the output resampled to an even grid, multiplied with a sine, averaged."""
    runner = starter(problem)

    def one(control: Floats, pattern: list[float], samples: int) -> Floats:
        time, output = record(problem, runner, control, pattern, samples)
        grid = np.arange(samples) * problem.window / samples
        sines = np.sin(2 * np.pi * np.outer(problem.frequencies, grid))
        return 2 * (sines @ np.interp(grid, time, output)) / samples / problem.amplitude

    return lambda control, samples: np.array([one(control, pattern, samples) for pattern in problem.patterns])


def fitted(problem: Problem) -> Gradient:
    """All tones at once; sines, cosines and a constant fitted to the solver's own points: runs by a better user."""
    runner = starter(problem)

    def one(control: Floats, pattern: list[float], points: int) -> Floats:
        time, output = record(problem, runner, control, pattern, points)
        phase = 2 * np.pi * np.outer(time, problem.frequencies)
        terms = np.hstack([np.sin(phase), np.cos(phase), np.ones((len(time), 1))])
        found: Floats = np.linalg.lstsq(terms, output)[0]
        return found[: len(control)] / problem.amplitude

    return lambda control, points: np.array([one(control, pattern, points) for pattern in problem.patterns])


def without_tones(problem: Problem) -> Gradient:
    """Central differences of operating points, a step to either side of every control."""
    runner, netlist = starter(problem), template(problem, "op")

    def output(control: Floats, pattern: list[float]) -> float:
        for pin, voltage in zip((*problem.inputs, *problem.controls), (*pattern, *control), strict=True):
            netlist.set_component_value(f"V{pin}", float(voltage))
        return float(output_of(problem, runner, netlist)[1][0])

    def one(control: Floats, pattern: list[float], step: float) -> Floats:
        shifts = step * np.eye(len(control))
        return np.array([(output(control + s, pattern) - output(control - s, pattern)) / (2 * step) for s in shifts])

    return lambda control, _: np.array([one(control, pattern, problem.amplitude) for pattern in problem.patterns])


METHODS = {"lock_in": lock_in, "fitted": fitted, "without_tones": without_tones}

if __name__ == "__main__":
    serve(METHODS)
