"""`hge-spice netlist`: the deck of a study."""

from pathlib import Path
from typing import Annotated

import typer

from hge_spice.cli.interface import Settings, StudyName, print_or_write


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
    return print_or_write(text, output)
