"""A study's training from Python: a stream of its steps."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from hge_spice.study.bench.bench import Bench
from hge_spice.study.bench.check import check
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study
from hge_spice.study.trial.trial import run_starts
from hge_spice.train import Step


def training(study: str | Path, *settings: str) -> Iterator[Step]:
    """Train a study and yield every step as it is made, start after start, until one is solved with the margin asked.

    study : a file, or the name of one that ships; settings : "KEY=VALUE", as `--set` takes them

    Nothing is written. Whoever stops early ends ngspice by it. A step of number 1 begins a start.

    Raises StudyError for a study that is wrong or sweeps, ValueError for one that can't be built, NgspiceNotFound,
    SimulationError.
    """
    raw = load_study(study, settings)
    if raw.get("sweep"):
        raise StudyError(f"{study} sweeps {', '.join(raw['sweep'])}; set them, or run it with `hge-spice run`")
    parsed = parse_study(raw)
    check(parsed)
    with Bench.of(parsed) as bench, tempfile.TemporaryDirectory(prefix="hge-spice-") as home:
        for trained in run_starts(bench, Path(home)):
            yield trained.step
