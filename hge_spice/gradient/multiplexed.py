"""Multiplexed gradient descent: every control has its own code, and correlating with it gives its derivative.

What is correlated is the output, pattern by pattern, or, where the measurement has a loss, the loss of all patterns'
outputs at the same moment: then the chain rule is done by the network and the loss itself, and what comes out is the
gradient dE/dV with no derivative of the loss known.

Source: A. N. McCaughan et al., Multiplexed gradient descent, APL Machine Learning 1, 026118 (2023), with time,
frequency and code multiplexing. Walsh codes here come in pairs of opposite sign (a foldover design): the product of any
two codes is then none of them, so that curvature does not land on a derivative, as with odd harmonics.
"""

from dataclasses import replace

import numpy as np
from scipy.linalg import hadamard

from hge_spice.drive import DeviceUnderTest, Drive, Floats, Waveform, measure_all
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.gradient.homodyne import estimates
from hge_spice.gradient.slots import decode, read_slots
from hge_spice.lockin import demodulate

CODES_PER_CONTROL = 4  # random codes per control and repeat


def multiplexed_time(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Estimate, ...]:
    """One control shifted per slot, against a slot at rest.

    control : [control], V; inputs : [pattern, input], V
    """
    count = len(control)
    codes = np.vstack([np.zeros(count), np.eye(count)])
    decoder = np.hstack([-np.ones((count, 1)), np.eye(count)]) / measurement.amplitude[:, None]
    return _decoded(dut, control, inputs, measurement, codes, decoder, at_rest=np.eye(1, count + 1)[0])


def multiplexed_walsh(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Estimate, ...]:
    """Orthogonal ±1 codes, all controls in every slot: no crosstalk, 2^⌈log2 n⌉·2 slots.

    control : [control], V; inputs : [pattern, input], V
    """
    count = len(control)
    slots = 2 * 2 ** int(np.ceil(np.log2(max(count, 2))))
    codes = hadamard(slots)[:, slots // 2 : slots // 2 + count].astype(float)
    decoder = codes.T / slots / measurement.amplitude[:, None]
    return _decoded(dut, control, inputs, measurement, codes, decoder)


def multiplexed_code(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Estimate, ...]:
    """Random ±1 codes, the mean over codes taken off: crosstalk falls as one over the root of their number.

    control : [control], V; inputs : [pattern, input], V

    There are 4·n·repeats of them, drawn again should a control have the same sign in all. The standard error is the
    scatter over codes, crosstalk included. Raises ValueError without an rng.
    """
    if measurement.rng is None:
        raise ValueError("multiplexed_code draws its codes; give the measurement an rng")
    count = len(control)
    codes = np.ones((CODES_PER_CONTROL * count * measurement.repeats, count))
    while not np.ptp(codes, axis=0).all():
        codes = measurement.rng.choice([-1.0, 1.0], size=codes.shape)
    centred = codes - codes.mean(axis=0)
    decoder = (centred / np.sum(centred**2, axis=0)).T / measurement.amplitude[:, None]
    return _decoded(dut, control, inputs, measurement, codes, decoder, random=True)


def multiplexed_frequency(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Estimate, ...]:
    """A tone on every control; without a loss this is `homodyne`, with one the loss is demodulated.

    control : [control], V; inputs : [pattern, input], V

    Raises ValueError where the patterns' waveforms don't share their time points and a loss is asked for.
    """
    tones = measurement.tones(dut.controls)
    waveforms = measure_all(dut, [Drive(control, pattern, tones, measurement.transient) for pattern in inputs])
    found = estimates(waveforms, tones, measurement)
    if measurement.loss is None:
        return found
    time = waveforms[0].time
    if any(len(w.time) != len(time) or not np.allclose(w.time, time, rtol=0, atol=1e-9) for w in waveforms):
        raise ValueError("the patterns' waveforms have time points of their own: their loss at a moment isn't known")
    loss = np.array([measurement.loss(outputs) for outputs in np.array([w.output for w in waveforms]).T])
    response = demodulate(Waveform(time, loss, 0.0), tones, measurement.plan.window, measurement.lockin).response
    lag = 0.0 if measurement.lag is None else measurement.lag
    gradient = np.real(response * np.exp(-1j * lag)) / measurement.amplitude
    return tuple(replace(each, loss_gradient=gradient) for each in found)


def _decoded(
    dut: DeviceUnderTest,
    control: Floats,
    inputs: Floats,
    measurement: Measurement,
    codes: Floats,
    decoder: Floats,
    *,
    at_rest: Floats | None = None,
    random: bool = False,
) -> tuple[Estimate, ...]:
    """Read all codes and correlate; codes : [slot, control], decoder : [control, slot], 1/V."""
    slots = read_slots(dut, control, inputs, measurement, codes * measurement.amplitude)
    spread, degrees = None, None
    if random:
        degrees = len(codes) - 1
        # what a correlation sees besides its own code: the other codes' responses, and noise
        own = (slots.outputs @ decoder.T * measurement.amplitude) ** 2
        others = np.maximum(slots.outputs.var(axis=1, ddof=1)[:, None] - own, 0.0)
        spread = np.sqrt(others) * np.linalg.norm(decoder, axis=1)
    gradient = None
    if measurement.loss is not None:
        gradient = decoder @ np.array([measurement.loss(outputs) for outputs in slots.outputs.T])
    mean = np.full(len(codes), 1 / len(codes)) if at_rest is None else at_rest
    return decode(slots, decoder, measurement, mean, spread, degrees, gradient)
