"""A long run at one control setting, seen through the study's imperfections: how long a window pays, and why."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hge_spice.allan import Allan, allan_deviation
from hge_spice.drive import Transient
from hge_spice.gradient import homodyne
from hge_spice.imperfections import seen_through
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.compare import Remembered
from hge_spice.study.text.units import render


def long_run(bench: Bench, windows: int, pattern: int = 0) -> dict[str, Any]:
    """Allan deviation of the output and of the gradient dy/dV over a run of extractions, one after the other.

    windows : in the run; pattern : of the task, from 0

    The gradient's is that of the whole vector: the root of the controls' variances added. `window` and `output_window`
    are the longest that pay for the one and for the other, s: beyond, its deviation falls by no tenth that is sure.
    Raises ValueError for too short a run or a pattern that isn't there, SimulationError where the device gives nothing.
    """
    recipe, study = bench.recipe, bench.study
    patterns = recipe.inputs
    if not 0 <= pattern < len(patterns):
        raise ValueError(f"pattern {pattern} of {len(patterns)}; take 0 to {len(patterns) - 1}")
    dut = seen_through(Remembered(bench.network), study.imperfections, study.training.seed)
    control, inputs = bench.control(), patterns[pattern : pattern + 1]
    found = [homodyne(dut, control, inputs, recipe.measurement)[0] for _ in range(windows)]
    transient = recipe.measurement.transient
    curves = {
        "output": allan_deviation(np.array([e.output for e in found]), transient.duration),
        "gradient": allan_deviation(np.array([e.jacobian for e in found]), transient.duration),
    }
    silent = [name for name, curve in curves.items() if not curve.deviation.all()]
    if silent:
        raise ValueError(
            f"the {silent[0]} never changes: nothing random acts on it; state noise or drift in [imperfections]"
        )
    return {
        "study": study.title,
        "controls": list(bench.dut.controls),
        "windows": windows,
        "interval": transient.duration,
        "simulated_seconds": windows * transient.duration,
        "unit": bench.unit,
        "mean_output": float(np.mean([e.output for e in found])),
        "largest_derivative": float(np.abs(np.mean([e.jacobian for e in found], axis=0)).max()),
        **{name: _told(curve) for name, curve in curves.items()},
        "window": _window(curves["gradient"], transient),
        "output_window": _window(curves["output"], transient),
    }


def _told(curve: Allan) -> dict[str, Any]:
    return {
        "tau": curve.tau.tolist(),
        "deviation": curve.deviation.tolist(),
        "low": curve.low.tolist(),
        "high": curve.high.tolist(),
        "slope": curve.slope.tolist(),
        "best_tau": float(curve.tau[curve.best]),
        "still_falling": curve.still_falling,
    }


def _window(curve: Allan, transient: Transient) -> float:
    return float(curve.tau[curve.best] * transient.window / transient.duration)


def advice(found: Mapping[str, Any]) -> str:
    """What a designer does with it.

    found : as `long_run` tells it
    """
    run = render(found["simulated_seconds"], "time")

    def pays(name: str, window: float) -> str:
        shown = render(float(f"{window:.3g}"), "time")
        if found[name]["still_falling"]:
            return f"throughout this run of {run}, to {shown} and beyond"
        return f"up to {shown}" if window > 1.5 * found["interval"] else f"not beyond one window of {shown}"

    told = (
        f"A longer window pays for the gradient {pays('gradient', found['window'])}; for the output's mean "
        f"{pays('output', found['output_window'])}."
    )
    if found["output"]["still_falling"]:
        return told
    return f"{told} Outputs that are compared should be measured within that time of each other: they drift beyond it."
