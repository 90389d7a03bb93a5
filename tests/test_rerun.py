"""The command that runs one trial again: what it sets is what was swept, whatever kind of value that is."""

import shlex
from pathlib import Path

import pytest

from hge_spice.study.report.rerun import alone, settings_of
from hge_spice.study.text.files import apply_setting

SWEPT = [
    "2 mV",
    3,
    -0.5,
    1e-16,
    True,
    [0.1, "0.2 V"],
    {"bits": 8, "range": "10 nA"},
    [{"family": "dopant", "seed": 1}],
    "a 'quoted' \"text\" with µ, [brackets] and = signs",
    {"e 1": 0.1},
]


@pytest.mark.parametrize("value", SWEPT, ids=str)
def test_a_setting_is_read_back_as_it_was_swept(value: object) -> None:
    command = alone(Path("my runs/ü"), {"parameters": {"imperfections.adc": value, "training.seed": 1}})
    program, run, study, *settings = shlex.split(command)
    assert (program, run, study) == ("hge-spice", "run", "my runs/ü/study.toml")
    assert settings == settings_of({"parameters": {"imperfections.adc": value, "training.seed": 1}})
    assert settings[::2] == ["--set", "--set"]
    assert apply_setting({}, settings[1]) == {"imperfections": {"adc": value}}
