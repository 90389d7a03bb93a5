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
        bool | None,
        typer.Option(
            "--trend/--no-trend",
            help="Fit a straight line beside the tones of every window; by default where the output is seen to drift.",
        ),
    ] = None,
    sample_rate: Annotated[
        str | None, typer.Option(help='The recorder\'s, such as "20 kHz", for a trace without a column of time.')
    ] = None,
    gain: Annotated[
        str | None,
        typer.Option(
            help='Of the amplifier whose volts were recorded, such as "-100 Mohm"; negative where it inverts.'
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Demodulate a recorded trace: derivatives with error bars, clock error and missing samples dealt with."""
    from hge_spice.study.lab.demodulate import demodulate_file, told
    from hge_spice.study.text.units import quantity

    found = demodulate_file(
        trace,
        tones,
        column,
        plot,
        trend=trend,
        sample_rate=None if sample_rate is None else quantity(sample_rate, "frequency"),
        gain=None if gain is None else quantity(gain, "resistance"),
    )
    if as_json:
        print_json(found)
    else:
        print(told(found))
    return DONE
