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
    there. On the shipped device, over the six gates, a jump after 3 extractions to the best of 4 settings brought the
    device time per solution from 14 steps of Adam at the best of five rates to 5.4 (geometric means, exact gradients,
    30 starts each); from 2 extractions to 10 and from 4 scouts to 8 it hardly matters, without scouts XOR takes twice.
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
