"""What comes back of a measurement: Waveform, or SimulationError."""

from dataclasses import dataclass, field

from hge_spice.drive.drive import Floats


class SimulationError(RuntimeError):
    """The simulator did not give a result that can be used; the message ends with the end of its log."""


@dataclass(frozen=True)
class Waveform:
    """What one measurement gave, on the solver's own time points of the window.

    time : [point], s; zero is the start of the measurement, so that tones keep their phase
    output : [point], A, positive out of the network into the output electrode
    energy : J, ∫ Σ V·I dt over all electrode sources for settling and window
    perturbation_energy : J, the part of it that the tones deliver
    current_error : A, how far the simulator's or instrument's own resolution may move a current
    flags : what is known against this waveform, in the words of the JSON results (`unphysical`, `coarse`, …)
    notes : the simulator's remarks behind the flags
    states : what elements remember, by name: before the measurement and after it, each a share of its range (0 to 1)
    probes : [point] by name, internal quantities that were asked for, V or A
    rejected_steps : steps that the solver took back, since Newton or the truncation error failed there
    iterations : of Newton, for each step tried, on average
    """

    time: Floats
    output: Floats
    simulated_seconds: float
    energy: float = 0.0
    perturbation_energy: float = 0.0
    current_error: float = 0.0
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    states: dict[str, tuple[float, float]] = field(default_factory=dict)
    probes: dict[str, Floats] = field(default_factory=dict)
    rejected_steps: int = 0
    iterations: float = 0.0
