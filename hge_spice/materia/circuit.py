"""What a learning circuit is told: schedule, tones, patterns, teacher, gains and ranges."""

from dataclasses import dataclass

from hge_spice.drive import Floats, Tone
from hge_spice.materia.error import Teacher
from hge_spice.materia.parts import Parts
from hge_spice.materia.sequencer import UPDATE, Schedule

PEAK_KEPT = 0.9  # of a peak detector's voltage, from one epoch to the next
HELD = 1e-6  # F, of the capacitors that hold the controls
SHARE = 0.5  # of the way to the targets in an epoch, where the step is divided by the derivatives' power


@dataclass(frozen=True)
class Circuit:
    """What a learning circuit is made of, beside the device.

    inputs : [pattern, input], V; control : [control], V, at which it begins; control_range : V
    error : one of ERRORS; gain : V/A of the transimpedance amplifier (V/V where the output is a voltage)
    rate : V, largest change of a control in an epoch
    swing_gain : V/V of the amplifier between the output, less its mean, and the mixers; parts : what it is built of
    lockin_scale : V that a lock-in holds for a derivative of 1 V/V, so that the largest are in the next multiplier's
    range
    floor : V/V, smallest divisor of a step that is divided by the derivatives' peak, and of one divided by their power
    its square
    """

    schedule: Schedule
    inputs: Floats
    tones: tuple[Tone, ...]
    control: Floats
    control_range: tuple[float, float]
    error: str
    teacher: Teacher
    gain: float
    rate: float
    swing_gain: float
    parts: Parts
    lockin_scale: float = 1.0
    floor: float = 1e-2

    @property
    def largest_current(self) -> float:
        """A, that moves a control by its largest step in the time for it."""
        return self.rate * HELD / (UPDATE * self.schedule.step)
