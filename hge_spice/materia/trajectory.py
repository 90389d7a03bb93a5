"""What a learning circuit's transient says, epoch by epoch: controls, held outputs, lock-ins, derivatives."""

from dataclasses import dataclass

import numpy as np

from hge_spice.drive import Floats, SimulationError
from hge_spice.materia.circuit import Circuit
from hge_spice.materia.sequencer import SAMPLE

UNEVEN = 1e-6  # of a step, by which two steps may differ


@dataclass(frozen=True)
class Trajectory:
    """One row an epoch.

    control : [epoch + 1, control], V, at which each epoch was spent, and the last that was reached
    outputs : [epoch, pattern], A (V of a voltage), held means, tones on
    jacobian : [epoch, pattern, control], A/V (V/V), what the lock-ins held at the end of their windows
    step_sizes : of the clock that the simulator didn't keep, counted
    """

    control: Floats
    outputs: Floats
    jacobian: Floats
    uneven_steps: int


def read_trajectory(circuit: Circuit, vectors: dict[str, Floats], epochs: int) -> Trajectory:
    """Read the vectors of `ngspice -b`. Raises SimulationError where the transient ended early or isn't finite."""
    schedule, time = circuit.schedule, vectors["time"]
    end = schedule.duration(epochs)
    if time[-1] < end - 0.5 * schedule.step:
        raise SimulationError(f"the transient ended at {time[-1]:.6g} s of {end:.6g} s")
    slots = schedule.start + schedule.slot * np.arange(epochs * schedule.patterns)
    held = slots + (schedule.begin + schedule.points + SAMPLE + 1) * schedule.step
    at = np.searchsorted(time, held)
    controls = len(circuit.control)
    low, high = circuit.control_range

    def rows(name: str, count: int, places: np.ndarray) -> Floats:
        found = np.stack([vectors[f"v({name}{k})"][places] for k in range(count)], axis=-1)
        if not np.isfinite(found).all():
            raise SimulationError(f"the circuit's nodes {name}0, … are not finite")
        return found

    epoch_ends = at[schedule.patterns - 1 :: schedule.patterns]
    last = np.searchsorted(time, schedule.start + epochs * schedule.epoch + (schedule.begin - 1) * schedule.step)
    spent = rows("c", controls, np.append(epoch_ends, last))
    steps = np.diff(time[time > schedule.start])[:-1]
    return Trajectory(
        np.clip(spent, low, high),
        rows("h", schedule.patterns, epoch_ends) / circuit.gain,
        rows("g", controls, at).reshape(epochs, schedule.patterns, controls) / (circuit.gain * circuit.lockin_scale),
        int(np.sum(np.abs(steps / schedule.step - 1) > UNEVEN)),
    )
