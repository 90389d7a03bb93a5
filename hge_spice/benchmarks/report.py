"""What benchmarks leave in a directory: everything measured as JSON, and a picture of what is one."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hge_spice.study.lab.setup_file import write_new

MEASURED = "bench.json"


def _cost(result: Mapping[str, Any]) -> Any:
    from hge_spice.plot.cost import cost_against_size  # noqa: PLC0415 - matplotlib takes longer to import than some run

    return cost_against_size(result["cost"])


PICTURES: dict[str, Callable[[Mapping[str, Any]], Any]] = {"quasistatic": _cost}  # matplotlib's figures by benchmark


def new_directory(out: Path) -> None:
    """Make the directory. Raises ValueError where something is in it, OSError where it can't be made."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"--out {out} is a file or not empty; name a new directory")
    out.mkdir(parents=True, exist_ok=True)


def write_benchmarks(results: Mapping[str, Mapping[str, Any]], out: Path) -> None:
    """Write bench.json, and NAME.png of each benchmark that has a picture, into an empty directory."""
    write_new(out / MEASURED, json.dumps(results, indent=2, allow_nan=False) + "\n")
    for name, draw in PICTURES.items():
        if name in results:
            draw(results[name]).savefig(out / f"{name}.png", dpi=120)
