"""What a learning circuit is built of: blocks, the parts each takes, what they draw at rest, and how many transistors.

Powers are a study's to set; left out they are typical ones at ±15 V: AD633 4 mA and OP07 75 mW, which we state
ourselves, and LM393 0.4 mA for two comparators (Texas Instruments, SNOSBJ6E). Switches and the sequencer's logic draw
next to nothing beside them.

Transistors are those of the plainest circuits that do it on a chip, ours: a Gilbert cell (6) with the pair that
linearises it (2) and its current sources (4), a two-stage amplifier with its bias (8), the same as a comparator, a
transmission gate with its inverter (4), a flip-flop of transmission gates (24).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from hge_spice.materia.circuit import Circuit
from hge_spice.materia.error import ERRORS
from hge_spice.materia.transistors import AMPLIFIER_TRANSISTORS, CELL_TRANSISTORS, TAIL

SUPPLY = 30.0  # V, between the rails
MULTIPLIER, AMPLIFIER, COMPARATOR, SWITCH, FLIP_FLOP = 12, 8, 8, 4, 24  # transistors
HALF_ADDER = 16  # transistors of an exclusive or and an and, with which a counter's bit counts on
GATES = 8  # of the sequencer, beside the selections of the patterns; each begins and ends


@dataclass(frozen=True)
class Draw:
    """What each part draws at rest, W."""

    multiplier: float = SUPPLY * 4e-3
    amplifier: float = 75e-3
    comparator: float = SUPPLY * 0.2e-3


@dataclass(frozen=True)
class Block:
    """So many of one kind; multipliers, amplifiers, comparators, switches : parts in each.

    own_transistors : in each, beside the parts'; own_power : of them, W
    """

    name: str
    count: int
    multipliers: int = 0
    amplifiers: int = 0
    comparators: int = 0
    switches: int = 0
    own_transistors: int = 0
    own_power: float = 0.0

    def power(self, draw: Draw) -> float:
        """Of all of them at rest, W."""
        parts = (
            self.multipliers * draw.multiplier + self.amplifiers * draw.amplifier + self.comparators * draw.comparator
        )
        return self.count * (parts + self.own_power)

    @property
    def transistors(self) -> int:
        """Of all of them, on a chip."""
        parts = self.multipliers * MULTIPLIER + self.amplifiers * AMPLIFIER + self.comparators * COMPARATOR
        return self.count * (parts + self.switches * SWITCH + self.own_transistors)


def total_power(of: Iterable[Block], draw: Draw) -> float:
    """W."""
    return sum(block.power(draw) for block in of)


def sequencer_transistors(steps: int, patterns: int) -> int:
    """Of a counter of so many steps and a word recogniser for each edge of a gate."""
    bits = int(np.ceil(np.log2(steps)))
    edges = 2 * GATES + patterns
    return bits * (FLIP_FLOP + HALF_ADDER) + edges * (2 * bits + 2)


def blocks(circuit: Circuit) -> tuple[Block, ...]:
    """Blocks of a circuit, in the order of the signal's way."""
    controls, patterns, parts = len(circuit.tones), circuit.schedule.patterns, circuit.parts
    remedy = 4 if parts.chopped else 0  # two changeovers, before a multiplier and behind it
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
    lock_in, integrator = "lock-in: mixer and gated integrator", "control integrator with clamp and buffer"
    step = circuit.schedule.slot_steps * patterns
    return (
        Block("tone source and summing node", controls, amplifiers=2),
        Block("transimpedance amplifier", 1, amplifiers=1),
        Block("mean integrator", 1, amplifiers=1, switches=2),
        Block("hold of a pattern's output", patterns, amplifiers=1, switches=1),
        Block("subtraction of the mean, swing amplifier", 1, amplifiers=2, switches=patterns),
        Block(lock_in, controls, 0, 1, 0, 2 + remedy, CELL_TRANSISTORS, SUPPLY * TAIL)
        if parts.transistors
        else Block(lock_in, controls, multipliers=1, amplifiers=1, switches=2 + remedy),
        *form,
        Block("multiplier by dE/dI and integrator of the epoch", controls, 1, 1, switches=2 + remedy),
        divider,
        Block(integrator, controls, 0, 1, 0, 1, AMPLIFIER_TRANSISTORS, SUPPLY * circuit.largest_current)
        if parts.transistors
        else Block(integrator, controls, amplifiers=2, switches=1),
        Block("sequencer", 1, own_transistors=sequencer_transistors(step, patterns)),
    )
