"""`hge-spice report`: the report of a run, made again."""

from pathlib import Path
from typing import Annotated

import typer

from hge_spice.cli.interface import DONE


def report(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The --out of a run.")],
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Save every picture there too, a file each.")
    ] = None,
    ending: Annotated[str, typer.Option("--format", help="Of the pictures: png, svg or pdf.")] = "png",
) -> int:
    """Make DIR/report.html again from what is on disk, and its pictures as files."""
    from hge_spice.study.report.report import write_report

    print(f"report: {write_report(directory, pictures, ending)}")
    if pictures is not None:
        print(*sorted(pictures.iterdir()), sep="\n")
    return DONE
