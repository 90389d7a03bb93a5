"""How close tones may lie: expected error against spacing in closed form and by Monte Carlo, and on the device itself.

A plain lock-in (boxcar of T, no knowledge of other tones) reads of a neighbour r times as strong, Δf away, an in-phase
part r·A·D(Δf·T)·cos ψ with a random phase ψ, D the kernel of N samples, sin(πx)/(N·sin(πx/N)), which is sinc x for
many; and of noise of one-sided density S a variance S/T. For a neighbour on either side the expected squared error is

    E = r²·A²·[D²(Δf·T) + ½D²((2f−Δf)·T) + ½D²((2f+Δf)·T)] + S(f)/T.

It is that of noise alone at multiples of 1/T. The experiment after it: derivatives of random control settings measured
one tone at a time and all at once (Boon et al., doi 10.1038/s41467-025-65155-7, at 10 and 40 Hz with 0.1 s).
"""

from dataclasses import replace
from typing import Any

import numpy as np

from hge_spice.drive import Drive, Floats, Tone, Transient, Waveform, measure_all
from hge_spice.gradient.homodyne import estimates
from hge_spice.imperfections import seen_through
from hge_spice.lockin import demodulate
from hge_spice.planner.phases import random_phases
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.beside import Spacing
from hge_spice.tones import plan_from_harmonics

FINE = 900  # spacings of the analytic curve, beside those at which the window takes neighbours away
POINTS_PER_CYCLE = 8


class Neighbours:
    """A tone of amplitude 1 A and one of another strength on either side of it: a device in closed form."""

    controls: tuple[str, ...] = ()
    inputs = ("strength", "spacing", "phase", "below", "above")

    def __init__(self, frequency: float) -> None:
        self._frequency = frequency

    def measure(self, drive: Drive) -> Waveform:
        """Add the three up; inputs : strength, spacing in Hz, three phases in rad."""
        strength, spacing, *phases = drive.inputs
        transient = drive.transient
        time: Floats = transient.step * np.arange(transient.points, dtype=np.float64)
        parts = zip((1.0, strength, strength), (0.0, -spacing, spacing), phases, strict=True)
        output = sum(
            (a * np.sin(2 * np.pi * (self._frequency + df) * time + p) for a, df, p in parts), np.zeros_like(time)
        )
        return Waveform(time, output, transient.duration)


def expected(strength: float, spacing: Floats, frequency: float, transient: Transient, noise: float) -> Floats:
    """Squared error over signal², as the head of this file has it: [spacing]; noise : S(f)/(T·A²)."""
    window, points = transient.window, transient.points

    def kernel(frequency_apart: Floats) -> Floats:
        x = frequency_apart * window
        below = points * np.sin(np.pi * x / points)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(np.abs(below) < 1e-12, 1.0, np.sin(np.pi * x) / below) ** 2

    images = 0.5 * (kernel(2 * frequency - spacing) + kernel(2 * frequency + spacing))
    return np.asarray(strength**2 * (kernel(spacing) + images) + noise)


def study_spacing(bench: Bench) -> dict[str, Any]:
    """Curves by strength and sets by spacing, for the report's picture.

    Raises SimulationError where the device gives no result.
    """
    asked = bench.study.spacing
    if asked is None:
        raise ValueError("the study has no [spacing]")
    rng = np.random.default_rng((bench.study.training.seed, 2))
    return _curves(bench, asked, rng) | {"sets": [_sets(bench, asked, spacing, rng) for spacing in asked.spacings]}


def summary(found: dict[str, Any]) -> dict[str, float]:
    """What a table of results has room for: how far Monte Carlo is from the formula, and what the sets say."""
    told, points = judged_by(found), len(_deviations(found))
    told |= {"monte_carlo_points": float(points)} if points else {}
    for each in found["sets"]:
        for key in ("r_squared", "slope", "rms_difference", "stated_noise", "third_order_hits"):
            told[f"{key}.{each['spacing']:g}Hz"] = float(each[key])
    return told


def judged_by(found: dict[str, Any]) -> dict[str, float]:
    """What [specs] may bound: χ² of Monte Carlo about the formula, per point; the sets' rms difference over noise."""
    off, sets = _deviations(found), found["sets"]
    told = {"monte_carlo_chi_squared": float(np.mean(np.square(off)))} if off else {}
    ratios = [each["rms_difference"] / each["stated_noise"] for each in sets]
    return told | ({"difference_over_noise": max(ratios)} if sets else {})


def _deviations(found: dict[str, Any]) -> list[float]:
    """Of each Monte Carlo point from the formula, in its standard errors."""
    return [
        (m - e) / s
        for c in found["curves"].values()
        for m, e, s in zip(c["measured"], c["expected"], c["measured_stderr"], strict=True)
    ]


def _curves(bench: Bench, asked: Spacing, rng: np.random.Generator) -> dict[str, Any]:
    window = bench.study.perturbation.window
    cycles = max(1, round(asked.frequency * window))
    frequency, points = cycles / window, POINTS_PER_CYCLE * cycles
    transient = Transient(window, points)
    stated = bench.study.readout.noise
    density = stated.psd * (stated.at / frequency) ** (stated.exponent or 0.0)
    noise = density / window / asked.signal**2
    dut = seen_through(Neighbours(frequency), _in_units_of(asked.signal, bench), bench.study.training.seed)
    whole = np.arange(1, int(asked.widest * window + 1e-9) + 1) / window
    fine = np.union1d(np.linspace(asked.widest / FINE, asked.widest, FINE), whole)
    measured = np.linspace(asked.widest / asked.points, asked.widest, asked.points)
    curves = {}
    for strength in asked.neighbours:
        squared = np.array([_errors(dut, strength, s, frequency, transient, asked.windows, rng) ** 2 for s in measured])
        curves[f"{strength:g}"] = {
            "spacing": fine.tolist(),
            "analytic": expected(strength, fine, frequency, transient, noise).tolist(),
            "measured_spacing": measured.tolist(),
            "expected": expected(strength, measured, frequency, transient, noise).tolist(),
            "measured": squared.mean(axis=1).tolist(),
            "measured_stderr": (squared.std(axis=1, ddof=1) / np.sqrt(asked.windows)).tolist(),
        }
    return {"curves": curves, "noise_floor": noise, "frequency": frequency}


def _in_units_of(signal: float, bench: Bench) -> dict[str, Any]:
    """The study's read-out noise with the signal's amplitude for a unit."""
    chosen = {name: dict(settings) for name, settings in bench.study.imperfections.items()}
    if "readout_noise" in chosen:
        chosen["readout_noise"]["psd"] = float(chosen["readout_noise"]["psd"]) / signal**2
    return chosen


def _errors(
    dut: Any, strength: float, spacing: float, frequency: float, transient: Transient, count: int, rng: Any
) -> Floats:
    own = (Tone("signal", frequency, 1.0, 0.0),)
    found = np.empty(count)
    for k in range(count):
        phases = (0.0, *rng.uniform(0, 2 * np.pi, 2))  # what counts are the neighbours' phases against the tone's
        drive = Drive(np.empty(0), np.array([strength, spacing, *phases]), (), transient)
        found[k] = demodulate(dut.measure(drive), own, transient.window).in_phase[0] - 1.0
    return found


def _sets(bench: Bench, asked: Spacing, spacing: float, rng: np.random.Generator) -> dict[str, Any]:
    """Derivatives at random control settings and patterns: [set, control] with single tones and with all."""
    dut, window = bench.dut, bench.study.perturbation.window
    first, apart = round(asked.first * window), round(spacing * window)
    count = len(dut.controls)
    plan = plan_from_harmonics([first + k * apart for k in range(count)], window)
    phase = random_phases(count, rng)
    # a lag was measured at other tones, and is turned back in neither of the two
    measurement = replace(bench.recipe.measurement, plan=plan, phase=phase, lockin=None, noise_exponent=None, lag=None)
    tones = measurement.tones(dut.controls)
    low, high = bench.study.electrodes.control_range
    single, multi, noise = [], [], []
    for _ in range(asked.sets):
        control = rng.uniform(low, high, count)
        inputs = bench.recipe.inputs[rng.integers(len(bench.recipe.inputs))]
        drives = [Drive(control, inputs, played, measurement.transient) for played in (tones, *((t,) for t in tones))]
        together, *alone = measure_all(dut, drives)
        both = estimates([together], tones, measurement)[0]
        multi.append(both.jacobian)
        noise.append(both.noise_stderr)
        single.append(
            [
                demodulate(waveform, (tone,), window).in_phase[0] / tone.amplitude
                for waveform, tone in zip(alone, tones, strict=True)
            ]
        )
    x, y = np.array(single), np.array(multi)
    return {
        "spacing": spacing,
        "harmonics": list(plan.harmonics),
        "points": plan.points,
        "third_order_hits": len(plan.third_order),
        "r_squared": float(1 - np.sum((y - x) ** 2) / np.sum((x - x.mean()) ** 2)),
        "slope": float(np.vdot(x, y) / np.vdot(x, x)),
        "rms_difference": float(np.sqrt(np.mean((y - x) ** 2))),
        "stated_noise": float(np.sqrt(2 * np.mean(np.square(noise)))),
        "single": x.tolist(),
        "multi": y.tolist(),
    }
