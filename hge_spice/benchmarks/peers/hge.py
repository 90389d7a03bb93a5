"""What a user of this toolkit writes: tones by a study's own plan, and without tones `.ac` or the adjoint in NumPy."""

from pathlib import Path

import numpy as np

from hge_spice.benchmarks.peers.problem import CIRCUITS, Problem
from hge_spice.benchmarks.peers.serve import Gradient, serve
from hge_spice.drive import Floats
from hge_spice.gradient import adjoint as exact
from hge_spice.gradient import homodyne, small_signal
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study


def lock_in(problem: Problem) -> Gradient:
    """All controls at once, from one transient a pattern."""
    benches: dict[int, Bench] = {}

    def gradient(control: Floats, points: int) -> Floats:
        if points not in benches:
            study = parse_study(load_study(Path(problem.folder) / "study.toml", [f"perturbation.points={points}"]))
            benches[points] = Bench.of(study)
        bench = benches[points]
        estimates = homodyne(bench.network, control, bench.recipe.inputs, bench.recipe.measurement)
        return np.array([estimate.jacobian for estimate in estimates])

    return gradient


def without_tones(problem: Problem) -> Gradient:
    """`.ac` at each tone's frequency; the effort is fixed."""
    bench = Bench.of(parse_study(load_study(Path(problem.folder) / "study.toml")))

    def gradient(control: Floats, _effort: int) -> Floats:
        estimates = small_signal(bench.network, control, bench.recipe.inputs, bench.recipe.measurement)
        return np.array([estimate.jacobian for estimate in estimates])

    return gradient


def adjoint(problem: Problem) -> Gradient:
    """One transposed system a pattern, in NumPy, by the elements' equations instead of their netlist."""
    bench = Bench.of(parse_study(load_study(CIRCUITS[problem.circuit], ["device.engine=quasistatic"])))

    def gradient(control: Floats, _effort: int) -> Floats:
        estimates = exact(bench.network, control, bench.recipe.inputs, bench.recipe.measurement)
        return np.array([estimate.jacobian for estimate in estimates])

    return gradient


METHODS = {"lock_in": lock_in, "without_tones": without_tones, "adjoint": adjoint}

if __name__ == "__main__":
    serve(METHODS)
