"""Thermal, shot and flicker noise of the device's elements, predicted and injected, against closed forms."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.constants import Boltzmann, elementary_charge
from scipy.signal import periodogram
from test_check_imperfection import Mixer, diode_mesh, example, least
from test_noise_of_gradient import Replay, diodes, resistors, sky130

from hge_spice.drive import INJECTED, Drive, Floats, SimulationError, Tables, Tone, Transient, measure_all
from hge_spice.gradient import Measurement, homodyne
from hge_spice.graph import Network, assign_roles
from hge_spice.imperfections import altered, seen_through
from hge_spice.imperfections.device_noise import noise_frequencies, predicted_stderr
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.kinds import KINDS, by_kind
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import against_truth
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study
from hge_spice.tones import plan_tones


def star(temperature: float, diode: bool = False) -> Network:
    """Two controls and an input through resistors (one through a diode) to a node, and a resistor to the output."""
    graph: Network = Network(family="resistor", parameters={"temperature": temperature})
    for k, name in enumerate(("e0", "e1", "e2", "e3")):
        graph.add_node(name, kind="electrode", role=None, x=float(k), y=0.0)
    graph.add_node("m", kind="node", x=0.0, y=1.0)
    for k, name in enumerate(("e0", "e1", "e2", "e3")):
        graph.add_edge(name, "m", parameters={"resistance": (k + 1) * 1e6})
    if diode:
        graph.add_edge("e1", "e0", family="diode", source="e1", parameters={"saturation_current": 1e-12})
    return assign_roles(graph, output="e0", inputs=["e3"], controls=["e1", "e2"])


def chosen(**ways: str) -> dict[str, dict[str, object]]:
    found = {f"{kind}_noise": {"of": of} for kind, of in ways.items()}
    return parse_study(least(found)).imperfections


def output_density(
    dut: NgspiceDevice, imperfections: dict[str, dict[str, object]], control: Floats, inputs: Floats, windows: int = 12
) -> Floats:
    """One-sided density of the output over windows without tones: [bin], of 1 to half the point rate over 1/window."""
    transient = Transient(0.1, 1024)
    seen = seen_through(dut, imperfections, seed=3)
    found = []
    for _ in range(windows):
        waveform = seen.measure(Drive(control, inputs, (), transient))
        assert "uneven" not in waveform.flags
        found.append(periodogram(waveform.output, transient.points / transient.window)[1][1:-1])
    return np.mean(found, axis=0)


@pytest.mark.parametrize("temperature", [300.15, 77.0])
def test_thermal_noise_of_a_resistor_network_is_nyquists(temperature: float) -> None:
    """4kT·G seen from the output: predicted by `.noise`, and injected beside each resistor."""
    conductance = 1 / (1e6 + 1 / (1 / 2e6 + 1 / 3e6 + 1 / 4e6))
    wanted = 4 * Boltzmann * temperature * conductance
    control, inputs = np.array([0.1, -0.2]), np.array([0.3])
    with NgspiceDevice(star(temperature)) as dut:
        kinds = dut.noise_by_kind(control, inputs, np.array([10.0, 1e4]))
        found = output_density(dut, chosen(thermal="elements"), control, inputs)
        predicted = output_density(dut, chosen(thermal="ngspice"), control, inputs)
    assert kinds["thermal"] == pytest.approx([wanted] * 2, rel=1e-4)
    assert not any(kinds[kind].any() for kind in KINDS if kind != "thermal")
    # 12 × 511 bins: a standard error of 1.3 %; of a quarter of them 2.6 %
    for density in (found, predicted):
        assert density.mean() == pytest.approx(wanted, rel=0.05)
        assert [part.mean() for part in np.array_split(density, 4)] == pytest.approx([wanted] * 4, rel=0.1)


def test_shot_noise_of_a_diode_is_schottkys() -> None:
    """2qI of the diode's own current, straight into the output: `.noise`, and injected."""
    control, inputs = np.array([0.3, 0.0]), np.array([0.0])
    with NgspiceDevice(star(300.15, diode=True)) as dut:
        (diode,) = [each for each in dut.noise_sources(control, inputs) if each.shot]
        wanted = 2 * elementary_charge * diode.current
        kinds = dut.noise_by_kind(control, inputs, np.array([1e3]))
        found = output_density(dut, chosen(shot="elements"), control, inputs)
    at_300 = 1e-12 * np.expm1(0.3 / (Boltzmann * 300.15 / elementary_charge))
    assert diode.current == pytest.approx(at_300, rel=1e-3)
    assert diode.shot == pytest.approx(wanted)
    assert kinds["shot"] == pytest.approx([wanted], rel=1e-3)
    assert found.mean() == pytest.approx(wanted, rel=0.05)
    assert [part.mean() for part in np.array_split(found, 4)] == pytest.approx([wanted] * 4, rel=0.1)


def test_flicker_noise_injected_has_its_density() -> None:
    """ratio·I²/f of every element, through the current divider that the network is, per octave."""
    control, inputs, ratio = np.array([0.5, 0.2]), np.array([0.3]), 1e-10
    with NgspiceDevice(star(300.15)) as dut:
        sources = dut.noise_sources(control, inputs)
        settings = parse_study(least({"flicker_noise": {"of": "elements", "ratio": ratio}})).imperfections
        found = output_density(dut, settings, control, inputs, windows=40)
    # a current beside one resistor divides into the output's branch and the others; beside the output's own: the rest
    conductance = {"e0": 1 / 1e6, "e1": 1 / 2e6, "e2": 1 / 3e6, "e3": 1 / 4e6}
    total = sum(conductance.values())
    to_output = conductance["e0"] / total
    reach = {name: 1 - to_output if name == "e0" else to_output for name in conductance}
    names = {each.name: next(n for n in each.nodes if n in conductance) for each in sources}
    wanted = sum(ratio * each.current**2 * reach[names[each.name]] ** 2 for each in sources)
    frequency = np.arange(1, len(found) + 1) / 0.1
    edges = 40.0 * 2.0 ** np.arange(7)
    for low, high in pairwise(edges):
        inside = (frequency >= low) & (frequency < high)
        assert np.mean(found[inside] * frequency[inside]) == pytest.approx(wanted, rel=0.12)


def test_kinds_add_up_to_all_that_ngspice_knows() -> None:
    frequencies = np.geomspace(10, 1e5, 5)
    for build, control, inputs in ((resistors, (0.3, -0.2), (0.1,)), (diodes, (0.4, 0.5), (0.45,))):
        with NgspiceDevice(build(None)) as dut:
            at = (np.array(control), np.array(inputs), frequencies)
            total, kinds = dut.noise(*at), dut.noise_by_kind(*at)
        assert np.sum(list(kinds.values()), axis=0) == pytest.approx(total, rel=1e-9)
        assert kinds["thermal"].all()
        assert not kinds["other"].any()
        assert kinds["shot"].all() == kinds["flicker"].all() == (build is diodes)
    assert np.polyfit(np.log(frequencies), np.log(kinds["flicker"]), 1)[0] == pytest.approx(-1, abs=1e-6)


def test_what_a_transistors_generators_are() -> None:
    names = [
        "onoise_m.x1.m1",
        "onoise_m.x1.m1_id",
        "onoise_m.x1.m1_1overf",
        "onoise.m2",
        "onoise.m2.igs",
        "onoise.m2.rd",
    ]
    names += ["onoise_q1", "onoise_q1_ic", "onoise_q1_rb", "onoise_d_1", "onoise_d_1_id", "onoise_b1"]
    densities = 2.0 ** np.arange(len(names))
    wanted = {"thermal": 2 + 32 + 256, "shot": 16 + 128 + 1024, "flicker": 4}
    total = sum(wanted.values()) + 7.0  # a device that tells nothing of its generators
    found = by_kind(["onoise_spectrum", *names], np.array([total, *densities]))
    assert found == wanted | {"other": 7.0}
    with pytest.raises(SimulationError, match="add up to"):
        by_kind(["onoise_spectrum", *names], np.array([0.5 * total, *densities]))


@pytest.mark.long
def test_a_processs_transistors_tell_their_kinds(tmp_path) -> None:
    """BSIM4 names its generators otherwise: channels and resistances, flicker above all at 10 Hz, all of the output."""
    with NgspiceDevice(sky130(tmp_path)) as dut:
        at = (np.array([0.7]), np.array([0.9, 0.95]), np.array([10.0, 1e9]))
        kinds, total = dut.noise_by_kind(*at), dut.noise(*at)
    assert not kinds["other"].any()
    assert kinds["flicker"][0] > 0.9 * total[0]
    assert kinds["thermal"][1] > 0.5 * total[1]
    assert np.sum(list(kinds.values()), axis=0) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("way", ["ngspice", "elements"])
def test_the_spread_of_derivatives_is_as_predicted_either_way(way: str) -> None:
    """Of all kinds together on a network of diodes and resistors, √(S(f)/T)/A from `.noise`."""
    how = Measurement(plan_tones(2, 25e-3), np.array([1e-3, 2e-3]), np.array([0.4, 1.9]), noise_exponent=0.0)
    control, inputs = np.array([0.3, 0.25]), np.array([0.2])
    windows = 400
    with NgspiceDevice(star(300.15, diode=True)) as dut:
        frequencies = noise_frequencies(how.plan.window, how.plan.points)
        own = dut.noise(control, inputs, frequencies)
        tones = how.tones(dut.controls)
        time = dut.measure(Drive(control, inputs, tones, how.transient)).time
        predicted = predicted_stderr(frequencies, own, time, tones)
        seen = seen_through(_Once(dut) if way == "ngspice" else dut, chosen(thermal=way, shot=way), seed=5)
        found = [homodyne(seen, control, inputs[None], how)[0].jacobian for _ in range(windows)]
    # 400 windows of 2 derivatives: each standard deviation to 3.5 %
    assert np.std(found, axis=0, ddof=1) == pytest.approx(predicted, rel=0.1)


class _Once(Replay):
    def noise_by_kind(self, control: Floats, inputs: Floats, frequencies: Floats) -> dict[str, Floats]:
        return self.dut.noise_by_kind(control, inputs, frequencies)

    def noise_sources(self, control: Floats, inputs: Floats):
        return self.dut.noise_sources(control, inputs)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"device_noise": {}, "shot_noise": {}}, "shot_noise beside it noise would count twice"),
        ({"thermal_noise": {}, "shot_noise": {"of": "elements"}}, "take one way for all kinds"),
        ({"flicker_noise": {"of": "elements"}}, "needs one above zero"),
        ({"flicker_noise": {"ratio": 1e-9}}, 'ratio belongs to of = "elements"'),
    ],
)
def test_noise_never_counts_twice(given: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        parse_study(least(given))


def test_one_that_is_off_or_not_active_may_stand_beside() -> None:
    assert parse_study(least({"device_noise": {}, "shot_noise": {"of": "off"}}))
    assert parse_study(least({"device_noise": {}, "shot_noise": {}, "active": "all but shot_noise"}))


def test_noise_of_the_circuit_is_known_behind_imperfections_of_the_circuit() -> None:
    """A wrapper that only changed the network doesn't hide what the device knows."""
    dut = seen_through(Mixer(), {"parasitics": example("parasitics"), "thermal_noise": {"of": "ngspice"}}, 1)
    transient = Transient(25e-3, 75)
    assert dut.measure(Drive(np.zeros(2), np.zeros(1), (), transient)).output.std() > 0


def test_elements_that_cannot_be_told_apart_are_refused() -> None:
    """A block, also where its leads are resistors that could be told."""
    leads = altered(diodes(None), {"source_resistance": {"resistance": 1e3, "capacitance": 0.0}}, 0)
    for graph in (diodes(None), leads):
        with NgspiceDevice(graph) as dut, pytest.raises(ValueError, match=r'X cards, whose.*of = "ngspice"'):
            dut.noise_sources(np.zeros(2), np.zeros(1))


def test_a_current_beside_an_element_that_isnt_there_is_refused() -> None:
    with NgspiceDevice(diode_mesh()) as dut:
        tables = Tables((INJECTED + "rx99",), np.zeros((1, 90)), 25e-3 / 75, held=True)
        with pytest.raises(ValueError, match="current beside rx99, which the netlist doesn't have"):
            dut.measure(Drive(np.zeros(2), np.zeros(1), (), Transient(25e-3, 75), tables))


def test_a_gradient_tells_what_the_elements_own_noise_adds() -> None:
    """Without flicker the density is flat: σ = √(S/T)/A of each derivative, and the shares of both kinds make one."""
    settings = ["imperfections.thermal_noise.of=ngspice", "imperfections.shot_noise.of=ngspice"]
    with Bench.of(parse_study(load_study("xor_diode", settings))) as bench:
        found = against_truth(bench, bench.control())
        how, own = bench.recipe.measurement, found["element_noise"]
        assert set(own["share"]) == {"thermal", "shot"}
        assert np.sum(list(own["share"].values()), axis=0) == pytest.approx(np.ones((4, 5)))
        expected = np.sqrt(np.array(own["density"]) / how.plan.window) / how.amplitude
        assert np.array(own["stderr"]) == pytest.approx(expected, rel=1e-3)
        # the bar, of the residual alone, is of the same size: 4 patterns of 14 degrees
        assert np.sqrt(np.mean(np.square(found["stderr"]))) == pytest.approx(np.mean(own["stderr"]), rel=0.3)


def test_injected_noise_repeats_with_its_seed_however_many_workers() -> None:
    graph, ways = star(300.15, diode=True), chosen(thermal="elements", shot="elements")
    tones = (Tone("e1", 280.0, 1e-3),)
    asked = [Drive(np.array([0.2, 0.1]) + 0.01 * k, np.array([0.3]), tones, Transient(25e-3, 75)) for k in range(3)]
    with NgspicePool(graph, 2) as pool:
        side_by_side = measure_all(seen_through(pool, ways, 4), asked)
    with NgspiceDevice(graph) as dut:
        one_by_one = measure_all(seen_through(dut, ways, 4), asked)
        other = seen_through(dut, ways, 5).measure(asked[0])
    for a, b in zip(side_by_side, one_by_one, strict=True):
        assert a.output.tobytes() == b.output.tobytes()
    assert not np.array_equal(other.output, one_by_one[0].output)
