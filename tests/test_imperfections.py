from dataclasses import replace

import numpy as np
import pytest

from hge_spice.drive import Drive, SmallSignalDevice, Transient, Waveform
from hge_spice.imperfections import IMPERFECTIONS, Imperfect, seen_through
from hge_spice.imperfections.noise import Pink, shares
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.study.tables.spec import StudyError, parse_study

DENSITY = 1e-23
WHITE = {"readout_noise": {"psd": DENSITY, "at": 1e3, "colour": "white", "lowest": 1e-2}}
PINK = {"readout_noise": {"psd": DENSITY, "at": 1e3, "colour": "pink", "lowest": 1.0}}
TRANSIENT = Transient(25e-3, 75)


class Silence:
    """A device whose output is zero, on a grid of its own choice."""

    controls = ("a",)
    inputs = ("b",)

    def __init__(self, uneven: bool = False) -> None:
        self.uneven = uneven

    def measure(self, drive: Drive) -> Waveform:
        transient = drive.transient
        position = np.arange(transient.points) / transient.points
        time = transient.settle + transient.window * (position**1.3 if self.uneven else position)
        return Waveform(time, np.zeros(transient.points), transient.duration)


def drive(transient: Transient = TRANSIENT) -> Drive:
    return Drive(np.zeros(1), np.zeros(1), (), transient)


@pytest.mark.parametrize("uneven", [False, True])
def test_white_noise_has_the_stated_density(uneven: bool) -> None:
    dut = seen_through(Silence(uneven), WHITE, seed=1)
    read = np.array([dut.measure(drive()).output for _ in range(3000)])
    # one-sided density from the mean over a window (S/2T) and from the band of the samples (S/2h)
    assert 2 * TRANSIENT.window * read.mean(axis=1).var() == pytest.approx(DENSITY, rel=0.1)
    if not uneven:
        assert 2 * TRANSIENT.step * read.var() == pytest.approx(DENSITY, rel=0.02)


@pytest.mark.parametrize("uneven", [False, True])
def test_pink_noise_has_the_stated_density_at_its_frequency(uneven: bool) -> None:
    """Periodograms of windows of 0.2 s, their mean taken off and tapered, against S·f_at/f: independent of the fit."""
    transient = Transient(0.2, 600)
    dut = seen_through(Silence(uneven), PINK, seed=2)
    read = [dut.measure(drive(transient)) for _ in range(100 if uneven else 2000)]
    time = read[0].time
    taper = np.sin(np.pi * np.arange(600) / 600) ** 2
    if uneven:
        taper = taper * np.gradient(time) * 600 / 0.2
    output = np.array([w.output for w in read])
    for frequency in (50.0, 200.0, 700.0):
        wave = np.exp(-2j * np.pi * frequency * time) * taper
        power = 2 * np.mean(np.abs((output - output.mean(axis=1)[:, None]) @ wave) ** 2) * (0.2 / 600) ** 2
        density = power / (0.2 * np.mean(taper**2))
        assert density == pytest.approx(DENSITY * 1e3 / frequency, rel=0.35 if uneven else 0.08), frequency


def test_the_shares_of_pink_noise_add_up_to_one_over_f() -> None:
    for step in (1e-5, 1 / 3000, 1e-2):
        poles, share, white, averaged = shares(0.01, step)
        f = np.geomspace(0.05, 0.9 / (2 * step), 300)
        kept, turn = np.exp(-2 * np.pi * poles * step), np.exp(-2j * np.pi * f[:, None] * step)
        processes = (1 - kept**2) / np.abs(1 - kept * turn) ** 2  # |transfer|² of x_n = a·x_{n−1} + √(1−a²)·w_n
        neighbours = np.abs(1 + turn[:, 0]) ** 2 / 4
        density = 2 * step * (processes @ share**2 + white**2 + averaged**2 * neighbours)
        assert np.abs(density * f - 1).max() < 0.03


def test_pink_noise_goes_on_between_measurements() -> None:
    """Means of neighbouring windows are alike; of windows far apart they aren't. Independent windows would fail it."""
    rng = np.random.default_rng(3)
    for gap, low, high in ((0.0, 0.6, 0.95), (50.0, -0.1, 0.25)):
        pairs = []
        for _ in range(600):
            process = Pink(0.01)
            first = process.samples(np.arange(50) * 1e-3, rng).mean()
            pairs.append((first, process.samples(0.05 + gap + np.arange(50) * 1e-3, rng).mean()))
        correlation = np.corrcoef(np.array(pairs).T)[0, 1]
        assert low < correlation < high


def test_noise_depends_on_the_seed_and_the_measurements_number_only() -> None:
    def read(seed: int, together: bool) -> np.ndarray:
        dut = seen_through(Silence(), WHITE | PINK, seed=seed)
        assert isinstance(dut, Imperfect)
        drives = [drive()] * 5
        waveforms = dut.measure_many(drives) if together else [dut.measure(d) for d in drives]
        return np.array([w.output for w in waveforms])

    assert np.array_equal(read(1, together=True), read(1, together=False))
    assert not np.array_equal(read(1, together=True), read(2, together=True))
    assert len(np.unique(read(1, together=True))) == 5 * TRANSIENT.points


def test_the_number_of_workers_changes_nothing(device: NgspiceDevice) -> None:
    inputs = [np.array(v) for v in ((-0.3, 0.3), (0.3, 0.3), (0.3, -0.3))]
    drives = [Drive(np.linspace(-0.2, 0.2, 5), pattern, (), TRANSIENT) for pattern in inputs]
    with NgspicePool(device.graph, 2) as pool:
        side_by_side = seen_through(pool, PINK, seed=4).measure_many(drives)  # type: ignore[attr-defined] # it is one
    one_by_one = [seen for dut in [seen_through(device, PINK, seed=4)] for seen in map(dut.measure, drives)]
    for a, b in zip(side_by_side, one_by_one, strict=True):
        assert np.array_equal(a.output, b.output)


def test_the_truth_is_told_unperturbed(device: NgspiceDevice) -> None:
    seen = seen_through(device, WHITE, seed=5)
    assert isinstance(seen, SmallSignalDevice)
    assert not isinstance(seen_through(Silence(), WHITE, seed=5), SmallSignalDevice)
    control, inputs = np.linspace(-0.2, 0.2, 5), np.array([0.3, -0.3])
    assert seen.operating_point(control, inputs).output == device.operating_point(control, inputs).output
    at = np.full(5, 100.0)
    assert np.array_equal(seen.small_signal(control, inputs, at), device.small_signal(control, inputs, at))
    read = seen.measure(Drive(control, inputs, (), TRANSIENT))
    assert read.output.std() == pytest.approx(np.sqrt(DENSITY / (2 * TRANSIENT.step)), rel=0.3)
    exact = device.measure(Drive(control, inputs, (), TRANSIENT))
    assert replace(read, output=exact.output).energy == exact.energy


def test_no_imperfection_is_no_wrapper() -> None:
    dut = Silence()
    assert seen_through(dut, {}, seed=0) is dut
    with pytest.raises(KeyError, match="no imperfection rust; there are temperature"):
        seen_through(dut, {"rust": {}}, seed=0)


LEAST = {
    "device": {},
    "electrodes": {"output": "e0", "inputs": ["e1", "e2"], "controls": ["e3", "e4", "e5", "e6", "e7"]},
    "task": {"name": "xor"},
}


def test_a_study_states_them_in_units() -> None:
    noise = {"psd": "1e-5 nA^2/Hz", "at": "1 kHz", "colour": "pink"}
    study = parse_study(LEAST | {"imperfections": {"readout_noise": noise}})
    read = dict(study.imperfections["readout_noise"])
    assert read.pop("colour") == "pink"
    assert read == pytest.approx({"psd": 1e-23, "at": 1e3, "lowest": 1e-2}, rel=1e-12)
    assert set(study.imperfections) <= IMPERFECTIONS.keys()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"imperfections: readout_noise\.psd is missing, and has no default"),
        ({"psd": "1 nA"}, r"'1 nA' is not a current noise density"),
        ({"psd": "1e-5 nA^2/Hz", "color": "pink"}, r"unknown key readout_noise\.color; did you mean colour\?"),
        ({"psd": "1e-5 nA^2/Hz", "colour": "blue"}, r"unknown colour 'blue'"),
        ({"psd": "-1 nA^2/Hz"}, r"should be 0 A\^2/Hz or more"),
    ],
)
def test_bad_settings_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        parse_study(LEAST | {"imperfections": {"readout_noise": given}})
