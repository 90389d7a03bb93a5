"""Patterns in one transient, with ramps and settling, against patterns one by one, `.ac` and closed forms."""

import subprocess
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from hge_spice.calibrate import choose_settle
from hge_spice.devices import ELEMENTS
from hge_spice.devices.branches import state_nodes
from hge_spice.devices.response import respond
from hge_spice.drive import Condition, Drive, Tables, Tone, Transient, Waveform
from hge_spice.drive.plateaus import GUARD, PlateauDevice, Plateaus
from hge_spice.gradient import Measurement, homodyne, small_signal
from hge_spice.graph import Network, assign_roles, grid, of_family
from hge_spice.imperfections import seen_through
from hge_spice.in_one_transient import InOneTransient
from hge_spice.lockin import demodulate
from hge_spice.netlist.ramps import sequence_deck
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.plateau_windows import plateau_points
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.planner.phases import random_phases
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.tones import plan_from_harmonics, plan_tones
from hge_spice.traces import read_raw

WINDOW, RAMP = 25e-3, 15e-3
GATE = np.array([[-0.3, -0.3], [-0.3, 0.3], [0.3, -0.3], [0.3, 0.3]])
CONTROL = np.array([0.1, -0.2, -0.3, 0.2, 0.3])


def how(settle: float = 0.0) -> Measurement:
    return Measurement(plan_tones(5, WINDOW), np.full(5, 1e-3), random_phases(5, np.random.default_rng(3)), settle)


@pytest.mark.parametrize(("ramp", "settle"), [(RAMP, 0.0), (20e-3, 0.0), (2e-3, 7.3e-3), (1e-5, 0.0)])
def test_the_dopant_networks_gradient_is_the_same_both_ways(device: NgspiceDevice, ramp: float, settle: float) -> None:
    asked = how(settle)
    apart = homodyne(device, CONTROL, GATE, asked)
    together = homodyne(InOneTransient(device, ramp), CONTROL, GATE, asked)
    truth = small_signal(device, CONTROL, GATE, asked)
    for one, other, exact in zip(apart, together, truth, strict=True):
        largest = np.abs(exact.jacobian).max()
        assert np.abs(one.jacobian - other.jacobian).max() < 1e-5 * largest
        assert np.all(np.abs(one.jacobian - other.jacobian) < one.bar + other.bar)
        assert np.abs(other.jacobian - exact.jacobian).max() < 2e-3 * largest
        assert other.output == pytest.approx(one.output, rel=1e-6)
        assert other.flags == one.flags
        steps = np.ceil((ramp + settle) / asked.transient.step - 1e-9) + asked.plan.points + GUARD
        assert other.simulated_seconds == pytest.approx(steps * asked.transient.step)


def test_windows_lie_after_their_settling_on_one_uniform_grid_each(device: NgspiceDevice) -> None:
    tones = (Tone(device.controls[0], 280.0, 1e-3),)
    for points, settle, ramp in ((20, 0.0, RAMP), (75, 5e-3, RAMP), (256, 1e-3, 1e-6)):
        transient = Transient(WINDOW, points, settle)
        plateaus = Plateaus(tuple(Drive(CONTROL, pattern, tones, transient) for pattern in GATE), ramp)
        found = device.measure_plateaus(plateaus)
        for start, waveform in zip(plateaus.starts, found, strict=True):
            assert len(waveform.time) == points
            assert np.ptp(np.diff(waveform.time)) < 1e-9 * WINDOW
            late = waveform.time[0] - (start + ramp + settle)
            assert -1e-9 <= late < GUARD * transient.step
            assert waveform.time[-1] + transient.step <= start + plateaus.pitch + 1e-9
            assert waveform.flags == ()
        assert sum(w.simulated_seconds for w in found) == pytest.approx(plateaus.duration)


def divider() -> Network:
    """Two inputs and a control on one node of resistors, 1 Mohm each, and 1 Mohm to the output."""
    graph = nx.Graph(family="resistor", parameters={"resistance": 1e6})
    for name in ("x", "y", "c", "out"):
        graph.add_node(name, kind="electrode")
    graph.add_node("m", kind="node")
    graph.add_edges_from((name, "m") for name in ("x", "y", "c", "out"))
    return assign_roles(graph, output="out", inputs=["x", "y"], controls=["c"])


def test_resistors_obey_ohm_and_energy_is_the_integral_over_ramps_and_plateaus() -> None:
    asked, ramp = Transient(10e-3, 40, settle=3e-3), 4e-3
    tone = Tone("c", 500.0, 50e-3, 0.4)
    drives = tuple(Drive(np.array([0.2]), pattern, (tone,), asked) for pattern in GATE)
    plateaus = Plateaus(drives, ramp)
    with NgspiceDevice(divider()) as dut:
        found = dut.measure_plateaus(plateaus)

    def volt(time: np.ndarray) -> np.ndarray:
        """Inputs and control: [electrode, point]."""
        place = np.minimum((time / plateaus.pitch).astype(int), 3)
        share = np.clip((time - place * plateaus.pitch) / ramp, 0, 1)
        inputs = (1 - share) * GATE[place - 1].T + share * GATE[place].T
        return np.vstack([inputs, 0.2 + 50e-3 * np.sin(2 * np.pi * 500 * time + 0.4)])

    for start, waveform in zip(plateaus.starts, found, strict=True):
        # four equal resistors: the middle is at a quarter of the sum
        assert np.allclose(waveform.output, volt(waveform.time).sum(axis=0) / 4e6, rtol=1e-6, atol=1e-15)
        fine = start + plateaus.pitch * (np.arange(40_000) + 0.5) / 40_000
        applied = volt(fine)
        current = (applied - applied.sum(axis=0) / 4) / 1e6
        energy = np.sum(applied * current, axis=0).mean() * plateaus.pitch
        tones = np.mean((applied[2] - 0.2) * current[2]) * plateaus.pitch
        assert waveform.energy == pytest.approx(energy, rel=2e-2)  # by trapezoids of the solver's steps
        assert waveform.perturbation_energy == pytest.approx(tones, rel=5e-2)


def test_tables_play_from_the_start_of_each_ramp_and_count_as_energy() -> None:
    asked, ramp, rng = Transient(10e-3, 40, settle=3e-3), 4.1e-3, np.random.default_rng(4)
    plain = Plateaus(tuple(Drive(np.array([0.2]), p, (), asked) for p in GATE[:2]), ramp)
    assert plain.steps == 29 + 40 + GUARD  # 7.1 ms are 28.4 steps
    noise = [0.1 * rng.standard_normal((2, plain.steps + 2)) * np.array([[1.0], [1e-7]]) for _ in range(2)]
    tables = [Tables(("x", "out"), values, asked.step, held=True) for values in noise]
    drives = tuple(replace(d, tables=t) for d, t in zip(plain.drives, tables, strict=True))
    with NgspiceDevice(divider()) as dut:
        quiet, found = dut.measure_plateaus(plain), dut.measure_plateaus(replace(plain, drives=drives))
        again = dut.measure_plateaus(plain)
    for start, values, silent, waveform in zip(plain.starts, noise, quiet, found, strict=True):
        place = np.floor((waveform.time - start) / asked.step + 1e-6).astype(int)
        expected = values[0, place] / 4e6 + values[1, place]
        assert np.abs(waveform.output - silent.output - expected).max() < 1e-6 * np.abs(expected).max()
        fine = plain.pitch * (np.arange(plain.steps * 100) + 0.5) / (plain.steps * 100)
        levels = [np.interp(start + fine, plain.corners, plain.at_corners(GATE[:2, k])) for k in range(2)]
        applied = np.array([levels[0] + np.repeat(values[0, : plain.steps], 100), levels[1], np.full(len(fine), 0.2)])
        power = np.sum(applied * (applied - applied.sum(axis=0) / 4) / 1e6, axis=0)
        assert waveform.energy == pytest.approx(power.mean() * plain.pitch, rel=1e-2)
        assert abs(waveform.energy / silent.energy - 1) > 2e-2  # which the tables make up
    assert [w.output.tobytes() for w in again] == [w.output.tobytes() for w in quiet]


def rc_diodes() -> Network:
    """Diodes with a resistor behind each and 2 nF at every inner node: poles below the tones."""
    graph = Network(family="diode", parameters={"saturation_current": 1e-9}, node_capacitance=2e-9)
    for name in ("x", "y", "a", "b", "out"):
        graph.add_node(name, kind="electrode")
    for name in ("m", "n", "k"):
        graph.add_node(name, kind="node")
        graph.add_edge(name, "out", family="resistor", parameters={"resistance": 1e7})
    for a, b in (("x", "m"), ("a", "m"), ("m", "n"), ("y", "n"), ("b", "k"), ("n", "k")):
        graph.add_edge(a, b, source=a, parameters={"series_resistance": 1e5})
    return assign_roles(graph, output="out", inputs=["x", "y"], controls=["a", "b"])


def test_settling_too_short_shows_as_an_error_that_falls_with_the_slowest_pole_and_is_flagged() -> None:
    graph, control = rc_diodes(), np.array([0.25, 0.3])
    asked = Measurement(plan_from_harmonics((3, 5), WINDOW, points=512), np.full(2, 1e-3), np.array([0.3, 1.0]))
    with NgspiceDevice(graph) as dut:
        truth = np.array([t.response for t in small_signal(dut, control, GATE, asked)])
        apart = homodyne(dut, control, GATE, replace(asked, settle=2 * WINDOW))
        pole = QuasistaticDevice(graph).time_constants(control, GATE[0])[0]
        together, errors, settles = InOneTransient(dut, RAMP), [], WINDOW * np.array([0.5, 1.0, 1.5])
        for settle in settles:
            found = homodyne(together, control, GATE, replace(asked, settle=float(settle)))
            error = np.array([_off(e.response, t) for e, t in zip(found, truth, strict=True)])
            flagged = np.array(["unsettled" in e.flags for e in found])
            assert flagged[error > 1.5e-2].all()
            assert not flagged[error < 4e-3].any()
            errors.append(error[0])
        chosen, flags = choose_settle(together, control, GATE, asked)
        settled = homodyne(together, control, GATE, replace(asked, settle=2 * chosen))
    assert errors[0] > 0.3
    # what is left of a ramp decays with the slowest pole that the network has at this pattern
    assert -np.polyfit(settles, np.log(errors), 1)[0] == pytest.approx(1 / pole, rel=0.05)
    assert flags == ()
    for one, other, exact in zip(apart, settled, truth, strict=True):
        assert _off(other.response, one.response) < 1e-4
        assert _off(other.response, exact) < 1e-3
        assert not {"unsettled", "nonlinear"} & set(other.flags)


def _off(found: np.ndarray, exact: np.ndarray) -> float:
    """Largest error over the largest response."""
    return float(np.abs(found - exact).max() / np.abs(exact).max())


def memristor(anew: bool = True) -> Network:
    """One Biolek memristor from the input to the output; the control's resistor carries the tone."""
    graph = nx.Graph(family="resistor", parameters={"resistance": 1e4})
    for name in ("x", "c", "out"):
        graph.add_node(name, kind="electrode")
    graph.add_edge("x", "out", family="hp_biolek", parameters={"x0": 0.3}, source="x")
    graph.add_edge("c", "out")
    graph.graph["reinitialise"] = anew
    return assign_roles(graph, output="out", inputs=["x"], controls=["c"])


def test_what_a_memristor_remembers_goes_on_through_ramps_and_plateaus() -> None:
    levels, transient, ramp = np.array([0.6, -0.2, 0.6]), Transient(WINDOW, 100, settle=2e-3), RAMP
    drives = tuple(Drive(np.zeros(1), np.array([v]), (Tone("c", 400.0, 1e-3),), transient) for v in levels)
    plateaus = Plateaus(drives, ramp)
    with NgspiceDevice(memristor()) as dut:
        found, again = dut.measure_plateaus(plateaus), dut.measure_plateaus(plateaus)
        apart = [dut.measure(drive) for drive in drives]
    corners, values = plateaus.corners, plateaus.at_corners(levels)
    time = np.unique(np.concatenate([[0.0], *(w.time for w in found), np.linspace(0, plateaus.duration, 3000)]))
    element = ELEMENTS["hp_biolek"]
    exact = respond(element, element.values({"x0": 0.3}), lambda t: float(np.interp(t, corners, values)), time)
    for start, waveform in zip(plateaus.starts, found, strict=True):
        ((before, after),) = waveform.states.values()
        expected = np.interp([start, start + plateaus.pitch], time, exact.states[0])
        assert (before, after) == pytest.approx(tuple(expected), abs=1e-4)
        through = np.interp(waveform.time, time, exact.current)
        carried = waveform.output - 1e-3 * np.sin(2 * np.pi * 400 * waveform.time) / 1e4
        assert np.abs(carried - through).max() < 1e-3 * np.abs(through).max()
        assert "moved_state" in waveform.flags
    # the same voltage twice is not the same output, but for patterns that begin anew
    assert found[2].output.mean() > 1.05 * found[0].output.mean()
    assert apart[2].output.mean() == pytest.approx(apart[0].output.mean(), rel=1e-9)
    assert np.array_equal(again[2].output, found[2].output)  # every transient begins anew


def test_states_are_drawn_back_in_every_ramp_where_asked() -> None:
    transient, levels = Transient(WINDOW, 100), (0.6, -0.2, 0.6)
    drives = tuple(Drive(np.zeros(1), np.array([v]), (Tone("c", 400.0, 1e-3),), transient) for v in levels)
    plateaus, element = Plateaus(drives, RAMP, reset=True), ELEMENTS["hp_biolek"]
    with NgspiceDevice(memristor()) as dut:
        found = dut.measure_plateaus(plateaus)
    for start, level, waveform in zip(plateaus.starts, levels, found, strict=True):
        time = np.concatenate([[0.0], waveform.time - start - RAMP, [plateaus.pitch - RAMP]])
        exact = respond(element, element.values({"x0": 0.3}), lambda _, level=level: level, time)
        carried = waveform.output - 1e-3 * np.sin(2 * np.pi * 400 * waveform.time) / 1e4
        assert np.abs(carried - exact.current[1:-1]).max() < 2e-4 * np.abs(exact.current).max()
        assert waveform.states == {"x0_x": (pytest.approx(0.3), pytest.approx(exact.states[0, -1], abs=1e-4))}
        assert set(waveform.flags) == {"moved_state"}


def test_a_memristor_networks_gradient_is_that_of_the_states_it_has_by_then() -> None:
    graph = of_family(grid(rows=3, columns=3, electrodes=5, rng=np.random.default_rng(0)), "hp_biolek", {"x0": 0.4})
    graph = assign_roles(graph, output="e0", inputs=["e1", "e2"], controls=["e3", "e4"])
    graph.graph["probes"] = state_nodes(graph)
    control, window = np.array([0.35, -0.2]), 0.5e-3
    asked = Measurement(plan_from_harmonics((5, 7), window, points=64), np.full(2, 1e-3), np.array([0.3, 1.0]))
    tones = asked.tones(("e3", "e4"))
    drives = tuple(Drive(control, pattern, tones, asked.transient) for pattern in 2 * GATE)
    with NgspiceDevice(graph) as dut:
        waveforms = dut.measure_plateaus(Plateaus(drives, RAMP))
        found = homodyne(InOneTransient(dut, RAMP), control, 2 * GATE, asked)
        drawn_back = homodyne(InOneTransient(dut, RAMP, reset=True), control, 2 * GATE, asked)
        at_first = [dut.small_signal(control, d.inputs, np.array(asked.plan.frequencies)).real for d in drives]
        by_then = []
        for drive, waveform in zip(drives, waveforms, strict=True):
            start = tuple(float(waveform.probes[name].mean()) - 0.4 for name in graph.graph["probes"])
            frequencies = np.array(asked.plan.frequencies)
            by_then.append(dut.small_signal(control, drive.inputs, frequencies, Condition(start=start)).real)
    for one, other, truth, first in zip(found, drawn_back, by_then, at_first, strict=True):
        assert _off(one.jacobian, truth) < 5e-3
        assert _off(other.jacobian, first) < 5e-3
        assert {*one.flags, *other.flags} == {"moved_state"}
    assert max(_off(truth, first) for truth, first in zip(by_then, at_first, strict=True)) > 0.5


def test_states_go_on_from_transient_to_transient_where_asked() -> None:
    transient = Transient(WINDOW, 100)
    plateaus = Plateaus(tuple(Drive(np.zeros(1), np.array([v]), (), transient) for v in (0.5, -0.1)), RAMP)
    with NgspiceDevice(memristor(anew=False)) as dut:
        first, second = dut.measure_plateaus(plateaus), dut.measure_plateaus(plateaus)
    ((_, end),), ((start, _),) = first[-1].states.values(), second[0].states.values()
    assert start == pytest.approx(end, abs=1e-9)
    assert end > 0.31


def test_in_read_out_noise_both_ways_agree_within_their_bars_and_are_as_noisy(device: NgspiceDevice) -> None:
    asked = replace(how(), noise_density=1e-25)
    noise = {"readout_noise": {"psd": 1e-25, "at": 1e3, "colour": "white", "lowest": 1e-2}}

    class Again:
        """The device's own waveforms, kept: only noise differs."""

        controls, inputs = device.controls, device.inputs
        kept: dict[tuple, list[Waveform]] = {}  # noqa: RUF012 - of this test alone
        operating_point, small_signal = device.operating_point, device.small_signal

        def measure(self, drive: Drive) -> Waveform:
            key = (drive.inputs.tobytes(),)
            if key not in self.kept:
                self.kept[key] = [device.measure(drive)]
            return self.kept[key][0]

        def measure_plateaus(self, plateaus: Plateaus) -> list[Waveform]:
            key = (len(plateaus.drives),)
            if key not in self.kept:
                self.kept[key] = device.measure_plateaus(plateaus)
            return self.kept[key]

    noisy = seen_through(Again(), noise, 5)
    assert isinstance(noisy, PlateauDevice)
    together, repeats, deviations = InOneTransient(noisy, RAMP), 60, []
    for _ in range(repeats):
        one, other = homodyne(noisy, CONTROL, GATE, asked), homodyne(together, CONTROL, GATE, asked)
        for a, b in zip(one, other, strict=True):
            deviations.append((a.jacobian - b.jacobian) / np.hypot(a.noise_stderr, b.noise_stderr))
    z = np.array(deviations)
    count = z.size
    assert abs(z.mean()) < 4 / np.sqrt(count)
    assert z.var() == pytest.approx(1.0, abs=4 * np.sqrt(2 / count))


def test_an_instrument_sees_the_benchs_own_time(device: NgspiceDevice) -> None:
    """Hum of one phase from the first sample to the last, through two sequences and what came before them."""
    hum = {"mains": {"amplitude": 1e-9, "frequency": 50.0, "harmonics": ()}}
    seen = seen_through(device, hum, 1)
    assert isinstance(seen, PlateauDevice)
    transient = Transient(WINDOW, 75, 1e-3)
    drives = tuple(Drive(CONTROL, pattern, (), transient) for pattern in GATE)
    clean = [device.measure(drive) for drive in drives]
    plateaus, times, values, begun = Plateaus(drives, RAMP), [], [], 0.0
    for round_ in range(2):
        if round_ == 1:
            seen.measure(drives[0])
            begun += transient.duration
        for quiet, waveform in zip(clean, seen.measure_plateaus(plateaus), strict=True):
            times.append(begun + waveform.time)
            values.append(waveform.output - quiet.output.mean())
        begun += plateaus.duration
    angle = 2 * np.pi * 50 * np.concatenate(times)
    design, everything = np.column_stack([np.sin(angle), np.cos(angle)]), np.concatenate(values)
    left = everything - design @ np.linalg.lstsq(design, everything, rcond=None)[0]
    assert np.abs(left).max() < 1e-4 * 1e-9


def test_the_quasi_static_engine_plays_sequences_too(device: NgspiceDevice) -> None:
    asked = how()
    quiet = homodyne(InOneTransient(QuasistaticDevice(device.graph), RAMP), CONTROL, GATE, asked)
    simulated = homodyne(InOneTransient(device, RAMP), CONTROL, GATE, asked)
    for one, other in zip(quiet, simulated, strict=True):
        assert np.abs(one.jacobian - other.jacobian).max() < 2e-4 * np.abs(one.jacobian).max()
        assert one.simulated_seconds == other.simulated_seconds
        assert one.energy == pytest.approx(other.energy, rel=0.5)  # ramps are taken for windows


def test_a_pool_gives_the_same_bits_as_one_device(device: NgspiceDevice) -> None:
    tones = how().tones(device.controls)
    plateaus = Plateaus(tuple(Drive(CONTROL, p, tones, Transient(WINDOW, 75)) for p in GATE), RAMP)
    other = Plateaus(plateaus.drives[1:3], RAMP)
    with NgspicePool(device.graph, 2) as pool:
        pool.measure_plateaus(other)
        found = [pool.measure_plateaus(plateaus) for _ in range(3)]
    for waveforms in found:
        for one, again in zip(waveforms, device.measure_plateaus(plateaus), strict=True):
            assert np.array_equal(one.output, again.output)


def test_the_exported_netlist_runs_as_it_is_and_holds_the_same_windows(device: NgspiceDevice, tmp_path) -> None:
    asked = how(5e-3)
    tones = asked.tones(device.controls)
    many = np.vstack([GATE, GATE[::-1], GATE * 0.5])  # more corners than an altered source could have
    plateaus = Plateaus(tuple(Drive(CONTROL, p, tones, asked.transient) for p in many), RAMP)
    (tmp_path / "sequence.cir").write_text(sequence_deck(device.graph, plateaus))
    command = ["ngspice", "-b", "-r", "sequence.raw", "sequence.cir"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert b"rror" not in done.stderr
    vectors = read_raw(tmp_path / "sequence.raw")[0][1]
    time, output = vectors["time"], vectors["i(vout_e0)"]
    mine = device.measure_plateaus(plateaus)
    for plateau, waveform in zip(plateau_points(time, plateaus), mine, strict=True):
        theirs = Waveform(time[plateau.window], output[plateau.window], plateaus.pitch)
        assert plateau.uniform
        got, expected = (demodulate(w, tones, WINDOW) for w in (theirs, waveform))
        assert np.abs(got.response - expected.response).max() < 1e-9 * np.abs(expected.response).max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drives": ()}, "a sequence of no patterns"),
        ({"ramp": 0.0}, r"the ramp takes 0\.0 s; it must be above zero"),
        ({"ramp": np.inf}, "the ramp takes inf s"),
    ],
)
def test_sequences_that_make_no_sense_are_refused(change, message) -> None:
    asked = Plateaus((Drive(np.zeros(1), np.zeros(1), (), Transient(1.0, 10)),), 1e-3)
    with pytest.raises(ValueError, match=message):
        replace(asked, **change)


def test_drives_that_differ_in_more_than_voltages_are_no_sequence() -> None:
    drive = Drive(np.zeros(1), np.zeros(1), (), Transient(1.0, 10))
    with pytest.raises(ValueError, match="must have the same tones, window, points and dead time"):
        Plateaus((drive, replace(drive, transient=Transient(1.0, 12))), 1e-3)
    for values, step, held in ((14, 0.1, False), (14, 0.2, True), (12, 0.1, True)):
        tables = Tables(("a",), np.zeros((1, values)), step, held=held)
        with pytest.raises(
            ValueError, match=r"in one transient they are held ones of the window's step, 0\.1 s, and 13"
        ):
            Plateaus((replace(drive, tables=tables),), 1e-3)
