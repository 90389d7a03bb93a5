"""`hge-spice run --dry-run`: what would run, and how long it would take."""

from pathlib import Path
from typing import Any

from hge_spice.cli.interface import DONE, LISTED, print_json


def estimate_run(raw: dict[str, Any], planned: list[Any], jobs: int, *, as_json: bool) -> int:
    """Say what would run, and how long it would take from a first trial, run into a directory that is thrown away."""
    import tempfile

    from hge_spice.ngspice.library import NgspiceNotFound
    from hge_spice.study.run.perform import perform

    if not as_json:
        for each in planned[:LISTED]:
            print("trial", each.trial.id, *(f"{key}={value}" for key, value in each.trial.parameters.items()))
        if len(planned) > LISTED:
            print(f"… and {len(planned) - LISTED} more")
        plural = "s"[: len(planned) != 1]
        print(f"{len(planned)} trial{plural}; the first runs now, for an estimate, and is thrown away", flush=True)
    with tempfile.TemporaryDirectory(prefix="hge-spice-dry-") as home:
        try:
            first = perform(planned[0].trial, Path(home))
            why = "" if first.result is not None else first.reason
        except NgspiceNotFound as error:
            first, why = None, str(error)
    seconds = 0.0 if first is None else first.seconds
    side_by_side = min(jobs, len(planned))
    estimate = {"first_trial_seconds": seconds, "jobs": jobs, "seconds": seconds * len(planned) / side_by_side}
    if as_json:
        trials = [each.trial.parameters | {"id": each.trial.id} for each in planned]
        told = {"study": raw.get("title", ""), "trials": {"total": len(trials)}, "planned": trials}
        print_json(told | {"estimate": None if why else estimate})
    elif why:
        print(f"no time estimate: the first trial gave no result: {why.partition(chr(10))[0]}")
    else:
        print(
            f"the first took {seconds:.2g} s on this machine: about {estimate['seconds']:.3g} s "
            f"with {jobs} job{'s'[: jobs != 1]}, if the others are like it"
        )
    return DONE
