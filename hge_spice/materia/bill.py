"""What a learning circuit is built of: blocks, the parts each takes, and what they draw at rest.

Quiescent powers are typical ones of data sheets at ±15 V: AD633 (Analog Devices, rev. K) 4 mA, OP07 (Analog Devices,
rev. G) 75 mW, LM393 (Texas Instruments) 0.4 mA for two comparators. Switches and the sequencer's logic are counted but
draw next to nothing beside them.
"""

from dataclasses import dataclass

from hge_spice.materia.circuit import Circuit
from hge_spice.materia.error import ERRORS

MULTIPLIER, AMPLIFIER, COMPARATOR = 30 * 4e-3, 75e-3, 30 * 0.2e-3  # W


@dataclass(frozen=True)
class Block:
    """So many of one kind; multipliers, amplifiers, comparators : parts in each; switches : in each."""

    name: str
    count: int
    multipliers: int = 0
    amplifiers: int = 0
    comparators: int = 0
    switches: int = 0

    @property
    def power(self) -> float:
        """Of all of them at rest, W."""
        each = self.multipliers * MULTIPLIER + self.amplifiers * AMPLIFIER + self.comparators * COMPARATOR
        return self.count * each


def blocks(circuit: Circuit) -> tuple[Block, ...]:
    """Blocks of a circuit, in the order of the signal's way."""
    controls, patterns = len(circuit.tones), circuit.schedule.patterns
    chops = 4 if circuit.parts.chopped else 0  # two changeovers, before a multiplier and behind it
    form = (
        [
            Block("mean and spread of the outputs", 1, amplifiers=2 + patterns),
            Block("comparator of a pattern", patterns, comparators=1),
        ]
        if circuit.error == "margin"
        else [Block("difference to a target", patterns, amplifiers=1)]
    )
    divider = (
        Block("peak detector and divider", controls, multipliers=1, amplifiers=2, switches=1)
        if ERRORS[circuit.error].divisor == "peak"
        else Block("power of the derivatives and divider", 1, multipliers=controls + 1, amplifiers=2, switches=2)
    )
    return (
        Block("tone source and summing node", controls, amplifiers=2),
        Block("transimpedance amplifier", 1, amplifiers=1),
        Block("mean integrator", 1, amplifiers=1, switches=2),
        Block("hold of a pattern's output", patterns, amplifiers=1, switches=1),
        Block("subtraction of the mean, swing amplifier", 1, amplifiers=2, switches=patterns),
        Block("lock-in: mixer and gated integrator", controls, multipliers=1, amplifiers=1, switches=2 + chops),
        *form,
        Block("multiplier by dE/dI and integrator of the epoch", controls, 1, 1, switches=2 + chops),
        divider,
        Block("control integrator with clamp and buffer", controls, amplifiers=2, switches=1),
        Block("sequencer", 1),
    )
