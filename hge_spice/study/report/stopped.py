"""The page of a run that was stopped: what is finished, and the command that goes on; without pictures, at once."""

import tomllib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from hge_spice.study.run.ledger import read_ledger


def write_stopped(directory: Path, go_on: str) -> tuple[Path, int, int]:
    """Make directory/report.html of the trials that are finished; returns its path, how many they are, and of how many.

    go_on : the command that runs the rest

    `write_report` makes the whole one in its place: it draws, which takes longer than a stopped run may.
    Raises ValueError where the directory isn't a run's, OSError.
    """
    rows = read_ledger(directory)
    finished = [row for row in rows if row["status"] in {"done", "failed"}]
    study = tomllib.loads((directory / "study.toml").read_text(encoding="utf-8"))
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True)
    html = templates.get_template("stopped.html.j2").render(
        title=str(study.get("title") or directory.resolve().name),
        rows=finished,
        total=len(rows),
        swept=list(dict.fromkeys(key for row in rows for key in row["parameters"])),
        go_on=go_on,
        directory=str(directory),
    )
    path, partly = directory / "report.html", directory / "report.html.part"
    partly.write_text(html, encoding="utf-8", errors="xmlcharrefreplace")
    partly.replace(path)
    return path, len(finished), len(rows)
