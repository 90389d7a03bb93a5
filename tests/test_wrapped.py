"""Wrappers of devices: what they pass on, what is remembered, and the device behind them all."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hge_spice.drive import (
    AS_MADE,
    Condition,
    Drive,
    Tables,
    Tone,
    Transient,
    Waveform,
    Wrapped,
    WrappedKnown,
    innermost,
)
from hge_spice.drive.remembered import digest, measure_new
from hge_spice.imperfections import seen_through

TRANSIENT = Transient(0.1, 8)
DRIVE = Drive(np.array([0.1]), np.array([0.2, 0.3]), (Tone("c", 50.0, 1e-3),), TRANSIENT)


class Counted:
    """Numbers what it measures, and tells what it was asked for together."""

    controls, inputs = ("c",), ("a", "b")

    def __init__(self) -> None:
        self.together: list[int] = []

    def measure(self, drive: Drive) -> Waveform:
        return self.measure_many([drive])[0]

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        self.together.append(len(drives))
        return [Waveform(np.zeros(8), np.full(8, d.control[0] + sum(self.together)), 0.1) for d in drives]

    def operating_point(self, control, inputs, condition=AS_MADE):
        return Waveform(np.zeros(1), control + inputs.sum() + condition.warmer, 0.0)

    def small_signal(self, control, inputs, frequencies, condition=AS_MADE):
        return frequencies * (control + inputs.sum()) + 1j * condition.warmer


def test_a_wrapper_that_changes_nothing_is_the_device() -> None:
    device = Counted()
    dut = WrappedKnown(device)
    assert (dut.controls, dut.inputs) == (device.controls, device.inputs)
    assert dut.measure(DRIVE).output.tolist() == [1.1] * 8
    assert [w.output[0] for w in dut.measure_many([DRIVE, DRIVE])] == [3.1, 3.1]
    assert device.together == [1, 2]  # passed on together, not one by one
    at = (np.array([0.5]), np.array([1.0, 2.0]))
    warmer = Condition(warmer=4.0)
    assert dut.operating_point(*at, warmer).output.tolist() == [7.5]
    assert dut.small_signal(*at, np.array([2.0]), warmer).tolist() == [7 + 4j]


def test_the_device_behind_all_wrappers_is_found() -> None:
    device = Counted()
    settings = {"lockin_offset": {"in_phase": 1e-12, "quadrature": 0.0}}
    assert innermost(Wrapped(seen_through(WrappedKnown(device), settings, 0))) is device
    assert innermost(device) is device


def test_what_is_known_is_not_measured_again_and_the_rest_together() -> None:
    device, known = Counted(), {}
    table = Tables(("c",), np.ones((1, 9)), TRANSIENT.step, held=True)
    others = [
        replace(DRIVE, control=np.array([0.1 + 1e-16])),
        replace(DRIVE, inputs=np.array([0.3, 0.2])),
        replace(DRIVE, tones=()),
        replace(DRIVE, transient=Transient(0.1, 9)),
        replace(DRIVE, tables=table),
        replace(DRIVE, tables=replace(table, values=2 * table.values)),
        replace(DRIVE, condition=Condition(warmer=1.0)),
    ]
    assert len({digest(each) for each in (DRIVE, *others)}) == 1 + len(others)
    first = measure_new(device, [DRIVE, DRIVE], known)
    assert first[0] is first[1]
    found = measure_new(device, [others[0], DRIVE, *others[1:]], known)
    assert found[1] is first[0]
    assert len({id(each) for each in found}) == 1 + len(others)
    assert device.together == [1, len(others)]
