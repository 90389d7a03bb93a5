"""What `hge-spice tones --lab` writes: samples for each generator channel, and the settings of each lock-in."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hge_spice.devices.names import terminal
from hge_spice.drive import Floats
from hge_spice.lockin.filters import Filter
from hge_spice.recorded import Setup
from hge_spice.study.lab.setup_file import write_new
from hge_spice.study.lab.tones import drive_path, export, rows_of

LEAK = 1e-3  # of the nearest line, where the order and time constant are ours to choose
ORDER = 4  # of a lock-in whose study has a filter that instruments don't


@dataclass(frozen=True)
class Channel:
    """One channel of a waveform generator: voltage = offset + amplitude · sample, samples from −1 to 1.

    file : of the samples, one a line, to be repeated; none for a channel that stays at its offset. Its name is that of
        the electrode's node in a netlist
    offset_v, amplitude_v : into a high impedance; amplitude_vpp is twice the latter, as generators are set
    """

    electrode: str
    file: str
    sample_rate_hz: float
    points: int
    offset_v: float
    amplitude_v: float
    amplitude_vpp: float


@dataclass(frozen=True)
class LockIn:
    """Settings of a lock-in at one tone, and what they do.

    harmonic : of the reference, which is the tone itself: 1
    phase_deg : of the reference as a sine at the start of the drive's samples
    time_constant_s, order, slope_db_per_octave : of its RC filter
    enbw_hz : its equivalent noise bandwidth; settling_s : to 1 %, the time to wait before reading
    nearest_hz : distance to the nearest other line, a tone or the mean; nearest_passes : the share of it that passes
    """

    electrode: str
    frequency_hz: float
    harmonic: int
    amplitude_v: float
    amplitude_v_rms: float
    phase_deg: float
    time_constant_s: float
    order: int
    slope_db_per_octave: int
    enbw_hz: float
    settling_s: float
    nearest_hz: float
    nearest_passes: float


def channels(setup: Setup, rows: int) -> dict[str, tuple[Channel, Floats | None]]:
    """Every driven electrode's channel and its samples: [row], or none."""
    time = np.arange(rows) * setup.window / rows
    tones = {tone.electrode: tone for tone in setup.tones}
    held = setup.levels
    found: dict[str, tuple[Channel, Floats | None]] = {}
    for name in dict.fromkeys((*held, *tones)):
        tone, rate = tones.get(name), rows / setup.window
        if tone is None:
            found[name] = (Channel(name, "", rate, 0, held[name], 0.0, 0.0), None)
            continue
        samples = np.sin(2 * np.pi * tone.frequency * time + tone.phase)
        swing = tone.amplitude
        settings = Channel(name, f"{terminal(name)}.csv", rate, rows, held.get(name, 0.0), swing, 2 * swing)
        found[name] = (settings, samples)
    return found


def lock_ins(setup: Setup, chosen: Filter | None) -> list[LockIn]:
    """Settings at every tone: the study's RC filter, or one that does as well as its window.

    Without an RC filter in the study: order 4, the noise bandwidth of the window or less, and no more than LEAK of the
    nearest line. |H(f)| = (1 + (2πfτ)²)^(−n/2) of n equal stages.
    """
    lines = np.concatenate([[0.0], setup.frequencies])
    found = []
    for tone in setup.tones:
        apart = np.abs(lines - tone.frequency)
        nearest = float(apart[apart > 0].min())
        if chosen is not None and chosen.name == "rc":
            order, constant = chosen.order, chosen.time_constant
        else:
            order = ORDER
            same = Filter("rc", np.inf, 1.0, order).enbw / (chosen or Filter("window", setup.window)).enbw
            constant = max(same, float(np.sqrt(LEAK ** (-2 / order) - 1) / (2 * np.pi * nearest)))
        rc = Filter("rc", np.inf, constant, order)
        found.append(
            LockIn(
                electrode=tone.electrode,
                frequency_hz=tone.frequency,
                harmonic=1,
                amplitude_v=tone.amplitude,
                amplitude_v_rms=tone.amplitude / np.sqrt(2),
                phase_deg=float(np.degrees(tone.phase)),
                time_constant_s=constant,
                order=order,
                slope_db_per_octave=6 * order,
                enbw_hz=rc.enbw,
                settling_s=rc.settling,
                nearest_hz=nearest,
                nearest_passes=float((1 + (2 * np.pi * nearest * constant) ** 2) ** (-order / 2)),
            )
        )
    return found


def write_lab(setups: Sequence[Setup], chosen: Filter | None, folder: Path, sample_rate: float | None) -> list[str]:
    """Write the bench's files into a new folder; gives their names.

    setups : [pattern], which differ in what inputs and their complements are held at; tones and lock-ins are the same

    channels.csv, whose offsets are the first pattern's, and a file of samples a channel; patterns.csv, where there are
    several; lockins.csv and lockins.json; drive.csv and drive.toml, and the other patterns' drives, as `tones --export`
    writes them. Raises ValueError where the folder exists or the rate doesn't fit, OSError.
    """
    setup = setups[0]
    rows = rows_of(setup, sample_rate)
    drives = [drive_path(Path("drive.csv"), pattern) for pattern in range(len(setups))]
    taken = {"channels", "lockins", "patterns", *(drive.stem for drive in drives)}
    taken &= {terminal(tone.electrode) for tone in setup.tones}
    if taken:
        raise ValueError(f"electrode {taken.pop()} has the name of one of the lab's tables; rename it")
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise ValueError(f"{folder} exists; name another folder") from None
    export(setups, folder / drives[0], sample_rate)
    driven = channels(setup, rows)
    for settings, samples in driven.values():
        if samples is not None:
            write_new(folder / settings.file, "".join(f"{value!r}\n" for value in samples.tolist()))
    write_new(folder / "channels.csv", _table([asdict(settings) for settings, _ in driven.values()]))
    if len(setups) > 1:
        write_new(folder / "patterns.csv", _table(list(_patterns(setups, drives))))
    found = [asdict(each) for each in lock_ins(setup, chosen)]
    write_new(folder / "lockins.csv", _table(found))
    write_new(folder / "lockins.json", json.dumps(found, indent=1) + "\n")
    return sorted(path.name for path in folder.iterdir())


def _patterns(setups: Sequence[Setup], drives: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """A row for each pattern: its files, and the offset in V of every channel that is not at the first's in all."""
    first = setups[0].levels
    moved = [name for name in first if any(setup.levels[name] != first[name] for setup in setups)]
    for pattern, (setup, drive) in enumerate(zip(setups, drives, strict=True)):
        offsets = {f"{name}_offset_v": setup.levels[name] for name in moved}
        yield {"pattern": pattern, "drive": drive.name, "settings": drive.with_suffix(".toml").name, **offsets}


def _table(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
