"""One point of a sign-off: what a block is at a corner, and what training makes there of the nominal point's controls.

Cheap things first: a point that has failed a spec by them is trained no more.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from hge_spice.devices.block_mismatch import looked_at
from hge_spice.drive import Floats
from hge_spice.ngspice.kept import Kept
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import against_truth
from hge_spice.study.judge.statistics import meets
from hge_spice.study.tables.spec import Study, parse_study
from hge_spice.study.text.files import StudyText
from hge_spice.train import Step, train, widest

WIDEST = 1e10  # Hz, up to which a bandwidth is looked for
WEAK = 0.1  # of the largest derivative: below, a control's lag is not counted
AT_REST = 1e3  # times below its tone a response counts as one at rest
COARSE, FINE = 2, 240  # frequencies a decade: so that a resonance is not stepped over, and for 1 %
AWAY = np.sqrt(0.5)  # of its value at rest by which a response has moved at the bandwidth: a single pole's 3 dB


@dataclass(frozen=True)
class Nominal:
    """Controls trained at the nominal point: [control], V, whether they solve it, what ngspice took for it."""

    control: Floats
    solver_seconds: float
    solved: bool


def nominal_point(base: StudyText, kept: Kept | None = None) -> Nominal:
    """Train at the study's own process section, temperature and supply, without mismatch.

    The controls are the same at all corners, and trained once in each process. Where no start reaches the margin asked
    for, the solved setting with the most counts, or the last.

    kept : circuits that stay loaded from one trial to the next

    Raises StudyError, ValueError, SimulationError.
    """
    return _trained(json.dumps(base), kept)


@lru_cache(maxsize=4)
def _trained(base: str, kept: Kept | None) -> Nominal:
    study = parse_study(json.loads(base))
    with Bench.of(study, kept=kept) as bench:
        steps: list[Step] = []
        for start in range(study.training.starts):
            steps += train(bench.dut, bench.control(start), bench.recipe, study.training.steps)
            if bench.recipe.reached(steps[-1].margin):
                break
        chosen = widest(steps)
        chosen.control.setflags(write=False)
        return Nominal(chosen.control, bench.pool.solver_seconds, chosen.margin.solved)


def examined(bench: Bench, control: Floats) -> dict[str, Any]:
    """The cheap checks at one control setting: [control], V; every metric the worst of all patterns.

    headroom : V, smallest |V_DS| − V_DSAT of the transistors that must be saturated; regions : by transistor, the
        patterns in which it is saturated
    nominal_estimate : the derivatives, A/V, [pattern][control]; nominal_error : theirs against `.ac`
    lag : rad, of the strong ones; bandwidth : Hz, at which the strongest has moved by a single pole's 3 dB
    power_watt; learning_snr : the gradient over its noise, of circuit and read-out

    Raises SimulationError.
    """
    pool, inputs, measurement = bench.pool, bench.recipe.inputs, bench.recipe.measurement
    tones = np.array(measurement.plan.frequencies)
    found = against_truth(bench, control)
    jacobian = np.array(found["truth"])
    rest, moving = _responses(pool, control, inputs, tones)
    lag = np.abs(np.angle(moving * np.sign(rest.real)))
    strong = np.abs(jacobian) >= WEAK * np.array(found["error_scale"])[:, None]
    points = pool.operating_points(control, inputs)
    off = np.isin(np.arange(len(inputs)), found["off"])  # nothing is to be read there, or learned
    return {
        "nominal_error": found["relative_error_max"],
        "nominal_estimate": found["estimate"],
        "nominal_flags": found["flags"],
        "lag": float(lag[strong].max()),
        "power_watt": max(point.energy for point in points),
        "bandwidth": min(_bandwidths(pool, control, inputs[~off], rest[~off], tones)),
        "learning_snr": float(learning_snr(bench, control, inputs[~off], jacobian[~off], tones).min()),
        **_regions(bench, [point.probes for point in points]),
    }


def signed_off(bench: Bench, control: Floats) -> dict[str, Any]:
    """The cheap checks, and where they meet the specs the training from the nominal controls: [control], V.

    `stopped` names the specs that were missed, where that is the end of it. Raises SimulationError, ValueError.
    """
    found = examined(bench, control)
    missed = unmet(bench.study, found)
    if missed and bench.study.corners is not None and bench.study.corners.stop:
        return found | {"stopped": missed, "nominal_control": control.tolist()}
    return found | retrained(bench, control) | {"nominal_control": control.tolist()}


def unmet(study: Study, found: Mapping[str, Any]) -> list[str]:
    """The specs that what is known already misses."""
    row = {"status": "done", "result": found}
    return [metric for metric, spec in study.specs.items() if metric in found and not meets(row, metric, spec)]


def retrained(bench: Bench, control: Floats) -> dict[str, Any]:
    """Training at the corner from the nominal controls: whether they need it, and what it takes."""
    steps = list(train(bench.dut, control, bench.recipe, bench.study.training.steps))
    margin = widest(steps).margin
    return {
        "retrained_solved": margin.solved,
        "retrained_steps": steps[-1].number,
        "retrained_gap_over_span": margin.gap_over_span,
        "retrained_energy_joule": sum(step.cost.energy for step in steps),
    }


def _regions(bench: Bench, seen: list[Mapping[str, Floats]]) -> dict[str, Any]:
    saturated = bench.study.corners.saturated if bench.study.corners is not None else ()
    spare = {
        shown: [abs(float(probe[f"@{name}[vds]"][0])) - abs(float(probe[f"@{name}[vdsat]"][0])) for probe in seen]
        for shown, name in looked_at(bench.network.graph).items()
    }
    regions = {name: sum(each > 0 for each in values) for name, values in spare.items()}
    asked = [min(spare[name.lower()]) for name in saturated]
    return {"regions": regions, **({"headroom": min(asked)} if asked else {})}


def _responses(pool: NgspicePool, control: Floats, inputs: Floats, tones: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Each control's response at rest, and at its tone: [pattern, control] each, A/V or V/V complex."""
    named = list(zip(pool.controls, tones.tolist(), strict=True))
    # of "lin 2" ngspice gives the first alone
    asked = [(each, name, f"lin 3 {tone / AT_REST!r} {tone!r}") for each in inputs for name, tone in named]
    found = np.array([response for _, response in pool.swept(control, asked)]).reshape(len(inputs), len(tones), 3)
    return found[..., 0], found[..., -1]


def _bandwidths(pool: NgspicePool, control: Floats, inputs: Floats, rest: np.ndarray, tones: Floats) -> list[float]:
    """Frequency up to which each pattern's strongest control responds about as at rest, to 1 %, Hz."""
    strongest = np.argmax(np.abs(rest), axis=1).tolist()
    still = rest[np.arange(len(inputs)), strongest]

    def away(sweeps: Mapping[int, str]) -> dict[int, tuple[Floats, np.ndarray]]:
        asked = [(inputs[k], pool.controls[strongest[k]], sweep) for k, sweep in sweeps.items()]
        return {
            k: (frequencies, np.flatnonzero(np.abs(response - still[k]) > AWAY * np.abs(still[k])))
            for k, (frequencies, response) in zip(sweeps, pool.swept(control, asked), strict=True)
        }

    lowest = float(tones.min() / 10 ** (1 / COARSE))
    found, closer = [WIDEST] * len(inputs), dict[int, str]()
    for k, (frequencies, beyond) in away(
        dict.fromkeys(range(len(inputs)), f"dec {COARSE} {lowest!r} {WIDEST!r}")
    ).items():
        if len(beyond) and beyond[0]:
            below, above = float(frequencies[beyond[0] - 1]), 1.01 * float(frequencies[beyond[0]])
            closer[k] = f"dec {FINE} {below!r} {above!r}"
        elif len(beyond):
            found[k] = float(frequencies[0])
    for k, (frequencies, beyond) in away(closer).items() if closer else ():
        found[k] = float(frequencies[beyond[0]])
    return found


def learning_snr(bench: Bench, control: Floats, inputs: Floats, jacobian: Floats, tones: Floats) -> Floats:
    """|∇I| over the root of the summed variances S/(T·A²) that one window leaves each derivative (one-sided S).

    inputs : [pattern, input], V; jacobian : [pattern, control], A/V; tones : [control], Hz. Returns [pattern].
    """
    measurement = bench.recipe.measurement
    density = bench.pool.noises(control, inputs, tones) + measurement.noise_density_at(tones)
    variance = density / measurement.plan.window / measurement.amplitude**2
    return np.asarray(np.linalg.norm(jacobian, axis=1) / np.sqrt(variance.sum(axis=1)))
