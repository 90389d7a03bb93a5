"""`hge-spice run --dry-run`: what would run, and how long it would take."""

from pathlib import Path
from typing import Any

from hge_spice.cli.interface import DONE, LISTED, print_json


def estimate_run(raw: dict[str, Any], planned: list[Any], jobs: int, *, as_json: bool) -> int:
    """Say what would run, and how long it would take by what some seconds of measuring tell; nothing of it is kept."""
    import tempfile

    from hge_spice.drive import SimulationError
    from hge_spice.ngspice.library import NgspiceNotFound
    from hge_spice.study.run.estimate import estimate

    if not as_json:
        for each in planned[:LISTED]:
            print("trial", each.trial.id, *(f"{key}={value}" for key, value in each.trial.parameters.items()))
        if len(planned) > LISTED:
            print(f"… and {len(planned) - LISTED} more")
        plural = "s"[: len(planned) != 1]
        print(f"{len(planned)} trial{plural}; the first is tried now, for an estimate, and thrown away", flush=True)
    side_by_side = min(jobs, len(planned))
    with tempfile.TemporaryDirectory(prefix="hge-spice-dry-") as home:
        try:
            found = estimate(planned[0].trial, Path(home), jobs if len(planned) == 1 else 1)
            why = ""
        except (NgspiceNotFound, SimulationError, ValueError) as error:
            found, why = None, str(error)
    each = len(planned) / side_by_side
    told: dict[str, Any] | None = None
    if found is not None:
        told = {
            "first_trial_seconds": found.seconds,
            "jobs": jobs,
            "seconds": found.seconds * each,
            "least_seconds": found.least * each,
            "whole": found.whole,
            "measured": found.measured,
        }
    if as_json:
        trials = [each.trial.parameters | {"id": each.trial.id} for each in planned]
        listed = {"study": raw.get("title", ""), "trials": {"total": len(trials)}, "planned": trials}
        print_json(listed | {"estimate": told})
    elif found is None:
        print(f"no time estimate: the first trial gave no result: {why.partition(chr(10))[0]}")
    else:
        print(_sentence(found, each, jobs))
    return DONE


def _sentence(found: Any, each: float, jobs: int) -> str:
    """The estimate in words; each : trials that a job has."""
    with_jobs = f"with {jobs} job{'s'[: jobs != 1]}"
    if found.whole:
        return (
            f"the first took {_time(found.seconds)} on this machine: about {_time(found.seconds * each)} {with_jobs}, "
            "if the others are like it"
        )
    one, most = _time(found.seconds), _time(found.seconds * each)
    if found.where:
        one = f"{_time(found.least)} if {found.where}, {one} with every step and start"
        most = f"{_time(found.least * each)} to {most}"
    all_of_them = "" if each == 1 else f"; all of them {most}"
    return f"estimated from {found.measured}, on this machine {with_jobs}: a trial takes about {one}{all_of_them}"


def _time(seconds: float) -> str:
    from hge_spice.study.run.progress import span

    return f"{seconds:.2g} s" if seconds < 10 else span(seconds)
