"""One trial: a study without sweeps becomes a result and a folder of what it was made of."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from hge_spice.drive import Drive, Floats, measure_all
from hge_spice.graph import node_link
from hge_spice.linear import columns as by_output
from hge_spice.margin import mean_noise
from hge_spice.netlist import deck
from hge_spice.study.assess import assess
from hge_spice.study.bench import Bench
from hge_spice.study.circuit import learn, of_circuit
from hge_spice.study.compare import compare, repeated
from hge_spice.study.exactly import holds_exactly, solutions
from hge_spice.study.generalise import Judged, begun_at_the_best, decision_map, generalised, majority, of_step
from hge_spice.study.journal import Journal
from hge_spice.study.retrain import lost, retrain
from hge_spice.study.signoff import signed_off
from hge_spice.study.spacing import study_spacing, summary
from hge_spice.study.spec import Study
from hge_spice.study.unsolved import nearest, reason
from hge_spice.traces import Plot, write_raw
from hge_spice.train import Cost, Step, cost_of, train

Progress = Callable[[int, Step], None]
Screened = Callable[[int, int], None]  # points done, of how many


@dataclass(frozen=True)
class Trained:
    """Steps of all starts so far, and their cost, calibration included; what stands beside them in steps.parquet."""

    start: int
    step: Step
    cost: Cost
    beside: Mapping[str, float] = field(default_factory=dict)


def run_starts(bench: Bench, directory: Path) -> Iterator[Trained]:
    """Starts in order, each from its own control setting, until one is solved."""
    if bench.study.training.where == "circuit":
        yield from _run_circuits(bench, directory)
        return
    cost = bench.cost
    training = bench.study.training
    for start in range(training.starts):
        seed = (training.seed, start, *b"batches")
        solved = False
        for step in train(bench.dut, bench.control(start), bench.recipe, training.steps, seed):
            cost += step.cost
            solved = step.margin.solved
            yield Trained(start, step, cost)
        if solved:
            return


def _run_circuits(bench: Bench, directory: Path) -> Iterator[Trained]:
    """The same, each start a circuit that learns by itself."""
    cost = bench.cost
    for start in range(bench.study.training.starts):
        for epoch in learn(bench, start, directory):
            cost += epoch.step.cost
            beside = {f"loop.{name}": v for name, v in zip(bench.dut.controls, epoch.loop, strict=True)}
            for p, row in enumerate(epoch.truth):
                beside |= {f"truth.{p}.{name}": v for name, v in zip(bench.dut.controls, row, strict=True)}
            yield Trained(start, epoch.step, cost, beside)
        if epoch.step.margin.solved:
            return


def run_trial(
    study: Study,
    directory: Path,
    progress: Progress = lambda _start, _step: None,
    workers: int = 1,
    screened: Screened = lambda _done, _total: None,
    journal: Journal | None = None,
    nominal: Floats | None = None,
) -> dict[str, Any]:
    """Train, write the trial's folder, return its result with the keys of the JSON output.

    workers : ngspice processes that share a step's patterns; journal : of a run of it that may have been killed
    nominal : [control], V, trained at the nominal point, where this is one of a sign-off
    progress : told of every training step; screened : told how the choice of electrodes goes on

    Raises ValueError for a study that can't be built, SimulationError, NgspiceNotFound, OSError.
    """
    began = time.perf_counter()
    directory.mkdir(parents=True, exist_ok=True)
    with Bench.of(study, workers, screened, journal) as built:
        bench = begun_at_the_best(built)
        signed = {} if nominal is None else signed_off(bench, nominal)
        if "stopped" in signed:
            return signed | {"solved": False, "seconds": time.perf_counter() - began}
        rows: list[dict[str, Any]] = []
        best: Judged | None = None
        extracted, near = Cost(), None
        flags: Counter[str] = Counter(bench.flags)
        try:
            for trained in run_starts(bench, directory):
                rows.append(_row(bench, trained))
                if not bench.task.exact and (found := of_step(bench, trained.step)):
                    rows[-1]["train_score"] = found.score
                    if found.beats(best):
                        best, chosen = found, trained
                flags.update(trained.step.flags)
                extracted += cost_of(trained.step.estimates)
                near = trained.step if near is None else nearest((near, trained.step))
                progress(trained.start, trained.step)
        finally:
            # What was learned before a failure or an interrupt is kept
            if rows:
                columns = dict.fromkeys(name for row in rows for name in row)
                table = pa.table({name: [row.get(name) for row in rows] for name in columns})
                parquet.write_table(table, directory / "steps.parquet")
        last = trained.step if best is None else chosen.step
        _write_circuit(bench, last.control, directory)
        comparison = compare(bench, last.control)
        (directory / "gradient.json").write_text(json.dumps(comparison, indent=1))
        repeats = study.budget.repeats
        several = solutions(bench, last.control)
        if several.get("solutions", {}).get("most", 1) > 1:
            flags["multistable"] += 1
        measurement = bench.recipe.measurement
        assessed = signed | ({} if study.compare is None else {"compared": assess(bench)})
        if study.spacing is not None:
            spaced = study_spacing(bench)
            (directory / "spacing.json").write_text(json.dumps(spaced))
            assessed["spacing"] = summary(spaced)
        if best is not None:
            assessed |= generalised(bench, best, len(rows))
            _write_patterns(bench, best, directory)
            if drawn := decision_map(bench, best):
                (directory / "decision_map.json").write_text(json.dumps(drawn))
        return assessed | {
            "solved": last.margin.solved if best is None else _good_enough(bench, assessed),
            "steps": last.number,
            "starts": trained.start + 1,
            **({} if best is None else {"start": chosen.start + 1}),
            "loss": last.loss,
            "extractions": trained.cost.extractions,
            "seconds": time.perf_counter() - began,
            "simulated_seconds": trained.cost.simulated_seconds,
            "energy_joule": trained.cost.energy,
            "perturbation_energy_joule": trained.cost.perturbation_energy,
            **_of_an_extraction(extracted),
            "outputs": last.outputs.tolist(),
            "output_unit": bench.unit,
            "gap": _finite(last.margin.gap),
            "gap_over_span": _finite(last.margin.gap_over_span),
            "contrast": _finite(last.margin.contrast),
            "d_prime": _finite(last.margin.d_prime),
            "control": last.control.tolist(),
            "controls": list(bench.dut.controls),
            "classes": bench.recipe.target.classes.tolist(),
            "amplitude": measurement.amplitude.tolist(),
            "points": measurement.plan.points,
            "harmonics": list(measurement.plan.harmonics),
            "window": measurement.plan.window,
            "settle": measurement.settle,
            "patterns": study.perturbation.patterns,
            "ramp": study.perturbation.ramp if study.perturbation.patterns == "sequence" else None,
            "noise": mean_noise(measurement.noise_density, measurement.plan.window),
            "relative_error_max": comparison["relative_error_max"],
            "cosine": comparison["cosine"],
            "flags": dict(flags),
            "retried": bench.network.retried,
            **several,
            **(holds_exactly(bench, last.control) if last.margin.solved else {}),
            **(_why_not(bench, near or last) if bench.task.exact and not last.margin.solved else {}),
            **({"screening": bench.screening} if bench.screening else {}),
            **(of_circuit(bench, table.to_pandas(), directory) if study.training.where == "circuit" else {}),
            "remarks": bench.network.graph.graph.get("remarks", []),
            **lost(bench, last.control),
            **(repeated(bench, bench.control(), repeats) if repeats > 1 else {}),
            **(retrain(bench, last.control, workers) if study.retrain.acts else {}),
        }


def _of_an_extraction(extracted: Cost) -> dict[str, Any]:
    """Energy of one extraction of a pattern, J, and the tones' share of it."""
    if not extracted.extractions:
        return {}
    share = extracted.perturbation_energy / extracted.energy if extracted.energy else None
    return {"extraction_energy_joule": extracted.energy / extracted.extractions, "perturbation_share": share}


def _why_not(bench: Bench, step: Step) -> dict[str, Any]:
    """Why no start was solved, and the gap over span that came nearest."""
    most = solutions(bench, step.control).get("solutions", {}).get("most", 1)
    return {
        "unsolved_because": reason(step, bench.recipe.control_range, most),
        "nearest_gap_over_span": _finite(step.margin.gap_over_span),
    }


def _row(bench: Bench, trained: Trained) -> dict[str, Any]:
    """One line of steps.parquet: SI units, one column per control and pattern."""
    step = trained.step
    row: dict[str, Any] = {
        "start": trained.start + 1,
        "step": step.number,
        "patterns": " ".join(map(str, step.patterns)),
        "loss": step.loss,
        "gap": step.margin.gap,
        "span": step.margin.span,
        "gap_over_span": step.margin.gap_over_span,
        "contrast": step.margin.contrast,
        "d_prime": step.margin.d_prime,
        "solved": step.margin.solved,
        "extractions": trained.cost.extractions,
        "simulated_seconds": trained.cost.simulated_seconds,
        "energy_joule": trained.cost.energy,
        "perturbation_energy_joule": trained.cost.perturbation_energy,
        "flags": " ".join(step.flags),
        "clipped": " ".join(step.clipped),
    }
    for k, name in enumerate(bench.dut.controls):
        row[f"control.{name}"] = step.control[k]
        row[f"gradient.{name}"] = step.gradient[k]
        if not bench.task.exact:
            continue  # of hundreds of patterns the loss and its gradient must do
        for p, estimate in zip(step.patterns, step.estimates, strict=True):
            row[f"jacobian.{p}.{name}"] = estimate.jacobian[k]
            row[f"stderr.{p}.{name}"] = estimate.stderr[k]
    for p, output in enumerate(step.outputs if bench.task.exact else ()):
        row[f"output.{p}"] = output
    return row | dict(trained.beside)


def _finite(value: float) -> float | None:
    """JSON has no nan and no infinity."""
    return float(value) if np.isfinite(value) else None


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


def _write_patterns(bench: Bench, best: Judged, directory: Path) -> None:
    """patterns.csv: every training pattern's inputs, V, class or value, and outputs at the setting that was kept, A."""
    columns: dict[str, Any] = {f"input.{name}": bench.recipe.inputs[:, k] for k, name in enumerate(bench.dut.inputs)}
    columns["class" if bench.task.labels else "value"] = bench.task.classes
    names = bench.recipe.outputs or bench.study.electrodes.outputs[:1]
    columns |= {f"output.{name}": column for name, column in zip(names, by_output(best.outputs).T, strict=True)}
    csv.write_csv(pa.table(columns), directory / "patterns.csv")


def _write_circuit(bench: Bench, control: Floats, directory: Path) -> None:
    """Write the trained network: graph.json, netlist.cir, a read-out deck and a waveform of every pattern shown."""
    measurement = bench.recipe.measurement
    tones = measurement.tones(bench.dut.controls)
    (directory / "graph.json").write_text(json.dumps(node_link(bench.network.graph), indent=1))
    (directory / "netlist.cir").write_text(bench.deck(control))
    drives, titles = [], []
    for p, inputs in enumerate(bench.shown.inputs):
        drive = Drive(control, inputs, tones, measurement.transient)
        at_rest = Drive(control, inputs, (), measurement.transient)
        (directory / f"readout-{p}.cir").write_text(deck(bench.network.graph, at_rest))
        drives.append(drive)
        titles.append(f"pattern {p}: inputs {', '.join(f'{v:g} V' for v in inputs)}")
    waveforms = measure_all(bench.dut, drives)
    name = f"{'v' if bench.unit == 'V' else 'i'}(output)"
    plots: list[Plot] = [(title, {"time": w.time, name: w.output}) for title, w in zip(titles, waveforms, strict=True)]
    write_raw(directory / "waveform.raw", plots)
