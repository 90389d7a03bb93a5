"""One trial: a study without sweeps becomes a result and a folder of what it was made of."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hge_spice.drive import Drive, Floats, measure_all
from hge_spice.graph import node_link
from hge_spice.margin import mean_noise
from hge_spice.netlist import deck
from hge_spice.study.assess import assess
from hge_spice.study.bench import Bench
from hge_spice.study.circuit import learn, of_circuit
from hge_spice.study.compare import compare, repeated
from hge_spice.study.exactly import holds_exactly, solutions
from hge_spice.study.retrain import retrain
from hge_spice.study.spacing import study_spacing, summary
from hge_spice.study.spec import Study
from hge_spice.traces import Plot, write_raw
from hge_spice.train import Cost, Step, train

Progress = Callable[[int, Step], None]


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
    for start in range(bench.study.training.starts):
        for step in train(bench.dut, bench.control(start), bench.recipe, bench.study.training.steps):
            cost += step.cost
            yield Trained(start, step, cost)
            if step.margin.solved:
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
    study: Study, directory: Path, progress: Progress = lambda _start, _step: None, workers: int = 1
) -> dict[str, Any]:
    """Train, write the trial's folder, return its result with the keys of the JSON output.

    workers : ngspice processes that share a step's patterns

    Raises ValueError for a study that can't be built, SimulationError, NgspiceNotFound, OSError.
    """
    began = time.perf_counter()
    directory.mkdir(parents=True, exist_ok=True)
    with Bench.of(study, workers) as bench:
        rows: list[dict[str, Any]] = []
        flags: Counter[str] = Counter(bench.flags)
        try:
            for trained in run_starts(bench, directory):
                rows.append(_row(bench, trained))
                flags.update(trained.step.flags)
                progress(trained.start, trained.step)
        finally:
            # What was learned before a failure or an interrupt is kept
            if rows:
                pd.DataFrame(rows).to_parquet(directory / "steps.parquet", index=False)
        last = trained.step
        _write_circuit(bench, last.control, directory)
        comparison = compare(bench, last.control)
        (directory / "gradient.json").write_text(json.dumps(comparison, indent=1))
        repeats = study.budget.repeats
        measurement = bench.recipe.measurement
        assessed: dict[str, Any] = {} if study.compare is None else {"compared": assess(bench)}
        if study.spacing is not None:
            spaced = study_spacing(bench)
            (directory / "spacing.json").write_text(json.dumps(spaced))
            assessed["spacing"] = summary(spaced)
        return assessed | {
            "solved": last.margin.solved,
            "steps": last.number,
            "starts": trained.start + 1,
            "loss": last.loss,
            "extractions": trained.cost.extractions,
            "seconds": time.perf_counter() - began,
            "simulated_seconds": trained.cost.simulated_seconds,
            "energy_joule": trained.cost.energy,
            "perturbation_energy_joule": trained.cost.perturbation_energy,
            "outputs": last.outputs.tolist(),
            "output_unit": bench.unit,
            "gap": last.margin.gap,
            "gap_over_span": last.margin.gap_over_span,
            "contrast": last.margin.contrast,
            "d_prime": last.margin.d_prime if np.isfinite(last.margin.d_prime) else None,
            "control": last.control.tolist(),
            "controls": list(bench.dut.controls),
            "classes": bench.recipe.target.classes.tolist(),
            "amplitude": measurement.amplitude.tolist(),
            "points": measurement.plan.points,
            "harmonics": list(measurement.plan.harmonics),
            "window": measurement.plan.window,
            "settle": measurement.settle,
            "noise": mean_noise(measurement.noise_density, measurement.plan.window),
            "relative_error_max": comparison["relative_error_max"],
            "cosine": comparison["cosine"],
            "flags": dict(flags),
            "retried": bench.network.retried,
            **solutions(bench, last.control),
            **(holds_exactly(bench, last.control) if last.margin.solved else {}),
            **({"screening": bench.screening} if bench.screening else {}),
            **(of_circuit(bench, pd.DataFrame(rows), directory) if study.training.where == "circuit" else {}),
            "remarks": bench.network.graph.graph.get("remarks", []),
            **(retrain(bench, last.control, workers) if study.retrain.after else {}),
            **(repeated(bench, bench.control(), repeats) if repeats > 1 else {}),
        }


def _row(bench: Bench, trained: Trained) -> dict[str, Any]:
    """One line of steps.parquet: SI units, one column per control and pattern."""
    step = trained.step
    row: dict[str, Any] = {
        "start": trained.start + 1,
        "step": step.number,
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
        for p, estimate in enumerate(step.estimates):
            row[f"jacobian.{p}.{name}"] = estimate.jacobian[k]
            row[f"stderr.{p}.{name}"] = estimate.stderr[k]
    for p, output in enumerate(step.outputs):
        row[f"output.{p}"] = output
    return row | dict(trained.beside)


def _write_circuit(bench: Bench, control: Floats, directory: Path) -> None:
    """Write the trained network: graph.json, netlist.cir, a read-out deck and a waveform of every pattern."""
    measurement = bench.recipe.measurement
    tones = measurement.tones(bench.dut.controls)
    (directory / "graph.json").write_text(json.dumps(node_link(bench.network.graph), indent=1))
    drives, titles = [], []
    for p, inputs in enumerate(bench.recipe.inputs):
        drive = Drive(control, inputs, tones, measurement.transient)
        if p == 0:
            (directory / "netlist.cir").write_text(deck(bench.network.graph, drive))
        at_rest = Drive(control, inputs, (), measurement.transient)
        (directory / f"readout-{p}.cir").write_text(deck(bench.network.graph, at_rest))
        drives.append(drive)
        titles.append(f"pattern {p}: inputs {', '.join(f'{v:g} V' for v in inputs)}")
    waveforms = measure_all(bench.dut, drives)
    name = f"{'v' if bench.unit == 'V' else 'i'}(output)"
    plots: list[Plot] = [(title, {"time": w.time, name: w.output}) for title, w in zip(titles, waveforms, strict=True)]
    write_raw(directory / "waveform.raw", plots)
