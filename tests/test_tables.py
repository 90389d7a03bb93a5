"""Tables against what they must equal: tones, nodal analysis, and the numbers themselves."""

import subprocess
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from hge_spice.devices.subcircuit import block
from hge_spice.drive import Drive, SimulationError, Tables, Tone, Transient
from hge_spice.graph import assign_roles
from hge_spice.netlist import deck
from hge_spice.netlist.tables import files, sources
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.window import window_points
from hge_spice.traces import read_raw

WINDOW = 25e-3
INPUTS = np.array([-0.3, 0.3])


def resistors(controls: int) -> nx.Graph:
    """1 kΩ, 2 kΩ, … from each control to the output: what a table does to the current is Ohm's law."""
    pins = [*(f"c{k}" for k in range(controls)), "a", "out"]
    lines = [f"r{k} c{k} out {1000 * (k + 1)}" for k in range(controls)]
    text = "\n".join([f".subckt ladder {' '.join(pins)}", *lines, "ra a out 500", ".ends"])
    graph = block(text=text, name="ladder", pins=pins)
    return assign_roles(graph, output="out", inputs=["a"], controls=pins[:controls])


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("controls", [1, 8, 40])
def test_every_electrode_gets_its_own_table_exactly(controls: int, held: bool) -> None:
    """All driven electrodes and the output at once; 40 need two files. What comes out is Ohm's law to the last bits."""
    rng = np.random.default_rng(controls)
    transient = Transient(1e-3, 50)
    with NgspiceDevice(resistors(controls)) as dut:
        names = (*dut.controls, "a", "out")
        size = 10.0 ** rng.uniform(-6, 0, len(names))  # V
        size[-1] = 1e-5  # A
        table = Tables(names, rng.standard_normal((len(names), 55)) * size[:, None], transient.step, held)
        control, inputs = rng.uniform(-1, 1, controls), rng.uniform(-1, 1, 1)
        found = dut.measure(Drive(control, inputs, (), transient, table))
    assert len(found.time) == 50
    assert found.flags == ()
    at = table.at(found.time)
    conductance = np.array([*(1e-3 / (k + 1) for k in range(controls)), 2e-3])
    expected = conductance @ (np.concatenate([control, inputs])[:, None] + at[:-1]) + at[-1]
    assert np.abs(found.output - expected).max() < 1e-14
    voltages = np.concatenate([control, inputs])[:, None] + at[:-1]
    power = np.sum(conductance[:, None] * voltages**2)
    assert found.energy == pytest.approx(power / 50 * 1e-3, rel=1e-6)


def test_a_sine_as_a_table_approaches_the_tone_with_the_square_of_its_step(
    device: NgspiceDevice,
) -> None:
    tone, transient = Tone("e4", 7 / WINDOW, 20e-3, 0.4), Transient(WINDOW, 75)
    control = np.linspace(-0.5, 0.5, 5)
    expected = device.measure(Drive(control, INPUTS, (tone,), transient)).output
    errors = []
    for points in (200, 800, 3200):
        time = np.arange(points + points // 50) * WINDOW / points
        sine = tone.amplitude * np.sin(2 * np.pi * tone.frequency * time + tone.phase)
        table = Tables(("e4",), sine[None], WINDOW / points)
        found = device.measure(Drive(control, INPUTS, (), transient, table)).output
        errors.append(np.abs(found - expected).max() / np.ptp(expected))
        assert errors[-1] < (2 * np.pi * 7 / points) ** 2 / 8  # a straight line's largest distance from a sine
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.5)
    assert errors[1] / errors[2] == pytest.approx(16, rel=0.5)


def test_a_sine_at_the_solvers_own_points_is_the_tone(device: NgspiceDevice) -> None:
    tone, transient = Tone("e4", 7 / WINDOW, 20e-3, 0.4), Transient(WINDOW, 75)
    control = np.linspace(-0.5, 0.5, 5)
    expected = device.measure(Drive(control, INPUTS, (tone,), transient))
    start = expected.time[0] % transient.step
    time = start + transient.step * np.arange(76)
    sine = tone.amplitude * np.sin(2 * np.pi * tone.frequency * time + tone.phase)
    found = device.measure(
        Drive(control, INPUTS, (), transient, Tables(("e4",), sine[None], transient.step, held=True))
    )
    assert np.array_equal(found.time, expected.time)
    assert np.abs(found.output - expected.output).max() < 1e-6 * np.ptp(expected.output)


def test_tables_and_tones_together_leave_plain_measurements_alone(device: NgspiceDevice) -> None:
    tones = (Tone("e1", 7 / WINDOW, 1e-3),)
    transient, control = Transient(WINDOW, 75), np.zeros(5)
    plain = Drive(control, INPUTS, tones, transient)
    before = device.measure(plain)
    shift = Tables(("e2", "e0"), np.array([[0.0, 0.0], [1e-9, 1e-9]]), 2 * WINDOW)
    shifted = device.measure(replace(plain, tables=shift))
    assert shifted.output == pytest.approx(before.output + 1e-9, abs=1e-13)
    assert device.measure(replace(plain, tables=shift)).output.tobytes() == shifted.output.tobytes()
    assert device.measure(plain).output.tobytes() == before.output.tobytes()
    moved = Tables(("e2",), np.full((1, 2), 0.1), 2 * WINDOW)
    expected = device.measure(replace(plain, inputs=np.array([-0.2, 0.3])))
    assert device.measure(replace(plain, tables=moved)).output == pytest.approx(expected.output, rel=1e-6)


def test_the_worker_of_the_tables_may_die(device: NgspiceDevice) -> None:
    table = Tables(("e2",), np.random.default_rng(0).normal(0, 1e-3, (1, 90)), WINDOW / 75, held=True)
    asked = Drive(np.zeros(5), INPUTS, (), Transient(WINDOW, 75), table)
    before = device.measure(asked)
    assert device._decks._tabled is not None
    device._decks._tabled.worker._process.kill()  # type: ignore[union-attr]
    assert device.measure(asked).output.tobytes() == before.output.tobytes()


def test_deck_and_files_run_in_plain_ngspice(device: NgspiceDevice, graph: nx.Graph, tmp_path: Path) -> None:
    table = Tables(("e1", "e3"), np.random.default_rng(0).normal(0, 5e-3, (2, 80)), WINDOW / 75)
    asked = Drive(np.full(5, 0.1), INPUTS, (Tone("e4", 11 / WINDOW, 1e-3),), Transient(WINDOW, 75), table)
    (tmp_path / "deck.cir").write_text(deck(graph, asked))
    for name, content in files(table).items():
        (tmp_path / name).write_bytes(content)
    subprocess.run(["ngspice", "-b", "-r", "deck.raw", "deck.cir"], cwd=tmp_path, check=True, capture_output=True)  # noqa: S607
    ((_, vectors),) = read_raw(tmp_path / "deck.raw")
    chosen, uniform = window_points(vectors["time"], asked.transient)
    waveform = device.measure(asked)
    assert uniform
    assert np.abs(vectors["i(vout_e0)"][chosen] - waveform.output).max() <= 1e-9 * np.ptp(waveform.output)


def test_capacitors_do_not_make_the_grid_finer_than_without_tables() -> None:
    """XSPICE would lower trtol to 1 and take its own steps."""
    text = ".subckt rc c a out\nr1 c n 1k\nc1 n 0 1u\nr2 n out 1k\nr3 a n 5k\n.ends"
    graph = assign_roles(
        block(text=text, name="rc", pins=["c", "a", "out"]), output="out", inputs=["a"], controls=["c"]
    )
    plain = Drive(np.zeros(1), np.zeros(1), (Tone("c", 100.0, 0.1),), Transient(50e-3, 400))
    nothing = Tables(("a",), np.zeros((1, 2)), 60e-3)
    with NgspiceDevice(graph) as dut:
        one, other = dut.measure(plain), dut.measure(replace(plain, tables=nothing))
    assert len(other.time) == len(one.time)
    assert other.output == pytest.approx(one.output, abs=1e-6 * np.ptp(one.output))


def test_values_are_the_tables_own() -> None:
    values = np.zeros((1, 5))
    table = Tables(("a",), values, 1e-3)
    values[0, 0] = 1.0
    assert table.values[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        table.values[0, 0] = 1.0


def test_lines_and_files_stay_within_what_ngspice_reads() -> None:
    table = Tables(tuple(f"c{k}" for k in range(128)), np.random.default_rng(0).normal(0, 1, (128, 3000)), 1e-3)
    for content in files(table).values():
        lines = content.splitlines()
        assert max(map(len, lines)) < 500
        columns = {len(line.split()) for line in lines}
        assert len(columns) == 1
        assert columns.pop() % 2 == 0  # time and an odd number of values
    lines = sources(table, [f"%v({name})" for name in table.electrodes])
    assert sum(line.startswith("a") for line in lines) == len(files(table)) == 6


def test_without_code_models_it_is_said_what_is_missing(
    graph: nx.Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("SPICE_LIB_DIR", "SPICE_SCRIPTS"):  # where ngspice looks for its start-up file
        monkeypatch.setenv(variable, str(tmp_path))
    table = Tables(("e2",), np.zeros((1, 2)), 2 * WINDOW)
    plain = Drive(np.zeros(5), INPUTS, (Tone("e1", 280.0, 1e-3),), Transient(WINDOW, 75))
    with NgspiceDevice(graph) as dut:
        with pytest.raises(SimulationError, match="tables need XSPICE's code models"):
            dut.measure(replace(plain, tables=table))
        assert len(dut.measure(plain).output) == 75


@pytest.mark.parametrize(
    ("electrodes", "values", "step", "message"),
    [
        (("a",), np.zeros(5), 1e-3, "a row each"),
        (("a", "b"), np.zeros((1, 5)), 1e-3, "2 electrodes need a row each"),
        (("a", "a"), np.zeros((2, 5)), 1e-3, "each electrode once"),
        ((), np.zeros((0, 5)), 1e-3, "no electrode"),
        (("a",), np.full((1, 5), np.nan), 1e-3, "not finite"),
        (("a",), np.zeros((1, 5)), 0.0, "step is 0"),
    ],
)
def test_tables_that_cannot_be(electrodes: tuple[str, ...], values: np.ndarray, step: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tables(electrodes, values, step)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (Tables(("s3",), np.zeros((1, 90)), WINDOW / 75), "a table for s3, which is neither driven nor output"),
        (Tables(("e1",), np.zeros((1, 60)), WINDOW / 75), r"end at 0\.0196667 s, .* at 0\.0253333 s"),
    ],
)
def test_tables_that_do_not_fit(device: NgspiceDevice, table: Tables, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        device.measure(Drive(np.zeros(5), INPUTS, (), Transient(WINDOW, 75), table))


def test_tones_of_an_earlier_measurement_do_not_play_on_with_the_same_tables(device: NgspiceDevice) -> None:
    transient = Transient(WINDOW, 75)
    table = Tables(("e4",), np.zeros((1, 80)), transient.step, held=True)
    device.measure(Drive(np.zeros(5), INPUTS, (Tone("e1", 280.0, 2e-3),), transient, table))
    quiet = device.measure(Drive(np.zeros(5), INPUTS, (), transient, table))
    assert np.ptp(quiet.output) < quiet.current_error


@pytest.mark.parametrize("step", [WINDOW / 75, 1 / 75, 0.1])
def test_a_held_value_begins_at_its_own_time_whatever_rounding_does(step: float) -> None:
    """Of 400 points 20 to 33 would take the value before."""
    table = Tables(("e2",), np.arange(400.0)[None], step, held=True)
    assert np.array_equal(table.at(step * np.arange(400))[0], np.arange(400.0))
    assert np.array_equal(table.at(step * (np.arange(399) + 0.999))[0], np.arange(399.0))
