"""Each imperfection of the instrument on a device in closed form, against what its definition says."""

from typing import Any

import numpy as np
import pytest

from hge_spice.drive import DeviceUnderTest, Drive, Floats, Tone, Transient, Waveform
from hge_spice.imperfections import seen_through
from hge_spice.imperfections.samples import one_pole, taken_at
from hge_spice.lockin import Demodulated, demodulate
from hge_spice.study.tables.spec import parse_study

WINDOW = Transient(25e-3, 128)
SLOPE = 1e-7  # A/V
TONES = (Tone("a", 40 * 7, 2e-3, 0.3), Tone("a", 40 * 31, 1e-3, 1.0))


class Conductor:
    """One control of 100 nS; straight to the output."""

    controls = ("a",)
    inputs = ("b",)

    def __init__(self, uneven: bool = False) -> None:
        self.uneven = uneven
        self.asked: list[Drive] = []

    def measure(self, drive: Drive) -> Waveform:
        self.asked.append(drive)
        transient = drive.transient
        place = np.arange(transient.points) / transient.points
        time = transient.settle + transient.window * (place + 0.3 * place * (1 - place) if self.uneven else place)
        voltage = drive.control[0] + sum(
            t.amplitude * np.sin(2 * np.pi * t.frequency * time + t.phase) for t in drive.tones
        )
        if drive.tables is not None:
            voltage = voltage + drive.tables.at(time)[drive.tables.electrodes.index("a")]
        return Waveform(time, SLOPE * (voltage + np.zeros(len(time))), transient.duration)


def seen(imperfections: dict[str, Any], seed: int = 1, dut: Conductor | None = None) -> DeviceUnderTest:
    study = parse_study(
        {
            "device": {},
            "electrodes": {"output": "e0", "inputs": ["e1", "e2"], "controls": ["e3", "e4", "e5", "e6", "e7"]},
            "task": {"name": "xor"},
            "imperfections": imperfections,
        }
    )
    return seen_through(dut or Conductor(), study.imperfections, seed)


def drive(tones: tuple[Tone, ...] = TONES, transient: Transient = WINDOW, control: float = 0.1) -> Drive:
    return Drive(np.array([control]), np.zeros(1), tones, transient)


def locked(dut: DeviceUnderTest, tones: tuple[Tone, ...] = TONES, transient: Transient = WINDOW) -> Demodulated:
    return demodulate(dut.measure(drive(tones, transient)), tones, transient.window)


EXACT = SLOPE * np.array([tone.amplitude for tone in TONES])


def test_an_amplifiers_pole_lags_every_tone_as_its_response_says() -> None:
    """H = 1/(1 + i·f/B), exact at every harmonic however few points; on uneven points of 2nd order in the step."""
    frequency = np.array([tone.frequency for tone in TONES])
    wanted = EXACT / (1 + 1j * frequency / 1500)
    found = locked(seen({"tia": {"bandwidth": "1.5 kHz"}})).response
    assert found == pytest.approx(wanted, rel=1e-9)
    errors = []
    for points in (2000, 4000):
        dut = seen({"tia": {"bandwidth": "1.5 kHz"}}, dut=Conductor(uneven=True))
        late = locked(dut, transient=Transient(25e-3, points)).response
        errors.append(np.abs(late - wanted).max())
    assert errors[0] < 0.02 * EXACT.max()  # what went before the window is taken for a straight line there
    time = np.sort(np.random.default_rng(0).uniform(0, 1, 4000))
    decay = one_pole(time, time * 3.0 + 1.0, 5.0)  # a ramp since ever: late by τ
    assert decay == pytest.approx(3.0 * (time - 1 / (2 * np.pi * 5.0)) + 1.0, rel=1e-9)


def test_an_amplifiers_gain_offset_and_saturation() -> None:
    found = seen({"tia": {"gain_error": "2 %", "offset": "3 nA"}}).measure(drive())
    assert found.output == pytest.approx(1.02 * Conductor().measure(drive()).output + 3e-9, rel=1e-12)
    limited = seen({"tia": {"saturation": "10.1 nA"}}).measure(drive())
    assert limited.output.max() == 10.1e-9
    assert "clipped" in limited.flags
    assert not seen({"tia": {"saturation": "20 nA"}}).measure(drive()).flags


def test_hum_is_a_line_of_its_amplitude_that_goes_on_from_window_to_window() -> None:
    dut = seen({"mains": {"amplitude": "1 nA", "frequency": "50 Hz", "harmonics": [["0 %"], ["30 %"]]}})
    window = Transient(30e-3, 300)
    read = [dut.measure(drive((), window)) for _ in range(40)]
    time = np.concatenate([n * 30e-3 + w.time for n, w in enumerate(read)])  # 60 periods
    output = np.concatenate([w.output for w in read])
    lines = [2 * abs(np.mean(output * np.exp(-2j * np.pi * f * time))) for f in (50, 100, 150, 75)]
    assert lines == pytest.approx([1e-9, 0.0, 0.3e-9, 0.0], abs=1e-14)


def test_a_clocks_error_turns_the_phase_of_each_tone() -> None:
    """Over a window the lag grows from 0 to 2πfεT: half of it, and more for every window of a free one."""
    error = 2e-5
    for start, passed in (("triggered", 0), ("free", 3)):
        dut = seen({"clock": {"frequency_error": error, "start": start}})
        for _ in range(3):
            dut.measure(drive())
        turned = 2 * np.pi * np.array([t.frequency for t in TONES]) * error * WINDOW.window * (passed + 0.5)
        assert locked(dut).theta == pytest.approx(turned, rel=0.03)


def test_a_clocks_walk_has_its_allan_deviation() -> None:
    """Phase against time of a free clock: variance of the time error is stability²·t."""
    stability, tone = 1e-5, (Tone("a", 280.0, 1e-3),)
    late = []
    for seed in range(300):
        dut = seen({"clock": {"stability": stability, "start": "free"}}, seed)
        dut.measure(drive((), Transient(4.0, 3)))
        late.append(locked(dut, tone).theta[0] / (2 * np.pi * 280.0))
    assert np.var(late) == pytest.approx(stability**2 * 4.0, rel=0.25)


def test_offsets_of_the_lock_ins_are_read_as_they_are() -> None:
    found = locked(seen({"lockin_offset": {"in_phase": "5 pA", "quadrature": "-2 pA"}}))
    assert found.response == pytest.approx(EXACT + 5e-12 - 2e-12j, rel=1e-9)


def test_turned_references_mix_the_readings() -> None:
    theta, skew = np.radians(3.0), np.radians(2.0)
    late = {"tia": {"bandwidth": "3 kHz"}}
    x, y = locked(seen(late)).in_phase, locked(seen(late)).quadrature
    found = locked(seen(late | {"quadrature_error": {"phase": "3 deg", "skew": "2 deg"}}))
    assert found.in_phase == pytest.approx(x * np.cos(theta) + y * np.sin(theta), rel=1e-9)
    assert found.quadrature == pytest.approx(y * np.cos(theta + skew) - x * np.sin(theta + skew), rel=1e-9)


def test_an_adcs_noise_at_a_tone_is_that_of_its_step() -> None:
    """Δ²/12 over the band of the samples: a tone's in-phase variance is 2/N of it."""
    found = []
    for n in range(400):
        tones = tuple(Tone("a", t.frequency, t.amplitude * (1 + 1e-3 * n), 0.01 * n) for t in TONES)
        exact = SLOPE * np.array([t.amplitude for t in tones])
        found.append(locked(seen({"adc": {"bits": 10, "range": "20 nA"}}), tones).in_phase - exact)
    step = 40e-9 / 1024
    assert np.var(found) == pytest.approx(step**2 / 12 * 2 / WINDOW.points, rel=0.15)


def test_aperture_jitter_limits_the_signal_to_noise_ratio() -> None:
    """−20·log10(2πfσ) (Analog Devices MT-007)."""
    tone, transient = (Tone("a", 1240.0, 50e-3, 0.2),), Transient(0.5, 2000)
    dut = seen({"adc": {"bits": "off", "range": "1 A", "jitter": "2 us"}})
    read = dut.measure(drive(tone, transient)).output - SLOPE * 0.1
    exact = SLOPE * tone[0].amplitude * np.sin(2 * np.pi * 1240.0 * np.arange(2000) * 2.5e-4 + 0.2)
    ratio = 10 * np.log10(np.mean(exact**2) / np.mean((read - exact) ** 2))
    assert ratio == pytest.approx(-20 * np.log10(2 * np.pi * 1240.0 * 2e-6), abs=0.3)


def test_a_dac_holds_levels_of_its_own_and_plays_tones_to_a_step() -> None:
    dut = Conductor()
    converted = seen({"dac": {"bits": 12, "range": "1 V"}}, dut=dut)
    step = 2.0 / 4096
    levels = []
    for n in range(200):
        converted.measure(drive((), control=0.1 + 1e-4 * n))
        levels.append(dut.asked[-1].control[0] / step)
    assert levels == pytest.approx(np.round(levels), abs=1e-9)
    converted.measure(drive())
    given = dut.asked[-1]
    assert given.tables is not None
    time = given.tables.step * np.arange(given.tables.values.shape[1])
    played = given.control[0] + sum(t.amplitude * np.sin(2 * np.pi * t.frequency * time + t.phase) for t in given.tones)
    errors = given.tables.values[0]
    exact = 0.1 + played - given.control[0]
    total = played + errors
    assert np.abs(total - exact).max() <= 0.5 * step * (1 + 1e-9)
    assert not np.allclose(errors, 0)


def test_a_dac_says_what_it_cannot_put_out() -> None:
    """A level, or the peak of a tone upon one, beyond the range; the next measurement is another one."""
    converted = seen({"dac": {"bits": 12, "range": "1 V"}}, dut=Conductor())
    tone = Tone("a", 40.0, 0.1)
    for level, tones, cut in ((1.2, (), True), (0.5, (), False), (0.95, (tone,), True), (0.85, (tone,), False)):
        found = converted.measure(drive(tones, control=level))
        assert ("clipped" in found.flags) == cut


def test_noise_of_the_controls_comes_out_with_the_devices_slope() -> None:
    """White density S on the electrode is S·slope² at the output."""
    dut = seen({"control_noise": {"psd": "1 uV/rtHz"}})
    read = np.array([dut.measure(drive(())).output for _ in range(2000)])
    assert 2 * WINDOW.window * read.mean(axis=1).var() == pytest.approx(1e-12 * SLOPE**2, rel=0.1)
    assert 2 * WINDOW.step * read.var() == pytest.approx(1e-12 * SLOPE**2, rel=0.03)


def test_drift_moves_what_it_says() -> None:
    """Linear: 1 mV, 1 nA and 1 % within the time, here after three windows of ten."""
    dut = Conductor()
    scale = 10 * WINDOW.window
    slow = {"kind": "linear", "time": f"{scale} s", "control": "1 mV", "offset": "1 nA", "gain": "1 %"}
    drifting = seen({"drift": slow}, dut=dut)
    read = [drifting.measure(drive(())) for _ in range(4)][-1]
    assert dut.asked[-1].control[0] == pytest.approx(0.1 + 1e-3 * 3.5 / 10, rel=1e-12)
    share = (3 * WINDOW.window + read.time) / scale
    assert read.output == pytest.approx(SLOPE * (0.1 + 3.5e-4) * (1 + 0.01 * share) + 1e-9 * share, rel=1e-12)


@pytest.mark.parametrize("uneven", [False, True])
def test_values_between_points_are_those_of_the_tones(uneven: bool) -> None:
    place = np.arange(400) / 400
    time = 25e-3 * (place + (0.3 * place * (1 - place) if uneven else 0))
    wanted = time + 2e-5 * np.sin(40 * time)

    def wave(t: Floats) -> Floats:
        return np.asarray(0.5 + np.sin(2 * np.pi * 280 * t + 0.1) + 0.3 * np.cos(2 * np.pi * 1240 * t))

    assert taken_at(time, wave(time), wanted)[5:-5] == pytest.approx(wave(wanted)[5:-5], abs=2e-4 if uneven else 1e-9)
