"""What every estimator takes and gives: Measurement and Estimate."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

import numpy as np
from scipy.special import stdtrit

from hge_spice.drive import Floats, Tone, Transient
from hge_spice.lockin.filters import Filter
from hge_spice.margin import mean_noise
from hge_spice.tones import TonePlan


@dataclass(frozen=True)
class Measurement:
    """How derivatives are measured.

    plan : harmonics, window and points
    amplitude : [control], V peak of a tone, or the step of a difference
    phase : [control], rad
    settle : s, dead time before the window
    noise_density : A²/Hz (V²/Hz of a voltage) one-sided, of the read-out as stated; used for what it would add, whether
    or not it is injected
    noise_at : Hz, at which the density holds
    noise_exponent : α of a noise density that goes as f^(−α): 0 white, 1 pink; None where it isn't known
    noise_added : A²/Hz one-sided, of what is known to be in the waveforms as noise, of the same colour; zero for a
    device simulated without
    signs : [control], the sign that each derivative must have if it isn't zero; None where either can be
    lockin : filter; the boxcar over the window where none is given
    trend : whether a straight line is fitted beside the tones; None to decide by what was measured, see `estimates`
    lag : [control], rad, by which a response is turned against its tone, as `calibrate_lag` measured it; None for none
    repeats : directions or codes per estimate, for estimators that draw them
    rng : for estimators that draw at random
    loss : [pattern] outputs -> loss; where given, estimators that can demodulate the loss itself do so

    Raises ValueError for an amplitude that isn't above zero.
    """

    plan: TonePlan
    amplitude: Floats
    phase: Floats
    settle: float = 0.0
    noise_density: float = 0.0
    noise_at: float = 1e3
    noise_exponent: float | None = None
    noise_added: float = 0.0
    signs: Floats | None = None
    lockin: Filter | None = None
    trend: bool | None = None
    lag: Floats | None = None
    repeats: int = 1
    rng: np.random.Generator | None = None
    loss: Callable[[Floats], float] | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.amplitude) & (np.asarray(self.amplitude) > 0)).all():
            raise ValueError(
                f"the amplitudes are {self.amplitude} V; each must be above zero, since a derivative is what a tone "
                "moves over its amplitude: leave out the control that is not to move"
            )

    @property
    def transient(self) -> Transient:
        """Timing of one extraction."""
        return Transient(self.plan.window, self.plan.points, self.settle)

    @property
    def noise_densities(self) -> Floats:
        """The stated noise's density at every tone, A²/Hz: [control]."""
        return self.noise_density_at(np.array(self.plan.frequencies))

    def noise_density_at(self, frequencies: Floats) -> Floats:
        """The stated noise's density, A²/Hz, where its colour takes it; one that isn't known is taken for white."""
        return np.asarray(self.noise_density * (self.noise_at / frequencies) ** (self.noise_exponent or 0.0))

    def point_noise(self, points: int) -> float:
        """The added noise's rms at each of so many points of a window, A: of all lines that the window resolves."""
        lines = np.arange(1, max(points // 2, 1) + 1) / self.plan.window
        density = self.noise_added * (self.noise_at / lines) ** (self.noise_exponent or 0.0)
        return float(np.sqrt(density.mean() * points / (2 * self.plan.window)))

    @property
    def mean_noise(self) -> float:
        """What the stated noise leaves of a mean over one window, A: see `margin.mean_noise`."""
        return mean_noise(self.noise_density, self.plan.window, self.noise_at, self.noise_exponent)

    def tones(self, controls: tuple[str, ...]) -> tuple[Tone, ...]:
        """Return one tone per control. Raises ValueError where the plan has another number of tones."""
        if not len(controls) == len(self.plan.harmonics) == len(self.amplitude) == len(self.phase):
            raise ValueError(
                f"{len(self.plan.harmonics)} tones, {len(self.amplitude)} amplitudes and {len(self.phase)} phases for "
                f"{len(controls)} controls"
            )
        frequencies = (h / self.plan.window for h in self.plan.harmonics)
        amplitudes, phases = map(float, self.amplitude), map(float, self.phase)
        return _tones(tuple(zip(controls, frequencies, amplitudes, phases, strict=True)))


@lru_cache(maxsize=8)  # what is kept of a grid and its tones is found sooner by the same tones than by others like them
def _tones(settings: tuple[tuple[str, float, float, float], ...]) -> tuple[Tone, ...]:
    return tuple(Tone(*each) for each in settings)


@dataclass(frozen=True)
class Estimate:
    """The output and its derivatives at one control setting and pattern.

    output : A, mean over the window (V where the output is a voltage, and V/V below)
    response : [control], A/V complex; its imaginary part is the quadrature
    stderr : [control], A/V, from what the fit leaves over around each tone
    noise_stderr : [control], A/V, what the stated read-out noise would add
    bias, bias_stderr : [control], A/V, what 3rd-order products are predicted to have added; nan where it can't be told
    flags : words of the JSON results; notes say why
    runs : measurements made
    degrees_of_freedom : [control], or one for all, behind stderr; the 95 % bar is Student's t of them times stderr
    lag : [control], rad, turned back in `jacobian`; empty where none is known
    loss_gradient : [control], 1/V, where the loss itself was demodulated, the same in all patterns; else empty
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
    degrees_of_freedom: float | Floats = np.inf
    lag: Floats = field(default_factory=lambda: np.empty(0))
    loss_gradient: Floats = field(default_factory=lambda: np.empty(0))

    @classmethod
    def certain(cls, output: float, response: np.ndarray, **more: Any) -> Self:
        """One without noise and bias, that was not demodulated; more : other fields, such as what it cost."""
        nothing = np.zeros(len(response))
        free = {"simulated_seconds": 0.0, "energy": 0.0, "perturbation_energy": 0.0, "runs": 0}
        return cls(output, response.astype(complex), nothing, nothing, nothing, nothing, **(free | more))

    @property
    def jacobian(self) -> Floats:
        """dy/dV: [control], A/V or V/V, in phase with the tone, or with the tone as late as `lag` says."""
        return np.real(self.turned)

    @property
    def turned(self) -> np.ndarray:
        """The response with its known lag taken off: [control], A/V complex; what is left in quadrature is unknown."""
        return self.response * np.exp(-1j * self.lag) if len(self.lag) else self.response

    @property
    def snr(self) -> Floats:
        """Derivative over its standard error: [control]; infinite where there is no noise."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.abs(self.jacobian) / self.stderr)

    @property
    def bar(self) -> Floats:
        """Half width of the 95 % interval: [control], A/V."""
        # Student's t is nan where no degree is left
        return np.asarray(stdtrit(self.degrees_of_freedom, 0.975) * self.stderr)
