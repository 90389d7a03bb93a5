"""`hge-spice demodulate`: derivatives of a recorded trace."""

from pathlib import Path
from typing import Annotated

import typer

from hge_spice.cli.interface import DONE, AsJson, print_json


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
    from hge_spice.study.lab.demodulate import demodulate_file, told

    found = demodulate_file(trace, tones, column, plot, trend=trend)
    if as_json:
        print_json(found)
    else:
        print(told(found))
    return DONE
