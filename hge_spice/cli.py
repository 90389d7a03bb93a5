"""The hge-spice command: arguments to calls, results to text or JSON, errors to one message and an exit status."""

import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from hge_spice.devices.element import Element

LISTED = 40  # trials that are printed one by one
DONE, NOT_SOLVED, BAD_INPUT, NO_NGSPICE, INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    name="hge-spice",
    help="Train networks in their own material: homodyne gradient extraction on circuits simulated by ngspice.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="A study file, or the name of one that ships: xor.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else there.")]


def main() -> NoReturn:
    """Entry point: every error becomes one message and the exit status of the interface."""
    # numpy's small matrices gain nothing from threads, and waiting threads cost the simulator a core
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        status = app(standalone_mode=False) or DONE
        if status == INTERRUPTED:  # what typer makes of Ctrl-C
            _stop("stopped; finished trials are kept", INTERRUPTED)
        sys.exit(status)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _stop("stopped; finished trials are kept", INTERRUPTED)
    except BrokenPipeError:
        os._exit(DONE)  # the reader left; an orderly exit would only try to flush to it again
    except typer.TyperException as error:  # wrong arguments
        _stop(error.format_message() if isinstance(error, typer.BadParameter) else str(error), BAD_INPUT)
    except Exception as error:  # noqa: BLE001 - sorted into exit statuses below; what is left is ours and is raised
        _stop(*_explain(error))


def _explain(error: Exception) -> tuple[str, int]:
    import sqlite3

    from hge_spice.drive import SimulationError
    from hge_spice.ngspice.library import NgspiceNotFound

    if isinstance(error, NgspiceNotFound):
        return str(error), NO_NGSPICE
    if isinstance(error, SimulationError):
        return str(error), NOT_SOLVED
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}", BAD_INPUT
    if isinstance(error, (ValueError, sqlite3.Error)):
        return str(error), BAD_INPUT
    raise error


def _stop(message: str, status: int) -> NoReturn:
    print(f"hge-spice: {message}", file=sys.stderr)
    sys.exit(status)


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=2, allow_nan=False))


@app.command()
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, run the first trial, estimate the time.")] = False,
    subset: Annotated[
        str | None, typer.Option(metavar="EXPR", help='Only these trials: "training.seed < 5 and index % 2 == 0".')
    ] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Apply the study's [smoke]: the size the tests run.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Try a task that the network can't do; as training.unreachable = try.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Train: run every trial of a study, write its directory and report."""
    from hge_spice.study import runner
    from hge_spice.study.budget import budget, sentence
    from hge_spice.study.files import load_study
    from hge_spice.study.functional import functional_yield, told
    from hge_spice.study.ledger import read_ledger
    from hge_spice.study.progress import watching
    from hge_spice.study.spec import parse_study
    from hge_spice.study.statistics import analysis, passes
    from hge_spice.study.verdict import summary as signed_off
    from hge_spice.study.verdict import verdict

    asked = [*(settings or []), *(['training.unreachable="try"'] if anyway else [])]
    raw = load_study(study, asked, smoke=smoke)
    planned = runner.plan_study(raw, subset)
    workers = jobs or os.cpu_count() or 1
    if dry_run:
        return _dry_run(raw, planned, workers, as_json=as_json)
    if resume and out is None:
        raise ValueError("--resume needs the --out DIR to go on in")
    directory = out or Path("runs") / f"{Path(study).stem}-{time.strftime('%Y%m%d-%H%M%S')}"
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
    from hge_spice.study.report import write_report

    report = write_report(directory)
    for remark in dict.fromkeys(r for result in summary["results"] for r in result.get("remarks", [])):
        print(f"hge-spice: {remark}", file=sys.stderr)
    parsed = parse_study(planned[0].trial.raw)
    meant = {result["id"] for result in summary["results"]}
    rows = [row for row in read_ledger(directory) if row["id"] in meant]
    found = analysis(rows, parsed.specs)
    judged = verdict(rows, parsed.specs)
    if judged is not None:
        found["signoff"] = signed_off(judged)
    if as_json:
        _print_json(summary | found)
    else:
        _print_results(summary, planned[0].trial.parameters)
        for each in found.get("yields", []):
            share = f"{100 * each['low']:.1f} … {100 * each['high']:.1f} %"
            print(f"{each['what']}: {each['passed']} of {each['total']} (95 %: {share})")
        if said := sentence(budget(rows)):
            print(said)
        for line in (*told(functional_yield(rows)), *(judged.says if judged is not None else ())):
            print(line)
        print(f"report: {report}")
    return DONE if all(passes(row, parsed.specs) for row in rows) else NOT_SOLVED


def _dry_run(raw: dict[str, Any], planned: list[Any], jobs: int, *, as_json: bool) -> int:
    """Say what would run, and how long it would take from a first trial, run into a directory that is thrown away."""
    import tempfile

    from hge_spice.ngspice.library import NgspiceNotFound
    from hge_spice.study.perform import perform

    if not as_json:
        for each in planned[:LISTED]:
            print(each.trial.id, *(f"{key}={value}" for key, value in each.trial.parameters.items()))
        if len(planned) > LISTED:
            print(f"… and {len(planned) - LISTED} more")
        print(f"{len(planned)} trials", flush=True)
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
        _print_json(told | {"estimate": None if why else estimate})
    elif why:
        print(f"no time estimate: the first trial gave no result: {why.partition(chr(10))[0]}")
    else:
        print(
            f"the first took {seconds:.2g} s on this machine: about {estimate['seconds']:.3g} s "
            f"with {jobs} job{'s'[: jobs != 1]}, if the others are like it"
        )
    return DONE


def _print_results(summary: dict[str, Any], parameters: Iterable[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    from hge_spice.study.units import render

    swept = [str(key) for key in parameters]
    of_data = any("test_patterns" in result for result in summary["results"])
    table = Table(box=None, pad_edge=False)
    for column in (
        *(key.rpartition(".")[2] for key in swept),
        "solved",
        "starts",
        "steps",
        *(("test", "95 %", "random", "logistic", "digital") if of_data else ("gap", "gap/span", "d'")),
        "device time",
        "energy",
        "seconds",
    ):
        table.add_column(column, justify="right", no_wrap=True)

    def short(value: float, dimension: str) -> str:
        return render(float(f"{value:.3g}"), dimension)

    for result in summary["results"][:LISTED]:
        values = [str(result[key]) for key in swept]
        if result["status"] != "done":
            table.add_row(*values, "failed", str(result["reason"]).splitlines()[0])
            continue
        sharp, gap = result["d_prime"], result["gap"]
        voltage = "voltage" if result["output_unit"] == "V" else "current"
        table.add_row(
            *values,
            "yes" if result["solved"] else "no",
            str(result["starts"]),
            str(result["steps"]),
            *(
                _of_data(result)
                if of_data
                else (
                    "–" if gap is None else short(gap, voltage),
                    "–" if gap is None else f"{result['gap_over_span']:.2f}",
                    "∞" if sharp is None else f"{sharp:.1f}",
                )
            ),
            short(result["simulated_seconds"], "time"),
            short(result["energy_joule"], "energy"),
            f"{result['seconds']:.1f}",
        )
    Console().print(table)
    if len(summary["results"]) > LISTED:
        print(f"… and {len(summary['results']) - LISTED} more, in {summary['out']}/results.csv")


def _of_data(result: dict[str, Any]) -> tuple[str, ...]:
    """Accuracy, or error of a regression, on the patterns kept apart: trained, its interval, and what stands beside."""

    def figure(key: str) -> str:
        value = result.get(key)
        return "–" if value is None else f"{value:.3f}"

    if "test_accuracy" not in result:
        error = "test_error"
        return figure(error), "–", *(figure(f"{name}_{error}") for name in ("random", "logistic", "digital"))
    beside = (figure(f"{name}_test_accuracy") for name in ("random", "logistic", "digital"))
    interval = f"{figure('test_accuracy_low')}…{figure('test_accuracy_high')}"
    return figure("test_accuracy"), interval, *beside


@app.command()
def gradient(study: StudyName, settings: Settings = None, as_json: AsJson = False) -> int:
    """Extract the gradient once, at the study's first control point, and compare it with the truth."""
    from hge_spice.study.bench import Bench
    from hge_spice.study.compare import compare
    from hge_spice.study.files import load_study
    from hge_spice.study.spec import parse_study

    with Bench.of(parse_study(load_study(study, settings or []))) as bench:
        found = compare(bench, bench.control())
    if as_json:
        _print_json(found)
        return DONE
    from hge_spice.study.units import render

    # nA of a current, mV of a voltage, per volt
    what, unit, factor = ("dI/dV", "nA/V", 1e9) if found["estimate_unit"] == "A/V" else ("dU/dV", "mV/V", 1e3)
    for pattern, inputs in enumerate(found["inputs"]):
        print(f"inputs {', '.join(render(v, 'voltage') for v in inputs)}")
        columns = (found[key][pattern] for key in ("estimate", "stderr", "stderr_stated_noise", "truth"))
        for name, estimate, stderr, noise, truth in zip(found["controls"], *columns, strict=True):
            print(
                f"  {what} {name:8} {estimate * factor:+12.5f} ± {stderr * factor:.2g} {unit}"
                f"   truth {truth * factor:+12.5f}   stated noise adds ± {noise * factor:.2g}"
            )
        if found["element_noise"]:
            own = found["element_noise"]
            adds = ", ".join(f"{value * factor:.2g}" for value in own["stderr"][pattern])
            shares = ((kind, sum(each[pattern]) / len(each[pattern])) for kind, each in own["share"].items())
            of_it = ", ".join(f"{share:.0%} {kind}" for kind, share in shares)
            print(f"  elements' own noise adds ± {adds} {unit}; its density at the tones is {of_it} noise")
    print(f"largest relative error {found['relative_error_max']:.3g}, cosine {found['cosine']:.6f}", end="; ")
    print(f"amplitude {render(found['amplitude'][0], 'voltage')}, {found['points']} points", end="; ")
    print("flags: " + (", ".join(found["flags"]) or "none"))
    lockin = found["lockin"]
    units = {"enbw": "frequency", "half_power": "frequency", "settling": "time", "dead_time": "time"}
    shown = {key: render(float(f"{lockin[key]:.4g}"), unit) for key, unit in units.items()}
    print(f"lock-in {lockin['filter']}: noise bandwidth {shown['enbw']}, −3 dB at {shown['half_power']}", end=", ")
    print(f"settles to 1 % in {shown['settling']}, dead time {shown['dead_time']}")
    for note in found["notes"]:
        print(f"note: {note}")
    return DONE


@app.command()
def allan(
    study: StudyName,
    settings: Settings = None,
    windows: Annotated[int, typer.Option(min=16, help="Extractions in the run, one after the other.")] = 1024,
    pattern: Annotated[int, typer.Option(min=0, help="Of the task's inputs, from 0.")] = 0,
    output: Annotated[Path | None, typer.Option(help="Draw it too: a .png, .svg or .pdf file.")] = None,
    as_json: AsJson = False,
) -> int:
    """Tell how long a window pays: Allan deviation of output and gradient over a long run."""
    from hge_spice.study.allan import advice, long_run
    from hge_spice.study.bench import Bench
    from hge_spice.study.files import load_study
    from hge_spice.study.spec import parse_study

    if output is not None and output.exists():
        raise ValueError(f"{output} exists; name another file")
    with Bench.of(parse_study(load_study(study, settings or []))) as bench:
        found = long_run(bench, windows, pattern)
    if output is not None:
        from hge_spice.plot.allan import allan as picture

        picture(found).savefig(output)
    if as_json:
        _print_json(found)
        return DONE
    from hge_spice.plot.style import si

    for name, unit in (("output", found["unit"]), ("gradient", f"{found['unit']}/V")):
        print(f"{name}: averaging time, Allan deviation, slope")
        columns = (found[name][key] for key in ("tau", "deviation", "slope"))
        for tau, deviation, slope in zip(*columns, strict=True):
            print(f"  {si(tau, 's'):>10}  {si(deviation, unit):>12}  {slope:+.2f}")
    print(advice(found))
    return DONE


@app.command()
def netlist(
    study: StudyName,
    settings: Settings = None,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
) -> int:
    """Print the deck of one extraction, or of the whole learning circuit, runnable by `ngspice -b` as it is."""
    from hge_spice.study.bench import Bench
    from hge_spice.study.circuit import study_deck
    from hge_spice.study.files import load_study
    from hge_spice.study.spec import parse_study

    with Bench.of(parse_study(load_study(study, settings or []))) as bench:
        text = study_deck(bench) if bench.study.training.where == "circuit" else bench.deck()
    return _print_or_write(text, output)


@app.command()
def subckt(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="An element: see `hge-spice list devices`.")],
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
) -> int:
    """Print an element as a .subckt that ngspice, LTspice or Xyce can include."""
    from hge_spice.devices.library import subcircuit

    return _print_or_write(subcircuit(_element(family)), output)


@app.command()
def plot(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="An element: see `hge-spice list devices`.")],
    output: Annotated[Path | None, typer.Option(help="A .png, .svg or .pdf file; FAMILY.png if not given.")] = None,
) -> int:
    """Draw an element's current and conductance against voltage, and the loop of one that remembers."""
    from hge_spice.plot.element import element_picture

    element, path = _element(family), output or Path(f"{family}.png")
    if path.exists():
        raise ValueError(f"{path} exists; name another file")
    element_picture(element).savefig(path)
    print(path)
    return DONE


def _element(family: str) -> "Element":
    from hge_spice.devices import ELEMENTS
    from hge_spice.study.files import suggestion

    if family not in ELEMENTS:
        raise ValueError(f"there is no element {family!r}{suggestion(family, ELEMENTS)}")
    return ELEMENTS[family]


def _print_or_write(text: str, output: Path | None) -> int:
    from hge_spice.study.setup_file import write_new

    if output is None:
        print(text, end="")
    else:
        write_new(output, text)
    return DONE


@app.command()
def tones(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help="A study, or give --controls and --window.")
    ] = None,
    settings: Settings = None,
    controls: Annotated[int | None, typer.Option(min=1, max=128, help="Number of tones.")] = None,
    window: Annotated[str | None, typer.Option(help='Window, such as "25 ms".')] = None,
    max_frequency: Annotated[str | None, typer.Option(help='Upper end of the band, such as "1 kHz".')] = None,
    min_frequency: Annotated[str | None, typer.Option(help="Lower end: the corner of 1/f noise.")] = None,
    points: Annotated[int | None, typer.Option(min=3, help="Points in the window; fewest by default.")] = None,
    narrowest: Annotated[
        bool, typer.Option("--narrowest", help="The lowest highest tone, instead of the fewest points.")
    ] = False,
    phases: Annotated[str, typer.Option(help="random, or low_crest: the sum of all tones peaks little.")] = "random",
    seed: Annotated[int, typer.Option(min=0, help="Of the phases.")] = 0,
    amplitude: Annotated[str, typer.Option(help="Of every tone in an exported drive, V peak.")] = "1 mV",
    export: Annotated[
        Path | None,
        typer.Option(metavar="DRIVE.csv", help="Write one window of the drive, and its lock-in settings as .toml."),
    ] = None,
    sample_rate: Annotated[str | None, typer.Option(help='Points a second of the drive, such as "100 kHz".')] = None,
    as_json: AsJson = False,
) -> int:
    """Plan tones whose 2nd- and 3rd-order products, aliases counted, miss every tone."""
    from hge_spice.study import tones as command
    from hge_spice.study.files import load_study
    from hge_spice.study.spec import parse_study
    from hge_spice.study.units import quantity

    if (study is None) == (controls is None or window is None):
        raise ValueError("give a STUDY, or --controls and --window")
    if sample_rate is not None and export is None:
        raise ValueError("--sample-rate is for a drive; give --export DRIVE.csv too")
    rate = None if sample_rate is None else quantity(sample_rate, "frequency")
    written = None
    if study is not None:
        if (controls, window, max_frequency, min_frequency, points) != (None,) * 5 or narrowest:
            raise ValueError("a STUDY has its own window, points and limits; change them with --set perturbation.KEY=")
        parsed = parse_study(load_study(study, settings or []))
        chosen = command.of_study(parsed)
        if export is not None:
            written = command.export_of_study(parsed, export, rate)
    else:
        chosen = command.planned(
            controls or 0,
            quantity(window, "time"),
            points=points,
            max_frequency=None if max_frequency is None else quantity(max_frequency, "frequency"),
            min_frequency=None if min_frequency is None else quantity(min_frequency, "frequency"),
            narrowest=narrowest,
            phases=phases,
            seed=seed,
        )
        if export is not None:
            written = command.export(chosen.setup(quantity(amplitude, "voltage")), export, rate)
    if as_json:
        _print_json(command.described(chosen))
    else:
        print(command.told(chosen))
    if written is not None:
        print(f"hge-spice: drive in {export}, lock-in settings in {written}", file=sys.stderr)
    return DONE


@app.command()
def demodulate(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="CSV, or a raw file of ngspice.")],
    tones: Annotated[
        Path, typer.Option("--tones", metavar="FILE", help="The settings that `tones --export` left beside the drive.")
    ],
    column: Annotated[str | None, typer.Option(help="The output's column, where there are several.")] = None,
    plot: Annotated[int | None, typer.Option(min=1, help="Of a raw file with several plots.")] = None,
    trend: Annotated[
        bool,
        typer.Option("--trend", help="Fit a straight line beside the tones of every window: for outputs that drift."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Demodulate a recorded trace: derivatives with error bars, clock error and missing samples dealt with."""
    from hge_spice.study.demodulate import demodulate_file, told

    found = demodulate_file(trace, tones, column, plot, trend=trend)
    if as_json:
        _print_json(found)
    else:
        print(told(found))
    return DONE


@app.command()
def report(directory: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of a run.")]) -> int:
    """Make DIR/report.html again from what is on disk."""
    from hge_spice.study.report import write_report

    print(f"report: {write_report(directory)}")
    return DONE


@app.command(name="list")
def list_(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="devices, tasks, losses, …")] = None,
    as_json: AsJson = False,
) -> int:
    """List what can be named in a study."""
    from hge_spice.study.catalogue import catalogue

    known = catalogue()
    if kind is not None and kind not in known:
        raise ValueError(f"nothing is listed as {kind!r}; there are {', '.join(known)}")
    shown = known if kind is None else {kind: known[kind]}
    if as_json:
        _print_json(shown)
        return DONE
    for title, entries in shown.items():
        print(title)
        for name, summary in entries.items():
            print(f"  {name:16} {summary}")
        if title == "devices":
            print("  `hge-spice plot NAME` draws an element, `hge-spice subckt NAME` prints it for other tools")
    return DONE


@app.command()
def doctor(as_json: AsJson = False) -> int:
    """Say what is installed, what works, and what to do about the rest."""
    from hge_spice.doctor import examine, render

    found = examine()
    if as_json:
        _print_json(found)
    else:
        print(render(found))
    return DONE if found["usable"] else NO_NGSPICE


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="overhead, …; all by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="A new directory for bench.json and pictures.")] = None,
    as_json: AsJson = False,
) -> int:
    """Run benchmarks: each a ratio of our time over a reference's, measured in one run."""
    from hge_spice.benchmarks import BENCHMARKS
    from hge_spice.benchmarks.report import new_directory, write_benchmarks

    unknown = [name for name in names or [] if name not in BENCHMARKS]
    if unknown:
        raise ValueError(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if out is not None:
        new_directory(out)
    results = {name: BENCHMARKS[name]() for name in names or BENCHMARKS}
    if out is not None:
        write_benchmarks(results, out)
    if as_json:
        _print_json(results)
        return DONE
    for name, result in results.items():
        print(f"{name}: ratio {result['ratio']:.3f} to {result['reference']}")
        for key, value in result.items():
            if key not in {"ratio", "reference"}:
                print(f"  {key}: {value}")
    return DONE
