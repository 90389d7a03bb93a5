"""The lock-in settings beside a drive: what was played, as a small TOML that `demodulate --tones` reads back."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from hge_spice.drive import Tone
from hge_spice.plain_file import plain_file_size
from hge_spice.recorded import Setup
from hge_spice.study.text.files import StudyError, suggestion
from hge_spice.study.text.values import list_of, si, table, text, voltages

LARGEST = 1 << 20  # bytes


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _ToneText(_Table):
    electrode: Annotated[str, BeforeValidator(text)]
    frequency: Annotated[float, BeforeValidator(si("frequency", above=0))]
    amplitude: Annotated[float, BeforeValidator(si("voltage", above=0))]
    phase: Annotated[float, BeforeValidator(si("ratio"))] = 0.0


class _SetupText(_Table):
    window: Annotated[float, BeforeValidator(si("time", above=0))]
    settle: Annotated[float, BeforeValidator(si("time", least=0))] = 0.0
    sample_rate: Annotated[float | None, BeforeValidator(si("frequency", above=0))] = None
    output: Annotated[str | None, BeforeValidator(text)] = None
    control: Annotated[dict[str, float], BeforeValidator(voltages)] = {}
    inputs: Annotated[dict[str, float], BeforeValidator(voltages)] = {}
    supplies: Annotated[dict[str, float], BeforeValidator(voltages)] = {}
    tone: Annotated[tuple[Any, ...], BeforeValidator(list_of(table, least=1))]


def write_setup(path: Path, setup: Setup) -> None:
    """Write the settings, in SI units, with all digits. Raises ValueError where the file exists, OSError."""
    content = {key: value for key in ("window", "settle", "sample_rate", "output") if (value := getattr(setup, key))}
    content |= {key: value for key in ("control", "inputs", "supplies") if (value := getattr(setup, key))}
    content["tone"] = [
        {"electrode": t.electrode, "frequency": t.frequency, "amplitude": t.amplitude, "phase": t.phase}
        for t in setup.tones
    ]
    said = "# What is played while a trace is recorded, for `hge-spice demodulate TRACE --tones` of this file.\n"
    said += "# s, Hz, V (tones: peak) and rad; a tone is amplitude·sin(2π·frequency·t + phase), t the trace's time.\n"
    said += "# sample_rate is the drive's; traces without a column of time need the recorder's in its place.\n"
    write_new(path, said + tomli_w.dumps(content))


def write_new(path: Path, content: str) -> None:
    """Write a file that isn't there yet. Raises ValueError where it is, OSError where it can't be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        raise ValueError(f"{path} exists; name another file") from None


def read_setup(path: Path) -> Setup:
    """Read the settings. Raises StudyError, which names the key and its remedy, and OSError."""
    try:
        plain_file_size(path, LARGEST)
    except ValueError as error:
        raise StudyError(f"{error}; lock-in settings are a small TOML file") from None
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{path} is no TOML file: {error}") from None
    found = _checked(path, "", _SetupText, raw)
    tones = []
    for number, given in enumerate(found.tone, 1):
        tone = _checked(path, f"tone {number}: ", _ToneText, given)
        cycles = tone.frequency * found.window
        whole = max(1, round(cycles))
        if round(cycles) < 1 or abs(cycles - round(cycles)) > 1e-6 * cycles:
            raise StudyError(
                f"{path}: tone {number}: {tone.frequency:.9g} Hz is {cycles:.6g} cycles in a window of "
                f"{found.window:.6g} s; it must be a whole number, such as {whole / found.window:.9g} Hz"
            )
        tones.append(Tone(tone.electrode, round(cycles) / found.window, tone.amplitude, tone.phase))
    for what, names in (
        ("electrodes", [t.electrode for t in tones]),
        ("frequencies", [f"{t.frequency:g} Hz" for t in tones]),
    ):
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise StudyError(f"{path}: two tones have {what} {twice[0]}; they can't be told apart")
    return Setup(
        tuple(tones),
        found.window,
        found.settle,
        found.control,
        found.inputs,
        found.output,
        found.sample_rate,
        supplies=found.supplies,
    )


def _checked(path: Path, where: str, model: Any, raw: Mapping[str, Any]) -> Any:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        said = []
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"])
            match problem["type"]:
                case "extra_forbidden":
                    said.append(f"unknown key {key}{suggestion(key, tuple(model.model_fields))}")
                case "missing":
                    said.append(f"{key} is missing, and has no default")
                case _:
                    said.append(f"{key}: {problem.get('ctx', {}).get('error', problem['msg'])}")
        raise StudyError("\n".join(f"{path}: {where}{line}" for line in said)) from None
