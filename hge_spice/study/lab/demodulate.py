"""What `hge-spice demodulate` does: a recorded trace and the settings it was recorded at, to derivatives."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hge_spice.drive import Floats
from hge_spice.plain_file import plain_file_size
from hge_spice.recorded import Setup, estimate_trace, scaled
from hge_spice.study.lab.setup_file import read_setup
from hge_spice.study.text.finite import all_finite, finite
from hge_spice.study.text.units import quantity, render
from hge_spice.traces import RawTrace, TableTrace
from hge_spice.traces.raw import raw_plots

RAW_START = b"Title:"


def demodulate_file(
    trace: Path, tones: Path, column: str | None = None, plot: int | None = None, *, trend: bool = False
) -> dict[str, Any]:
    """Derivatives of a recorded trace, with the keys of the JSON output.

    column : the output's, where there are several; plot : of a raw file with several, counted from 1
    trend : whether a straight line is fitted beside the tones of every window

    Raises ValueError, with the line where there is one, for what can't be read or demodulated, and OSError.
    """
    setup = replace(read_setup(tones), trend=trend)
    recording = open_trace(trace, plot)
    name = _column(recording, column, setup)
    factor = _unit(name)
    if not recording.timed and setup.sample_rate is None:
        raise ValueError(f"{trace} has no column of time; give sample_rate in {tones}")
    step = None if recording.timed else 1 / (setup.sample_rate or 1.0)

    def pieces() -> Iterator[tuple[Floats, Floats]]:
        return scaled(recording.pieces(name), factor, step)

    found = estimate_trace(pieces, setup)
    estimate, clock = found.estimate, found.clock
    return {
        "trace": str(trace),
        "column": name,
        "controls": [tone.electrode for tone in setup.tones],
        "estimate": estimate.jacobian.tolist(),
        "estimate_unit": "A/V",
        "stderr": all_finite(estimate.stderr),
        "stderr_of_windows": all_finite(found.scatter),
        "quadrature": np.imag(estimate.response).tolist(),
        "bias": all_finite(estimate.bias),
        "output": estimate.output,
        "frequencies": setup.frequencies.tolist(),
        "amplitude": setup.amplitude.tolist(),
        "window": setup.window,
        "windows": found.windows,
        "windows_skipped": found.skipped,
        "samples": found.samples,
        "samples_missing": found.missing,
        "sample_rate": found.sample_rate,
        "clock_error": clock.error,
        "clock_error_stderr": finite(clock.error_stderr),
        "clock_drift": clock.drift,
        "clock_drift_stderr": finite(clock.drift_stderr),
        "simulated_seconds": estimate.simulated_seconds,
        "flags": list(estimate.flags),
        "notes": list(estimate.notes),
    }


def told(found: dict[str, Any]) -> str:
    """The same as text."""
    lines = [
        f"  dI/dV {name:8} {value * 1e9:+12.5f} ± {'?' if error is None else f'{error * 1e9:.2g}'} nA/V"
        f"   quadrature {quadrature * 1e9:+.3g}"
        for name, value, error, quadrature in zip(
            found["controls"], found["estimate"], found["stderr"], found["quadrature"], strict=True
        )
    ]
    lines.append(
        f"{found['windows']} window{'s'[: found['windows'] != 1]} of {render(found['window'], 'time')}, "
        f"{found['samples']} samples at "
        f"{found['sample_rate']:.9g} a second, {found['samples_missing']} missing, "
        f"{found['windows_skipped']} windows left out"
    )
    lines.append(f"clock: {_clock(found['clock_error'], found['clock_error_stderr'], 1e6, 'ppm')}")
    if found["clock_drift_stderr"] is not None:
        drift = _clock(found["clock_drift"], found["clock_drift_stderr"], 1e9, "ppb a second")
        lines[-1] += f"; drift: {drift}"
    lines.append("± is one standard error, by what is left over of this trace; hge-spice gradient pools all patterns'")
    lines.append("flags: " + (", ".join(found["flags"]) or "none"))
    lines += [f"note: {note}" for note in found["notes"]]
    return "\n".join([f"{found['column']} of {found['trace']}", *lines])


def _clock(value: float, stderr: float | None, factor: float, unit: str) -> str:
    if stderr is None:
        return "can't be told"
    if value == 0:
        return f"none seen (± {stderr * factor:.2g} {unit})"
    return f"{value * factor:+.6g} ± {stderr * factor:.2g} {unit}, corrected"


def open_trace(path: Path, plot: int | None) -> RawTrace | TableTrace:
    """A raw file's plot, or a table, by how it begins. Raises ValueError, OSError."""
    plain_file_size(path, largest=None)
    with path.open("rb") as file:
        raw = file.read(len(RAW_START)) == RAW_START
    if not raw:
        if plot is not None:
            raise ValueError(f"{path} is no raw file, and has no plots to choose from")
        return TableTrace.open(path)
    plots = raw_plots(path)
    if plot is None and len(plots) != 1:
        raise ValueError(f"{path} holds {len(plots)} plots; choose with --plot, counted from 1")
    if plot is not None and not 1 <= plot <= len(plots):
        raise ValueError(f"{path} has plots 1 to {len(plots)}; there is no plot {plot}")
    chosen = plots[(plot or 1) - 1]
    if not chosen.timed:
        raise ValueError(f"{path} has {chosen.names[0]!r} for a scale; a trace has time")
    return chosen


def _column(recording: RawTrace | TableTrace, asked: str | None, setup: Setup) -> str:
    """The output's column: as asked for, the only one, or the one that our own decks and files give the output."""
    known = recording.columns
    if asked is not None:
        fitting = [name for name in known if asked in {name, _bare(name)}]
        if not fitting:
            raise ValueError(f"{recording.path} has no column {asked!r}; there are {', '.join(known)}")
        return fitting[0]
    if len(known) == 1:
        return known[0]
    expected = {"i(output)", "output", f"i(vout_{setup.output})", f"{setup.output}"}
    fitting = [name for name in known if _bare(name).lower() in expected]
    if len(fitting) != 1:
        raise ValueError(f"{recording.path} has columns {', '.join(known)}; choose the output's with --column")
    return fitting[0]


def _bare(name: str) -> str:
    return re.sub(r"\s*\[[^\]]*\]$", "", name)


def _unit(name: str) -> float:
    """What one unit of a column headed "current [nA]" is in A; one where no unit is given."""
    given = re.search(r"\[([^\]]+)\]$", name)
    return quantity(f"1 {given[1]}", "current") if given else 1.0
