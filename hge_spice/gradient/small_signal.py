"""The truth: the linearised response at each tone's own frequency, one control at a time, nothing perturbed."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hge_spice.drive import DeviceUnderTest, Floats, SmallSignalDevice, all_points, all_responses
from hge_spice.gradient.estimate import Estimate, Measurement

LATE = 1e-3  # quadrature over magnitude beyond which a response is looked up at rest
AT_REST = 1e-3  # of the lowest tone's frequency


@dataclass(frozen=True)
class Linearised:
    """The device linearised at one control setting and pattern.

    response : [control], A/V (V/V of a voltage) complex, at each tone's own frequency
    at_rest : [control], A/V, at a vanishing frequency: the derivative of what is read out with the tones off
    turned : [control], whether poles have turned the response, so that the derivative is its magnitude
    """

    output: float
    response: NDArray[np.complex128]
    at_rest: Floats
    turned: NDArray[np.bool_]
    flags: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def lag(self) -> Floats:
        """Angle of each response against its tone, or its tone's opposite: [control], rad; positive where it leads."""
        return np.angle(self.response * np.where(self.at_rest < 0, -1.0, 1.0))

    @property
    def estimate(self) -> Estimate:
        """The same as an estimate without error; no time passes."""
        found = Estimate.certain(self.output, self.response, flags=self.flags, notes=self.notes)
        return replace(found, lag=np.where(self.turned, self.lag, 0.0)) if self.turned.any() else found


def linearise(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Linearised, ...]:
    """Linearise at every pattern by `.ac`.

    control : [control], V; inputs : [pattern, input], V

    Poles turn a response g/(1 + jωτ) and leave its magnitude nearest to the derivative at rest g; a capacitance that
    bypasses the device adds to g + jωC what is no derivative, and leaves its in-phase part nearest. So the derivative
    at the tone is the nearer of the two: the magnitude with the sign at rest is what a lock-in reads whose reference is
    as late as the response, the in-phase part what one reads whose reference is the tone.

    Raises TypeError for a device that only the bench knows, SimulationError where the operating point isn't found.
    """
    if not isinstance(dut, SmallSignalDevice):
        raise TypeError(f"{type(dut).__name__} has no small-signal response; measure it with another estimator")
    frequencies = np.array([tone.frequency for tone in measurement.tones(dut.controls)])
    points, responses = all_points(dut, control, inputs), all_responses(dut, control, inputs, frequencies)
    at_rest = responses.real.copy()
    late = np.abs(responses.imag) > LATE * np.abs(responses)
    looked_up = np.flatnonzero(late.any(axis=1))
    if len(looked_up):
        low = np.full(len(frequencies), AT_REST * frequencies.min())
        at_rest[looked_up] = all_responses(dut, control, inputs[looked_up], low).real
    size = np.abs(responses) * np.where(at_rest < 0, -1.0, 1.0)
    turned = late & (np.abs(size - at_rest) < np.abs(responses.real - at_rest))
    return tuple(
        Linearised(float(point.output[0]), responses[p], at_rest[p], turned[p], point.flags, point.notes)
        for p, point in enumerate(points)
    )


def small_signal(
    dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement
) -> tuple[Estimate, ...]:
    """Estimate by `.ac`, as `linearise` has it; no time passes.

    control : [control], V; inputs : [pattern, input], V

    Raises what `linearise` raises.
    """
    return tuple(each.estimate for each in linearise(dut, control, inputs, measurement))
