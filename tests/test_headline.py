"""The report's first sentence: trials done, failed or left, solved or within the specs, and in the exact model."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from hge_spice.study.report.report import write_report
from hge_spice.study.run.ledger import Ledger

EXACT = {
    "outputs": [0.0, 7e-9, 1e-8, 1e-9],
    "gap": 6e-9,
    "gap_over_span": 0.6,
    "d_prime": 90.0,
    "cosine": 1.0,
    "ratio": 1.0,
}
NARROW = EXACT | {"outputs": [0.0, 5e-9, 1e-8, 4e-9], "gap": 1e-9, "gap_over_span": 0.1}
SOLVED: dict[str, Any] = {"solved": True, "gap": 6e-9, "gap_over_span": 0.6, "contrast": 1.0, "d_prime": 90.0}
HOLDS = SOLVED | {"holds_in_exact_model": True, "exact": EXACT}
FALLS = SOLVED | {"holds_in_exact_model": False, "exact": NARROW}
UNSOLVED = SOLVED | {"solved": False, "gap_over_span": 0.2}
FAILED, CREATED = "failed", "created"
SPECS = "[specs]\ngap_over_span = { min = 0.3 }\n"


def headline(directory: Path, trials: list[Any], study: str = "") -> tuple[str, dict[str, str]]:
    """The sentence up to its time, and the class of each of its marked parts."""
    (directory / "study.toml").write_text(f"title = 'told'\n{study}")
    with Ledger(directory) as ledger:
        for k, result in enumerate(trials):
            ledger.add(f"t{k}", k, {"training.seed": k}, 0)
            if result != CREATED:
                ledger.start(f"t{k}")
            if result == FAILED:
                ledger.fail(f"t{k}", "no convergence", 1.0, {})
            elif result != CREATED:
                ledger.finish(f"t{k}", result, 1.0, {})
    source = write_report(directory).read_text(encoding="utf-8")
    (found,) = re.findall(r'<p class="summary">(.*?)</p>', source, re.DOTALL)
    spans = re.findall(r'<span class="(\w+)">(.*?)</span>', found, re.DOTALL)
    marked = {" ".join(words.split()): mark for mark, words in spans}
    words = " ".join(unescape(re.sub(r"<[^>]+>", "", found)).split())
    return words.rpartition(" ·")[0], marked


@pytest.mark.parametrize(
    ("trials", "study", "sentence", "marks"),
    [
        ([SOLVED], "", "1 trial: 1 done, 0 failed · solved 1 of 1", {"solved 1 of 1": "good"}),
        ([UNSOLVED], "", "1 trial: 1 done, 0 failed · solved 0 of 1", {"solved 0 of 1": "bad"}),
        ([FAILED], "", "1 trial: 0 done, 1 failed · solved 0 of 1", {"solved 0 of 1": "bad"}),
        (
            [SOLVED, FAILED, CREATED, CREATED],
            "",
            "4 trials: 1 done, 1 failed, 2 not finished · solved 1 of 4",
            {"solved 1 of 4": "bad"},
        ),
        (
            [HOLDS],
            "",
            "1 trial: 1 done, 0 failed · solved 1 of 1, in the exact model 1 of 1",
            {"solved 1 of 1": "good", "in the exact model 1 of 1": "good"},
        ),
        (
            [FALLS],
            "",
            "1 trial: 1 done, 0 failed · solved 1 of 1, in the exact model 0 of 1",
            {"solved 1 of 1": "good", "in the exact model 0 of 1": "bad"},
        ),
        (  # of those that were held against it: neither what isn't solved nor what has no exact model counts
            [HOLDS, FALLS, UNSOLVED, SOLVED],
            "",
            "4 trials: 4 done, 0 failed · solved 3 of 4, in the exact model 1 of 2",
            {"solved 3 of 4": "bad", "in the exact model 1 of 2": "bad"},
        ),
        (
            [SOLVED, UNSOLVED],
            SPECS,
            "2 trials: 2 done, 0 failed · all specs met by 1 of 2",
            {"all specs met by 1 of 2": "bad"},
        ),
        (  # specs alone count where there are any: solved or not
            [SOLVED | {"solved": False}],
            SPECS,
            "1 trial: 1 done, 0 failed · all specs met by 1 of 1",
            {"all specs met by 1 of 1": "good"},
        ),
        (
            [HOLDS, FALLS],
            SPECS,
            "2 trials: 2 done, 0 failed · all specs met by 2 of 2, in the exact model 1 of 2",
            {"all specs met by 2 of 2": "good", "in the exact model 1 of 2": "bad"},
        ),
        ([], "", "0 trials: 0 done, 0 failed · solved 0 of 0", {"solved 0 of 0": "bad"}),
    ],
)
def test_the_first_sentence(
    tmp_path: Path, trials: list[Any], study: str, sentence: str, marks: dict[str, str]
) -> None:
    assert headline(tmp_path, trials, study) == (sentence, marks)
