"""Sequential homodyne: the same lock-in, one control after the other, each with one tone to itself."""

from dataclasses import replace
from itertools import count
from math import ceil

import numpy as np

from hge_spice.drive import DeviceUnderTest, Drive, Floats, Tone, measure_all
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.gradient.homodyne import estimates
from hge_spice.tones import TonePlan, plan_from_harmonics


def homodyne_sequential(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Estimate, ...]:
    """Estimate one derivative per measurement, n measurements per pattern.

    control : [control], V; inputs : [pattern, input], V

    Each control takes the plan's lowest harmonic, or its own where a lag was measured, which holds for that one. There
    are as many points per period as the plan's highest harmonic has, or as many more as keep its own products off it.
    No other tone is there to mix with: what is left of the bias is a²·y‴/8.
    """
    plan = measurement.plan
    measurement.tones(dut.controls)  # says what doesn't fit
    harmonics = (min(plan.harmonics),) * len(dut.controls) if measurement.lag is None else plan.harmonics
    rounds: list[tuple[Estimate, ...]] = []
    for k, (name, harmonic) in enumerate(zip(dut.controls, harmonics, strict=True)):
        tones = (Tone(name, harmonic / plan.window, float(measurement.amplitude[k]), float(measurement.phase[k])),)
        lag, signs = (None if each is None else each[k : k + 1] for each in (measurement.lag, measurement.signs))
        own = replace(measurement, plan=_alone(harmonic, plan), lag=lag, signs=signs)
        drives = [Drive(control, pattern, tones, own.transient) for pattern in inputs]
        rounds.append(estimates(measure_all(dut, drives), tones, own))
    return tuple(_joined([each[p] for each in rounds]) for p in range(len(inputs)))


def _alone(harmonic: int, plan: TonePlan) -> TonePlan:
    """The plan of one tone, as finely sampled as the highest of those that it is one of."""
    fewest = plan_from_harmonics((harmonic,), plan.window)
    enough = max(fewest.points, ceil(harmonic * plan.points / max(plan.harmonics)))
    # at four points a period the tone's third harmonic would come back at the tone itself
    finer = (plan_from_harmonics((harmonic,), plan.window, points=points) for points in count(enough))
    return next(each for each in finer if each.flags == fewest.flags)


def _joined(parts: list[Estimate]) -> Estimate:
    """One estimate of what was measured control by control."""

    def together(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Estimate(
        output=float(np.mean([part.output for part in parts])),
        response=together("response"),
        stderr=together("stderr"),
        noise_stderr=together("noise_stderr"),
        bias=together("bias"),
        bias_stderr=together("bias_stderr"),
        simulated_seconds=sum(part.simulated_seconds for part in parts),
        energy=sum(part.energy for part in parts),
        perturbation_energy=sum(part.perturbation_energy for part in parts),
        flags=_flags(parts),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        runs=sum(part.runs for part in parts),
        degrees_of_freedom=np.concatenate([np.broadcast_to(part.degrees_of_freedom, 1) for part in parts]),
        lag=together("lag"),
    )


def _flags(parts: list[Estimate]) -> tuple[str, ...]:
    """All flags; `low_snr` and `below_tolerance` are about the largest derivative: only where all parts have them."""
    common = set.intersection(*(set(part.flags) for part in parts))
    relative = {"low_snr", "below_tolerance"}
    return tuple(dict.fromkeys(f for part in parts for f in part.flags if f not in relative or f in common))
