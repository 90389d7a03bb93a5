"""`hge-spice run`: every trial of a study, its directory, report and exit status."""

import itertools
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from hge_spice.cli.dry_run import estimate_run
from hge_spice.cli.interface import DONE, INTERRUPTED, NOT_SOLVED, AsJson, Settings, StudyName, print_json, remark
from hge_spice.cli.results import print_results


def run(
    study: StudyName,
    settings: Settings = None,
    out: Annotated[Path | None, typer.Option(help="Directory of the results; runs/<study>-<time> by default.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="ngspice processes side by side; one a core by default.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on the Dask cluster there: tcp://host:8786.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in --out: finished trials are not run again.")
    ] = False,
    reuse: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Take over trials that this run finished; repeatable.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="List the trials, estimate the time from some seconds of the first; write nothing."
        ),
    ] = False,
    subset: Annotated[
        str | None, typer.Option(metavar="EXPR", help='Only these trials: "training.seed < 5 and index % 2 == 0".')
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help=r"Apply the study's \[smoke]: the size the tests run.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Try a task that the network can't do; as training.unreachable = try.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Train: run every trial of a study, write its directory and report."""
    from hge_spice.study.judge import holding, unsolved
    from hge_spice.study.judge.advantage import of_sweep, says
    from hge_spice.study.judge.budget import budget, sentence
    from hge_spice.study.judge.functional import functional_yield, told
    from hge_spice.study.judge.statistics import analysis, passes
    from hge_spice.study.judge.verdict import summary as signed_off
    from hge_spice.study.judge.verdict import verdict
    from hge_spice.study.run import runner
    from hge_spice.study.run.ledger import read_ledger
    from hge_spice.study.run.plan import plan_study
    from hge_spice.study.run.progress import watching
    from hge_spice.study.tables.bare import far_from_usual
    from hge_spice.study.tables.spec import parse_study
    from hge_spice.study.text.files import load_study, read_raw, smoke_note

    asked = [*(settings or []), *(['training.unreachable="try"'] if anyway else [])]
    raw = load_study(study, asked, smoke=smoke)
    planned = plan_study(raw, subset, remark)
    remark(*far_from_usual(raw))
    workers = jobs or os.cpu_count() or 1
    if dry_run:
        return estimate_run(raw, planned, workers, as_json=as_json)
    if resume and out is None:
        raise ValueError("--resume needs the --out DIR to go on in")
    directory = out or _new(Path("runs") / f"{Path(study).stem}-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        with watching(planned, directory, sys.stderr, stepwise=workers == 1 or len(planned) == 1) as watch:
            summary = runner.run_study(
                raw,
                directory,
                jobs=workers,
                scheduler=scheduler,
                resume=resume,
                planned=planned,
                reuse=reuse or (),
                watch=watch,
            )
        from hge_spice.study.report.report import write_report

        report = write_report(directory)
    except KeyboardInterrupt:
        _stopped(directory, sys.argv[1:])
        sys.exit(INTERRUPTED)
    parsed = parse_study(planned[0].trial.raw)
    meant = {result["id"] for result in summary["results"]}
    rows = [row for row in read_ledger(directory) if row["id"] in meant]
    found = analysis(rows, parsed.specs) | of_sweep(rows)
    judged = verdict(rows, parsed.specs)
    if judged is not None:
        found["signoff"] = signed_off(judged)
    if as_json:
        print_json(summary | found)
    else:
        print_results(summary, planned[0].trial.parameters)
        beside = (*unsolved.told(summary["results"]), *holding.told(summary["results"]))
        for line in (*beside, *map(_yield, found.get("yields", []))):
            print(line)
        if said := sentence(budget(rows)):
            print(said)
        for line in (*told(functional_yield(rows)), *says(rows), *(judged.says if judged is not None else ())):
            print(line)
        print(*([smoke_note(read_raw(study))] if smoke else []), f"report: {report}", sep="\n")
    return DONE if all(passes(row, parsed.specs) for row in rows) else NOT_SOLVED


def _new(directory: Path) -> Path:
    """The directory, made here, with -2, -3, … after its name where it is there: runs may begin in the same second."""
    for number in itertools.count(1):
        tried = directory.with_name(f"{directory.name}-{number}") if number > 1 else directory
        with suppress(FileExistsError):
            tried.mkdir(parents=True)
            break
    return tried


def _yield(each: dict[str, Any]) -> str:
    """A line of the yields, as `analysis` has them."""
    if each["unreached"] and each["unreached"] == each["total"]:
        return f"{each['what']}: not reached"
    left = f", {each['unreached']} not reached" if each["unreached"] else ""
    share = f"{100 * each['low']:.1f} … {100 * each['high']:.1f} %"
    return f"{each['what']}: {each['passed']} of {each['total']}{left} (95 %: {share})"


def _stopped(directory: Path, arguments: list[str]) -> None:
    """Say what is left of a run that was stopped, and how it goes on, by the same command; leave a page of it.

    arguments : of that command
    """
    import shlex

    from hge_spice.study.report.stopped import write_stopped

    if not any(word.partition("=")[0] == "--out" for word in arguments):
        arguments = [*arguments, "--out", str(directory)]
    go_on = shlex.join(["hge-spice", *arguments, *(["--resume"] if "--resume" not in arguments else [])])
    try:
        report, finished, total = write_stopped(directory, go_on)
    except (OSError, ValueError):  # it was stopped before it had begun, or the disk is full
        print("hge-spice: stopped; finished trials are kept", file=sys.stderr)
    else:
        told = f"finished trials are kept, {finished} of {total}: {report}"
        print(f"hge-spice: stopped; {told}\nhge-spice: go on with {go_on}", file=sys.stderr)
