"""Whether solutions hold in the exact model, in words: what is solved in the mean field alone isn't solved."""

from collections.abc import Iterable, Mapping
from typing import Any

from hge_spice.margin import CONTRAST, GAP_OVER_SPAN
from hge_spice.study.judge.unsolved import NEXT

REMEDIES = {
    "gap/span": "a larger training.gap_over_span, to train for more margin",
    "contrast": NEXT["contrast"],
    "d′": NEXT["span"],
}


def held(results: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """How many solutions hold in the exact model, of how many that were solved in it too."""
    found = [bool(result["holds_in_exact_model"]) for result in results if "holds_in_exact_model" in result]
    return sum(found), len(found)


def missed(result: Mapping[str, Any]) -> tuple[str, float] | None:
    """Which condition of `solved` a solution misses in the exact model, a key of REMEDIES, and what it has of it.

    Nothing where it holds, or wasn't held against it.
    """
    if result.get("holds_in_exact_model", True):
        return None
    exact = result["exact"]
    if exact["gap_over_span"] < GAP_OVER_SPAN:
        return "gap/span", exact["gap_over_span"]
    outputs = exact["outputs"]
    largest = max(map(abs, outputs))
    contrast = (max(outputs) - min(outputs)) / largest if largest > 0 else 0.0
    return ("contrast", contrast) if contrast < CONTRAST else ("d′", exact["d_prime"])


def exactly(result: Mapping[str, Any], what: str = "") -> str:
    """For a table's cell: "yes (0.62)", with the gap over span of the exact model; a dash where it wasn't solved.

    What holds not for another condition than the gap names it: "no (contrast 0.048)".

    what : written before the number
    """
    if "holds_in_exact_model" not in result:
        return "–"
    found = missed(result)
    if found is not None and found[0] != "gap/span":
        return f"no ({found[0]} {found[1]:.2g})"
    return f"{'yes' if found is None else 'no'} ({what}{result['exact']['gap_over_span']:.2f})"


def remedies(results: Iterable[Mapping[str, Any]]) -> str:
    """What to try, for each condition that some of the results miss in the exact model; empty where all hold."""
    words = dict.fromkeys(found[0] for result in results if (found := missed(result)) is not None)
    return "; ".join(REMEDIES[word] for word in words)


def told(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line where any solution was held against the exact model."""
    asked = [result for result in results if "holds_in_exact_model" in result]
    good, total = held(asked)
    if not total:
        return []
    verdict = exactly(asked[0], "gap/span ") if total == 1 else f"{good} of {total}"
    line = f"holds in the exact model, without mean field: {verdict}"
    return [line + (f". Try: {remedies(asked)}" if good < total else "")]
