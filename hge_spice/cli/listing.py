"""`hge-spice list`: what can be named in a study, and what flags mean."""

import shutil
import textwrap
from typing import Annotated

import typer

from hge_spice.cli.interface import DONE, AsJson, print_json


def list_(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="devices, tasks, losses, …; keys: those of a study file.")
    ] = None,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One of them; of keys a table, or TABLE.KEY.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List what can be named in a study, its keys, and what flags mean."""
    if kind == "keys":
        return _keys(name, as_json=as_json)
    from hge_spice.study.catalogue import catalogue
    from hge_spice.study.text.files import suggestion

    known = catalogue()
    if kind is not None and kind not in known:
        raise ValueError(f"nothing is listed as {kind!r}; there are {', '.join(known)}, keys")
    shown = known if kind is None else {kind: known[kind]}
    if kind is not None and name is not None:
        if name not in known[kind]:
            raise ValueError(f"no {name!r} is among the {kind}{suggestion(name, known[kind])}")
        shown = {kind: {name: known[kind][name]}}
    if as_json:
        print_json(shown)
        return DONE
    for title, entries in shown.items():
        print(title)
        for entry, summary in entries.items():
            _print_entry(entry, summary)
        if title == "devices" and name is None:
            print("  `hge-spice plot NAME` draws an element, `hge-spice subckt NAME` prints it for other tools")
    if kind is None:
        print("keys\n  `hge-spice list keys` has those of a study file, `hge-spice list keys TABLE` those of one table")
    return DONE


def _keys(name: str | None, *, as_json: bool) -> int:
    from dataclasses import asdict

    from hge_spice.study.keys import asked_for

    shown = asked_for(name)
    if as_json:
        print_json({"keys": {table: asdict(described)["keys"] for table, described in shown.items()}})
        return DONE
    for table, described in shown.items():
        print(f"{table}: {described.about}")
        for key, each in described.keys.items():
            _print_entry(key, f"{each.about} Takes: {each.takes}. Default: {each.default}.".lstrip())
    return DONE


def _print_entry(name: str, summary: str) -> None:
    width = shutil.get_terminal_size((120, 0)).columns
    print(textwrap.fill(summary, width, initial_indent=f"  {name:16} ", subsequent_indent=" " * 19))
