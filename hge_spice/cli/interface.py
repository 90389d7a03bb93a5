"""What the commands share: exit statuses, arguments and options, and how results are printed."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

PICTURES = (".png", ".svg", ".pdf")
LISTED = 40  # trials that are printed one by one
DONE, NOT_SOLVED, BAD_INPUT, NO_NGSPICE, INTERRUPTED = 0, 1, 2, 3, 130

StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="A study file, or the name of one that ships: xor.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key; may be repeated.")
]
At = Annotated[
    Path | None,
    typer.Option(
        "--at", metavar="RUN", help="Stand at the controls that this run has trained, or a trial's folder in it."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else there.")]


def standing(settings: list[str] | None, at: Path | None) -> list[str]:
    """The settings, with the controls of a finished run as the first of them. Raises ValueError where it has none.

    What the run had swept is the caller's to set, and is said where it isn't: the controls belong to it.
    """
    from hge_spice.study.run.reached import reached

    own = settings or []
    if at is None:
        return own
    found = reached(at)
    left = [text for key, text in found.swept.items() if not any(key == each.partition("=")[0].strip() for each in own)]
    if left:
        remark(f"{at} was trained with {', '.join(left)}; add {shlex.join(w for t in left for w in ('--set', t))}")
    return [*found.settings, *own]


def print_json(value: dict[str, Any]) -> None:
    """Print a result for programs; null for an infinity or nan in it, which JSON has no word for."""
    from hge_spice.study.text.finite import strict

    print(json.dumps(strict(value), indent=2, allow_nan=False))


def remark(*texts: str) -> None:
    """Say on standard error, a line each, what a user should know before anything runs."""
    for text in texts:
        print(f"hge-spice: {text}", file=sys.stderr, flush=True)


def refuse_picture(path: Path) -> None:
    """Raise ValueError for a picture that couldn't be written, before anything is computed for it."""
    if path.suffix not in PICTURES:
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'}; a picture can be {', '.join(PICTURES)}")
    if path.exists():
        raise ValueError(f"{path} exists; name another file")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}; make it, or name a file elsewhere")


def print_or_write(text: str, output: Path | None) -> int:
    """Print a text, or write it into a file that isn't there yet; DONE. ValueError where the file exists."""
    from hge_spice.study.lab.setup_file import write_new

    if output is None:
        print(text, end="")
    else:
        write_new(output, text)
    return DONE
