"""`hge-spice netlist`: the deck of a study."""

from pathlib import Path
from typing import Annotated

import typer

from hge_spice.cli.interface import At, Settings, StudyName, print_or_write, standing


def netlist(
    study: StudyName,
    settings: Settings = None,
    at: At = None,
    dialect: Annotated[
        str, typer.Option("--format", help="ngspice; or xyce, spectre: one extraction of the first pattern.")
    ] = "ngspice",
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
) -> int:
    """Print the deck of one extraction, or of the whole learning circuit, runnable by `ngspice -b` as it is."""
    from hge_spice.dialects import DIALECTS
    from hge_spice.study.bench.bench import Bench
    from hge_spice.study.tables.spec import parse_study
    from hge_spice.study.text.files import load_study, suggestion
    from hge_spice.study.trial.circuit import study_deck

    if dialect != "ngspice" and dialect not in DIALECTS:
        raise ValueError(f"there is no format {dialect!r}{suggestion(dialect, ('ngspice', *DIALECTS))}")
    parsed = parse_study(load_study(study, standing(settings, at)))
    if dialect != "ngspice" and parsed.training.where == "circuit":
        raise ValueError(f"the learning circuit is a deck for ngspice alone; --format {dialect} has one extraction")
    with Bench.of(parsed) as bench:
        if dialect != "ngspice":
            text = DIALECTS[dialect](bench.network.graph, bench.drives()[0])
        else:
            text = study_deck(bench) if bench.study.training.where == "circuit" else bench.deck()
    return print_or_write(text, output)
