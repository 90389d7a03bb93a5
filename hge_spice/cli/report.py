"""`hge-spice report`: the report of a run, made again."""

from pathlib import Path
from typing import Annotated

import typer

from hge_spice.cli.interface import DONE


def report(directory: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of a run.")]) -> int:
    """Make DIR/report.html again from what is on disk."""
    from hge_spice.study.report.report import write_report

    print(f"report: {write_report(directory)}")
    return DONE
