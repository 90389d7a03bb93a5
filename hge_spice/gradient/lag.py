"""The lag of responses behind their tones, measured beforehand so that a lock-in's reference can be as late.

Poles of the circuit turn a response by θ: its in-phase part alone is cos θ of it, and has the wrong sign beyond 90°.
The quadrature tells θ up to half a turn; the half turn, which is the derivative's sign, can only be told at rest. So
two read-outs with a control shifted up and down give the sign, patterns weighted by how far the output moved, and the
lag is the angle of Σ_p H_p·Δ_p. What is left after turning back by θ is an error of second order, 1 − cos δθ; patterns
whose responses lag differently keep a quadrature, and with it the flag `lag`.

`calibrate_lag` does so for every control. `reference_lag` measures one electrode at all the tones' frequencies: right
where the lag is common to all, as behind a slow output or amplifier, and cheaper with many controls and patterns.
"""

from dataclasses import dataclass, replace

import numpy as np

from hge_spice.drive import DeviceUnderTest, Drive, Floats, Tone, measure_all
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.gradient.finite_difference import finite_difference
from hge_spice.gradient.homodyne import homodyne
from hge_spice.lockin import demodulate

SURE = 3.0  # standard errors that a shift must move the output by, to tell a sign


@dataclass(frozen=True)
class Lag:
    """A calibration of the phase.

    angle : [control], rad, by which a response is turned against its tone; negative where it is late
    unsure : controls whose sign at rest is not told from noise
    """

    angle: Floats
    unsure: tuple[str, ...]
    runs: int
    simulated_seconds: float
    energy: float


def calibrate_lag(dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement) -> Lag:
    """Measure every control's lag at its own tone, all patterns together.

    control : [control], V; inputs : [pattern, input], V

    Costs one extraction and 2n read-outs a pattern. Raises what the device raises.
    """
    plain = replace(measurement, lag=None)
    moving = homodyne(dut, control, inputs, plain)
    at_rest = finite_difference(dut, control, inputs, plain)
    shift = np.array([e.jacobian for e in at_rest])
    angle = np.angle(np.sum(np.array([e.response for e in moving]) * shift, axis=0))
    noise = np.sqrt(np.sum([np.fmax(e.stderr, e.noise_stderr) ** 2 for e in at_rest], axis=0))
    sure = np.linalg.norm(shift, axis=0) > SURE * noise
    unsure = tuple(name for name, told in zip(dut.controls, sure, strict=True) if not told)
    return _lag(angle, unsure, [*moving, *at_rest])


def reference_lag(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement, electrode: str
) -> Lag:
    """Measure one control's lag at every tone's frequency, in turn, and take it for all.

    control : [control], V; inputs : [input], V, of one pattern; electrode : the reference, one of the controls

    Costs n measurements and two read-outs. Raises ValueError where the electrode is no control.
    """
    if electrode not in dut.controls:
        raise ValueError(f"the reference {electrode!r} is no control; take one of {', '.join(dut.controls)}")
    row = dut.controls.index(electrode)
    amplitude, transient = float(measurement.amplitude[row]), measurement.transient
    tones = [Tone(electrode, t.frequency, amplitude, t.phase) for t in measurement.tones(dut.controls)]
    step = np.zeros(len(control))
    step[row] = amplitude
    drives = [Drive(control, inputs, (tone,), transient) for tone in tones]
    drives += [Drive(control + step, inputs, (), transient), Drive(control - step, inputs, (), transient)]
    *waveforms, up, down = measure_all(dut, drives)
    moved = float(up.output.mean() - down.output.mean())
    spread = float(np.hypot(up.output.std(), down.output.std()) / np.sqrt(transient.points))
    stated = np.sqrt(measurement.noise_densities.max() / transient.window)
    response = np.array(
        [
            demodulate(waveform, (tone,), transient.window).response[0]
            for waveform, tone in zip(waveforms, tones, strict=True)
        ]
    )
    unsure = () if abs(moved) > SURE * max(spread, stated) else (electrode,)
    every = [*waveforms, up, down]
    return Lag(
        np.angle(response * np.sign(moved)),
        unsure,
        len(every),
        sum(w.simulated_seconds for w in every),
        sum(w.energy for w in every),
    )


def _lag(angle: Floats, unsure: tuple[str, ...], spent: list[Estimate]) -> Lag:
    return Lag(
        angle,
        unsure,
        sum(e.runs for e in spent),
        sum(e.simulated_seconds for e in spent),
        sum(e.energy for e in spent),
    )
