"""The files for generators and lock-ins, played and demodulated by means that share nothing with the code."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from hge_spice.cli.tones import tones
from hge_spice.drive import Tone
from hge_spice.lockin.filters import Filter
from hge_spice.recorded import Setup
from hge_spice.study.lab.demodulate import demodulate_file
from hge_spice.study.lab.instruments import LEAK, lock_ins, write_lab

WINDOW = 25e-3
SETUP = Setup(
    tones=(Tone("c1", 280.0, 0.01, 1.0), Tone("Γ", 440.0, 0.02, 4.0), Tone("c3", 480.0, 0.005, 0.5)),
    window=WINDOW,
    control={"c1": 0.3, "Γ": -0.2, "c3": 0.0},
    inputs={"in": 0.1},
)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_lab(SETUP, None, tmp_path / "lab", 100e3)
    return tmp_path / "lab"


def played(folder: Path) -> dict[str, np.ndarray]:
    """What a generator makes of a channel's file and settings over one window: [sample], V."""
    voltage = {}
    for channel in rows(folder / "channels.csv"):
        samples = np.loadtxt(folder / channel["file"]) if channel["file"] else np.zeros(2500)
        voltage[channel["electrode"]] = float(channel["offset_v"]) + float(channel["amplitude_vpp"]) / 2 * samples
    return voltage


def test_a_channel_repeats_as_one_line_of_its_tones_amplitude_and_phase(folder: Path) -> None:
    voltage = played(folder)
    assert list(voltage) == ["c1", "Γ", "c3", "in"]
    assert np.all(voltage["in"] == 0.1)
    for tone in SETUP.tones:
        spectrum = np.fft.rfft(voltage[tone.electrode]) / 2500
        harmonic = round(tone.frequency * WINDOW)
        assert spectrum[0].real == pytest.approx(SETUP.control[tone.electrode], abs=1e-12)
        # a·sin(ωt+φ) is −j·a/2·e^(jφ) at its line
        assert 2j * spectrum[harmonic] == pytest.approx(tone.amplitude * np.exp(1j * tone.phase), abs=1e-12)
        others = np.delete(np.abs(spectrum), [0, harmonic])
        assert others.max() < 1e-12
    drive = np.loadtxt(folder / "drive.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(drive[:, 1:].T, [voltage[name] for name in ("c1", "Γ", "c3", "in")], atol=1e-12)


def test_a_linear_device_driven_by_the_files_demodulates_to_its_derivatives(folder: Path) -> None:
    voltage, slopes = played(folder), {"c1": 2e-9, "Γ": -1e-9, "c3": 5e-9, "in": 1e-9}
    current = sum(slopes[name] * values for name, values in voltage.items())
    lines = "\n".join(f"{k / 100e3!r},{value!r}" for k, value in enumerate(np.tile(current, 4).tolist()))
    (folder / "lab.csv").write_text(f"time [s],current [A]\n{lines}\n", "utf-8")
    found = demodulate_file(folder / "lab.csv", folder / "drive.toml")
    assert found["estimate"] == pytest.approx([2e-9, -1e-9, 5e-9], rel=1e-6)


def test_a_lock_in_set_so_reads_the_derivatives_through_equal_rc_stages(folder: Path) -> None:
    """RC stages by SciPy's bilinear rule, reference and filter as the table says, read after `settling_s`."""
    voltage, slopes = played(folder), {"c1": 2e-9, "Γ": -1e-9, "c3": 5e-9, "in": 0.0}
    for settings in json.loads((folder / "lockins.json").read_text("utf-8")):
        duration = settings["settling_s"]
        time = np.arange(round(duration * 100e3)) / 100e3
        current = sum(slopes[name] * np.resize(values, len(time)) for name, values in voltage.items())
        angle = 2 * np.pi * settings["frequency_hz"] * settings["harmonic"] * time + np.radians(settings["phase_deg"])
        mixed = 2 * current * np.sin(angle)
        for _ in range(settings["order"]):
            mixed = signal.lfilter(*signal.bilinear([1], [settings["time_constant_s"], 1], 100e3), mixed)
        mine, true = mixed[-1] / settings["amplitude_v"], slopes[settings["electrode"]]
        spill = 2 * LEAK * (np.abs(current).max() / settings["amplitude_v"])
        assert abs(mine - true) < 0.01 * abs(true) + spill, settings["electrode"]
        assert settings["nearest_passes"] <= LEAK * (1 + 1e-9)
        assert settings["amplitude_v_rms"] == pytest.approx(settings["amplitude_v"] / np.sqrt(2))
    table = [
        {key: float(value) for key, value in row.items() if key != "electrode"} for row in rows(folder / "lockins.csv")
    ]
    assert [row["frequency_hz"] for row in table] == [280.0, 440.0, 480.0]
    assert [row["nearest_hz"] for row in table] == [160.0, 40.0, 40.0]


def test_a_studys_own_rc_filter_is_kept_and_a_window_is_no_noisier() -> None:
    own = Filter("rc", 1.0, 0.01, 2)
    for each in lock_ins(SETUP, own):
        assert (each.time_constant_s, each.order, each.slope_db_per_octave) == (0.01, 2, 12)
        assert (each.enbw_hz, each.settling_s) == (own.enbw, own.settling)
    for each in lock_ins(SETUP, Filter("hann", WINDOW)):
        assert each.enbw_hz <= Filter("hann", WINDOW).enbw * (1 + 1e-9)
    far = Setup((Tone("c1", 4000.0, 0.01),), WINDOW)
    (alone,) = lock_ins(far, None)
    assert alone.enbw_hz == pytest.approx(1 / (2 * WINDOW))


def test_what_cannot_be_written_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="exists; name another folder"):
        write_lab(SETUP, None, folder, None)
    with pytest.raises(ValueError, match="name of one of the lab's tables"):
        write_lab(Setup((Tone("drive", 280.0, 0.01),), WINDOW), None, tmp_path / "other", None)
    with pytest.raises(ValueError, match="whole number"):
        write_lab(SETUP, None, tmp_path / "other", 100001.0)
    assert not (tmp_path / "other").exists()
    with pytest.raises(ValueError, match="--lab DIR"):
        tones(controls=2, window="25 ms", sample_rate="1 kHz")


def test_the_command_writes_them_for_a_plan_without_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tones(controls=3, window="25 ms", amplitude="2 mV", lab=tmp_path / "lab") == 0
    assert "channels.csv" in capsys.readouterr().err
    assert [row["electrode"] for row in rows(tmp_path / "lab" / "lockins.csv")] == ["c1", "c2", "c3"]
