"""Each memristor alone under a large sine: its loop, against an independent integration of the same equations."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest

from hge_spice.devices import DEVICES, ELEMENTS
from hge_spice.devices.response import respond
from hge_spice.drive import Drive, Tone, Transient, Waveform
from hge_spice.graph import assign_roles
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.pool import NgspicePool


@dataclass(frozen=True)
class Loop:
    """A sine of an amplitude and a frequency, two periods of it, and what the element is where it isn't the default.

    TEAM, Stanford's gap and the like run away by positive feedback at their published values: the jump's moment is then
    ill-conditioned, for any solver. Here their current is limited.
    """

    amplitude: float
    frequency: float
    parameters: dict[str, float] = field(default_factory=dict)
    points: int = 2000


LOOPS = {
    "hp_joglekar": Loop(1.0, 1.0),
    "hp_biolek": Loop(1.0, 10.0),
    "yakopcic": Loop(1.2, 100.0),
    "team": Loop(0.5, 1000.0, {"ron": 1e3, "roff": 2e3, "x0": 1.5e-9}, 4000),
    "vteam": Loop(1.0, 5e7, points=8000),
    "stanford_rram": Loop(1.3, 1e5, {"i0": 1e-5}, 4000),
    "mss": Loop(0.5, 100.0),
    "umich": Loop(1.0, 1.0),
    "pershin": Loop(3.0, 1e8),
}
QUICK = {"hp_biolek", "mss", "yakopcic"}  # the others integrate for seconds each
SNAP = Loop(1.5, 1e6, points=3000)  # of the threshold switch, which forgets


@cache
def measured(family: str) -> Waveform:
    loop = LOOPS.get(family, SNAP)
    graph = assign_roles(DEVICES[family].build(**loop.parameters), output="e0", inputs=(), controls=("e1",))
    tone, transient = Tone("e1", loop.frequency, loop.amplitude), Transient(2 / loop.frequency, loop.points)
    with NgspiceDevice(graph) as dut:
        return dut.measure(Drive(np.zeros(1), np.empty(0), (tone,), transient))


def integrated(family: str, time: np.ndarray) -> np.ndarray:
    """Current by LSODA to 1e-8, the equations compiled from their statement, without ngspice: [point], A."""
    loop, element = LOOPS.get(family, SNAP), ELEMENTS[family]
    fine = np.union1d(time, np.linspace(0, time[-1], 4001))  # also where ngspice took long steps
    sine = lambda t: loop.amplitude * np.sin(2 * np.pi * loop.frequency * t)  # noqa: E731
    found = respond(element, element.values(loop.parameters), sine, fine)
    return found.current[np.searchsorted(fine, time)]


def test_every_memristor_has_a_loop() -> None:
    remembering = {n for n, e in ELEMENTS.items() if any(state.held for state in e.states.values())}
    assert LOOPS.keys() == remembering


@pytest.mark.parametrize(
    "family", [f if f in QUICK else pytest.param(f, marks=pytest.mark.long) for f in sorted(LOOPS)]
)
def test_ngspice_and_an_independent_integration_agree(family: str) -> None:
    waveform = measured(family)
    expected = integrated(family, waveform.time)
    peak = np.abs(expected).max()
    assert np.abs(waveform.output - expected).max() < 1e-3 * peak


@pytest.mark.parametrize("family", sorted(LOOPS))
def test_the_loop_is_pinched_and_open(family: str) -> None:
    """Current vanishes with voltage, and is not a function of it: there and back are not the same way."""
    loop = LOOPS[family]
    waveform = measured(family)
    voltage = loop.amplitude * np.sin(2 * np.pi * loop.frequency * waveform.time)
    peak = np.abs(waveform.output).max()
    crossed = np.flatnonzero(np.diff(np.sign(voltage[1:]))) + 1
    assert len(crossed) >= 3
    for k in crossed:
        (v0, v1), (i0, i1) = voltage[k : k + 2], waveform.output[k : k + 2]
        assert abs(i0 - v0 * (i1 - i0) / (v1 - v0)) < 1e-3 * peak
    opening = 0.0
    for half in range(2):
        phase = (loop.frequency * waveform.time - half / 2) * 2
        up, down = (phase > 0) & (phase < 0.5), (phase > 0.5) & (phase < 1)
        grid = np.linspace(0.1, 0.9, 50) * loop.amplitude
        there = np.interp(grid, np.abs(voltage[up]), waveform.output[up])
        back = np.interp(grid, np.abs(voltage[down][::-1]), waveform.output[down][::-1])
        opening = max(opening, float(np.abs(there - back).max()))
    assert opening > 0.02 * peak


@pytest.mark.long
def test_the_threshold_switch_against_an_independent_integration() -> None:
    """Behind its load of 330 ohm it snaps on and off; slow against its 0.2 ns, its loop is open all the same."""
    loop, waveform = SNAP, measured("threshold_switch")
    expected = integrated("threshold_switch", waveform.time)
    apart = np.abs(waveform.output - expected) / np.abs(expected).max()
    jump = np.abs(np.gradient(expected, waveform.time)) > 20 * np.abs(expected).max() * loop.frequency * 2 * np.pi
    assert apart[~jump].max() < 1e-3
    assert "unphysical" not in waveform.flags


def test_states_are_held_at_rest_and_move_in_a_transient() -> None:
    graph = DEVICES["hp_biolek"].build(x0=0.4)
    graph = assign_roles(graph, output="e0", inputs=(), controls=("e1",))
    conductance = 1 / (0.4 * 100 + 0.6 * 1000)
    asked = Drive(np.array([0.5]), np.empty(0), (Tone("e1", 100.0, 1e-3),), Transient(10e-3, 64))
    with NgspiceDevice(graph) as dut:
        before = dut.operating_point(asked.control, asked.inputs)
        moved = dut.measure(asked)
        after = dut.operating_point(asked.control, asked.inputs)
        again = dut.measure(asked)
    assert before.output[0] == pytest.approx(0.5 * conductance, rel=1e-9)
    assert after.output[0] == before.output[0]  # every measurement starts anew
    assert np.array_equal(again.output, moved.output)
    assert "moved_state" in moved.flags
    ((start, end),) = moved.states.values()
    assert start == pytest.approx(0.4)
    assert end > start + 1e-2
    graph.graph["reinitialise"] = False
    with NgspiceDevice(graph) as dut:
        first, second = dut.measure(asked), dut.measure(asked)
        rest = dut.operating_point(asked.control, asked.inputs)
    ((_, end),) = first.states.values()
    ((start, later),) = second.states.values()
    assert start == pytest.approx(end)
    assert later > end
    assert rest.output[0] == pytest.approx(0.5 / (100 * later + 1000 * (1 - later)), rel=1e-6)


def test_states_that_go_on_need_one_worker() -> None:
    graph = assign_roles(DEVICES["pershin"].build(), output="e0", inputs=(), controls=("e1",))
    graph.graph["reinitialise"] = False
    with pytest.raises(ValueError, match="need 1 worker, not 2"):
        NgspicePool(graph, 2)


def test_a_still_state_is_not_flagged() -> None:
    graph = assign_roles(DEVICES["pershin"].build(), output="e0", inputs=(), controls=("e1",))
    with NgspiceDevice(graph) as dut:
        still = dut.measure(Drive(np.array([0.5]), np.empty(0), (Tone("e1", 100.0, 1e-3),), Transient(10e-3, 64)))
    assert still.flags == ()
    assert list(still.states.values()) == [pytest.approx((2 / 3, 2 / 3))]
