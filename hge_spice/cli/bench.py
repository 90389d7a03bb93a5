"""`hge-spice bench`: benchmarks, each a ratio."""

from pathlib import Path
from typing import Annotated

import typer

from hge_spice.cli.interface import DONE, AsJson, print_json


def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="overhead, …; all by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="A new directory for bench.json and pictures.")] = None,
    as_json: AsJson = False,
) -> int:
    """Run benchmarks: each a ratio of our time over a reference's, measured in one run."""
    from hge_spice.benchmarks import BENCHMARKS
    from hge_spice.benchmarks.report import new_directory, write_benchmarks

    unknown = [name for name in names or [] if name not in BENCHMARKS]
    if unknown:
        raise ValueError(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if out is not None:
        new_directory(out)
    results = {name: BENCHMARKS[name]() for name in names or BENCHMARKS}
    if out is not None:
        write_benchmarks(results, out)
    if as_json:
        print_json(results)
        return DONE
    for name, result in results.items():
        print(f"{name}: ratio {result['ratio']:.3f} to {result['reference']}")
        for key, value in result.items():
            if key not in {"ratio", "reference"}:
                print(f"  {key}: {value}")
    return DONE
