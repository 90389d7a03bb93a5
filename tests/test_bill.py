"""What the learning circuit takes: inequalities it must keep, blocks, transistors, and the digital loop beside it."""

from dataclasses import replace

import numpy as np
import pytest
from test_materia import IDEAL, MARGIN, circuit_of, mesh

from hge_spice.drive import Tone
from hge_spice.materia import (
    Teacher,
    learning_deck,
)
from hge_spice.materia.bill import Draw, blocks, sequencer_transistors, total_power
from hge_spice.materia.design import inequalities
from hge_spice.materia.digital import Converters, digital_blocks, digital_power, work
from hge_spice.materia.parts import LEVELS, Multiplier, Parts


def test_the_tightest_inequality_is_the_one_that_a_change_makes_tight():
    jacobian = np.array([[1.0, 0.5]])

    def tightest(moved: float = 1.0, longest: float = 0.0, **changes: object) -> str:
        outputs = np.array([0.5])
        return inequalities(circuit_of(**changes), outputs, jacobian, jacobian * moved, longest)[0].name

    assert tightest(moved=2.0) == "change of the derivatives in one step, relative"
    assert tightest(longest=1.0) == "five time constants of the device over the dead time"
    offset = Parts((Multiplier(offset=0.5),) * 2, IDEAL.multipliers)
    assert tightest(parts=offset) == "false over true derivative, from mixer offsets"
    assert tightest(swing_gain=1e4) == "swing at the mixers over their range"
    assert tightest(parts=Parts(IDEAL.mixers, (Multiplier(offset=0.5),) * 2)) == (
        "standing error over the target, from offsets"
    )
    assert tightest(parts=replace(IDEAL, leak=1e-2)) == "droop of a control in an epoch over the rate"
    near = (Tone("e1", 120.0, 5e-3, 0.3), Tone("e3", 130.0, 5e-3, 1.1))
    assert tightest(tones=near) == "part of a period that the window leaves of a tone"
    assert tightest(tones=(near[0], near[0])) == "part of a period that the window leaves of a tone"


def test_blocks_grow_with_controls_and_patterns_as_the_netlist_does():
    """A mixer, a multiplier and three integrators a control, a hold a pattern: as many as the deck has capacitors."""
    circuit = circuit_of(inputs=(-0.3, 0.3), error="margin", teacher=Teacher(np.array([0.0, 1.0])))
    text = learning_deck(mesh(), circuit, 1)
    counted = {block.name: block for block in blocks(circuit)}
    lock_ins, held = counted["lock-in: mixer and gated integrator"], counted["hold of a pattern's output"]
    assert lock_ins.count == text.count("\nBmix") == 2
    assert held.count == text.count("\nChold") == 2
    assert counted["comparator of a pattern"].count == text.count("\nBforce") == 2
    assert lock_ins.power(Draw()) == pytest.approx(2 * (0.12 + 0.075))


def test_the_margin_rules_tightest_inequality_is_the_one_that_a_change_makes_tight():
    jacobian, outputs = np.array([[1.0, 0.5], [0.9, 0.4]]), np.array([0.2, 0.5])

    def tightest(**changes: object) -> str:
        return inequalities(circuit_of(**(MARGIN | changes)), outputs, jacobian, jacobian)[0].name

    offset = Parts(IDEAL.mixers, (Multiplier(offset=5e-3),) * 2)
    assert tightest(parts=offset) == "drift at rest over the rate, from offsets"
    assert tightest(parts=replace(offset, auto_zero=True)) == tightest() == "swing at the mixers over their range"
    fast = tightest(rate=1.5, swing_gain=1.0)
    assert fast == "change of an output's distance from the mean in an epoch over the margin"


def test_an_epoch_of_the_digital_loop_is_counted_sample_by_sample():
    circuit = circuit_of(**MARGIN)
    samples = settings = products = 0
    for _ in circuit.inputs:
        settings += 1  # of the input
        for _ in range(circuit.schedule.points):
            samples += 1
            settings += 2  # tone and control in one
            products += 3  # two derivatives and the mean
        products += 2  # by dE/dI
    done = work(circuit)
    assert (done.conversions, done.settings) == (samples, settings)
    assert done.operations == products + 4 * 2
    assert done.seconds == pytest.approx(2 * 25e-3)


def test_the_digital_loops_power_is_what_it_stands_at_and_what_its_conversions_take():
    circuit, nothing = circuit_of(**MARGIN), Converters(0.0, 0.0, 0.0, 0.0)
    amplifiers = 2 + 2 + 1  # before the converter, one a control, one an input
    assert digital_power(circuit, nothing, Draw()) == pytest.approx(amplifiers * 75e-3)
    sampled = digital_power(circuit, replace(nothing, conversion=1e-6), Draw(amplifier=0.0))
    assert sampled == pytest.approx(1e-6 * 24 / 25e-3)  # at the rate of sampling
    standing = digital_power(circuit, replace(nothing, standing=2e-3), Draw(amplifier=0.0))
    assert standing == pytest.approx(2e-3)


def test_transistors_are_counted_part_by_part():
    """A circuit of transistors has six in each mixer and five in each integrator, as its netlist has."""
    circuit = circuit_of(parts=LEVELS["transistor"].drawn(2, np.random.default_rng(0)))
    text = learning_deck(mesh(), circuit, 1)
    subcircuits = dict.fromkeys(("gilbert", "ota"), 0)
    for name in subcircuits:
        body = text.split(f".subckt {name} ")[1].split(".ends")[0]
        subcircuits[name] = sum(line.startswith("Q") for line in body.splitlines())
    counted = {block.name: block for block in blocks(circuit)}
    assert counted["lock-in: mixer and gated integrator"].own_transistors == subcircuits["gilbert"]
    assert counted["control integrator with clamp and buffer"].own_transistors == subcircuits["ota"]
    assert total_power(blocks(circuit), Draw()) < total_power(blocks(replace(circuit, parts=IDEAL)), Draw())
    assert sequencer_transistors(128, 4) == 7 * 40 + 20 * 16
    assert (
        digital_blocks(circuit, Converters(bits=16))[2].transistors
        > digital_blocks(circuit, Converters(bits=8))[2].transistors
    )
