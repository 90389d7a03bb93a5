"""What `hge-spice tones` does: a plan with its hits, and the drive with its lock-in settings as files."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hge_spice.drive import Floats, Tone
from hge_spice.gradient.curvature import points_that_tell
from hge_spice.lockin.filters import Filter
from hge_spice.netlist.rails import voltages
from hge_spice.planner.intermodulation import count_hits
from hge_spice.planner.phases import PHASES, crest_factor
from hge_spice.recorded import Setup
from hge_spice.study.bench.bench import Bench
from hge_spice.study.bench.settings import build_filter, build_phases, build_plan
from hge_spice.study.lab.setup_file import write_new, write_setup
from hge_spice.study.tables.spec import Study
from hge_spice.study.text.files import suggestion
from hge_spice.study.text.units import render
from hge_spice.tones import TonePlan, plan_tones

PER_PERIOD = 32  # points of an exported drive per period of the highest tone, where no rate is asked for
MOST_ROWS = 20_000_000

HIT = (
    "A hit is a product h_i ± h_j (2nd order, 2·h_i among them) or ±h_i ± h_j ± h_k (3rd order, 3·h_i and 2·h_i ± h_j "
    "among them) that falls on a tone's harmonic after sampling, the tone being a part of the product or not. Each is "
    "counted once, whatever its overall sign; h + k − k, which any cubic has, is none: it is the amplitude's own bias."
)


@dataclass(frozen=True)
class Perturbation:
    """A plan with the phases of its tones: [tone], rad."""

    plan: TonePlan
    phases: Floats

    def setup(self, amplitude: float) -> Setup:
        """Settings of a drive on electrodes c1, c2, … around 0 V, every tone of one amplitude, V peak."""
        tones = (
            Tone(f"c{number}", float(frequency), amplitude, float(phase))
            for number, (frequency, phase) in enumerate(zip(self.plan.frequencies, self.phases, strict=True), 1)
        )
        return Setup(tuple(tones), self.plan.window)


def planned(
    controls: int,
    window: float,
    points: int | None,
    max_frequency: float | None,
    min_frequency: float | None,
    phases: str,
    seed: int,
    *,
    narrowest: bool,
    mains: float | None = None,
) -> Perturbation:
    """A perturbation without a study: window in s, frequencies in Hz. Raises ValueError where there is none."""
    if phases not in PHASES:
        raise ValueError(f"unknown phases {phases!r}{suggestion(phases, PHASES)}")
    plan = plan_tones(
        controls,
        window,
        points or "auto",
        max_frequency,
        min_frequency,
        aim="band" if narrowest else "points",
        mains=mains,
    )
    return Perturbation(plan, PHASES[phases](plan.harmonics, np.random.default_rng(seed)))


def of_study(study: Study) -> Perturbation:
    """The study's perturbation, its amplitudes left open. Raises ValueError where there is no such plan."""
    plan = build_plan(study)
    return Perturbation(plan, build_phases(study, plan))


def described(chosen: Perturbation) -> dict[str, Any]:
    """With the keys of the JSON output."""
    plan = chosen.plan
    return {
        "harmonics": list(plan.harmonics),
        "frequencies": list(plan.frequencies),
        "window": plan.window,
        "points": plan.points,
        "band": list(plan.band),
        "phases": chosen.phases.tolist(),
        "crest_factor": crest_factor(plan.harmonics, chosen.phases),
        "degrees_of_freedom": plan.degrees_of_freedom,
        "second_order_hits": [str(hit) for hit in plan.second_order_hits],
        "third_order_hits": [str(hit) for hit in plan.third_order_hits],
        "fourth_order_hits": count_hits(plan.harmonics, plan.points, 4),
        "fifth_order_hits": count_hits(plan.harmonics, plan.points, 5),
        "curvature_points": points_that_tell(plan.harmonics),
        "hit": HIT,
    }


def told(chosen: Perturbation) -> str:
    """The same as text."""
    plan = chosen.plan
    lines = [
        "harmonics    " + " ".join(map(str, plan.harmonics)),
        "frequencies  " + ", ".join(f"{frequency:g} Hz" for frequency in plan.frequencies),
        f"band         {plan.band[0]:g} to {plan.band[1]:g} Hz",
        f"window       {plan.window:g} s, {plan.points} points, {plan.degrees_of_freedom} degrees of freedom",
        f"crest factor {crest_factor(plan.harmonics, chosen.phases):.3g} of the sum of all tones, equally strong",
    ]
    for name, hits in (("2nd", plan.second_order_hits), ("3rd", plan.third_order_hits)):
        lines.append(f"{name}-order products on a tone, aliases counted: {len(hits)}")
        lines += [f"  {hit}" for hit in hits]
    fourth, fifth = (count_hits(plan.harmonics, plan.points, order) for order in (4, 5))
    lines.append(f"4th- and 5th-order ones, which fall on other bins about as often: {fourth} and {fifth}")
    tell = points_that_tell(plan.harmonics)
    if tell > plan.points:
        lines.append(f"what curvature adds to a derivative: told from {tell} points on, sketched at {plan.points}")
    return "\n".join([*lines, *([HIT] if plan.second_order_hits or plan.third_order_hits else [])])


def settled(study: Study) -> tuple[list[Setup], Filter]:
    """The drive of one extraction at the study's first control point, amplitudes settled, and its filter.

    A setup for each pattern; of a data set for the first, which the report shows too. Raises ValueError,
    NgspiceNotFound, SimulationError.
    """
    with Bench.of(study) as bench:
        measurement, dut = bench.recipe.measurement, bench.dut
        setups = []
        for drive in bench.drives()[: len(bench.shown.inputs)]:
            control = dict(zip(dut.controls, drive.control.tolist(), strict=True))
            inputs = dict(zip(dut.inputs, drive.inputs.tolist(), strict=True))
            every = voltages(bench.network.graph, drive)
            setups.append(
                Setup(
                    tones=measurement.tones(dut.controls),
                    window=measurement.plan.window,
                    settle=measurement.settle,
                    control=control,
                    inputs=inputs,
                    output=study.electrodes.outputs[0],
                    supplies={name: level for name, level in every.items() if name not in control | inputs},
                )
            )
        return setups, build_filter(study)


def export(setups: Sequence[Setup], path: Path, sample_rate: float | None) -> list[Path]:
    """Write one window of each pattern's drive as CSV, to be repeated, a column per electrode, and lock-in settings.

    setups : [pattern]; the first goes to `path`, the others beside it, -1, -2, … added to its name; each has its
    settings in a file of the same name with .toml
    sample_rate : 1/s; by default the lowest whole number of points per window with 32 or more in a period of the
    highest tone

    Gives the settings' paths. Raises ValueError where a file exists or the rate doesn't fit, OSError.
    """
    if path.suffix == ".toml":
        raise ValueError(f"{path} is the name of the settings beside the drive; name the drive .csv")
    drives = [drive_path(path, pattern) for pattern in range(len(setups))]
    for file in (each for drive in drives for each in (drive, drive.with_suffix(".toml"))):
        if file.exists():
            raise ValueError(f"{file} exists; name another file")
    rows = rows_of(setups[0], sample_rate)
    for setup, drive in zip(setups, drives, strict=True):
        write_new(drive, "\n".join(_drive(setup, rows)))
        write_setup(drive.with_suffix(".toml"), replace(setup, sample_rate=rows / setup.window))
    return [drive.with_suffix(".toml") for drive in drives]


def drive_path(path: Path, pattern: int) -> Path:
    """Where a pattern's drive goes; path : where the first's does."""
    return path.with_stem(f"{path.stem}-{pattern}") if pattern else path


def rows_of(setup: Setup, sample_rate: float | None) -> int:
    """Points of an exported drive in a window. Raises ValueError where the rate doesn't fit."""
    top = float(setup.frequencies.max())
    if sample_rate is None:
        return math.ceil(PER_PERIOD * top * setup.window)
    rows = round(sample_rate * setup.window)
    if abs(sample_rate * setup.window - rows) > 1e-6:
        raise ValueError(
            f"{sample_rate:g} points a second are {sample_rate * setup.window:g} in a window of {setup.window:g} s, no "
            f"whole number: the drive would jump where it is repeated; take {render(rows / setup.window, 'frequency')}"
        )
    if rows <= 2 * top * setup.window or rows > MOST_ROWS:
        raise ValueError(
            f"{sample_rate:g} points a second are {rows} in a window; take more than {2 * top * setup.window:g} for "
            f"the tone at {top:g} Hz, and at most {MOST_ROWS}"
        )
    return rows


def _drive(setup: Setup, rows: int) -> Iterator[str]:
    time = np.arange(rows) * setup.window / rows
    voltages = {name: np.full(rows, level) for name, level in setup.levels.items()}
    for tone in setup.tones:
        wave = tone.amplitude * np.sin(2 * np.pi * tone.frequency * time + tone.phase)
        voltages[tone.electrode] = voltages.get(tone.electrode, 0.0) + wave
    yield ",".join(["time [s]", *(f"{name} [V]" for name in voltages)])
    for row in np.column_stack([time, *voltages.values()]).tolist():
        yield ",".join(map(repr, row))
    yield ""
