"""`hge-spice export`: a waveform for another program."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from hge_spice.cli.interface import DONE


def export(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="A raw file of ngspice, or CSV.")],
    output: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .vcd, .csv, .parquet or .raw.")],
    plot: Annotated[int | None, typer.Option(min=1, help="Of a raw file with several plots.")] = None,
) -> int:
    """Write a waveform as VCD (GTKWave), CSV (Kst, spreadsheets), Parquet (pandas) or .raw (ngspice, gaw)."""
    from hge_spice.study.lab.export import export_trace

    print(f"hge-spice: {export_trace(trace, output, plot)} points in {output}", file=sys.stderr)
    return DONE
