"""What `auto` stands for: the amplitude from noise against curvature, the dead time from the device's own poles."""

from dataclasses import dataclass, replace

import numpy as np

from hge_spice.drive import DeviceUnderTest, Floats, SmallSignalDevice, all_responses
from hge_spice.gradient import Measurement
from hge_spice.gradient.homodyne import homodyne
from hge_spice.tones import TonePlan, plan_from_harmonics
from hge_spice.train import Cost, cost_of

PROBE = 2e-3  # V, first amplitude tried
SMALLEST = 1e-4  # V, below which the solver's tolerance takes the noise's place
LARGEST = 0.1  # share of the control range: beyond it a tone explores another device
NOISELESS_BIAS = 1e-3  # relative bias aimed at where no noise is stated
ROUNDS = 6
QUASI_STATIC = 1e-3  # change of a response between rest and the tone's frequency below which poles don't matter
CLEAR = 5.0  # standard errors a derivative must show before an amplitude is made for it: known to a fifth
SMALLEST_SHARE = 1e-4  # of the largest derivative, below which a derivative counts as this small
LONGEST_SETTLE = 64  # windows
FINEST = 4  # doublings of the points


@dataclass(frozen=True)
class Amplitude:
    """The amplitude chosen, V peak; the rms bias of all patterns and controls seen last, A/V; what finding it cost."""

    amplitude: float
    bias: float
    cost: Cost


@dataclass(frozen=True)
class Amplitudes:
    """Amplitudes chosen, [control], V peak, and what finding them cost.

    relative_noise : [control], what the stated noise adds to a derivative, over the derivative's rms of all patterns
    capped : [control], whether the amplitude would have to be larger still than the control range allows
    """

    amplitude: Floats
    relative_noise: Floats
    capped: np.ndarray
    cost: Cost


def choose_amplitude(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement, control_range: tuple[float, float]
) -> Amplitude:
    """Find the amplitude a with the least expected squared error S/(T·a²) + (b·a²)², over all controls and patterns.

    Its minimum lies at a⁶ = n·(S/T) / (2·Σb²), b the 3rd-order bias over a², measured here by extractions at this
    control setting and repeated at the amplitude found, since b itself falls at large amplitudes.

    inputs : [pattern, input], V
    """
    alike = np.ones(len(control))
    return _least_error(dut, control, inputs, measurement, _largest(control_range), alike, alike)


def choose_amplitudes(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement, control_range: tuple[float, float]
) -> Amplitudes:
    """Find the amplitudes at which noise moves every derivative by the same share of itself, with the least distortion.

    Noise moves derivative g_k by √(S/T)/a_k, so its share is the same for a_k = λ/|g_k|, g from a first extraction at
    equal amplitudes, its rms over the patterns. Every product grows with λ; the λ taken is that of the least expected
    squared relative error, S/(T·λ²) + (b·λ²)² summed over controls, b the relative bias. A control whose derivative
    is too small for that gets a tenth of the control range.

    inputs : [pattern, input], V
    """
    largest = _largest(control_range)
    probe = np.full(len(control), min(PROBE, largest))
    size, cost = _derivatives(dut, control, inputs, measurement, largest, probe)
    weight = 1 / np.maximum(size, SMALLEST_SHARE * size.max())
    shape = weight / np.exp(np.mean(np.log(weight)))
    found = _least_error(dut, control, inputs, measurement, largest, shape, weight)
    # At these amplitudes every derivative is seen as well as it will be: look again, and keep their product.
    size, again = _derivatives(dut, control, inputs, measurement, largest, np.minimum(found.amplitude * shape, largest))
    wanted = found.amplitude / np.exp(np.mean(np.log(weight))) / np.maximum(size, SMALLEST_SHARE * size.max())
    chosen = np.minimum(wanted, largest)
    noise = np.sqrt(measurement.noise_densities / measurement.plan.window)
    relative = np.divide(noise / chosen, size, out=np.full(len(control), np.inf), where=size > 0)
    return Amplitudes(chosen, relative, wanted > largest, cost + found.cost + again)


def _derivatives(
    dut: DeviceUnderTest,
    control: Floats,
    inputs: Floats,
    measurement: Measurement,
    largest: float,
    amplitude: Floats,
) -> tuple[Floats, Cost]:
    """Size of each derivative, rms over the patterns: [control], A/V; tones that show none are made larger."""
    cost, size = Cost(), np.zeros(len(control))
    for _ in range(ROUNDS):
        estimates = homodyne(dut, control, inputs, replace(measurement, amplitude=amplitude))
        cost += cost_of(estimates)
        squares = np.mean([e.jacobian**2 for e in estimates], axis=0)
        doubt = np.mean([e.stderr**2 for e in estimates], axis=0)
        size = np.sqrt(np.maximum(squares - doubt, 0.0))
        vague = size < CLEAR * np.sqrt(doubt)
        if (amplitude[vague] >= largest).all():
            break
        amplitude = np.where(vague, np.minimum(3 * amplitude, largest), amplitude)
    if not size.any():
        raise ValueError(
            "no derivative shows above the noise, so that none can be given an amplitude of its own; "
            'take amplitude = "auto", a longer window, or a read-out with less noise'
        )
    return size, cost


def _largest(control_range: tuple[float, float]) -> float:
    return LARGEST * (control_range[1] - control_range[0])


def _least_error(
    dut: DeviceUnderTest,
    control: Floats,
    inputs: Floats,
    measurement: Measurement,
    largest: float,
    shape: Floats,
    weight: Floats,
) -> Amplitude:
    """The amplitude of least squared error, errors weighted by `weight` and amplitudes in proportion to `shape`.

    shape, weight : [control]
    """
    amplitude, cost = min(PROBE, largest), Cost()
    for _ in range(ROUNDS):
        amplitudes = np.minimum(amplitude * shape, largest)
        estimates = homodyne(dut, control, inputs, replace(measurement, amplitude=amplitudes))
        cost += cost_of(estimates)
        found = np.array([e.bias for e in estimates])
        if not np.isfinite(found).all():
            # too few points to see the curvature: the probe's amplitude stands
            return Amplitude(amplitude, np.nan, cost)
        doubt = float(np.sum([(e.bias_stderr * weight) ** 2 for e in estimates]))
        known = float(np.sum((found * weight) ** 2)) - doubt  # Σ bias², freed of what noise alone puts there
        if known <= doubt:  # the curvature doesn't show above the noise yet
            if amplitude >= largest:
                break
            amplitude = min(3 * amplitude, largest)
            continue
        curvature = known / amplitude**4
        if measurement.noise_density > 0:
            noise = measurement.noise_densities / measurement.plan.window
            floor = len(estimates) * float(np.sum((weight / shape) ** 2 * noise))
            best = (floor / (2 * curvature)) ** (1 / 6)
        else:
            size = sum(np.abs(e.jacobian * weight).max() ** 2 for e in estimates)
            best = (NOISELESS_BIAS**2 * size / curvature) ** (1 / 4)
        best = float(np.clip(float(f"{best:.1e}"), SMALLEST, largest))
        # at `best` the bias is curvature·best², its doubt that of a smaller tone: no use looking where it won't show
        unseen = curvature * best**4 <= doubt * (amplitude / best) ** 2
        done = abs(best - amplitude) <= 0.1 * amplitude or unseen
        amplitude = best
        if done:
            break
    # in plain A/V also where the errors were weighted
    doubt = float(np.sum([e.bias_stderr**2 for e in estimates]))
    return Amplitude(amplitude, float(np.sqrt(max(np.sum(found**2) - doubt, 0.0) / found.size)), cost)


def quasi_static(dut: SmallSignalDevice, control: Floats, inputs: Floats, frequencies: Floats) -> bool:
    """Whether the linearised response at each tone is that at a thousandth of the lowest, within 1e-3 of the largest.

    inputs : [pattern, input], V; frequencies : [control], Hz
    """
    low = np.full(len(frequencies), frequencies.min() / 1000)
    at_tones, at_rest = (all_responses(dut, control, inputs, each) for each in (frequencies, low))
    return bool(np.abs(at_tones - at_rest).max() < QUASI_STATIC * np.abs(at_rest).max())


def follows_the_grid(dut: SmallSignalDevice, control: Floats, inputs: Floats, plan: TonePlan) -> bool:
    """Whether the trapezoidal rule at the plan's points alone, no step of it the solver's own, gives the derivatives.

    At steps h the rule takes a capacitance's current at f for that at tan(πfh)/(πh), exactly: where the linearised
    response there is in phase that at f, within 1e-3 of the largest, finer steps have nothing to add. It is less than
    being quasi-static asks, since a pole far above its tone turns a response before it moves the part in phase.

    inputs : [pattern, input], V
    """
    step, frequencies = plan.window / plan.points, np.array(plan.frequencies)
    bent = np.tan(np.pi * frequencies * step) / (np.pi * step)
    at_tones, on_grid = (all_responses(dut, control, inputs, each) for each in (frequencies, bent))
    return bool(np.abs((on_grid - at_tones).real).max() < QUASI_STATIC * np.abs(at_tones).max())


def choose_points(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[TonePlan, tuple[str, ...]]:
    """Points for the measurement's tones, and flags: the plan's own for a device that is quasi-static at them.

    Otherwise points are doubled until what they leave out of any response is below 1e-3 of the largest; `coarse` when
    16 times the plan's don't suffice.

    inputs : [pattern, input], V
    """
    plan = measurement.plan
    if isinstance(dut, SmallSignalDevice) and quasi_static(dut, control, inputs, np.array(plan.frequencies)):
        return plan, ()

    before, even = _response(dut, control, inputs, measurement)
    for _ in range(FINEST):
        finer = plan_from_harmonics(plan.harmonics, plan.window, points=2 * plan.points)
        after, finer_even = _response(dut, control, inputs, replace(measurement, plan=finer))
        # the rule is of 2nd order: three quarters of the coarser grid's error is the difference to one twice as fine,
        # and a third of it the finer one's
        largest = np.abs(after).max()
        if not largest:  # no control moves the output, whatever the points
            return plan, ()
        difference = np.abs(after - before).max() / largest
        if finer_even and difference < 0.75 * QUASI_STATIC:
            return plan, ()
        if finer_even and even and difference < 3 * QUASI_STATIC:
            return finer, ()
        plan, before, even = finer, after, finer_even
    return plan, ("coarse",)


def _response(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[np.ndarray, bool]:
    """Responses [pattern, control], and whether they are on the grid asked for.

    Where the solver took steps of its own, twice the points may be the same steps, and agree for no good reason.
    """
    found = homodyne(dut, control, inputs, measurement)
    return np.array([estimate.response for estimate in found]), not any("uneven" in e.flags for e in found)


def check_points(dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement) -> tuple[str, ...]:
    """`coarse` where a finer grid moves a response by 1e-3 of the largest; nothing for a quasi-static device.

    inputs : [pattern, input], V
    """
    plan = measurement.plan
    if isinstance(dut, SmallSignalDevice) and quasi_static(dut, control, inputs, np.array(plan.frequencies)):
        return ()
    before, _ = _response(dut, control, inputs, measurement)
    for _ in range(FINEST):
        plan = plan_from_harmonics(plan.harmonics, plan.window, points=2 * plan.points)
        after, even = _response(dut, control, inputs, replace(measurement, plan=plan))
        if even:
            break
    return ("coarse",) if np.abs(after - before).max() >= 0.75 * QUASI_STATIC * np.abs(after).max() else ()


def choose_settle(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[float, tuple[str, ...]]:
    """Dead time before the window, s, and flags: none for a device that is quasi-static at its tones.

    Quasi-static is read off the device's linearised response at each tone against a thousandth of the lowest tone.
    Where poles matter, the dead time is doubled from one window until it no longer moves a derivative by more than 1e-3
    of the largest; `unsettled` when 64 windows don't suffice. A device without a small-signal response is taken
    through the second test from the start.
    """
    frequencies = np.array(measurement.plan.frequencies)
    if isinstance(dut, SmallSignalDevice) and quasi_static(dut, control, inputs, frequencies):
        return 0.0, ()
    window = measurement.plan.window

    def response(settle: float) -> Floats:
        trial = replace(measurement, settle=settle)
        return np.array([estimate.jacobian for estimate in homodyne(dut, control, inputs, trial)])

    settle, before = window, response(window)
    while settle < LONGEST_SETTLE * window:
        after = response(2 * settle)
        if np.abs(after - before).max() < QUASI_STATIC * np.abs(after).max():
            return settle, ()
        settle, before = 2 * settle, after
    return settle, ("unsettled",)
