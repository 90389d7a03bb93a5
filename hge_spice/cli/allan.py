"""`hge-spice allan`: how long a window pays."""

from pathlib import Path
from typing import Annotated

import typer

from hge_spice.cli.interface import DONE, AsJson, At, Settings, StudyName, print_json, refuse_picture, standing


def allan(
    study: StudyName,
    settings: Settings = None,
    at: At = None,
    windows: Annotated[int, typer.Option(min=16, help="Extractions in the run, one after the other.")] = 1024,
    pattern: Annotated[int, typer.Option(min=0, help="Of the task's inputs, from 0.")] = 0,
    output: Annotated[Path | None, typer.Option(help="Draw it too: a .png, .svg or .pdf file.")] = None,
    as_json: AsJson = False,
) -> int:
    """Tell how long a window pays: Allan deviation of output and gradient over a long run."""
    from hge_spice.study.bench.bench import Bench
    from hge_spice.study.beside.allan import advice, long_run
    from hge_spice.study.tables.spec import parse_study
    from hge_spice.study.text.files import load_study

    if output is not None:
        refuse_picture(output)
    with Bench.of(parse_study(load_study(study, standing(settings, at)))) as bench:
        found = long_run(bench, windows, pattern)
    if output is not None:
        from hge_spice.plot.allan import allan as picture

        picture(found).savefig(output)
    if as_json:
        print_json(found)
        return DONE
    from hge_spice.plot.style import si

    for name, unit in (("output", found["unit"]), ("gradient", f"{found['unit']}/V")):
        print(f"{name}: averaging time, Allan deviation, slope")
        columns = (found[name][key] for key in ("tau", "deviation", "slope"))
        for tau, deviation, slope in zip(*columns, strict=True):
            print(f"  {si(tau, 's'):>10}  {si(deviation, unit):>12}  {slope:+.2f}")
    print(advice(found))
    return DONE
