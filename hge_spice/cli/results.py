"""The table that `hge-spice run` prints of its trials."""

import sys
from collections.abc import Iterable
from typing import Any

from hge_spice.cli.interface import LISTED


def print_results(summary: dict[str, Any], parameters: Iterable[str]) -> None:
    """Print a line per trial, up to LISTED of them, with the values of the swept keys: `parameters`, dotted."""
    from rich.console import Console
    from rich.table import Table

    from hge_spice.study.judge.holding import exactly
    from hge_spice.study.text.units import render

    swept = [str(key) for key in parameters]
    in_exact = any("holds_in_exact_model" in result for result in summary["results"])
    of_data = any("test_patterns" in result for result in summary["results"])
    table = Table(box=None, pad_edge=False)
    for column in (
        *(key.rpartition(".")[2] for key in swept),
        "solved",
        "starts",
        "steps",
        *(("test", "95 %", "random", "better by", "logistic", "digital") if of_data else ("gap", "gap/span", "d'")),
        *(("exact model",) if in_exact else ()),
        "device time",
        "energy",
        "seconds",
    ):
        table.add_column(column, justify="right", no_wrap=True)

    def short(value: float, dimension: str) -> str:
        return render(float(f"{value:.3g}"), dimension)

    for result in summary["results"][:LISTED]:
        values = [str(result[key]) for key in swept]
        if result["status"] != "done":
            table.add_row(*values, "failed", str(result["reason"]).partition("\n")[0])
            continue
        if result.get("stopped"):  # a point of a sign-off that missed a spec by the cheap checks, and isn't trained
            table.add_row(*values, f"stopped: {', '.join(result['stopped'])}")
            continue
        sharp, gap = result["d_prime"], result["gap"]
        voltage = "voltage" if result["output_unit"] == "V" else "current"
        table.add_row(
            *values,
            "yes" if result["solved"] else "no",
            str(result["starts"]),
            str(result["steps"]),
            *(
                _of_data(result)
                if of_data
                else (
                    "–" if gap is None else short(gap, voltage),
                    "–" if gap is None else f"{result['gap_over_span']:.2f}",
                    "∞" if sharp is None else f"{sharp:.1f}",
                )
            ),
            *((exactly(result),) if in_exact else ()),
            short(result["simulated_seconds"], "time"),
            short(result["energy_joule"], "energy"),
            f"{result['seconds']:.1f}",
        )
    # into a file or a pipe, columns are not cut to the 80 characters of an unknown terminal
    width = None if sys.stdout.isatty() else 200
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)  # a reason may hold @m.x1.m1[id]
    if len(summary["results"]) > LISTED:
        print(f"… and {len(summary['results']) - LISTED} more, in {summary['out']}/results.csv")


def _of_data(result: dict[str, Any]) -> tuple[str, ...]:
    """Accuracy, or error of a regression, on the patterns kept apart: trained, its interval, and what stands beside.

    "better by" is the interval of the difference to the random settings, on the same patterns.
    """

    def figure(key: str) -> str:
        value = result.get(key)
        return "–" if value is None else f"{value:.3f}"

    if "test_accuracy" not in result:
        error = "test_error"
        beside = [figure(f"{name}_{error}") for name in ("random", "logistic", "digital")]
        return figure(error), "–", beside[0], "–", *beside[1:]
    beside = [figure(f"{name}_test_accuracy") for name in ("random", "logistic", "digital")]

    def interval(key: str) -> str:
        return f"{figure(f'{key}_low')}…{figure(f'{key}_high')}"

    return figure("test_accuracy"), interval("test_accuracy"), beside[0], interval("better_than_random"), *beside[1:]
