"""What every estimator takes and gives: Measurement and Estimate."""

from dataclasses import dataclass

import numpy as np

from hge_spice.drive import Floats, Tone, Transient
from hge_spice.lockin import noise_of_tones
from hge_spice.tones import TonePlan


@dataclass(frozen=True)
class Measurement:
    """How derivatives are measured.

    plan : harmonics, window and points
    amplitude : [control], V peak
    phase : [control], rad
    settle : s, dead time before the window
    noise_density : A²/Hz one-sided, of the read-out as stated; used for what it would add, whether or not it is
    injected
    noise_slope, noise_at : S(f) = noise_density·(noise_at/f)^noise_slope, slope 0 white, 1 pink, 2 brown; at in Hz
    """

    plan: TonePlan
    amplitude: Floats
    phase: Floats
    settle: float = 0.0
    noise_density: float = 0.0
    noise_slope: float = 0.0
    noise_at: float = 1e3

    @property
    def transient(self) -> Transient:
        """Timing of one extraction."""
        return Transient(self.plan.window, self.plan.points, self.settle)

    def tone_noise(self, time: Floats, tones: tuple[Tone, ...]) -> Floats:
        """What the stated noise of the read-out adds to each in-phase amplitude: [tone], A. time : [point], s."""
        if not (self.noise_slope and self.noise_density):
            return np.full(len(tones), np.sqrt(self.noise_density / self.plan.window))

        def density(frequency: Floats) -> Floats:
            return np.asarray(self.noise_density * (self.noise_at / frequency) ** self.noise_slope)

        return noise_of_tones(density, time, tones)

    def tones(self, controls: tuple[str, ...]) -> tuple[Tone, ...]:
        """Return one tone per control. Raises ValueError where the plan has another number of tones."""
        if not len(controls) == len(self.plan.harmonics) == len(self.amplitude) == len(self.phase):
            raise ValueError(
                f"{len(self.plan.harmonics)} tones, {len(self.amplitude)} amplitudes and {len(self.phase)} phases for "
                f"{len(controls)} controls"
            )
        frequencies = (h / self.plan.window for h in self.plan.harmonics)
        return tuple(
            Tone(name, f, float(a), float(p))
            for name, f, a, p in zip(controls, frequencies, self.amplitude, self.phase, strict=True)
        )


@dataclass(frozen=True)
class Estimate:
    """The output and its derivatives at one control setting and pattern.

    output : A, mean over the window
    response : [control], A/V complex; its imaginary part is the quadrature
    stderr : [control], A/V, from what the fit leaves over
    noise_stderr : [control], A/V, what the stated read-out noise would add
    bias, bias_stderr : [control], A/V, what 3rd-order products are predicted to have added; nan where it can't be told
    flags : words of the JSON results; notes say why
    runs : measurements made
    """

    output: float
    response: np.ndarray
    stderr: Floats
    noise_stderr: Floats
    bias: Floats
    bias_stderr: Floats
    simulated_seconds: float
    energy: float
    perturbation_energy: float
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    runs: int = 1

    @property
    def jacobian(self) -> Floats:
        """dI_out/dV, in phase: [control], A/V."""
        return np.real(self.response)
