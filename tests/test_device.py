import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from hge_spice.devices.subcircuit import block
from hge_spice.drive import Drive, SimulationError, Tone, Transient
from hge_spice.gradient import Measurement, homodyne
from hge_spice.graph import assign_roles, dopant_network, electrodes
from hge_spice.lockin import demodulate
from hge_spice.netlist import deck
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.window import window_points
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.tones import plan_from_harmonics
from hge_spice.traces import read_raw

WINDOW = 25e-3
HARMONICS = (7, 11, 16, 17, 19)
INPUTS = np.array([-0.3, 0.3])


def drive(device: NgspiceDevice, seed: int = 0, amplitude: float = 1e-3, settle: float = 0.0) -> Drive:
    rng = np.random.default_rng(seed)
    control = rng.uniform(-0.7, 0.7, 5)
    tones = tuple(
        Tone(name, h / WINDOW, amplitude, rng.uniform(0, 2 * np.pi))
        for name, h in zip(device.controls, HARMONICS, strict=True)
    )
    return Drive(control, INPUTS, tones, Transient(WINDOW, 75, settle))


def test_the_window_is_one_uniform_grid(device: NgspiceDevice) -> None:
    for points in (20, 75, 256):
        for settle in (0.0, 0.5 * WINDOW, 3 * WINDOW):
            asked = drive(device)
            asked = Drive(asked.control, asked.inputs, asked.tones, Transient(WINDOW, points, settle))
            waveform = device.measure(asked)
            assert len(waveform.time) == points
            assert np.ptp(np.diff(waveform.time)) < 1e-9 * WINDOW
            assert settle <= waveform.time[0] < settle + 2 * WINDOW / points
            assert waveform.flags == ()
            assert waveform.simulated_seconds == pytest.approx(settle + WINDOW)


def test_uneven_steps_are_used_as_they_are_and_flagged() -> None:
    transient = Transient(1.0, 10)
    even = np.concatenate([[0, 0.001, 0.01], 0.11 + 0.1 * np.arange(11)])
    chosen, uniform = window_points(even, transient)
    assert uniform
    assert len(even[chosen]) == 10
    uneven = np.sort(np.concatenate([even, [0.55]]))
    chosen, uniform = window_points(uneven, transient)
    assert not uniform
    assert uneven[chosen][0] >= 0
    assert uneven[chosen][-1] <= 1.0


def test_derivatives_are_those_of_the_operating_point(device: NgspiceDevice) -> None:
    """`.ac`, the lock-in and finite differences of `.op`: three ways, one derivative."""
    asked = drive(device, seed=3, amplitude=0.25e-3)
    truth = device.small_signal(asked.control, INPUTS, np.array([tone.frequency for tone in asked.tones])).real
    step = 2e-4
    for k in range(5):
        shifts = [asked.control + n * step * np.eye(5)[k] for n in (-2, -1, 1, 2)]
        a, b, c, d = (device.operating_point(v, INPUTS).output[0] for v in shifts)
        assert truth[k] == pytest.approx((a - 8 * b + 8 * c - d) / (12 * step), abs=1e-5 * np.abs(truth).max())
    found = demodulate(device.measure(asked), asked.tones, WINDOW)
    assert np.abs(found.in_phase / 0.25e-3 - truth).max() < 1e-4 * np.abs(truth).max()


def test_a_measurement_does_not_depend_on_what_came_before(graph: nx.Graph, device: NgspiceDevice) -> None:
    asked = drive(device, seed=5)
    first = device.measure(asked).output
    device.measure(drive(device, seed=6, amplitude=50e-3))
    device.small_signal(asked.control, INPUTS, np.full(5, 100.0))
    assert np.array_equal(device.measure(asked).output, first)
    with NgspiceDevice(graph) as fresh:
        assert np.array_equal(fresh.measure(asked).output, first)


def test_tones_off_is_the_operating_point(device: NgspiceDevice) -> None:
    asked = drive(device, seed=7)
    rest = device.measure(Drive(asked.control, INPUTS, (), asked.transient))
    assert np.ptp(rest.output) == 0
    assert rest.output[0] == device.operating_point(asked.control, INPUTS).output[0]
    # and the mean with tones on approaches it as amplitude²
    shift = [
        abs(device.measure(drive(device, seed=7, amplitude=a)).output.mean() - rest.output[0])
        for a in (1e-3, 2e-3, 4e-3)
    ]
    assert np.polyfit(np.log([1, 2, 4]), np.log(shift), 1)[0] == pytest.approx(2, abs=0.1)


def test_noise_of_resistors_is_nyquists() -> None:
    """4kT·Re Y of the network seen from the output: star of resistors with a capacitor, by hand."""
    text = ".subckt star c a out\nrc c n 1k\nra a n 2k\nro n out 3k\nrg n 0 5k\ncg n 0 100n\n.ends"
    star = block(text=text, name="star", pins=["c", "a", "out"], temperature=320.0)
    frequencies = np.array([1.0, 1e3, 1e4, 1e6])
    inner = 1 / 1e3 + 1 / 2e3 + 1 / 5e3 + 2j * np.pi * frequencies * 100e-9
    admittance = 1 / (3e3 + 1 / inner)
    with NgspiceDevice(assign_roles(star, output="out", inputs=["a"], controls=["c"])) as dut:
        density = dut.noise(np.array([0.3]), np.array([-0.2]), frequencies)
    assert density == pytest.approx(4 * 1.380649e-23 * 320.0 * admittance.real, rel=1e-5)


def test_noise_of_a_diode_is_schottkys(device: NgspiceDevice) -> None:
    """2qI; a dopant network's behavioural sources make none, only its clamps far below anything."""
    text = ".subckt shot c a out\nd1 c out d\nr1 a out 1e15\n.model d d(is=1n n=1 tnom=27)\n.ends"
    shot = block(text=text, name="shot", pins=["c", "a", "out"])
    with NgspiceDevice(assign_roles(shot, output="out", inputs=["a"], controls=["c"])) as dut:
        for voltage in (0.2, 0.3):
            density = dut.noise(np.array([voltage]), np.zeros(1), np.array([100.0]))[0]
            current = dut.operating_point(np.array([voltage]), np.zeros(1)).output[0]
            assert density == pytest.approx(2 * 1.602176634e-19 * current, rel=1e-4)
    assert device.noise(np.zeros(5), INPUTS, np.array([100.0]))[0] < 1e-32


def test_steps_taken_back_and_iterations_are_told(device: NgspiceDevice) -> None:
    quiet = device.measure(drive(device))
    assert quiet.rejected_steps == 0
    assert 1 < quiet.iterations < 5
    elements = "r1 c n 10k\nc1 n 0 1n\nb1 n 0 i=1e-3*tanh(50*(v(n)-0.5))\nr2 n out 1k\nr3 a n 1meg"
    text = f".subckt latch c a out\n{elements}\n.ends"
    latch = block(text=text, name="latch", pins=["c", "a", "out"])
    with NgspiceDevice(assign_roles(latch, output="out", inputs=["a"], controls=["c"])) as dut:
        found = dut.measure(Drive(np.zeros(1), np.zeros(1), (Tone("c", 1000.0, 20.0),), Transient(1e-3, 40)))
    assert found.rejected_steps > 0
    assert "uneven" in found.flags
    assert any("steps back" in note for note in found.notes)


def test_newton_at_its_limit_and_currents_below_the_tolerance_are_flagged() -> None:
    elements = "r1 c n 1k\nb1 n 0 i=1e-12*(exp(v(n)/5m)-1)\nr2 n out 1k\nr3 a n 1meg"
    steep = block(text=f".subckt steep c a out\n{elements}\n.ends", name="steep", pins=["c", "a", "out"])
    with NgspiceDevice(assign_roles(steep, output="out", inputs=["a"], controls=["c"])) as dut:
        hard, easy = (
            dut.measure(Drive(np.zeros(1), np.zeros(1), (Tone("c", 1000.0, amplitude),), Transient(1e-3, 12)))
            for amplitude in (20.0, 0.1)
        )
        assert "newton_limit" in hard.flags
        assert hard.iterations > 5 > easy.iterations > 1  # of each run alone
        assert any("iterations a step" in note for note in hard.notes)
        assert easy.flags == ()
        plan = plan_from_harmonics((3,), 25e-3, points=20)
        for amplitude, flagged in ((1e-3, False), (1e-12, True)):
            estimate = homodyne(
                dut, np.zeros(1), np.zeros((1, 1)), Measurement(plan, np.array([amplitude]), np.zeros(1))
            )[0]
            assert ("below_tolerance" in estimate.flags) == flagged


def test_energy_is_power_times_time(device: NgspiceDevice) -> None:
    asked = drive(device, seed=8, amplitude=0.0)
    quiet = device.measure(asked)
    power = device.operating_point(asked.control, INPUTS).energy
    assert quiet.energy == pytest.approx(power * WINDOW, rel=1e-6)
    assert quiet.perturbation_energy == pytest.approx(0, abs=1e-30)
    loud = device.measure(drive(device, seed=8, amplitude=5e-3))
    # a tone delivers a²/2 times its electrode's own conductance
    expected = 0.0
    for k in range(5):
        step = 1e-3 * np.eye(5)[k]
        expected += 0.5 * (5e-3) ** 2 * _own_conductance(device, asked.control, k, step)
    assert loud.perturbation_energy == pytest.approx(expected * WINDOW, rel=0.2)


def _own_conductance(device: NgspiceDevice, control: np.ndarray, k: int, step: np.ndarray) -> float:
    """dI_k/dV_k from the power: P(v+h) + P(v−h) − 2P(v) holds 2·h²·g plus what the other sources see; take Σ V dI."""
    # the power of all sources is v·I; its change with v_k is I_k + Σ_j v_j dI_j/dv_k, so probe I_k through a pure shift
    name = f"vdc_{device.controls[k]}#branch"
    currents = []
    for shifted in (control - step, control + step):
        settings = device._settings(Drive(shifted, INPUTS, (), Transient(1.0, 3)), None)
        result = device._decks.plain.run(settings, "op", (name,))
        currents.append(-result.vectors[0, 0])
    return float((currents[1] - currents[0]) / (2 * step[k]))


def test_netlist_text_is_deterministic(graph: nx.Graph, device: NgspiceDevice) -> None:
    asked = drive(device)
    assert deck(graph, asked) == deck(graph.copy(), asked)
    assert device.deck(asked).count(".tran") == 1


def test_deck_under_plain_ngspice_is_the_sessions_waveform(device: NgspiceDevice, tmp_path: Path) -> None:
    asked = drive(device, seed=9, amplitude=2e-3)
    (tmp_path / "deck.cir").write_text(device.deck(asked))
    subprocess.run(["ngspice", "-b", "-r", "deck.raw", "deck.cir"], cwd=tmp_path, check=True, capture_output=True)  # noqa: S607
    ((_, vectors),) = read_raw(tmp_path / "deck.raw")
    waveform = device.measure(asked)
    chosen, uniform = window_points(vectors["time"], asked.transient)
    assert uniform
    assert np.allclose(vectors["time"][chosen], waveform.time, rtol=1e-12)
    batch = vectors["i(vout_e0)"][chosen]
    assert np.abs(batch - waveform.output).max() <= 1e-9 * np.ptp(waveform.output)


def test_operating_points_are_the_settled_transients(graph: nx.Graph) -> None:
    """From p = ½ the dynamics keep every occupation in [0, 1]: where they settle, `.op` must be."""
    check_settled(graph, 6)


@pytest.mark.long
def test_operating_points_are_the_settled_transients_500_times(graph: nx.Graph) -> None:
    check_settled(graph, 500)


def check_settled(graph: nx.Graph, settings: int) -> None:
    rng = np.random.default_rng(1)
    controls = electrodes(graph, "control")
    with NgspiceDevice(graph) as dut:
        states = tuple(f"p{i}" for i in range(12))
        start = ".ic " + " ".join(f"v({name})=0.5" for name in states)
        with NgspiceDevice(graph) as other:
            # gear, since the trapezoidal rule rings after the jump from p = ½
            other.worker.load(deck(graph).replace(".end\n", f"{start}\n.options method=gear\n.end\n"))
            for _ in range(settings):
                control = rng.uniform(-0.7, 0.7, len(controls))
                for inputs in ((-0.3, -0.3), (-0.3, 0.3), (0.3, -0.3), (0.3, 0.3)):
                    point = dut.operating_point(control, np.array(inputs))
                    assert "unphysical" not in point.flags
                    settings_ = other._settings(Drive(control, np.array(inputs), (), Transient(1.0, 3)), None)
                    changes = [f"alter {key} = {value}" for key, value in settings_.items()]
                    result = other.worker.run(changes, "tran 10n 100u 0 1u uic", ("vout_e0#branch", *states))
                    output, occupations = result.vectors[0], result.vectors[1:]
                    late = output[result.scale > 90e-6]
                    largest = max(abs(output[-1]), 1e-9)
                    assert np.ptp(late) < 1e-4 * largest  # it has settled
                    assert occupations.min() > -1e-6
                    assert occupations.max() < 1 + 1e-6
                    assert point.output[0] == pytest.approx(output[-1], abs=1e-3 * largest)


def test_a_root_outside_the_bounds_is_reported(graph: nx.Graph) -> None:
    """Without the clamp, operating points land on occupations outside [0, 1]; whoever loads such a deck is told."""
    bare = "\n".join(line for line in deck(graph).splitlines() if not line.lower().startswith("bk")) + "\n"
    rng = np.random.default_rng(0)
    with NgspiceDevice(graph) as dut:
        dut.worker.load(bare)
        flags = [dut.operating_point(rng.uniform(-0.7, 0.7, 5), INPUTS).flags for _ in range(300)]
    assert ("unphysical",) in flags


def test_killed_in_the_middle_the_measurement_is_repeated(graph: nx.Graph) -> None:
    with NgspiceDevice(graph) as dut:
        asked = drive(dut, seed=4)
        expected = dut.measure(asked).output
        asked = Drive(asked.control, asked.inputs, asked.tones, Transient(40 * WINDOW, 40 * 75))
        threading.Timer(0.3, os.kill, (dut.worker.pid, signal.SIGKILL)).start()
        dut.measure(asked)
        assert dut.retried == 1
        assert np.array_equal(dut.measure(drive(dut, seed=4)).output, expected)


def test_a_hang_ends_with_the_timeout_and_a_reason(graph: nx.Graph) -> None:
    with NgspiceDevice(graph) as dut:
        asked = drive(dut)
        expected = dut.measure(asked).output
        dut.worker.timeout = 0.5
        endless = Drive(asked.control, asked.inputs, asked.tones, Transient(1e3, 4_000_000))
        began = time.monotonic()
        with pytest.raises(SimulationError, match=r"gave no answer within 0\.5 s"):
            dut.measure(endless)
        assert time.monotonic() - began < 60  # and not the hours that it would take
        dut.worker.timeout = 60.0
        assert np.array_equal(dut.measure(asked).output, expected)  # all its voltages are said again


@pytest.mark.long
def test_a_transient_without_end_does_not_take_the_machine_with_it(graph: nx.Graph) -> None:
    """ngspice keeps every point in memory: 10^9 of them end the worker at its limit, and the next job finds another."""
    text = (
        "rc\nv1 a 0 sin(0 1 1)\nra a b 1\nca b 0 1\n"
        + "".join(f"r{k} b n{k} 1\n" for k in range(2000))
        + ".save all\n.end\n"
    )
    with NgspiceDevice(graph) as dut:
        dut.worker.load(text)
        with pytest.raises(SimulationError):
            dut.worker.run([], "tran 1m 1e9 0 1m", ("b",))
        dut.worker.load(deck(graph))
        assert len(dut.measure(drive(dut)).output) == 75


def test_no_process_outlives_its_device(graph: nx.Graph) -> None:
    dut = NgspiceDevice(graph)
    pid = dut.worker.pid
    dut.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_broken_netlist_is_an_error_with_the_log(graph: nx.Graph) -> None:
    with NgspiceDevice(graph) as dut:
        with pytest.raises(SimulationError, match="can't read the netlist"):
            dut.worker.load("broken\nr1 a 0 {nothing}\n.end\n")
        # the process is as good as before, or a new one
        dut.worker.load(deck(graph))
        assert len(dut.operating_point(np.zeros(5), INPUTS).output) == 1


def test_no_convergence_is_an_error() -> None:
    graph = assign_roles(
        dopant_network(seed=10), output="e5", inputs=(), controls=tuple(f"e{k}" for k in (0, 1, 2, 3, 4, 6, 7))
    )
    with NgspiceDevice(graph) as dut:
        dut.worker.load("no solution\nv1 a 0 0\nv2 a 0 1\n.save all\n.end\n")
        with pytest.raises(SimulationError, match="no result"):
            dut.operating_point(np.zeros(7), np.empty(0))


@pytest.mark.parametrize(
    ("control", "inputs", "message"),
    [
        (np.zeros(4), INPUTS, r"control has shape \(4,\); the network has 5"),
        (np.zeros(5), np.zeros(3), r"inputs has shape \(3,\)"),
        (np.full(5, np.nan), INPUTS, "not finite"),
    ],
)
def test_a_drive_that_does_not_fit(
    device: NgspiceDevice, control: np.ndarray, inputs: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        device.operating_point(control, inputs)


def test_a_tone_on_something_else_than_a_control(device: NgspiceDevice) -> None:
    with pytest.raises(ValueError, match="a tone on e2, which is no control"):
        device.measure(Drive(np.zeros(5), INPUTS, (Tone("e2", 40.0, 1e-3),), Transient(WINDOW, 75)))


def test_two_tones_on_one_source(device: NgspiceDevice) -> None:
    tones = (Tone("e4", 40.0, 1e-3), Tone("e4", 80.0, 1e-3))
    for dut in (device, QuasistaticDevice(device.graph)):
        with pytest.raises(ValueError, match="two tones on e4; a source plays one"):
            dut.measure(Drive(np.zeros(5), INPUTS, tones, Transient(WINDOW, 75)))


def test_ngspice_evaluates_transistors_in_one_thread() -> None:
    """Its own setting, which OMP_NUM_THREADS doesn't reach; in a process of its own, as a session needs."""
    said = "from hge_spice.ngspice.session import Session; print(Session()._said('echo threads $num_threads'))"
    found = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True, timeout=60)
    assert "threads 1" in found.stdout
