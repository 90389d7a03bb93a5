"""The control setting that a finished run has reached, as settings of another: KEY=VALUE."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hge_spice.study.run.ledger import read_ledger
from hge_spice.study.text.files import toml_value


@dataclass(frozen=True)
class Reached:
    """Where a trial has ended.

    settings : its trained controls as `training.first=…`, by electrode, with all digits; before them the roles of the
        electrodes where these were screened for
    swept : what its sweep had set, KEY=VALUE by key
    """

    settings: tuple[str, ...]
    swept: dict[str, str]


def reached(directory: Path) -> Reached:
    """The trained controls of a run, and what they belong to.

    directory : of a run with one finished trial, or a trial's own folder in a run with several (RUN/trials/ID)

    Raises ValueError where it is neither, or the trial has no controls.
    """
    of_trial = directory.resolve().parent.name == "trials"
    rows = read_ledger(directory.resolve().parents[1] if of_trial else directory)
    done = [row for row in rows if row["status"] == "done" and "control" in row["result"]]
    if of_trial:
        done = [row for row in done if Path(row["id"]).name == directory.name]
    if not done:
        raise ValueError(f"{directory} has no finished trial whose controls could be taken")
    if len(done) > 1:
        first = directory / "trials" / done[0]["id"]
        raise ValueError(f"{directory} has {len(done)} finished trials; name the folder of one, such as {first}")
    result: dict[str, Any] = done[0]["result"]
    settings = {"training.first": dict(zip(result["controls"], result["control"], strict=True))}
    if chosen := result.get("screening"):
        roles = {"roles": "none"} | {key: chosen[key] for key in ("output", "inputs", "controls")}
        settings = {f"electrodes.{key}": value for key, value in roles.items()} | settings
    swept = {key: f"{key}={toml_value(value)}" for key, value in done[0]["parameters"].items()}
    return Reached(tuple(f"{key}={toml_value(value)}" for key, value in settings.items()), swept)
