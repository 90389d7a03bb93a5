"""The steps of a trial's training as they come: the rows of steps.parquet, and which of them its result is about."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.generalise import Judged, of_step
from hge_spice.study.judge.unsolved import nearest
from hge_spice.train import Cost, Step, cost_of


@dataclass(frozen=True)
class Trained:
    """Steps of all starts so far, and their cost, calibration included; what stands beside them in steps.parquet."""

    start: int
    step: Step
    cost: Cost
    beside: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Learned:
    """A training that has ended.

    last : its last step; kept : of a data set, the step that served the training patterns best, and its judgement
    widest : of a gate, the solved step with the largest gap over span: the last, where it has the margin asked for
    near : the step that came nearest to a solution; extracted : cost of the extractions alone
    flags : of all steps, by how many have them; rows : of all steps, as steps.parquet has them
    """

    last: Trained
    kept: tuple[Trained, Judged] | None
    widest: Trained | None
    near: Step
    extracted: Cost
    flags: Counter[str]
    rows: Sequence[Mapping[str, Any]]

    @property
    def table(self) -> pa.Table:
        """What steps.parquet holds."""
        return table_of(self.rows)

    @property
    def chosen(self) -> Trained:
        """The one whose setting is the trial's: the one that was kept, the widest, or the last."""
        return self.kept[0] if self.kept is not None else self.widest or self.last

    @property
    def step(self) -> Step:
        """Its step."""
        return self.chosen.step


def follow(bench: Bench, steps: Iterable[Trained], directory: Path, progress: Callable[[int, Step], None]) -> Learned:
    """Take steps until they end, and write directory/steps.parquet if files are kept, also when they end in an error.

    progress : told the start and the step, of each
    """
    rows: list[dict[str, Any]] = []
    kept: tuple[Trained, Judged] | None = None
    widest: Trained | None = None
    extracted, near = Cost(), None
    # of a circuit, which goes on, the result is where it rests
    judges = bench.task.exact and bench.study.training.where != "circuit"
    flags: Counter[str] = Counter(bench.flags)
    try:
        for trained in steps:
            rows.append(_row(bench, trained))
            if not bench.task.exact and (found := of_step(bench, trained.step)):
                rows[-1]["train_score"] = found.score
                if found.beats(kept and kept[1]):
                    kept = trained, found
            if judges and trained.step.margin.solved and _wider(trained, widest):
                widest = trained
            flags.update(trained.step.flags)
            extracted += cost_of(trained.step.estimates)
            near = trained.step if near is None else nearest((near, trained.step))
            progress(trained.start, trained.step)
    finally:
        # What was learned before a failure or an interrupt is kept
        if rows and bench.study.results.keep != "none":
            parquet.write_table(table_of(rows), directory / "steps.parquet")
    return Learned(trained, kept, widest, near or trained.step, extracted, flags, rows)


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as columns; what a row doesn't have is null."""
    columns = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in columns})


def _wider(trained: Trained, than: Trained | None) -> bool:
    return than is None or trained.step.margin.gap_over_span > than.step.margin.gap_over_span


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
