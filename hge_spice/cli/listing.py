"""`hge-spice list`: what can be named in a study, and what flags mean."""

import shutil
import textwrap
from typing import Annotated

import typer

from hge_spice.cli.interface import DONE, AsJson, print_json


def list_(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="devices, tasks, losses, …")] = None,
    as_json: AsJson = False,
) -> int:
    """List what can be named in a study, and what flags mean."""
    from hge_spice.study.catalogue import catalogue

    known = catalogue()
    if kind is not None and kind not in known:
        raise ValueError(f"nothing is listed as {kind!r}; there are {', '.join(known)}")
    shown = known if kind is None else {kind: known[kind]}
    if as_json:
        print_json(shown)
        return DONE
    width = shutil.get_terminal_size((120, 0)).columns
    for title, entries in shown.items():
        print(title)
        for name, summary in entries.items():
            print(textwrap.fill(summary, width, initial_indent=f"  {name:16} ", subsequent_indent=" " * 19))
        if title == "devices":
            print("  `hge-spice plot NAME` draws an element, `hge-spice subckt NAME` prints it for other tools")
    return DONE
