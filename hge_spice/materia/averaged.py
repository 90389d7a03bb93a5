"""The learning circuit averaged over its tones: what an epoch does to the controls, its parts' errors included.

Extremum-seeking theory replaces the tones by the derivatives that they measure (Krstić & Wang, Automatica 36, 595
(2000), doi 10.1016/S0005-1098(99)00183-1). Over whole periods that is exact but for the curvature, of the order of
amplitude², and a circuit on a clock becomes a map from epoch to epoch: outputs and derivatives of all patterns, a
force each, a step. With ideal parts it is the loop that a program does; with a circuit's own it says how fast the
circuit learns, where offsets take it, and how far a leak pulls it back. What clips at the mixers isn't in it.
"""

from collections.abc import Callable, Iterator

import numpy as np

from hge_spice.drive import Floats
from hge_spice.materia.circuit import PEAK_KEPT, SHARE, Circuit
from hge_spice.materia.error import ERRORS
from hge_spice.materia.parts import REFERENCE, SCALE, Multiplier
from hge_spice.materia.sequencer import TRANSFER
from hge_spice.materia.transistors import SMALL, GilbertCell, reference_gain

# from [control] to outputs [pattern], V, and derivatives [pattern, control], V/V, at the transimpedance amplifier
Respond = Callable[[Floats], tuple[Floats, Floats]]


def errors_of(part: Multiplier | GilbertCell) -> Multiplier:
    """A part's errors as a multiplier's: a cell's mismatch stands at Y, its tanh takes from a tone of full size."""
    if isinstance(part, Multiplier):
        return part
    return Multiplier(y_offset=part.offset / SMALL, gain_error=reference_gain(REFERENCE) - 1)


def mixed(circuit: Circuit, jacobian: Floats, moved: float, slot: int | None = None, ramp: float = 0.0) -> Floats:
    """What the lock-ins hold: [control], V.

    jacobian : [control], V/V, of the pattern; moved : V, by which its output did since its mean was held; slot : of the
    run, from 0, whose tones' phases count; None where only what is the same in every slot is asked for
    ramp : V/s, of the output within the window, to which no tone is orthogonal
    """
    found = np.empty(len(jacobian))
    still = circuit.swing_gain * (moved + circuit.parts.amplifier.offset)  # V at X that is no tone
    sloped = np.zeros(len(jacobian)) if slot is None or not ramp else _sloped(circuit, slot)
    tones = 0.0 if slot is None else circuit.swing_gain * float(jacobian @ _halved(circuit, slot))
    for k, part in enumerate(map(errors_of, circuit.parts.mixers)):
        beside = _beside(part, still, 0.0, circuit, circuit.schedule.points)
        if circuit.parts.chopped:
            beside += ((1 + part.gain_error) / SCALE * part.y_offset + part.x_feedthrough) * tones
        scale = 2 * SCALE / (circuit.swing_gain * circuit.tones[k].amplitude * REFERENCE)
        found[k] = (1 + part.gain_error) * (jacobian[k] + ramp * sloped[k]) + scale * beside
    return circuit.lockin_scale * found


def _halved(circuit: Circuit, slot: int) -> Floats:
    """[control], V: mean of a window's first half less that of its second, over the whole, of each tone.

    That is what chopping leaves of X where Y has an offset; without it, and of even harmonics, there is nothing.
    """
    points = circuit.schedule.points
    turned = np.where(np.arange(points) < points // 2, 1.0, -1.0)
    amplitude = np.array([tone.amplitude for tone in circuit.tones])
    return np.asarray(amplitude * (_sines(circuit, slot) @ turned) / points)


def _sloped(circuit: Circuit, slot: int) -> Floats:
    """[control], s/V: false derivative of an output that rises by 1 V/s in a window."""
    points = circuit.schedule.points
    time = (np.arange(points) - (points - 1) / 2) * circuit.schedule.step
    amplitude = np.array([tone.amplitude for tone in circuit.tones])
    return np.asarray(2 * (_sines(circuit, slot) @ time) / (points * amplitude))


def _sines(circuit: Circuit, slot: int) -> Floats:
    """[control, point]: each tone in a slot's window, of amplitude 1."""
    schedule = circuit.schedule
    # edges of gates lie midway between two steps
    time = schedule.start + slot * schedule.slot + (schedule.begin + np.arange(schedule.points) + 0.5) * schedule.step
    return np.array([np.sin(2 * np.pi * tone.frequency * time + tone.phase) for tone in circuit.tones])


def _beside(part: Multiplier, x: float, y: float, circuit: Circuit, steps: int) -> float:
    """Mean of W beside the product over so many steps, V, X and Y at rest at x and y; with what is done against it."""
    own = (1 + part.gain_error) / SCALE
    by_x = own * x * part.y_offset + part.x_feedthrough * x
    by_y = own * part.x_offset * y + part.y_feedthrough * y
    still = 0.0 if circuit.parts.auto_zero else own * part.x_offset * part.y_offset + part.offset
    # chopped, X's share and the offset change their sign halfway; of an odd number the second half has one more
    turned = -(steps % 2) / steps if circuit.parts.chopped else 1.0
    return by_y + turned * (by_x + still)


def multiplied(circuit: Circuit, held: Floats, force: float) -> Floats:
    """What one pattern adds to the integrators of the epoch, [control], V: lock-ins times dE/dI, and errors."""
    found = np.empty(len(held))
    for k, part in enumerate(circuit.parts.multipliers):
        x, y = (float(np.clip(each, -part.range, part.range)) for each in (held[k], REFERENCE * force))
        product = (1 + part.gain_error) * x * y / SCALE
        found[k] = (product + _beside(part, x, y, circuit, TRANSFER)) * SCALE / REFERENCE
    return found


def averaged(respond: Respond, circuit: Circuit, epochs: int) -> Iterator[Floats]:
    """Controls at the end of the first epoch, and of each after an update: [control], V.

    As in the circuit, the first epoch only fills the holds, and a pattern's force is formed from its own latest output
    and the others' held ones.
    """
    error, (low, high) = ERRORS[circuit.error], circuit.control_range
    control, held = np.array(circuit.control), np.zeros(circuit.schedule.patterns)
    scale, least = circuit.lockin_scale, circuit.floor * circuit.lockin_scale
    peak, kept = np.zeros(len(control)), np.exp(-circuit.schedule.epoch / circuit.parts.leak)
    control = control * kept
    yield control
    for epoch in range(epochs):
        outputs, jacobian = respond(control)
        descent, power = np.zeros(len(control)), 0.0
        for p, slope in enumerate(jacobian):
            ramp = -float(slope @ control) / circuit.parts.leak
            locked = mixed(circuit, slope, float(outputs[p] - held[p]), epoch * len(jacobian) + p, ramp)
            held[p] = outputs[p]
            descent -= multiplied(circuit, locked, float(error.of(held, circuit.teacher)[p]))
            power += float(locked @ locked)
        if epoch > 0:
            if error.divisor == "peak":
                peak = np.maximum(PEAK_KEPT * peak, np.abs(descent))
                change = circuit.rate * descent / np.maximum(peak, least)
            else:
                step = SHARE * scale * descent / max(power, least**2)
                change = circuit.rate * np.tanh(step / circuit.rate)
            control = control + change
        control = np.clip(control * kept, low, high)
        yield control
