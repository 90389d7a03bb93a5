"""The result of a trial whose training has ended, with the keys of the JSON output, and the files it is made from."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import against_truth, repeated
from hge_spice.study.beside.compare import compare_estimators
from hge_spice.study.beside.exactly import holds_exactly, solutions
from hge_spice.study.beside.generalise import decision_map, generalised, majority, tables
from hge_spice.study.beside.radius import over_radius
from hge_spice.study.beside.retrain import lost, retrain
from hge_spice.study.beside.spacing import judged_by, study_spacing, summary
from hge_spice.study.judge.unsolved import reason
from hge_spice.study.text.finite import finite
from hge_spice.study.trial.circuit_result import of_circuit
from hge_spice.study.trial.learned import Learned
from hge_spice.study.trial.trial_files import write_circuit, write_patterns
from hge_spice.train import Cost, Step


def result_of(
    bench: Bench, learned: Learned, directory: Path, signed: dict[str, Any], began: float, workers: int
) -> dict[str, Any]:
    """Write what the trial's folder keeps, and return its result.

    signed : what is known of it as a point of a sign-off; began : of time.perf_counter(), s; workers : see run_trial

    What is measured here is measured in this order: drift goes on, and noise has its place in it.
    Raises ValueError where something that the study asks for doesn't fit, SimulationError, OSError.
    """
    last = learned.step
    keeps = bench.study.results.keep != "none"
    if keeps or bench.dut is not bench.network:  # imperfections go on with a measurement
        write_circuit(bench, last.control, directory)
    comparison = against_truth(bench, last.control)
    if keeps:
        (directory / "gradient.json").write_text(json.dumps(comparison, indent=1))
    several = solutions(bench, last.control)
    flags = Counter(learned.flags)
    if several.get("solutions", {}).get("most", 1) > 1:
        flags["multistable"] += 1
    assessed = signed | _assessed(bench, learned, directory)
    return (
        assessed
        | {"solved": last.margin.solved if learned.kept is None else _good_enough(bench, assessed)}
        | _effort(learned, began)
        | _reached(bench, last)
        | _settings(bench)
        | {
            "relative_error_max": comparison["relative_error_max"],
            "relative_error_flags": comparison["flags"],
            "cosine": comparison["cosine"],
            "flags": dict(flags),
            "retried": bench.network.retried,
        }
        | several
        | _afterwards(bench, learned, directory, workers)
    )


def _assessed(bench: Bench, learned: Learned, directory: Path) -> dict[str, Any]:
    """What the study asks for beside the training: estimators compared, tones spaced, a data set's other patterns."""
    found: dict[str, Any] = {} if bench.study.compare is None else {"compared": compare_estimators(bench)}
    if bench.study.spacing is not None:
        spaced = study_spacing(bench)
        (directory / "spacing.json").write_text(json.dumps(spaced))
        found |= {"spacing": summary(spaced), **judged_by(spaced)}
    if learned.kept is not None:
        _, best = learned.kept
        found |= generalised(bench, best, tables(bench, len(learned.rows), learned.flags["jumped"]))
        write_patterns(bench, best, directory)
        if drawn := decision_map(bench, best):
            (directory / "decision_map.json").write_text(json.dumps(drawn))
        if radial := over_radius(bench, best):
            (directory / "radius.json").write_text(json.dumps(radial))
    return found


def _effort(learned: Learned, began: float) -> dict[str, Any]:
    """Steps, starts, time and energy that the training took."""
    last, cost = learned.step, learned.last.cost
    return {
        "steps": last.number,
        "starts": learned.last.start + 1,
        **({} if learned.chosen is learned.last and learned.kept is None else {"start": learned.chosen.start + 1}),
        "loss": last.loss,
        "extractions": cost.extractions,
        "seconds": time.perf_counter() - began,
        "simulated_seconds": cost.simulated_seconds,
        "energy_joule": cost.energy,
        "perturbation_energy_joule": cost.perturbation_energy,
        **_of_an_extraction(learned.extracted),
    }


def _of_an_extraction(extracted: Cost) -> dict[str, Any]:
    """Energy of one extraction of a pattern, J, and the tones' share of it."""
    if not extracted.extractions:
        return {}
    share = extracted.perturbation_energy / extracted.energy if extracted.energy else None
    return {"extraction_energy_joule": extracted.energy / extracted.extractions, "perturbation_share": share}


def _reached(bench: Bench, last: Step) -> dict[str, Any]:
    """Outputs, margins and controls of the setting that is the trial's."""
    return {
        "outputs": last.outputs.tolist(),
        "output_unit": bench.unit,
        "gap": finite(last.margin.gap),
        "gap_over_span": finite(last.margin.gap_over_span),
        "contrast": finite(last.margin.contrast),
        "d_prime": finite(last.margin.d_prime),
        "control": last.control.tolist(),
        "controls": list(bench.dut.controls),
        "classes": bench.recipe.target.classes.tolist(),
    }


def _settings(bench: Bench) -> dict[str, Any]:
    """How it was measured, with what was `auto` settled."""
    measurement, perturbation = bench.recipe.measurement, bench.study.perturbation
    return {
        "amplitude": measurement.amplitude.tolist(),
        "points": measurement.plan.points,
        "harmonics": list(measurement.plan.harmonics),
        "second_order_hits": len(measurement.plan.second_order),
        "third_order_hits": len(measurement.plan.third_order),
        "window": measurement.plan.window,
        "settle": measurement.settle,
        "patterns": perturbation.patterns,
        "ramp": perturbation.ramp if perturbation.patterns == "sequence" else None,
        "noise": measurement.mean_noise,
    }


def _afterwards(bench: Bench, learned: Learned, directory: Path, workers: int) -> dict[str, Any]:
    """What is looked into once it is known whether the trial is solved."""
    study, last = bench.study, learned.step
    solved, repeats = last.margin.solved, study.budget.repeats
    return {
        **(holds_exactly(bench, last.control) if solved else {}),
        **(_why_not(bench, learned.near) if bench.task.exact and not solved else {}),
        **({"screening": bench.screening} if bench.screening else {}),
        **(of_circuit(bench, learned.table.to_pandas(), directory) if study.training.where == "circuit" else {}),
        "remarks": bench.network.graph.graph.get("remarks", []),
        **lost(bench, last.control),
        **(repeated(bench, bench.control(), repeats) if repeats > 1 else {}),
        **(retrain(bench, last.control, workers) if study.retrain.acts else {}),
    }


def _why_not(bench: Bench, step: Step) -> dict[str, Any]:
    """Why no start was solved, and the gap over span that came nearest."""
    most = solutions(bench, step.control).get("solutions", {}).get("most", 1)
    return {
        "unsolved_because": reason(step, bench.recipe.control_range, most),
        "nearest_gap_over_span": finite(step.margin.gap_over_span),
    }


def _good_enough(bench: Bench, found: dict[str, Any]) -> bool:
    """Whether a data set is learned: by the study's [specs], or, where they don't ask, better than without inputs.

    That is: the interval of the test accuracy lies above the most frequent class's share, a regression's error below
    that of the mean.
    """
    metric = "test_accuracy" if bench.task.labels else "test_error"
    asked = bench.study.specs.get(metric)
    if asked is not None:
        low, high = -np.inf if asked.min is None else asked.min, np.inf if asked.max is None else asked.max
        return bool(low <= found[metric] <= high)
    return bool(found["test_accuracy_low"] > majority(bench.task) if bench.task.labels else found["test_error"] < 1)
