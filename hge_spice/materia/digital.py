"""The same loop by converters and arithmetic: what it takes, how long it learns, and what that costs.

An amplifier reads the output, a converter samples it at the study's points, multiplications and sums make the mean
and every derivative, and a converter drives each electrode, tone and control in one. It has no dead time but the
device's own, and no more arithmetic than the sums themselves: what is compared with is a dedicated engine, not a
computer.

Energies are a study's to set. Left out: a conversion is that of an AD7685, 1.35 mW at 100 kS/s (Analog Devices, rev.
A), in both directions, the other way round being our assumption; a multiplication and sum of 32 bits 3.2 pJ, with two
words of 5 pJ each fetched (45 nm; Horowitz, ISSCC 2014, doi 10.1109/ISSCC.2014.6757323); clock, control and
references 1 mW, ours. By our estimate a microcontroller takes a hundred times as much for a multiplication, a
computer some 10 W at all times.
"""

from dataclasses import dataclass

from hge_spice.materia.bill import COMPARATOR, FLIP_FLOP, SWITCH, Block, Draw, total_power
from hge_spice.materia.circuit import Circuit

WORD = 32  # bits of the arithmetic
ADDER, AND, CELL = 28, 6, 6  # transistors of a mirror adder, of an and gate, of a memory's bit
UPDATE = 4  # operations for a control in an epoch: peak, division, step, clamp


@dataclass(frozen=True)
class Converters:
    """What the loop is made of.

    conversion : J, of the output's samples; setting : J, of a converter that drives an electrode; operation : J, of a
    multiplication and sum; standing : W, of what never stops; bits : of converters
    """

    conversion: float = 13.5e-9
    setting: float = 13.5e-9
    operation: float = 13.2e-12
    standing: float = 1e-3
    bits: int = 16


@dataclass(frozen=True)
class Work:
    """Of one epoch: conversions of the output, settings of electrodes, operations; seconds : it takes."""

    conversions: int
    settings: int
    operations: int
    seconds: float


def work(circuit: Circuit) -> Work:
    """What an epoch takes: every pattern settles, and is sampled for a window."""
    schedule, controls = circuit.schedule, len(circuit.tones)
    dead = round(schedule.settle / schedule.step)
    points, patterns = schedule.points, schedule.patterns
    return Work(
        conversions=patterns * points,
        settings=patterns * ((points + dead) * controls + circuit.inputs.shape[1]),
        operations=patterns * (points * (controls + 1) + controls) + UPDATE * controls,
        seconds=patterns * (points + dead) * schedule.step,
    )


def digital_blocks(circuit: Circuit, converters: Converters) -> tuple[Block, ...]:
    """What it is built of."""
    controls, patterns, points = len(circuit.tones), circuit.schedule.patterns, circuit.schedule.points
    words = patterns * (controls + 2) + 3 * controls  # sums, means, held outputs; control, derivative, peak
    memory = CELL * (WORD * words + converters.bits * points * controls)  # and a window of each tone
    sampled = converters.bits * (2 * SWITCH + 2 * FLIP_FLOP) + COMPARATOR
    driven = converters.bits * (2 * SWITCH + FLIP_FLOP)
    return (
        Block("transimpedance amplifier and filter", 1, amplifiers=2),
        Block("converter of the output", 1, own_transistors=sampled),
        Block("converter of a control, buffered", controls, amplifiers=1, own_transistors=driven),
        Block("converter of an input, buffered", circuit.inputs.shape[1], amplifiers=1, own_transistors=driven),
        Block("multiplier and adder", 1, own_transistors=WORD * WORD * (ADDER + AND)),
        Block("memory", 1, own_transistors=memory),
        Block("clock, control, references", 1, own_power=converters.standing),
    )


def digital_power(circuit: Circuit, converters: Converters, draw: Draw) -> float:
    """W while it learns: at rest, and of the work of an epoch spread over it."""
    done = work(circuit)
    spent = (
        done.conversions * converters.conversion
        + done.settings * converters.setting
        + done.operations * converters.operation
    )
    return total_power(digital_blocks(circuit, converters), draw) + spent / done.seconds
