"""The control setting that a finished run has reached, as a setting of another: KEY=VALUE."""

import json
from pathlib import Path
from typing import Any

from hge_spice.study.run.ledger import read_ledger


def reached(directory: Path) -> str:
    """The trained controls of a run as `training.first=…`, by electrode, with all digits.

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
    pairs = zip(result["controls"], result["control"], strict=True)
    return f"training.first={{ {', '.join(f'{json.dumps(name)} = {volts!r}' for name, volts in pairs)} }}"
