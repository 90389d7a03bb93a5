"""What `hge-spice demodulate` does: a recorded trace and the settings it was recorded at, to derivatives."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hge_spice.drive import Floats
from hge_spice.plain_file import plain_file_size
from hge_spice.recorded import Setup, TraceEstimate, estimate_trace, scaled
from hge_spice.study.lab.headings import Heading, heading
from hge_spice.study.lab.setup_file import read_setup
from hge_spice.study.text.finite import all_finite, finite
from hge_spice.study.text.units import render
from hge_spice.traces import RawTrace, TableTrace
from hge_spice.traces.raw import raw_plots

RAW_START = b"Title:"
UNLIKELY = 1e-3  # of an instrument's clock: ten times what the worst is off


def demodulate_file(
    trace: Path,
    tones: Path,
    column: str | None = None,
    plot: int | None = None,
    *,
    trend: bool | None = None,
    sample_rate: float | None = None,
    gain: float | None = None,
) -> dict[str, Any]:
    """Derivatives of a recorded trace, with the keys of the JSON output.

    column : the output's, where there are several; plot : of a raw file with several, counted from 1
    trend : whether a straight line is fitted beside the tones of every window; None where the trace is to tell
    sample_rate : 1/s, the recorder's, for a trace without a column of time; the settings' if left out
    gain : V/A, of the amplifier that the column is the output of, negative where it inverts

    Raises ValueError, with the line where there is one, for what can't be read or demodulated, and OSError.
    """
    if sample_rate is not None and sample_rate <= 0:
        raise ValueError(f"a sample rate of {sample_rate:g} Hz is none; give one above 0 Hz")
    if gain == 0:
        raise ValueError("a gain of 0 ohm is none; give the amplifier's, in volts per ampere")
    setup = replace(read_setup(tones), trend=trend)
    recording = open_trace(trace, plot)
    name = _column(recording, column, setup)
    head, factor, notes = _read_as(recording, name, gain)
    rate = sample_rate or setup.sample_rate
    if recording.timed:
        if sample_rate is not None:
            raise ValueError(f"{trace} has a column of time; leave --sample-rate out, or the column")
        step = heading(recording.names[0], ("time",)).factor
    elif rate is None:
        raise ValueError(f"{trace} has no column of time; give --sample-rate, or sample_rate in {tones}")
    else:
        step = 1 / rate
        if sample_rate is None:
            notes.append(
                f"no column of time: {render(rate, 'frequency')} is the drive's sample rate, in {tones}; where the "
                "recorder's was another, give --sample-rate"
            )

    def pieces() -> Iterator[tuple[Floats, Floats]]:
        return scaled(recording.pieces(name), factor, step)

    found = estimate_trace(pieces, setup)
    estimate, clock = found.estimate, found.clock
    unit = "V" if head.dimension == "voltage" and gain is None else "A"
    notes += [*estimate.notes, *_notes(found, unit, trend)]
    return {
        "trace": str(trace),
        "column": name,
        "controls": [tone.electrode for tone in setup.tones],
        "estimate": estimate.jacobian.tolist(),
        "estimate_unit": f"{unit}/V",
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
        "output_drift": finite(found.drift),
        "output_drift_stderr": finite(found.drift_stderr),
        "trend": found.trend,
        "simulated_seconds": estimate.simulated_seconds,
        "flags": list(estimate.flags),
        "notes": notes,
    }


def _read_as(recording: RawTrace | TableTrace, name: str, gain: float | None) -> tuple[Heading, float, list[str]]:
    """The column's heading, what its numbers are to be multiplied by, and what is to be said of that."""
    head = heading(name, ("current", "voltage"))
    if gain is not None and not head.stated:
        head = replace(head, dimension="voltage")
    if gain is not None and head.dimension != "voltage":
        raise ValueError(f"column {name!r} of {recording.path} is a current already; leave --gain out")
    notes = []
    if not head.stated:
        taken = "volts" if head.dimension == "voltage" else "amperes"
        notes.append(f"column {name!r} has no unit: taken as {taken}; head it such as {head.name + ' [nA]'!r}")
    if head.dimension == "voltage" and gain is None:
        notes.append("the output is in volts; --gain of the amplifier, such as -100Mohm, makes it a current")
    return head, head.factor / (gain or 1.0), notes


def _notes(found: TraceEstimate, unit: str, trend: bool | None) -> list[str]:
    notes = []
    drift = f"the output drifts by {found.drift:.3g} ± {found.drift_stderr:.1g} {unit} a second"
    if found.trend and trend is None:
        notes.append(f"{drift}: a straight line was fitted beside the tones of every window; --no-trend leaves it out")
    if found.stretched is not None:
        rate = float(f"{found.sample_rate / found.stretched:.3g}")  # as well as a short trace tells
        notes.append(
            f"no tone stands out at its own frequency, but lines do at {found.stretched:.3g} times all of them, as if "
            f"the samples had come at about {rate:g} a second; check the trace's time, or give --sample-rate"
        )
    elif abs(found.clock.error) > UNLIKELY:
        notes.append(
            f"no instrument's clock is off by {abs(found.clock.error):.1%}: check the sample rate of the trace's time, "
            "and the window and frequencies of the settings"
        )
    return notes


def told(found: dict[str, Any]) -> str:
    """The same as text."""
    what, unit, factor = ("dI/dV", "nA/V", 1e9) if found["estimate_unit"] == "A/V" else ("dU/dV", "mV/V", 1e3)
    lines = [
        f"  {what} {name:8} {value * factor:+12.5f} ± {'?' if error is None else f'{error * factor:.2g}'} {unit}"
        f"   quadrature {quadrature * factor:+.3g}"
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
        lines[-1] += f"; its drift: {drift}"
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
        fitting = [name for name in known if asked in {name, _name(name)}]
        if not fitting:
            raise ValueError(f"{recording.path} has no column {asked!r}; there are {', '.join(known)}")
        return fitting[0]
    if len(known) == 1:
        return known[0]
    expected = {"i(output)", "output", f"i(vout_{setup.output})", f"{setup.output}"}
    fitting = [name for name in known if _name(name).lower() in expected]
    if len(fitting) != 1:
        raise ValueError(f"{recording.path} has columns {', '.join(known)}; choose the output's with --column")
    return fitting[0]


def _name(column: str) -> str:
    """Without its unit, whatever that is."""
    try:
        return heading(column, ("current", "voltage")).name
    except ValueError:
        return column
