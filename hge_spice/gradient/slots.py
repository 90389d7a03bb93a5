"""Read-outs at shifted controls, and their decoding to derivatives: what all estimators without tones share."""

from dataclasses import dataclass

import numpy as np

from hge_spice.drive import DeviceUnderTest, Drive, Floats, measure_all
from hge_spice.gradient.estimate import Estimate, Measurement
from hge_spice.gradient.trust import is_below


@dataclass(frozen=True)
class Slots:
    """Outputs while the controls are shifted, one window each.

    outputs, spread : [pattern, slot], A: mean, and its standard error from the scatter within the window
    seconds, energy : [pattern], s and J, of all slots
    """

    outputs: Floats
    spread: Floats
    current_error: float
    seconds: Floats
    energy: Floats
    flags: tuple[tuple[str, ...], ...]
    notes: tuple[tuple[str, ...], ...]


def read_slots(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement, shifts: Floats
) -> Slots:
    """Read the output with the controls shifted, one slot after the other, pattern by pattern.

    shifts : [slot, control], V. Raises SimulationError where the device gives no result.
    """
    transient = measurement.transient
    drives = [Drive(control + shift, pattern, (), transient) for pattern in inputs for shift in shifts]
    waveforms = measure_all(dut, drives)
    shape = (len(inputs), len(shifts))
    rows = [waveforms[k * shape[1] : (k + 1) * shape[1]] for k in range(shape[0])]
    return Slots(
        outputs=np.array([w.output.mean() for w in waveforms]).reshape(shape),
        spread=np.array([w.output.std(ddof=1) / np.sqrt(len(w.output)) for w in waveforms]).reshape(shape),
        current_error=max(w.current_error for w in waveforms),
        seconds=np.array([sum(w.simulated_seconds for w in row) for row in rows]),
        energy=np.array([sum(w.energy for w in row) for row in rows]),
        flags=tuple(tuple(dict.fromkeys(f for w in row for f in w.flags)) for row in rows),
        notes=tuple(tuple(dict.fromkeys(n for w in row for n in w.notes)) for row in rows),
    )


def decode(
    slots: Slots,
    decoder: Floats,
    measurement: Measurement,
    at_rest: Floats,
    stderr: Floats | None = None,
    degrees: float | None = None,
    loss_gradient: Floats | None = None,
) -> tuple[Estimate, ...]:
    """Turn slots into derivatives that are linear in them.

    decoder : [control, slot], 1/V; at_rest : [slot], what makes the output of them
    stderr : [pattern, control], A/V, from the scatter over slots where there is one, noise included; with its degrees

    The scatter within a window knows nothing of noise slower than the window, such as 1/f noise.
    """
    jacobian = slots.outputs @ decoder.T
    within = np.sqrt(slots.spread**2 @ decoder.T**2)
    noise = measurement.mean_noise * np.linalg.norm(decoder, axis=1)
    error = slots.current_error * np.abs(decoder).sum(axis=1)
    unknown = np.full(decoder.shape[0], np.nan)
    found = []
    for p, row in enumerate(jacobian):
        bar = within[p] if stderr is None else stderr[p]
        flags = list(slots.flags[p])
        if is_below(row, error):
            flags.append("below_tolerance")
        if is_below(row, noise, bar):
            flags.append("low_snr")
        found.append(
            Estimate(
                output=float(at_rest @ slots.outputs[p]),
                response=row.astype(complex),
                stderr=bar,
                noise_stderr=noise,
                bias=unknown,
                bias_stderr=unknown,
                simulated_seconds=float(slots.seconds[p]),
                energy=float(slots.energy[p]),
                perturbation_energy=0.0,
                flags=tuple(flags),
                notes=slots.notes[p],
                runs=decoder.shape[1],
                degrees_of_freedom=np.inf if degrees is None else degrees,
                loss_gradient=np.empty(0) if loss_gradient is None else loss_gradient,
            )
        )
    return tuple(found)
