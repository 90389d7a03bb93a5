"""One extraction at one control setting, against the truth: what `hge-spice gradient` prints and the report shows."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hge_spice.drive import Floats, NoisyElements, SimulationError
from hge_spice.gradient.small_signal import Linearised, linearise
from hge_spice.gradient.trust import LAG, SILENT
from hge_spice.imperfections.device_noise import noise_frequencies, predicted_stderr
from hge_spice.imperfections.element_noise import KINDS
from hge_spice.lockin import crosstalk
from hge_spice.study.bench.bench import Bench
from hge_spice.study.text.finite import all_finite
from hge_spice.train import extract

OFF = {"of": "off"}


def error_scale(truth: Floats) -> Floats:
    """What errors of each pattern's derivatives are shares of: [pattern], A/V, from the true ones [pattern, control].

    That is the pattern's largest true derivative; of a pattern that is off, whose largest is below a thousandth of the
    largest of all patterns, it is the latter: any error is a large share of next to nothing, and moves no training.
    Raises SimulationError where no control moves the output for any pattern.
    """
    largest: Floats = np.abs(truth).max(axis=1)
    if not largest.any():
        raise SimulationError(
            "no control moves the output for any pattern: all true derivatives are zero at this control setting; see "
            "whether output and controls are wired to the device and it is biased, or begin elsewhere: training.first"
        )
    return np.where(is_off(truth), largest.max(), largest)


def is_off(truth: Floats) -> np.ndarray:
    """Patterns in which no control moves the output by what counts, as `error_scale` has it: [pattern]."""
    largest = np.abs(truth).max(axis=1)
    return np.asarray(largest < SILENT * largest.max())


def against_truth(bench: Bench, control: Floats) -> dict[str, Any]:
    """Estimate and truth of every derivative, by pattern and control, with the keys of the JSON results.

    control : [control], V. Of a data set the first patterns stand for all, of several outputs the first for the others.
    Raises SimulationError where the device gives no result.
    """
    began = time.perf_counter()
    estimates, cost = extract(bench.dut, control, bench.shown)
    seconds = time.perf_counter() - began
    measurement = bench.recipe.measurement
    truths = linearise(bench.dut, control, bench.shown.inputs, measurement)
    estimate = np.array([e.jacobian for e in estimates])
    truth = np.array([t.estimate.jacobian for t in truths])
    scale, off = error_scale(truth), is_off(truth)
    error = np.abs(estimate - truth).max(axis=1) / scale
    cosine = [_cosine(*pair) for pair, skip in zip(zip(estimate, truth, strict=True), off, strict=True) if not skip]
    flags = dict.fromkeys(
        [*bench.flags, *(f for e in estimates for f in e.flags), *(f for t in truths for f in t.flags)]
    )
    notes = dict.fromkeys(note for e in estimates for note in e.notes)
    notes |= dict.fromkeys(_bypassed(bench, truths))
    how = bench.study.perturbation
    if how.patterns == "sequence" and not how.reset and "moved_state" in flags:
        notes["the truth is that of the states in which the sequence begins, the estimates those by then"] = None
    notes |= dict.fromkeys(_redrawn(bench.study.imperfections))
    read = (measurement.transient, measurement.lockin)
    return {
        "study": bench.study.title,
        "controls": list(bench.dut.controls),
        "control": control.tolist(),
        "inputs": bench.shown.inputs.tolist(),
        "estimate": estimate.tolist(),
        "estimate_unit": f"{bench.unit}/V",
        "quadrature": [np.imag(e.response).tolist() for e in estimates],
        "stderr": [e.stderr.tolist() for e in estimates],
        "stderr_stated_noise": [e.noise_stderr.tolist() for e in estimates],
        "bar_95": [all_finite(e.bar) for e in estimates],
        "element_noise": _element_noise(bench, control),
        "snr": [all_finite(e.snr) for e in estimates],
        "crosstalk": np.abs(crosstalk(measurement.tones(bench.dut.controls), *read)).tolist(),
        "lag": [np.degrees(t.lag).tolist() for t in truths],
        "lag_corrected": None if measurement.lag is None else np.degrees(measurement.lag).tolist(),
        "lockin": measurement.lockin.summary(measurement.settle) if measurement.lockin else None,
        "runs": estimates[0].runs,
        "notes": list(notes),
        "bias": [all_finite(e.bias) for e in estimates],
        "truth": truth.tolist(),
        "truth_method": "ac",
        "truth_at_rest": [t.at_rest.tolist() for t in truths],
        "truth_quadrature": [t.response.imag.tolist() for t in truths],
        "off": np.flatnonzero(off).tolist(),
        "error_scale": scale.tolist(),
        "relative_error": error.tolist(),
        "relative_error_max": float(error.max()),
        "cosine": min(cosine),
        "amplitude": measurement.amplitude.tolist(),
        "harmonics": list(measurement.plan.harmonics),
        "window": measurement.plan.window,
        "settle": measurement.settle,
        "points": measurement.plan.points,
        "extractions": cost.extractions,
        "simulated_seconds": cost.simulated_seconds,
        "energy_joule": cost.energy,
        "seconds": seconds,
        "flags": list(flags),
    }


def _redrawn(imperfections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A note where what is measured is drawn anew for each measurement, so that it isn't quite the truth's device."""
    drawn = imperfections.get("variability", {})
    spread = {key: float(drawn.get(key, 0.0)) for key in ("cycle", "state")}
    said = " and ".join(f"{key} {share:.3g}" for key, share in spread.items() if share)
    if not said:
        return []
    said = (
        f"imperfections.variability ({said}) draws the memristors anew from cycle to cycle; the truth is of the device "
        "without that, so that its spread is a part of the error, and a gap read once is one draw"
    )
    return [said]


def _cosine(estimate: Floats, truth: Floats) -> float:
    """Of the angle between two gradients of the output, [control] each; 0 where nothing was estimated."""
    sizes = float(np.linalg.norm(estimate) * np.linalg.norm(truth))
    return float(estimate @ truth) / sizes if sizes else 0.0


def _bypassed(bench: Bench, truths: Sequence[Linearised]) -> list[str]:
    """A note where capacitances couple controls to the output, so that the flag `lag` means no delay.

    Those count whose quadrature at their tone is more than a share LAG of the pattern's largest response.
    """
    largest = np.array([np.abs(t.response).max() for t in truths])
    quadrature = np.array([np.where(t.turned, 0.0, t.response.imag) for t in truths])
    beyond = np.abs(quadrature) - LAG * largest[:, None]
    found = [
        f"{tone.electrode} ({np.degrees(truths[int(np.argmax(column))].lag[k]):.0f}° off its tone at "
        f"{tone.frequency:.4g} Hz)"
        for k, (tone, column) in enumerate(
            zip(bench.recipe.measurement.tones(bench.dut.controls), beyond.T, strict=True)
        )
        if column.max() > 0
    ]
    if not found:
        return []
    said = (
        f"through a capacitance the output is reached by {', '.join(found)}: that current is no derivative, the part "
        'in phase is; lockin.phase = "calibrate" would count it'
    )
    return [said]


def _element_noise(bench: Bench, control: Floats) -> dict[str, Any] | None:
    """What `.noise` predicts of the elements' own noise of the kinds that the study asks for; None where of none.

    stderr : [pattern][control], of each derivative; density : [pattern][tone], A²/Hz, one-sided, at each tone
    share : by kind, [pattern][tone], of that density
    Flicker noise of a study's own `ratio` is none of ngspice's: it isn't in here.
    """
    chosen, network, measurement = bench.study.imperfections, bench.network, bench.recipe.measurement
    kinds = [k for k in KINDS if chosen.get(f"{k}_noise", OFF)["of"] != "off"]
    if chosen.get("device_noise", OFF)["of"] != "off":
        kinds = [*KINDS, "other"]
    if not kinds or not isinstance(network, NoisyElements):
        return None
    plan, tones = measurement.plan, measurement.tones(bench.dut.controls)
    frequencies = np.unique(np.concatenate([noise_frequencies(plan.window, plan.points), plan.frequencies]))
    at = np.searchsorted(frequencies, plan.frequencies)
    instants: Floats = plan.window / plan.points * np.arange(plan.points, dtype=np.float64)
    stderr, density = [], []
    share: dict[str, list[list[float]]] = {kind: [] for kind in kinds}
    for inputs in bench.recipe.inputs:
        found = network.noise_by_kind(control, inputs, frequencies)
        total = np.sum([found[kind] for kind in kinds], axis=0)
        silent = not total.all()
        stderr.append([0.0] * len(tones) if silent else predicted_stderr(frequencies, total, instants, tones).tolist())
        density.append(total[at].tolist())
        for kind in kinds:
            share[kind].append([0.0] * len(tones) if silent else (found[kind][at] / total[at]).tolist())
    return {"stderr": stderr, "density": density, "share": share}


def repeated(bench: Bench, control: Floats, repeats: int) -> dict[str, float]:
    """Error, bias and spread of the derivatives over repeated extractions, rms over patterns and controls.

    control : [control], V; repeats : 2 or more
    All are shares of what `error_scale` says of each pattern. The error is that of one extraction. The bias is freed of
    what the spread leaves in a mean; it is zero where nothing shows above that. Raises SimulationError where the device
    gives no result.
    """
    truths = linearise(bench.dut, control, bench.shown.inputs, bench.recipe.measurement)
    truth = np.array([t.estimate.jacobian for t in truths])
    scale = error_scale(truth)[:, None]
    found = np.array([[e.jacobian for e in extract(bench.dut, control, bench.shown)[0]] for _ in range(repeats)])
    variance = np.mean((found.std(axis=0, ddof=1) / scale) ** 2)
    square = np.mean(((found.mean(axis=0) - truth) / scale) ** 2) - variance / repeats
    return {
        "gradient_error": float(np.sqrt(np.mean(((found - truth) / scale) ** 2))),
        "gradient_bias": float(np.sqrt(max(square, 0.0))),
        "gradient_spread": float(np.sqrt(variance)),
    }
