"""`hge-spice tones`: plan tones, and write their drive for an instrument."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from hge_spice.cli.interface import DONE, AsJson, At, Settings, print_json, standing


def tones(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY]", help="A study, or give --controls and --window.")
    ] = None,
    settings: Settings = None,
    at: At = None,
    controls: Annotated[int | None, typer.Option(min=1, max=128, help="Number of tones.")] = None,
    window: Annotated[str | None, typer.Option(help='Window, such as "25 ms".')] = None,
    max_frequency: Annotated[str | None, typer.Option(help='Upper end of the band, such as "1 kHz".')] = None,
    min_frequency: Annotated[str | None, typer.Option(help="Lower end: the corner of 1/f noise.")] = None,
    mains: Annotated[
        str | None, typer.Option(help='Keep off all harmonics of this, such as "50 Hz"; a window holds whole periods.')
    ] = None,
    points: Annotated[int | None, typer.Option(min=3, help="Points in the window; fewest by default.")] = None,
    narrowest: Annotated[
        bool, typer.Option("--narrowest", help="The lowest highest tone, instead of the fewest points.")
    ] = False,
    phases: Annotated[str, typer.Option(help="random, or low_crest: the sum of all tones peaks little.")] = "random",
    seed: Annotated[int, typer.Option(min=0, help="Of the phases.")] = 0,
    amplitude: Annotated[str, typer.Option(help="Of every tone in an exported drive, V peak.")] = "1 mV",
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="DRIVE.csv", help="Write one window of each pattern's drive, and lock-in settings as .toml."
        ),
    ] = None,
    lab: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a file a generator channel, patterns, and settings of each lock-in."),
    ] = None,
    sample_rate: Annotated[str | None, typer.Option(help='Points a second of the drive, such as "100 kHz".')] = None,
    as_json: AsJson = False,
) -> int:
    """Plan tones whose 2nd- and 3rd-order products, aliases counted, miss every tone."""
    from hge_spice.lockin.filters import Filter
    from hge_spice.recorded import Setup
    from hge_spice.study.lab import tones as command
    from hge_spice.study.lab.instruments import write_lab
    from hge_spice.study.tables.spec import parse_study
    from hge_spice.study.text.files import load_study
    from hge_spice.study.text.units import quantity

    if (study is None) == (controls is None or window is None):
        raise ValueError("give a STUDY, or --controls and --window")
    if sample_rate is not None and export is None and lab is None:
        raise ValueError("--sample-rate is for a drive; give --export DRIVE.csv or --lab DIR too")
    if at is not None and study is None:
        raise ValueError("--at is for a STUDY: tones without one stand at no controls")
    rate = None if sample_rate is None else quantity(sample_rate, "frequency")
    setups: list[Setup] = []
    chosen_filter: Filter | None = None
    if study is not None:
        if (controls, window, max_frequency, min_frequency, mains, points) != (None,) * 6 or narrowest:
            raise ValueError("a STUDY has its own window, points and limits; change them with --set perturbation.KEY=")
        parsed = parse_study(load_study(study, standing(settings, at)))
        chosen = command.of_study(parsed)
        if export is not None or lab is not None:
            setups, chosen_filter = command.settled(parsed)
    else:
        chosen = command.planned(
            controls or 0,
            quantity(window, "time"),
            points=points,
            max_frequency=None if max_frequency is None else quantity(max_frequency, "frequency"),
            min_frequency=None if min_frequency is None else quantity(min_frequency, "frequency"),
            narrowest=narrowest,
            mains=None if mains is None else quantity(mains, "frequency"),
            phases=phases,
            seed=seed,
        )
        setups = [chosen.setup(quantity(amplitude, "voltage"))]
    if as_json:
        print_json(command.described(chosen))
    else:
        print(command.told(chosen))
    if export is not None:
        first, *others = command.export(setups, export, rate)
        likewise = f"; of the other patterns likewise in {', '.join(path.stem for path in others)}" if others else ""
        print(f"hge-spice: drive in {export}, lock-in settings in {first}{likewise}", file=sys.stderr)
    if lab is not None:
        files = write_lab(setups, chosen_filter, lab, rate)
        print(f"hge-spice: in {lab}: {', '.join(files)}", file=sys.stderr)
    return DONE
