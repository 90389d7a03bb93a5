"""Whether solutions hold in the exact model, in words: what is solved in the mean field alone isn't solved."""

from collections.abc import Iterable, Mapping
from typing import Any

from hge_spice.margin import GAP_OVER_SPAN

REMEDY = f"train for more margin than the {GAP_OVER_SPAN:g} asked for, such as --set training.gap_over_span=0.5"


def held(results: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """How many solutions hold in the exact model, of how many that were solved in it too."""
    found = [bool(result["holds_in_exact_model"]) for result in results if "holds_in_exact_model" in result]
    return sum(found), len(found)


def exactly(result: Mapping[str, Any], what: str = "") -> str:
    """For a table's cell: "yes (0.62)", with the gap over span of the exact model; a dash where it wasn't solved.

    what : written before the number
    """
    if "holds_in_exact_model" not in result:
        return "–"
    return f"{'yes' if result['holds_in_exact_model'] else 'no'} ({what}{result['exact']['gap_over_span']:.2f})"


def told(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line where any solution was held against the exact model."""
    asked = [result for result in results if "holds_in_exact_model" in result]
    good, total = held(asked)
    if not total:
        return []
    verdict = exactly(asked[0], "gap/span ") if total == 1 else f"{good} of {total}"
    return [f"holds in the exact model, without mean field: {verdict}" + (f"; {REMEDY}" if good < total else "")]
