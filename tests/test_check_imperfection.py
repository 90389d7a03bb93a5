"""Every imperfection: neutral is absent bit for bit, the seed is all there is to chance, bad settings are refused."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hge_spice.drive import AS_MADE, Drive, Floats, NoiseSource, Tone, Transient, Waveform, measure_all
from hge_spice.drive.plateaus import PlateauDevice, Plateaus
from hge_spice.graph import Network, assign_roles
from hge_spice.imperfections import IMPERFECTIONS, Imperfection, altered, seen_through
from hge_spice.imperfections.imperfection import Settings
from hge_spice.netlist import deck
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.study.tables.spec import StudyError, parse_study

CIRCUIT = {"temperature", "mismatch", "variability", "faults", "parasitics", "source_resistance", "crosstalk"}
KINDS = {"thermal_noise", "shot_noise", "flicker_noise"}  # device_noise is all of them together
NAMES = sorted(IMPERFECTIONS)
INSTRUMENT = sorted(IMPERFECTIONS.keys() - CIRCUIT | {"variability"})  # from cycle to cycle
TRANSIENT = Transient(25e-3, 75, settle=5e-3)
TONES = (Tone("a", 40 * 7, 2e-3, 0.3), Tone("b", 40 * 11, 3e-3, 1.0))


class Mixer:
    """A closed form: nA from the voltages on two controls and an input, a product among them."""

    controls = ("a", "b")
    inputs = ("c",)
    links = ("vteam", "resistor", "vteam")
    held_states = ("x",)

    def __init__(self) -> None:
        self.asked: list[Drive] = []

    def measure(self, drive: Drive) -> Waveform:
        self.asked.append(drive)
        transient = drive.transient
        time = transient.settle + transient.step * np.arange(transient.points)
        v = dict(zip(("a", "b", "c"), (*drive.control, *drive.inputs), strict=True))
        voltage = {name: np.full(transient.points, value) for name, value in v.items()}
        for tone in drive.tones:
            voltage[tone.electrode] += tone.amplitude * np.sin(2 * np.pi * tone.frequency * time + tone.phase)
        if drive.tables is not None:
            for name, row in zip(drive.tables.electrodes, drive.tables.at(time), strict=True):
                voltage[name] += row
        a, b, both = drive.condition.strength or (1.0, 1.0, 1.0)
        gain = 1e-7 * (1 + 1e-3 * drive.condition.warmer + 0.1 * sum(drive.condition.start))
        output = gain * (a * voltage["a"] - 0.5 * b * voltage["b"] + 2 * both * voltage["a"] * voltage["c"])
        return Waveform(time, output, transient.duration)

    def noise(self, control: Floats, inputs: Floats, frequencies: Floats) -> Floats:
        return np.sum(list(self.noise_by_kind(control, inputs, frequencies).values()), axis=0)

    def noise_by_kind(self, control: Floats, inputs: Floats, frequencies: Floats) -> dict[str, Floats]:
        white, current = np.full(len(frequencies), 1e-26), abs(control.sum() + inputs.sum())
        return {
            "thermal": white,
            "shot": white * current,
            "flicker": white * 100 / frequencies * (1 + current),
            "other": 0 * white,
        }

    def noise_sources(self, control: Floats, inputs: Floats) -> tuple[NoiseSource, ...]:
        raise ValueError(f"a closed form has no elements, at {control} and {inputs}")


def diode_mesh() -> Network:
    """A ring of diodes with spokes to four electrodes, and a memristor across it."""
    graph: Network = Network(family="diode", parameters={})
    for k in range(4):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=float(k), y=0.0)
    for k in range(4):
        graph.add_node(f"m{k}", kind="node", x=float(k), y=1.0)
    for k in range(4):
        graph.add_edge(f"e{k}", f"m{k}")
        graph.add_edge(f"m{k}", f"m{(k + 1) % 4}", family="resistor", parameters={"resistance": 1e6})
        graph.add_edge(f"m{k}", f"e{(k + 1) % 4}", family="resistor")
        graph.add_edge(f"m{k}", f"e{(k + 2) % 4}", family="resistor")
    graph.add_edge("m0", "m2", family="vteam")
    return assign_roles(graph, output="e0", inputs=["e1"], controls=["e2", "e3"])


def example(name: str) -> Settings:
    return parse_study(least({name: dict(IMPERFECTIONS[name].example)})).imperfections[name]


def neutral(imperfection: Imperfection) -> dict[str, Any]:
    return {key: s.default for key, s in imperfection.settings.items()} | dict(imperfection.neutral)


def least(imperfections: dict[str, Any]) -> dict[str, Any]:
    return {
        "device": {},
        "electrodes": {"output": "e0", "inputs": ["e1", "e2"], "controls": ["e3", "e4", "e5", "e6", "e7"]},
        "task": {"name": "xor"},
        "imperfections": imperfections,
    }


def drives(count: int = 3) -> list[Drive]:
    """Extractions and read-outs in turns."""
    control, inputs = np.array([0.2, -0.11]), np.array([0.3])
    return [Drive(control + 0.01 * n, inputs, TONES if n % 2 == 0 else (), TRANSIENT) for n in range(count)]


def outputs(chosen: dict[str, Settings], seed: int, together: bool = True) -> Floats:
    dut = seen_through(Mixer(), chosen, seed)
    found = measure_all(dut, drives()) if together else [dut.measure(drive) for drive in drives()]
    return np.array([waveform.output for waveform in found])


@pytest.mark.parametrize("name", NAMES)
def test_neutral_is_absent_bit_for_bit(name: str) -> None:
    settings = neutral(IMPERFECTIONS[name])
    assert all(value is not None for value in settings.values())
    bare, seen = Mixer(), Mixer()
    expected = measure_all(bare, drives())
    found = measure_all(seen_through(seen, {name: settings}, 1), drives())
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.output.tobytes() == theirs.output.tobytes()
        assert mine.time.tobytes() == theirs.time.tobytes()
        assert (mine.flags, mine.simulated_seconds) == (theirs.flags, theirs.simulated_seconds)
    for given, asked in zip(seen.asked, bare.asked, strict=True):
        assert np.array_equal(given.control, asked.control)
        assert np.array_equal(given.inputs, asked.inputs)
        assert (given.tones, given.tables, given.condition) == (asked.tones, None, AS_MADE)


@pytest.mark.parametrize("name", INSTRUMENT)
def test_it_acts_and_repeats_with_its_seed(name: str) -> None:
    chosen = {name: example(name)}
    found = outputs(chosen, seed=1)
    assert not np.array_equal(found, outputs({}, seed=1))
    assert found.tobytes() == outputs(chosen, seed=1).tobytes()
    assert found.tobytes() == outputs(chosen, seed=1, together=False).tobytes()


def test_what_is_random_depends_on_the_seed_and_nothing_else_does() -> None:
    fixed = {name for name in INSTRUMENT if np.array_equal(*(outputs({name: example(name)}, seed) for seed in (1, 2)))}
    assert fixed == {"tia", "lockin_offset", "quadrature_error", "temperature_cycle"}


# the others act on what these leave
ADDITIVE = sorted(set(INSTRUMENT) - {"tia", "adc", "clock", "quadrature_error", "dac"})


@pytest.mark.parametrize("name", ADDITIVE)
def test_one_changes_nothing_of_what_another_draws(name: str) -> None:
    """Additive ones, alone and beside another: the same samples to rounding."""
    hum = {"mains": {"amplitude": 1e-9, "frequency": 50.0, "harmonics": ()}}
    chosen = {name: example(name)}
    if name == "mains":
        hum = {"lockin_offset": example("lockin_offset")}
    alone, both = outputs(chosen, 1) - outputs({}, 1), outputs(chosen | hum, 1) - outputs(hum, 1)
    scale = 3e-3 if name == "drift" else 1e-9  # its gain acts on the hum too
    assert np.abs(alone - both).max() < scale * max(np.abs(alone).max(), np.abs(outputs(hum, 1)).max())


def test_the_order_written_doesnt_matter_the_order_wrapped_does() -> None:
    chosen = {name: example(name) for name in INSTRUMENT if name not in KINDS}
    backwards = dict(reversed(chosen.items()))
    assert outputs(chosen, 1).tobytes() == outputs(backwards, 1).tobytes()
    inner = seen_through(Mixer(), {"tia": example("tia")}, 1)
    outer = seen_through(seen_through(Mixer(), {"adc": example("adc")}, 1), {"tia": example("tia")}, 1)
    turned = seen_through(inner, {"adc": example("adc")}, 1)
    assert not np.array_equal(turned.measure(drives()[0]).output, outer.measure(drives()[0]).output)


CASES = [(name, key) for name in NAMES for key in IMPERFECTIONS[name].settings]


@pytest.mark.parametrize(("name", "key"), CASES)
def test_bad_values_are_refused_with_the_settings_path(name: str, key: str) -> None:
    setting = IMPERFECTIONS[name].settings[key]
    bad: list[Any] = [True, {}] if setting.text else [True, "1 parsec", "nan", float("inf"), {}, "no such word"]
    if setting.least is not None:
        bad.append(setting.least - 1)
    if setting.above is not None:
        bad.append(setting.above)
    if setting.most is not None:
        bad.append(setting.most * 2)
    if not setting.columns:
        bad.append([["1 Hz", 1]])
    for value in bad:
        with pytest.raises(StudyError, match=f"imperfections: {name}"):
            parse_study(least({name: dict(IMPERFECTIONS[name].example) | {key: value}}))


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_altered_by_the_circuits_imperfections_alone(name: str) -> None:
    """Neutral: the same netlist, byte by byte. Otherwise: another one, the same for the same seed; the graph stays."""
    mesh = diode_mesh()
    before, bare = deck(mesh), neutral(IMPERFECTIONS[name])
    assert deck(altered(mesh, {name: bare}, 1)) == before
    found = [deck(altered(mesh, {name: example(name)}, seed)) for seed in (1, 1, 2)]
    assert found[0] == found[1]
    assert (found[0] != before) == (name in CIRCUIT)
    assert (found[0] != found[2]) == (name in {"mismatch", "variability", "faults"})
    assert deck(mesh) == before


@pytest.mark.parametrize("name", NAMES)
def test_unknown_keys_are_refused(name: str) -> None:
    with pytest.raises(StudyError, match=f"unknown key {name}.colr"):
        parse_study(least({name: dict(IMPERFECTIONS[name].example) | {"colr": 1}}))


def test_settings_that_contradict_each_other_are_refused() -> None:
    table = [["10 Hz", "1e-4 nA^2/Hz"], ["1 kHz", "1e-5 nA^2/Hz"]]
    for given, message in (
        ({"readout_noise": {"psd": table, "colour": "pink"}}, "leave out colour"),
        ({"readout_noise": {"psd": table[::-1]}}, "rising frequencies"),
        ({"readout_noise": {"psd": [["10 Hz"]]}}, "should be a list: frequency, current noise density"),
        ({"adc": {"bits": 24, "dnl": 0.5, "range": "1 uA"}}, "state it up to 20 bits"),
        ({"adc": {"bits": 12}}, r"adc\.range is missing"),
        ({"dac": {"bits": 2.5, "range": "1 V"}}, "should be a whole number"),
    ):
        with pytest.raises(StudyError, match=message):
            parse_study(least(given))


def test_results_dont_depend_on_the_number_of_workers(device: NgspiceDevice) -> None:
    chosen = {name: example(name) for name in INSTRUMENT if name not in {"device_noise", "variability", *KINDS}}
    tones = tuple(
        Tone(name, 40.0 * h, 2e-3, 0.1 * h) for name, h in zip(device.controls, (5, 9, 13, 19, 23), strict=True)
    )
    patterns = [np.array(v) for v in ((-0.3, 0.3), (0.3, 0.3), (0.3, -0.3))]
    asked = [Drive(np.linspace(-0.2, 0.2, 5), p, t, TRANSIENT) for t in (tones, ()) for p in patterns]
    with NgspicePool(device.graph, 2) as pool:
        side_by_side = measure_all(seen_through(pool, chosen, 4), asked)
    one_by_one = measure_all(seen_through(device, chosen, 4), asked)
    for a, b in zip(side_by_side, one_by_one, strict=True):
        assert a.output.tobytes() == b.output.tobytes()
    for name in ("device_noise", *KINDS):
        with pytest.raises(ValueError, match="make no noise in ngspice"):
            seen_through(device, {name: example(name)}, 1).measure(asked[0])


@pytest.fixture(scope="module")
def mesh() -> Iterator[NgspiceDevice]:
    with NgspiceDevice(diode_mesh()) as dut:
        yield dut


@pytest.mark.parametrize(
    "name", sorted(set(INSTRUMENT) - {"flicker_noise"})
)  # which no element of ours makes in ngspice
def test_in_one_transient_the_same_holds(name: str, mesh: NgspiceDevice) -> None:
    tones = (Tone("e2", 280.0, 2e-3, 0.3), Tone("e3", 440.0, 3e-3, 1.0))
    control = np.array([0.4, 0.1])
    drives = tuple(Drive(control, np.array([level]), tones, TRANSIENT) for level in (0.3, -0.1))
    plateaus = Plateaus(drives, 10e-3)
    settings = {name: neutral(IMPERFECTIONS[name])}
    bare = mesh.measure_plateaus(plateaus)

    def seen(chosen: dict[str, Settings]) -> list[Waveform]:
        dut = seen_through(mesh, chosen, 3)
        assert isinstance(dut, PlateauDevice)
        return dut.measure_plateaus(plateaus)

    for mine, theirs in zip(seen(settings), bare, strict=True):
        assert mine.output.tobytes() == theirs.output.tobytes()
        assert mine.time.tobytes() == theirs.time.tobytes()
    acting = {name: example(name)}
    first, again = seen(acting), seen(acting)
    assert any(mine.output.tobytes() != theirs.output.tobytes() for mine, theirs in zip(first, bare, strict=True))
    for mine, theirs in zip(first, again, strict=True):
        assert mine.output.tobytes() == theirs.output.tobytes()
        assert mine.simulated_seconds == plateaus.pitch
