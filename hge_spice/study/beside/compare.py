"""Estimators compared: error, angle, time and energy of a study's estimator in the study's noise, against the truth."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hge_spice.drive import Drive, Floats, SmallSignalDevice, Waveform, WrappedKnown
from hge_spice.drive.remembered import measure_new
from hge_spice.gradient import DRAWN, ESTIMATORS, ONE_AT_A_TIME, WITH_TONES, Estimate, Measurement, small_signal
from hge_spice.graph import assign_roles
from hge_spice.imperfections import seen_through
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.planner.phases import random_phases
from hge_spice.study.bench.bench import Bench
from hge_spice.study.bench.device import build_network
from hge_spice.study.tables.beside import Comparison
from hge_spice.study.tables.spec import Study
from hge_spice.tones import TonePlan, plan_tones
from hge_spice.train import Recipe

FEWEST_POINTS = 16
READ_OUT_POINTS = 64  # of windows without tones


class Remembered(WrappedKnown[SmallSignalDevice]):
    """A device that measures each drive once: only its instrument's noise differs from repeat to repeat."""

    def __init__(self, dut: SmallSignalDevice) -> None:
        super().__init__(dut)
        self._known: dict[str, Waveform] = {}

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """One waveform per drive; those not known yet are measured together."""
        return measure_new(self.inner, drives, self._known)


def compare_estimators(bench: Bench) -> dict[str, Any]:
    """Judge the bench's estimator at its first control point, three ways, in the study's own noise.

    one_call : the estimator as a training uses it
    equal_time : one call whose windows are as long as the time asked for allows, tones at the same frequencies; of
    random directions or codes as many as it allows
    equal_runs : the mean of as many calls as the measurements asked for allow, one call at least
    Each with `error` (rms over repeats of ‖estimate − truth‖/‖truth‖ over all patterns), `angle` (between the gradients
    dE/dV made of them, mean over repeats, degrees), `seconds` and `runs` per pattern, and `energy_joule` of all.

    Raises SimulationError where the device gives no result.
    """
    study, recipe = bench.study, bench.recipe
    asked = study.compare
    if asked is None:
        raise ValueError("the study has no [compare]")
    control = bench.control()
    found: dict[str, Any] = {}
    remembered = Remembered(bench.network)
    truth = np.array([t.jacobian for t in small_signal(remembered, control, recipe.inputs, recipe.measurement)])
    slope = recipe.loss(
        np.array([remembered.operating_point(control, pattern).output[0] for pattern in recipe.inputs]), recipe.target
    )[1]
    one = recipe.estimator(remembered, control, recipe.inputs, recipe.measurement)
    calls = max(1, asked.runs // max(1, one[0].runs))
    longer = _stretched(study.training.estimator, recipe.measurement, asked, one[0])
    ways = {"one_call": (recipe.measurement, 1), "equal_time": (longer, 1), "equal_runs": (recipe.measurement, calls)}
    for position, (way, (measurement, times)) in enumerate(ways.items()):
        dut = seen_through(remembered, study.imperfections, study.training.seed + position)
        estimates = [
            [recipe.estimator(dut, control, recipe.inputs, measurement) for _ in range(times)]
            for _ in range(asked.repeats)
        ]
        found[way] = _judged(estimates, truth, slope)
    found["controls"] = [_scaled(study, count, asked, recipe) for count in asked.controls]
    return found


def _judged(estimates: list[list[tuple[Estimate, ...]]], truth: Floats, slope: Floats) -> dict[str, float]:
    """Errors and cost of repeats [repeat][call] of estimates [pattern]; truth [pattern, control], slope [pattern]."""
    jacobians = np.array([[[e.jacobian for e in call] for call in repeat] for repeat in estimates]).mean(axis=1)
    errors = np.linalg.norm(jacobians - truth, axis=(1, 2)) / np.linalg.norm(truth)
    true_gradient, gradients = slope @ truth, np.einsum("p,rpc->rc", slope, jacobians)
    cosine = gradients @ true_gradient / np.linalg.norm(gradients, axis=1) / np.linalg.norm(true_gradient)
    first = [e for call in estimates[0] for e in call]
    patterns = len(truth)
    return {
        "error": float(np.sqrt(np.mean(errors**2))),
        "angle": float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean()),
        "seconds": sum(e.simulated_seconds for e in first) / patterns,
        "runs": sum(e.runs for e in first) / patterns,
        "energy_joule": sum(e.energy for e in first),
    }


def _stretched(name: str, measurement: Measurement, asked: Comparison, one: Estimate) -> Measurement:
    """The measurement with windows so long that a call takes the time asked for, or as near as whole periods allow."""
    if not one.runs:
        return measurement
    if name in DRAWN:  # more directions or codes, not longer ones: crosstalk is what limits them
        each = one.simulated_seconds / measurement.repeats
        return replace(measurement, repeats=max(1, int(asked.time / each + 1e-9)))
    factor = (asked.time / one.runs - measurement.settle) / measurement.plan.window
    plan = measurement.plan
    if name in WITH_TONES:
        whole = max(1, int(factor + 1e-9))
        harmonics = tuple(h * whole for h in plan.harmonics)
        plan = replace(plan, harmonics=harmonics, window=plan.window * whole, points=plan.points * whole)
    else:
        points = max(FEWEST_POINTS, round(plan.points * factor))
        plan = replace(plan, window=plan.window * factor, points=points)
    lockin = None if measurement.lockin is None else replace(measurement.lockin, length=plan.window)
    return replace(measurement, plan=plan, lockin=lockin)


def _scaled(study: Study, count: int, asked: Comparison, recipe: Recipe) -> dict[str, float]:
    """Time to the error asked for with another number of controls, on a device of the same kind.

    The spread of a derivative σ after one call of t seconds makes t·(σ/error)²; one call at least, and for tones the
    window that holds them all below the bandwidth. The noise is white here, of the density at the frequency stated:
    with 1/f noise the frequencies that a plan happens to have would count more than the number of controls.
    """
    names = [f"e{k}" for k in range(count + 3)]
    graph = build_network(study.device.model_copy(update={"electrodes": count + 3}), tuple(names))
    graph = assign_roles(graph, output=names[0], inputs=names[1:3], controls=names[3:])
    plan = plan_tones(count, study.perturbation.window)
    drawn = plan if study.training.estimator in WITH_TONES else replace(plan, points=READ_OUT_POINTS)
    rng = np.random.default_rng((study.training.seed, count))
    measurement = replace(
        recipe.measurement,
        plan=drawn,
        amplitude=np.full(count, float(recipe.measurement.amplitude.max())),
        phase=random_phases(count, rng),
        rng=rng,
        settle=0.0,
        lag=None,
        lockin=None,
        loss=None,
    )
    noise = study.imperfections.get("readout_noise")
    white = {"readout_noise": {**noise, "colour": "white"}} if noise else {}
    low, high = study.electrodes.control_range
    control, inputs = rng.uniform(low / 2, high / 2, count), recipe.inputs[:1]
    estimator = ESTIMATORS[study.training.estimator]
    with NgspicePool(graph) as network:
        dut = seen_through(Remembered(network), white, study.training.seed)
        truth = small_signal(network, control, inputs, measurement)[0].jacobian
        repeats = [estimator(dut, control, inputs, measurement)[0] for _ in range(asked.repeats)]
    jacobians = np.array([e.jacobian for e in repeats])
    spread = float(np.sqrt(jacobians.var(axis=0, ddof=1).mean()))
    seconds = repeats[0].simulated_seconds
    needed = seconds * max(1.0, (spread / asked.error) ** 2) if seconds else 0.0
    return {
        "controls": count,
        "seconds": seconds,
        "runs": repeats[0].runs,
        "spread": spread,
        "bias": float(np.sqrt(np.mean((jacobians.mean(axis=0) - truth) ** 2))),
        "seconds_to_error": seconds * (spread / asked.error) ** 2,
        "seconds_needed": max(needed, _shortest(study.training.estimator, plan, asked)),
    }


def _shortest(name: str, plan: TonePlan, asked: Comparison) -> float:
    """Shortest window that holds all tones below the bandwidth, s: what ends a homodyne's independence of n."""
    return max(plan.harmonics) / asked.bandwidth if name in WITH_TONES - ONE_AT_A_TIME else 0.0
