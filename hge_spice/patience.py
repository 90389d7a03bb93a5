"""When a descent has stalled, and where it goes on: at the best of some random settings, tones off."""

from dataclasses import dataclass, field

import numpy as np

from hge_spice.drive import Floats

FALL = 0.01  # of the lowest loss so far: a loss that falls by less has not fallen


@dataclass(frozen=True)
class Patience:
    """How long a descent may go on without its loss falling.

    extractions : in a row, after which it jumps; scouts : random settings that a jump chooses from

    Most starts that fail rest in a local minimum or a clipped corner after a few steps, and would spend all the others
    there. Device time per solution, in steps of an extraction and a read-out, geometric means over 30 starts each with
    exact gradients and noise: on the shipped device over its six gates Adam at the best of three rates took 14.0 and
    Levenberg–Marquardt 17.2; jumping after 3 extractions to the best of 4 settings they took 5.4 and 5.7. On seven
    pairs of three other devices with screened electrodes 23.8 and 25.1 became 9.1 and 8.4. So the jump is what counts,
    not the rule; 2 to 4 extractions and 4 or 8 scouts are much alike. Random settings alone, read out one by one, would
    take 8 to 22 steps' time on the shipped device, which was chosen for how often they serve there.
    """

    extractions: int
    scouts: int = 4

    def __post_init__(self) -> None:
        if self.extractions < 1 or self.scouts < 1:
            raise ValueError(
                f"a patience of {self.extractions} extractions and {self.scouts} scouts can't be had; take 1 or more"
            )


@dataclass(frozen=True)
class Progress:
    """The lowest loss of a descent and for how many extractions it has not fallen since."""

    lowest: float = field(default=np.inf)
    idle: int = 0

    def after(self, loss: float) -> "Progress":
        """What one more extraction makes of it."""
        if not np.isfinite(self.lowest) or loss < self.lowest - FALL * abs(self.lowest):
            return Progress(loss, 0)
        return Progress(self.lowest, self.idle + 1)


def middle_half(count: int, control_range: tuple[float, float], rng: np.random.Generator) -> Floats:
    """Draw a control setting [count], V, uniformly over the middle half of the range.

    Starts near the rim soon rest in a clipped corner: from the whole range 60 % of single XOR starts on the shipped
    device were solved, from its middle half 69 % (48 starts of 60 steps without jumps).
    """
    low, high = control_range
    quarter = (high - low) / 4
    return rng.uniform(low + quarter, high - quarter, count)
