"""Measured gradients against neospice's adjoint: another solver, another derivative, the same netlist."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hge_spice.benchmarks.peers.present import missing
from hge_spice.benchmarks.peers.problem import CIRCUITS, pose, relative_error
from hge_spice.benchmarks.peers.serve import Peer
from hge_spice.gradient import homodyne, homodyne_richardson
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study

SMALL, EXTRAPOLATED = "0.1 mV", "2 mV"  # the second with half of it, so that what goes as amplitude² falls out
POINTS = 256  # the more, the less of the solver's tolerance is left in a tone of 0.1 mV


def against_adjoint(circuits: Iterable[str] = tuple(CIRCUITS)) -> dict[str, Any]:
    """Largest error over a pattern's largest derivative, worst pattern and setting, by circuit."""
    why = missing("neospice_adjoint")
    return {"skipped": why} if why else {circuit: _against_adjoint(circuit) for circuit in circuits}


def _against_adjoint(circuit: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="hge_peers_") as folder:
        problem, visit = pose(circuit, Path(folder))
        with Peer("neospice_adjoint", "without_tones", problem) as peer:
            adjoint = np.array([peer.ask(control, 0)[1] for control in visit.controls])
        errors = {"small_signal": relative_error(visit.truth, adjoint)}
        for name, estimator, amplitude in (
            ("at_0.1_mV", homodyne, SMALL),
            ("extrapolated", homodyne_richardson, EXTRAPOLATED),
        ):
            settings = [f"perturbation.amplitude={amplitude}", f"perturbation.points={POINTS}"]
            with Bench.of(parse_study(load_study(Path(folder) / "study.toml", settings))) as bench:
                measured = [
                    [e.jacobian for e in estimator(bench.network, c, bench.recipe.inputs, bench.recipe.measurement)]
                    for c in visit.controls
                ]
            errors[name] = relative_error(np.array(measured), adjoint)
    return errors
