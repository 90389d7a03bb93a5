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
    write_lab([SETUP], None, tmp_path / "lab", 100e3)
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
        write_lab([SETUP], None, folder, None)
    with pytest.raises(ValueError, match="name of one of the lab's tables"):
        write_lab([Setup((Tone("drive", 280.0, 0.01),), WINDOW)], None, tmp_path / "other", None)
    with pytest.raises(ValueError, match="whole number"):
        write_lab([SETUP], None, tmp_path / "other", 100001.0)
    assert not (tmp_path / "other").exists()
    with pytest.raises(ValueError, match="--lab DIR"):
        tones(controls=2, window="25 ms", sample_rate="1 kHz")


def test_the_command_writes_them_for_a_plan_without_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tones(controls=3, window="25 ms", amplitude="2 mV", lab=tmp_path / "lab") == 0
    assert "channels.csv" in capsys.readouterr().err
    assert [row["electrode"] for row in rows(tmp_path / "lab" / "lockins.csv")] == ["c1", "c2", "c3"]


BLOCK = """
device = { subcircuit = "block.cir" }
electrodes = { output = "out", inputs = ["a", "b"], complements = ["na", "nb"], controls = ["c"] }
bias = { vdd = "1.8 V" }
task = { name = "xor", levels = ["0.1 V", "0.5 V"] }
perturbation = { amplitude = "2 mV" }
training = { unreachable = "try" }
"""


def test_every_pattern_of_a_study_has_its_drive_and_its_offsets(tmp_path: Path) -> None:
    pins = ("a", "b", "na", "nb", "c", "vdd")
    resistors = "\n".join(f"r{k} {pin} out {k}meg" for k, pin in enumerate(pins, 1))
    (tmp_path / "block.cir").write_text(f".subckt net {' '.join(pins)} out\n{resistors}\n.ends\n")
    (tmp_path / "s.toml").write_text(BLOCK)
    assert tones(study=str(tmp_path / "s.toml"), lab=tmp_path / "lab", export=tmp_path / "drive.csv") == 0
    table = rows(tmp_path / "lab/patterns.csv")
    assert list(table[0]) == ["pattern", "drive", "settings", *(f"{pin}_offset_v" for pin in ("a", "b", "na", "nb"))]
    levels = [(0.1, 0.1), (0.1, 0.5), (0.5, 0.1), (0.5, 0.5)]
    assert len(table) == len(levels)
    channels = {row["electrode"]: row for row in rows(tmp_path / "lab/channels.csv")}
    assert list(channels) == ["c", "a", "b", "na", "nb", "vdd"]
    assert channels["vdd"]["offset_v"] == "1.8"
    for row, (a, b) in zip(table, levels, strict=True):
        held = {"a": a, "b": b, "na": 0.6 - a, "nb": 0.6 - b, "vdd": 1.8}
        assert [float(row[f"{pin}_offset_v"]) for pin in ("a", "b", "na", "nb")] == pytest.approx(
            [held[pin] for pin in ("a", "b", "na", "nb")]
        )
        drive = rows(tmp_path / "lab" / row["drive"])
        for pin, volt in held.items():
            assert np.mean([float(line[f"{pin} [V]"]) for line in drive]) == pytest.approx(volt, abs=1e-12)
        # a recorder's trace of this drive, by Ohm's law, gives the conductance of c's resistor
        current = [sum(float(line[f"{pin} [V]"]) / (k * 1e6) for k, pin in enumerate(pins, 1)) for line in drive]
        lines = "\n".join(f"{line['time [s]']},{value!r}" for line, value in zip(drive, current, strict=True))
        (tmp_path / "trace.csv").write_text(f"time [s],current [A]\n{lines}\n")
        found = demodulate_file(tmp_path / "trace.csv", tmp_path / "lab" / row["settings"])
        assert found["estimate"] == pytest.approx([1 / 5e6], rel=1e-9)
        assert (tmp_path / row["drive"]).read_bytes() == (tmp_path / "lab" / row["drive"]).read_bytes()
        assert (tmp_path / row["settings"]).read_bytes() == (tmp_path / "lab" / row["settings"]).read_bytes()
