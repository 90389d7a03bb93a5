"""The lock-in settings beside a drive: written, read back, and refused with key and remedy."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hge_spice.drive import Tone
from hge_spice.recorded import Setup
from hge_spice.study.lab.setup_file import read_setup, write_setup
from hge_spice.study.lab.tones import export
from hge_spice.study.text.files import StudyError

GOOD = """
window = "25 ms"
sample_rate = "10 kHz"
output = "e0"
control = { e1 = "100 mV", e4 = -0.2 }
tone = [
    { electrode = "e1", frequency = "280 Hz", amplitude = "2 mV", phase = 1.5 },
    { electrode = "e4", frequency = 440, amplitude = 2e-3 },
]
"""


def test_units_are_read_as_people_write_them(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(GOOD)
    tones = (Tone("e1", 280.0, 2e-3, 1.5), Tone("e4", 440.0, 2e-3, 0.0))
    wanted = Setup(tones, 25e-3, 0.0, {"e1": 0.1, "e4": -0.2}, {}, "e0", 1e4)
    assert read_setup(tmp_path / "t.toml") == wanted


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=6, unique=True),
    st.floats(1e-6, 1e3),
    st.floats(1e-6, 1.0),
    st.floats(-10, 10),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, harmonics: list[int], window: float, amplitude: float, phase: float
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.toml"
    tones = tuple(Tone(f"e{k}", h / window, amplitude, phase) for k, h in enumerate(harmonics))
    setup = Setup(tones, window, window / 3, {"e0": phase}, {"x": -phase}, "out", 7 / window)
    write_setup(path, setup)
    assert read_setup(path) == setup
    with pytest.raises(ValueError, match="exists; name another"):
        write_setup(path, setup)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("window =", "windw ="), "unknown key windw.*window"),
        (('window = "25 ms"', ""), "window is missing"),
        (('"25 ms"', '"25 mV"'), "window: '25 mV' is not a time"),
        (('"280 Hz"', '"285 Hz"'), r"tone 1: 285 Hz is 7.125 cycles in a window of 0.025 s; .* such as 280 Hz"),
        (('"280 Hz"', '"1 Hz"'), r"tone 1: 1 Hz is 0.025 cycles .* such as 40 Hz"),
        (("amplitude = 2e-3", "amplitude = 0"), "tone 2: amplitude: 0 should be above 0 V"),
        (("amplitude = 2e-3", "phase = 1"), "tone 2: amplitude is missing"),
        (('electrode = "e4"', 'electrode = "e1"'), "two tones have electrodes e1"),
        (("frequency = 440", "frequency = 280"), "two tones have frequencies 280 Hz"),
        (("tone = [", "tone = 3 #"), "tone: 3 should be a list|TOML"),
        (("{ e1", "{ e1 = 1, e1"), "TOML"),
        (("output", "\x01"), "TOML"),
    ],
)
def test_bad_settings(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in GOOD
    (tmp_path / "t.toml").write_text(GOOD.replace(*change, 1))
    with pytest.raises(StudyError, match=said):
        read_setup(tmp_path / "t.toml")


def test_a_drive_is_one_window_of_what_is_played(tmp_path: Path) -> None:
    tones = (Tone("e1", 280.0, 2e-3, 1.5), Tone("e4", 440.0, 3e-3, 0.2))
    setup = Setup(tones, 25e-3, 0.0, {"e1": 0.1, "e4": -0.2}, {"x": 0.3})
    assert export([setup], tmp_path / "d.csv", 1e5) == [tmp_path / "d.toml"]
    with (tmp_path / "d.csv").open() as file:
        assert file.readline() == "time [s],e1 [V],e4 [V],x [V]\n"
        table = np.loadtxt(file, delimiter=",")
    assert table.shape == (2500, 4)
    time = np.arange(2500) * 1e-5
    assert table[:, 0] == pytest.approx(time)
    assert table[:, 1] == pytest.approx(0.1 + 2e-3 * np.sin(2 * np.pi * 280 * time + 1.5), abs=1e-15)
    assert table[:, 2] == pytest.approx(-0.2 + 3e-3 * np.sin(2 * np.pi * 440 * time + 0.2), abs=1e-15)
    assert np.all(table[:, 3] == 0.3)
    # repeated, it goes on without a step
    spectrum = np.abs(np.fft.rfft(table[:, 1] - 0.1))
    assert np.flatnonzero(spectrum > 1e-9 * spectrum.max()).tolist() == [7]
    assert read_setup(tmp_path / "d.toml").tones == tones
    for rate, said in ((1.00001e5, "no whole number"), (800.0, "take more than 22"), (1e10, "at most 20000000")):
        with pytest.raises(ValueError, match=said):
            export([setup], tmp_path / "n.csv", rate)
    with pytest.raises(ValueError, match="exists; name another"):
        export([setup], tmp_path / "d.csv", 1e5)
    with pytest.raises(ValueError, match=r"name the drive \.csv"):
        export([setup], tmp_path / "n.toml", 1e5)
