"""`hge-spice demodulate` and `tones --export` as a user calls them, on traces made by ngspice alone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_cli import call

from hge_spice.study.lab.demodulate import demodulate_file, told
from hge_spice.study.lab.setup_file import read_setup
from hge_spice.traces import read_raw, write_raw

STUDY = ("xor", "--set", "perturbation.amplitude=2 mV", "--set", "perturbation.points=1024")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a drive, its settings, and the trace that `ngspice -b` alone makes of the study's deck."""
    folder = tmp_path_factory.mktemp("bench")
    for arguments in (("tones", *STUDY, "--export", "drive.csv"), ("netlist", *STUDY, "--output", "xor.cir")):
        done = call(*arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
    subprocess.run(["ngspice", "-b", "-r", "xor.raw", "xor.cir"], cwd=folder, capture_output=True, check=True)  # noqa: S607 - found on the path, as a user would
    return folder


def demodulated(folder: Path, trace: str, **options: Any) -> dict[str, Any]:
    return demodulate_file(folder / trace, folder / "drive.toml", **options)


def test_a_trace_of_plain_ngspice_gives_the_derivatives_of_an_extraction(bench: Path) -> None:
    found = demodulated(bench, "xor.raw")
    extraction = json.loads(call("gradient", *STUDY, "--json", cwd=bench).stdout)
    assert found["controls"] == extraction["controls"]
    assert found["column"] == "i(vout_e0)"
    assert found["samples"] == 1024
    assert np.abs(np.subtract(found["estimate"], extraction["estimate"][0])).max() < 1e-4 * max(found["stderr"])
    largest = np.abs(extraction["truth"][0]).max()
    assert np.abs(np.subtract(found["estimate"], extraction["truth"][0])).max() < 2e-2 * largest
    assert found["clock_error"] == 0
    assert found["flags"] == []


def test_a_wrong_clock_and_lost_samples_change_no_derivative_beyond_its_error_bar(bench: Path) -> None:
    """50 ppm and 0.2 %, as CSV in nA with a header, once without noise and once with."""
    ((_, vectors),) = read_raw(bench / "xor.raw")
    rng = np.random.default_rng(0)
    plain = demodulated(bench, "xor.raw")
    for noise in (0.0, 3e-14):
        time = vectors["time"] * (1 + 50e-6)
        current = vectors["i(vout_e0)"] + noise * rng.standard_normal(len(time))
        kept = np.ones(len(time), dtype=bool)
        kept[rng.choice(np.arange(20, len(time) - 2), round(0.002 * len(time)), replace=False)] = False
        rows = "\n".join(f"{t!r},{1e9 * i!r}" for t, i in zip(time[kept].tolist(), current[kept].tolist(), strict=True))
        (bench / "lab.csv").write_text(f"time [s],current [nA]\n{rows}\n")
        found = demodulated(bench, "lab.csv")
        assert found["samples_missing"] == 2
        assert found["clock_error"] == pytest.approx(50e-6, abs=max(5 * found["clock_error_stderr"], 1e-8))
        apart = np.subtract(found["estimate"], plain["estimate"])
        assert (np.abs(apart) < 3 * np.hypot(found["stderr"], plain["stderr"])).all()


def test_the_drive_and_its_settings_say_the_same(bench: Path) -> None:
    setup = read_setup(bench / "drive.toml")
    table = np.loadtxt(bench / "drive.csv", delimiter=",", skiprows=1)
    names = (bench / "drive.csv").read_text().splitlines()[0].split(",")
    assert names == [
        "time [s]",
        *(f"{t.electrode} [V]" for t in setup.tones),
        *(f"{name} [V]" for name in setup.inputs),
    ]
    for column, tone in enumerate(setup.tones, 1):
        wave = tone.amplitude * np.sin(2 * np.pi * tone.frequency * table[:, 0] + tone.phase)
        assert table[:, column] == pytest.approx(setup.control[tone.electrode] + wave, abs=1e-12)


def test_what_was_played_demodulates_to_itself(tmp_path: Path) -> None:
    """Round trip without any study: the drive's own columns, summed as a device of known slopes would."""
    done = call(
        *("tones", "--controls", "3", "--window", "0.1", "--phases", "low_crest", "--amplitude", "10 mV"),
        *("--export", "d.csv", "--sample-rate", "10 kHz"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    table = np.loadtxt(tmp_path / "d.csv", delimiter=",", skiprows=1)
    slopes = np.array([2e-9, -1e-9, 5e-10])
    (tmp_path / "d.txt").write_text("\n".join(map(repr, (table[:, 1:] @ slopes).tolist())))
    found = demodulate_file(tmp_path / "d.txt", tmp_path / "d.toml")
    assert found["estimate"] == pytest.approx(slopes, abs=1e-20)
    done = call("demodulate", "d.txt", "--tones", "d.toml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["estimate"] == found["estimate"]
    assert "dI/dV c2" in told(found)


def test_a_file_with_several_plots_or_columns_asks_which(bench: Path) -> None:
    ((_, vectors),) = read_raw(bench / "xor.raw")
    plots = [("a", dict(vectors)), ("b", {"time": vectors["time"], "v(x)": 2 * vectors["i(vout_e0)"]})]
    write_raw(bench / "two.raw", plots)
    with pytest.raises(ValueError, match="holds 2 plots; choose with --plot"):
        demodulated(bench, "two.raw")
    with pytest.raises(ValueError, match="there is no plot 3"):
        demodulated(bench, "two.raw", plot=3)
    with pytest.raises(ValueError, match=r"has no column 'v\(y\)'; there are"):
        demodulated(bench, "two.raw", plot=1, column="v(y)")
    once, twice = demodulated(bench, "two.raw", plot=1), demodulated(bench, "two.raw", plot=2)
    assert twice["estimate"] == pytest.approx(2 * np.array(once["estimate"]), rel=1e-6)
    assert demodulated(bench, "two.raw", plot=1, column="i(vout_e0)")["estimate"] == once["estimate"]


BAD = {
    "word": ("time,i\n0,1\n0.001,x\n", "t.csv, line 3: 'x' is no number"),
    "short": ("time,i\n" + "".join(f"{k / 1e4},1\n" for k in range(100)), "less than one window of 0.1 s"),
    "columns": ("time,i,j\n0,1,2\n", "has columns i, j; choose the output's with --column"),
    "unit": ("time,i [mm]\n0,1\n1,1\n", r"column 'i \[mm\]': 'mm' is no unit of current or voltage"),
    "unit of time": ("time [mm],i\n0,1\n1,1\n", r"column 'time \[mm\]': 'mm' is no unit of time; head it"),
    "empty": ("", "no row of numbers"),
    "raw": ("Title: x\nnothing\n", "no raw file"),
    "no rate": ("1\n2\n3\n", "no column of time; give --sample-rate"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_traces_are_said(case: str, tmp_path: Path) -> None:
    text, said = BAD[case]
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "s.toml").write_text('window = 0.1\ntone = [{ electrode = "a", frequency = 70, amplitude = 0.01 }]\n')
    with pytest.raises(ValueError, match=said):
        demodulate_file(tmp_path / "t.csv", tmp_path / "s.toml")


@pytest.mark.parametrize(
    "arguments",
    [
        ("demodulate", "t.csv", "--tones", "s.toml"),
        ("demodulate", "nowhere.csv", "--tones", "s.toml"),
        ("tones", "--controls", "3", "--window", "1 s", "--phases", "lowcrest"),
        ("tones", "xor", "--narrowest"),
    ],
)
def test_bad_calls_are_two(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("0,1\n1,x\n")
    (tmp_path / "s.toml").write_text('window = 1\ntone = [{ electrode = "a", frequency = 7, amplitude = 1 }]')
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("hge-spice: ")
    assert "Traceback" not in done.stderr


MEASURE = """
import resource, sys
from pathlib import Path
from typing import Any
from hge_spice.study.lab.demodulate import demodulate_file
found = demodulate_file(Path(sys.argv[1]), Path("s.toml"))
print(found["samples"], found["clock_error"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.long
def test_memory_is_flat_up_to_ten_million_samples(tmp_path: Path) -> None:
    """A trace a hundred times as long takes no more than its windows' results do: some 200 bytes each."""
    tones = ", ".join(
        f'{{ electrode = "c{h}", frequency = {10 * h}, amplitude = 0.01, phase = {h} }}' for h in (7, 11, 16, 17, 19)
    )
    (tmp_path / "s.toml").write_text(f"window = 0.1\ntone = [{tones}]\n")
    rng = np.random.default_rng(0)
    peaks = []
    for samples in (100_000, 10_000_000):
        with (tmp_path / "t.csv").open("w") as file:
            for first in range(0, samples, 100_000):
                time = np.arange(first, first + 100_000) / 1e4
                played = time * (1 - 50e-6)
                wave = sum(0.01 * np.sin(20 * np.pi * h * played + h) for h in (7, 11, 16, 17, 19))
                value = wave + 1e-3 * rng.standard_normal(len(time))
                file.writelines(f"{t:.4f},{v:.6f}\n" for t, v in zip(time.tolist(), value.tolist(), strict=True))
        command = [sys.executable, "-c", MEASURE, "t.csv"]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment)
        seen, error, peak = done.stdout.split()
        assert int(seen) > 0.999 * samples - 2000
        assert float(error) == pytest.approx(50e-6, rel=0.05)
        peaks.append(int(peak) * 1024)
    assert peaks[1] - peaks[0] < 48 * 2**20


SETTINGS = """
window = 0.1
sample_rate = "100 kHz"
tone = [
    { electrode = "a", frequency = 70, amplitude = "5 mV", phase = 1 },
    { electrode = "b", frequency = 110, amplitude = "5 mV", phase = 2 },
]
"""
SLOPES = np.array([8e-8, -1.3e-8])


def lab_trace() -> tuple[np.ndarray, np.ndarray]:
    """Half a second of a linear device at 20 kHz: s, A."""
    time = np.arange(10_000) / 20e3
    played = [
        5e-3 * np.sin(2 * np.pi * frequency * time + phase) for frequency, phase in zip((70, 110), (1, 2), strict=True)
    ]
    return time, 3e-9 + SLOPES @ np.array(played)


@pytest.mark.parametrize(
    ("header", "of_time", "of_output", "options"),
    [
        ("t [ms],i [nA]", 1e3, 1e9, {}),
        ("time (s),current (nA)", 1.0, 1e9, {}),
        ("t/ms,I/pA", 1e3, 1e12, {}),
        ("t [s],ai0 [V]", 1.0, -1e8, {"gain": -1e8}),
        ("t [s],ai0 [mV]", 1.0, -1e11, {"gain": -1e8}),
        ("t,ai0", 1.0, -1e8, {"gain": -1e8}),
        ("i [nA]", None, 1e9, {"sample_rate": 20e3}),
    ],
)
def test_columns_are_read_in_their_units(
    header: str, of_time: float | None, of_output: float, options: dict[str, float], tmp_path: Path
) -> None:
    time, current = lab_trace()
    columns = [current * of_output] if of_time is None else [time * of_time, current * of_output]
    np.savetxt(tmp_path / "t.csv", np.column_stack(columns), delimiter=",", header=header, comments="")
    (tmp_path / "s.toml").write_text(SETTINGS)
    found = demodulate_file(tmp_path / "t.csv", tmp_path / "s.toml", **options)
    assert found["estimate"] == pytest.approx(SLOPES, rel=1e-9)
    assert found["estimate_unit"] == "A/V"
    assert found["sample_rate"] == pytest.approx(20e3)


def test_what_a_trace_was_taken_for_is_said(tmp_path: Path) -> None:
    time, current = lab_trace()
    (tmp_path / "s.toml").write_text(SETTINGS)

    def notes(header: str, columns: list[np.ndarray]) -> list[str]:
        np.savetxt(tmp_path / "t.csv", np.column_stack(columns), delimiter=",", header=header, comments="")
        found = demodulate_file(tmp_path / "t.csv", tmp_path / "s.toml")
        assert "\n".join(f"note: {note}" for note in found["notes"]) in told(found)
        return list(found["notes"])

    assert notes("t [s],i [A]", [time, current]) == []
    (bare,) = notes("t,out", [time, current])
    assert "'out' has no unit: taken as amperes" in bare
    (volts,) = notes("t [s],u [V]", [time, current])
    assert "in volts; --gain" in volts
    rate, elsewhere = notes("i [A]", [current])
    assert "100 kHz is the drive's sample rate" in rate
    assert "lines do at 5 times all of them, as if the samples had come at about 20000 a second" in elsewhere
    (drift,) = notes("t [s],i [A]", [time, current + 5e-9 * time])
    assert drift.startswith("the output drifts by 5e-09 ±")


def test_volts_without_a_gain_are_volts_per_volt(tmp_path: Path) -> None:
    time, current = lab_trace()
    (tmp_path / "s.toml").write_text(SETTINGS)
    np.savetxt(tmp_path / "t.csv", np.column_stack([time, current * 1e8]), delimiter=",", header="t,U [V]", comments="")
    found = demodulate_file(tmp_path / "t.csv", tmp_path / "s.toml")
    assert found["estimate_unit"] == "V/V"
    assert found["estimate"] == pytest.approx(SLOPES * 1e8, rel=1e-9)
    assert "dU/dV a         +8000.00000" in told(found)


@pytest.mark.parametrize(
    ("header", "options", "said"),
    [
        ("t [s],i [A]", {"gain": 1e8}, "is a current already; leave --gain out"),
        ("t [s],i [V]", {"gain": 0.0}, "a gain of 0 ohm is none"),
        ("t [s],i [A]", {"sample_rate": 1e3}, "has a column of time; leave --sample-rate out"),
        ("t [s],i [A]", {"sample_rate": -1.0}, "a sample rate of -1 Hz is none"),
    ],
)
def test_options_that_do_not_fit_the_trace(header: str, options: dict[str, float], said: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\n0,1\n0.001,2\n0.002,3\n")
    (tmp_path / "s.toml").write_text(SETTINGS)
    with pytest.raises(ValueError, match=said):
        demodulate_file(tmp_path / "t.csv", tmp_path / "s.toml", **options)
