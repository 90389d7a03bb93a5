"""What a neospice user writes: the circuit parsed once, its sources updated, one adjoint solve a pattern."""

from pathlib import Path

import neospice
import numpy as np

from hge_spice.benchmarks.peers.problem import LIBRARY, NAME, OPTIONS, Problem
from hge_spice.benchmarks.peers.serve import Gradient, serve
from hge_spice.drive import Floats


def without_tones(problem: Problem) -> Gradient:
    """The jacobian of an operating point by the transposed system; the effort is fixed."""
    driven = (*problem.inputs, *problem.controls)
    sources = [f"V{pin} {pin} 0 DC 0" for pin in (*problem.outputs, *driven)]
    block = [f".include {LIBRARY}", f".options {OPTIONS}", f"X1 {' '.join(problem.pins)} {NAME}"]
    path = Path(problem.folder) / "adjoint.cir"
    path.write_text("\n".join(["gradient", *block, *sources, ".op", ".end", ""]), "utf-8")
    simulator = neospice.Simulator()
    circuit = simulator.load(str(path))
    outputs, signs = [f"i(v{pin})" for pin in problem.outputs], np.array(list(problem.outputs.values()))
    controls = [f"v{pin}" for pin in problem.controls]

    def one(control: Floats, pattern: list[float]) -> Floats:
        for pin, voltage in zip(driven, (*pattern, *control), strict=True):
            circuit.update_param(f"v{pin}", float(voltage))
        found = simulator.sensitivity(circuit, outputs, controls)
        return np.asarray(signs @ np.asarray(found.jacobian))

    return lambda control, _: np.array([one(control, pattern) for pattern in problem.patterns])


METHODS = {"without_tones": without_tones}

if __name__ == "__main__":
    serve(METHODS)
