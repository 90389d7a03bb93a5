"""Imperfections that change the device over time, each against its own definition, and one on real memristors."""

from typing import Any

import numpy as np
import pytest
from test_condition import CONTROL, INPUTS, asked, in_order, mesh

from hge_spice.drive import AS_MADE, Condition, DeviceUnderTest, Drive, Floats, Tone, Transient, Waveform
from hge_spice.imperfections import altered, seen_through
from hge_spice.imperfections.imperfection import Imperfect, ImperfectKnown, innermost
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.study.bench.check import check
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study

SECOND = Transient(1.0, 4)
TONE = (Tone("a", 1.0, 1e-3),)


class Recorder:
    """A device that keeps what it was asked; its links are two memristors and a resistor."""

    controls = ("a",)
    inputs = ("b",)
    links = ("vteam", "resistor", "yakopcic")
    held_states = ("x", "y")

    def __init__(self) -> None:
        self.became: list[Condition] = []

    def measure(self, drive: Drive) -> Waveform:
        self.became.append(drive.condition)
        return Waveform(np.arange(4.0), np.zeros(4), drive.transient.duration)


def read(imperfections: dict[str, Any]) -> dict[str, Any]:
    study = parse_study(
        {
            "device": {},
            "electrodes": {"output": "e0", "inputs": ["e1", "e2"], "controls": ["e3", "e4", "e5", "e6", "e7"]},
            "task": {"name": "xor"},
            "imperfections": imperfections,
        }
    )
    return dict(study.imperfections)


def became(
    name: str, settings: dict[str, Any], count: int, seed: int = 1, tones: tuple[Tone, ...] = ()
) -> list[Condition]:
    """What the device is at so many measurements of a second each."""
    device = Recorder()
    dut = seen_through(device, read({name: settings}), seed)
    for _ in range(count):
        dut.measure(Drive(np.zeros(1), np.zeros(1), tones, SECOND))
    return device.became


def logs(conditions: list[Condition]) -> Floats:
    """[measurement, link]."""
    return np.log([condition.strength for condition in conditions])


def test_linear_drift_and_retention_loss_follow_their_laws() -> None:
    middle = np.arange(50) + 0.5
    found = logs(became("device_drift", {"kind": "linear", "time": "10 s", "common": "-20 %"}, 50))
    assert found == pytest.approx(np.repeat(-0.2 * middle[:, None] / 10, 3, axis=1), rel=1e-12)
    found = logs(became("device_drift", {"kind": "log_time", "time": "2 s", "common": "-3 %"}, 50))
    assert found == pytest.approx(np.repeat(-0.03 * np.log10(1 + middle / 2)[:, None], 3, axis=1), rel=1e-12)


def test_links_drift_at_slopes_of_their_own_with_the_spread_stated() -> None:
    settings = {"kind": "linear", "time": "4 s", "links": "10 %", "common": "5 %"}
    each = np.array([logs(became("device_drift", settings, 4, seed)) for seed in range(500)])
    slopes = each[:, 3, :] / 3.5 * 4
    assert each[:, 1] * 3.5 == pytest.approx(each[:, 3] * 1.5, rel=1e-9)
    assert slopes.mean() == pytest.approx(0.05, abs=4 * 0.1 / np.sqrt(1500))
    assert slopes.std() == pytest.approx(0.1, rel=4 / np.sqrt(2 * 1500))
    assert np.abs(np.corrcoef(slopes.T) - np.eye(3)).max() < 4 / np.sqrt(500)


def test_a_walk_grows_with_the_root_of_time_and_ou_stays_with_its_correlation() -> None:
    walks = np.array(
        [logs(became("device_drift", {"time": "8 s", "links": "10 %"}, 8, seed))[:, 0] for seed in range(400)]
    )
    wanted = 0.01 * (np.arange(8) + 0.5) / 8
    assert walks.var(axis=0) == pytest.approx(wanted, rel=4 * np.sqrt(2 / 400))
    settings = {"kind": "ornstein_uhlenbeck", "time": "3 s", "links": "10 %", "temperature": "2 K"}
    found = [became("device_drift", settings, 4, seed) for seed in range(400)]
    ou = np.array([logs(each) for each in found])[:, :, 0]
    kelvin = np.array([[condition.warmer for condition in each] for each in found])
    for values, size in ((ou, 0.1), (kelvin, 2.0)):
        assert values.var(axis=0) == pytest.approx(np.full(4, size**2), rel=4 * np.sqrt(2 / 400))
        assert np.corrcoef(values.T)[0] == pytest.approx(np.exp(-np.arange(4) / 3), abs=4 / np.sqrt(400))


def test_wear_counts_extractions_alone_unless_told_otherwise() -> None:
    law = {"common": "-10 %", "per": 5}
    device = Recorder()
    dut = seen_through(device, read({"ageing": law}), 1)
    for n in range(6):
        dut.measure(Drive(np.zeros(1), np.zeros(1), TONE if n % 2 else (), SECOND))
    assert logs(device.became)[:, 0] == pytest.approx(-0.1 / 5 * np.array([0, 0, 1, 1, 2, 2]))
    every = logs(became("ageing", law | {"counted": "measurements", "law": "log"}, 6))[:, 2]
    assert every == pytest.approx(-0.1 * np.log10(1 + np.arange(6) / 5))


def test_temperature_goes_round_and_a_cycle_too_fast_is_refused() -> None:
    found = became("temperature_cycle", {"amplitude": "2 K", "period": "40 s", "phase": "90 deg"}, 40)
    wanted = 2 * np.cos(2 * np.pi * (np.arange(40) + 0.5) / 40)
    assert [condition.warmer for condition in found] == pytest.approx(wanted, abs=1e-12)
    with pytest.raises(ValueError, match="too fast for measurements of 1 s"):
        became("temperature_cycle", {"amplitude": "2 K", "period": "9 s"}, 1)


def test_memristors_vary_from_cycle_to_cycle_and_other_links_dont() -> None:
    found = became("variability", {"cycle": "20 %", "state": "3 %", "measurements": 2}, 2000)
    strength, start = logs(found), np.array([condition.start for condition in found])
    assert np.array_equal(strength[::2], strength[1::2])
    assert np.array_equal(start[::2], start[1::2])
    assert not strength[:, 1].any()
    assert strength[::2, [0, 2]].std(axis=0) == pytest.approx([0.2, 0.2], rel=4 / np.sqrt(2000))
    assert start[::2].std(axis=0) == pytest.approx([0.03, 0.03], rel=4 / np.sqrt(2000))
    assert np.abs(np.corrcoef(strength[::2, 0], strength[::2, 2])[0, 1]) < 4 / np.sqrt(1000)


def test_several_changes_come_together_and_time_passes_without_measuring() -> None:
    device = Recorder()
    both = read(
        {
            "device_drift": {"kind": "linear", "time": "10 s", "common": "10 %"},
            "ageing": {"counted": "measurements", "common": "-1 %", "per": 1},
            "temperature_cycle": {"amplitude": "1 K", "period": "400 s"},
        }
    )
    dut = seen_through(device, both, 1)
    assert isinstance(dut, Imperfect)
    assert innermost(dut) is device
    drive = Drive(np.zeros(1), np.zeros(1), (), SECOND)
    dut.measure(drive)
    dut.wait(99.0)
    dut.measure(drive)
    assert logs(device.became)[:, 1] == pytest.approx([0.005, 1.005 - 0.01])
    assert device.became[1].warmer == pytest.approx(np.sin(2 * np.pi * 100.5 / 400))


def test_pauses_between_measurements_are_time_too() -> None:
    device = Recorder()
    drifting = read({"device_drift": {"kind": "linear", "time": "10 s", "common": "10 %"}})
    dut = seen_through(device, drifting, 1, pause=4.0)
    for _ in range(3):
        dut.measure(Drive(np.zeros(1), np.zeros(1), (), SECOND))
    assert logs(device.became)[:, 0] == pytest.approx(0.01 * np.array([0.5, 5.5, 10.5]))


def test_a_bench_that_records_has_nothing_that_could_change() -> None:
    class Bare:
        controls, inputs = ("a",), ("b",)

        def measure(self, drive: Drive) -> Waveform:
            return Waveform(np.arange(4.0), np.zeros(4), drive.transient.duration)

    dut = seen_through(Bare(), read({"device_drift": {"links": "1 %"}}), 1)
    with pytest.raises(ValueError, match="Bare has no elements that could change"):
        dut.measure(Drive(np.zeros(1), np.zeros(1), (), SECOND))


def seen_in(dut: DeviceUnderTest, chosen: dict[str, Any], count: int = 3) -> list[float]:
    dut = seen_through(dut, chosen, 5)
    return [float(dut.measure(asked(AS_MADE, control=np.array([0.4]))).output[0]) for _ in range(count)]


def test_drift_of_a_simulated_device_is_the_same_in_both_engines(device: NgspiceDevice) -> None:
    chosen = read({"device_drift": {"time": "0.1 s", "links": "10 %", "temperature": "1 K"}})
    drives = [asked(AS_MADE, control=np.full(5, 0.02 * n)) for n in range(4)]
    simulated, numpy = (seen_through(dut, chosen, 3) for dut in (device, QuasistaticDevice(device.graph)))
    found = [simulated.measure(d).output[0] for d in drives]
    assert found == pytest.approx([numpy.measure(d).output[0] for d in drives], rel=1e-6)
    bare = [device.measure(d).output[0] for d in drives]
    assert np.abs(np.array(found) / bare - 1).max() > 0.01


def without_memristors() -> Any:
    graph = mesh()
    for *_, data in graph.edges(data=True):
        if data["family"] == "vteam":
            data |= {"family": "resistor", "parameters": {}}
    return graph


def test_variability_of_memristors_in_a_network() -> None:
    graph = mesh()
    chosen = read({"variability": {"device": "20 %", "cycle": "10 %", "state": "5 %"}})
    spread = altered(graph, chosen, 5)
    own = [data["parameters"] for *_, data in spread.edges(data=True)]
    before = [data["parameters"] for *_, data in graph.edges(data=True)]
    moved = [mine != theirs for mine, theirs in zip(own, before, strict=True)]
    memristor = in_order(tuple(float(k == 4) for k in range(6)))
    assert moved == [bool(one) for one in memristor]
    with NgspiceDevice(spread) as network:
        found = seen_in(network, chosen)
        assert len(set(found)) == 3
        assert seen_in(network, chosen) == found
        still = seen_in(network, read({"variability": {"device": "20 %"}}))
        assert len(set(still)) == 1
    with pytest.raises(ValueError, match="no memristors"):
        altered(without_memristors(), chosen, 5)
    with pytest.raises(StudyError, match=r"variability\.state: .*at most"):
        read({"variability": {"state": "200 %"}})


def test_a_drive_keeps_what_it_already_says_of_the_device() -> None:
    device = Recorder()
    dut = seen_through(device, read({"device_drift": {"kind": "linear", "common": "10 %", "time": "0.5 s"}}), 1)
    before = Drive(np.zeros(1), np.zeros(1), (), SECOND, condition=Condition((2.0, 3.0, 4.0), warmer=1.0))
    dut.measure(before)
    assert device.became[0].strength == pytest.approx(np.exp(0.1) * np.array([2.0, 3.0, 4.0]))
    assert device.became[0].warmer == 1.0


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("device_drift", {"links": "1 %"}, "a layered device has no links that could change by themselves"),
        ("ageing", {"common": "-1 %"}, "a layered device has no links that could change by themselves"),
        ("device_drift", {"temperature": "1 K"}, "a layered's temperature is set by device.temperature"),
        ("temperature_cycle", {"amplitude": "1 K"}, "a layered's temperature is set by device.temperature"),
    ],
)
def test_a_device_that_cant_change_so_is_refused_before_anything_runs(
    name: str, settings: dict[str, Any], message: str
) -> None:
    raw = load_study("xor_series") | {"imperfections": {name: settings}}
    with pytest.raises(ValueError, match=message):
        check(parse_study(raw))


def test_a_cycle_below_absolute_zero_is_refused_before_anything_runs() -> None:
    raw = load_study("xor") | {"imperfections": {"temperature_cycle": {"amplitude": "80 K"}}}
    with pytest.raises(ValueError, match="must be above zero"):
        check(parse_study(raw))


def test_the_truth_of_a_derivative_is_that_of_the_device_as_it_has_become(device: NgspiceDevice) -> None:
    """Against a network made so: drift lasts, what varies from measurement to measurement doesn't."""
    frequencies, still = np.full(5, 400.0), asked(AS_MADE)
    warm = device.graph.copy()
    warm.graph["parameters"] = {**warm.graph["parameters"], "temperature": 80.0}
    rising = read(
        {
            "device_drift": {"kind": "linear", "time": "12.5 ms", "temperature": "2 K"},
            "ageing": {"counted": "measurements", "per": 1, "common": "10 %"},
            "readout_noise": {"psd": "1 pA/rtHz"},
        }
    )
    for dut, other in (
        (device, NgspiceDevice(warm)),
        (QuasistaticDevice(device.graph), QuasistaticDevice(warm)),
    ):
        seen = seen_through(dut, rising, 1)
        assert isinstance(seen, ImperfectKnown)
        before = seen.small_signal(CONTROL, INPUTS, frequencies)
        assert before == pytest.approx(dut.small_signal(CONTROL, INPUTS, frequencies))
        seen.measure(still)
        seen.measure(still)  # its middle is 37.5 ms late, 6 K, and one measurement was before
        half = Condition(warmer=3.0, strength=(float(np.exp(0.1)),) * 32)
        with other:
            wanted = other.small_signal(CONTROL, INPUTS, frequencies, half)
            at_rest = other.operating_point(CONTROL, INPUTS, half).output[0]
        assert seen.small_signal(CONTROL, INPUTS, frequencies) == pytest.approx(wanted, rel=1e-6)
        assert seen.operating_point(CONTROL, INPUTS).output[0] == pytest.approx(at_rest, rel=1e-6)
        assert np.abs(wanted / before - 1).max() > 0.05
    graph, chosen, one = mesh(), read({"variability": {"cycle": "20 %"}}), np.array([0.4])
    with NgspiceDevice(graph) as network:
        varied = seen_through(network, chosen, 1)
        assert isinstance(varied, ImperfectKnown)
        varied.measure(asked(AS_MADE, control=one))
        found = varied.small_signal(one, INPUTS, np.array([400.0]))
        assert found == pytest.approx(network.small_signal(one, INPUTS, np.array([400.0])), rel=1e-12)
