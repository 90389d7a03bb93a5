"""The loop that a PySpice user writes: circuit objects for every measurement, and NumPy on what comes back."""

import logging
from pathlib import Path

import numpy as np
from PySpice.Spice.Netlist import Circuit

from hge_spice.benchmarks.peers.problem import LIBRARY, NAME, OPTIONS, Problem
from hge_spice.benchmarks.peers.serve import Gradient, serve
from hge_spice.drive import Floats


def build(problem: Problem, control: Floats, pattern: list[float], amplitude: float) -> Circuit:
    """Sources and block as objects."""
    circuit = Circuit("gradient")
    circuit.include(Path(problem.folder) / LIBRARY)
    circuit.raw_spice += f".options {OPTIONS}\n"
    circuit.X("1", NAME, *problem.pins)
    for pin in problem.outputs:
        circuit.V(pin, pin, circuit.gnd, 0)
    for pin, voltage in zip(problem.inputs, pattern, strict=True):
        circuit.V(pin, pin, circuit.gnd, voltage)
    for pin, voltage, frequency in zip(problem.controls, control, problem.frequencies, strict=True):
        if amplitude:
            circuit.SinusoidalVoltageSource(
                pin, pin, circuit.gnd, dc_offset=voltage, offset=voltage, amplitude=amplitude, frequency=frequency
            )
        else:
            circuit.V(pin, pin, circuit.gnd, voltage)
    return circuit


def record(problem: Problem, control: Floats, pattern: list[float], samples: int) -> tuple[Floats, Floats]:
    """Time and output of a window on the solver's points."""
    simulator = build(problem, control, pattern, problem.amplitude).simulator(simulator="ngspice-shared")
    step = problem.window / samples
    simulator.save([f"i(v{pin})" for pin in problem.outputs])
    analysis = simulator.transient(step_time=step, end_time=problem.window, max_time=step)
    outputs = [sign * np.array(analysis.branches[f"v{pin}"]) for pin, sign in problem.outputs.items()]
    return np.array(analysis.time), np.sum(outputs, axis=0)


def lock_in(problem: Problem) -> Gradient:
    """All tones at once; the output resampled to an even grid, multiplied with a sine, averaged."""

    def one(control: Floats, pattern: list[float], samples: int) -> Floats:
        time, output = record(problem, control, pattern, samples)
        grid = np.arange(samples) * problem.window / samples
        sines = np.sin(2 * np.pi * np.outer(problem.frequencies, grid))
        return 2 * (sines @ np.interp(grid, time, output)) / samples / problem.amplitude

    return lambda control, samples: np.array([one(control, pattern, samples) for pattern in problem.patterns])


def fitted(problem: Problem) -> Gradient:
    """All tones at once; sines, cosines and a constant fitted to the solver's own points: a loop by a better user."""

    def one(control: Floats, pattern: list[float], points: int) -> Floats:
        time, output = record(problem, control, pattern, points)
        phase = 2 * np.pi * np.outer(time, problem.frequencies)
        terms = np.hstack([np.sin(phase), np.cos(phase), np.ones((len(time), 1))])
        found: Floats = np.linalg.lstsq(terms, output)[0]
        return found[: len(control)] / problem.amplitude

    return lambda control, points: np.array([one(control, pattern, points) for pattern in problem.patterns])


def without_tones(problem: Problem) -> Gradient:
    """Central differences of operating points, a step to either side of every control."""

    def output(control: Floats, pattern: list[float]) -> float:
        analysis = build(problem, control, pattern, 0.0).simulator(simulator="ngspice-shared").operating_point()
        return float(sum(sign * analysis.branches[f"v{pin}"][0] for pin, sign in problem.outputs.items()))

    def one(control: Floats, pattern: list[float], step: float) -> Floats:
        shifts = step * np.eye(len(control))
        return np.array([(output(control + s, pattern) - output(control - s, pattern)) / (2 * step) for s in shifts])

    return lambda control, _: np.array([one(control, pattern, problem.amplitude) for pattern in problem.patterns])


METHODS = {"lock_in": lock_in, "fitted": fitted, "without_tones": without_tones}

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    serve(METHODS)
