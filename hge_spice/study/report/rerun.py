"""The command that runs one trial of a study again."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hge_spice.study.text.files import toml_value


def alone(directory: Path, row: Mapping[str, Any]) -> str:
    """The command that runs one trial of a sweep."""
    return shlex.join(["hge-spice", "run", str(directory / "study.toml"), *settings_of(row)])


def keeping(directory: Path, row: Mapping[str, Any]) -> str:
    """The same with all of the trial's files kept."""
    return f"{alone(directory, row)} --set results.keep=all"


def settings_of(row: Mapping[str, Any]) -> list[str]:
    """Its swept keys as arguments of the command."""
    settings = (f"{key}={toml_value(value)}" for key, value in row["parameters"].items())
    return [word for setting in settings for word in ("--set", setting)]
