"""Study files that nobody meant: each is trials, or one StudyError; no traceback, no wait, nothing read elsewhere."""

import datetime as dt
import math
import time
import tomllib
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_spec import WHOLE

from hge_spice.study.run.plan import plan_study
from hge_spice.study.tables.spec import METRICS, Study, StudyError, apply_setting, dump, load_study, parse_study
from hge_spice.study.text.files import SPREADS

LONGEST = 30.0  # s for one file on a busy machine; most take milliseconds

tables = st.sampled_from(list(Study.model_fields))
inner = st.sampled_from(
    [
        *("seed", "steps", "rate", "amplitude", "window", "points", "tones", "sites", "electrodes", "temperature"),
        *("family", "output", "inputs", "controls", "name", "levels", "noise", "psd", "keep", "workers", "kind"),
        *("subcircuit", "file", "zip", "samples", "sampling", "refine", "root", "lib", "package", "nodes"),
        *METRICS,
    ]
)
swept = st.sampled_from(
    ["training.seed", "training.steps", "device.temperature", "perturbation.amplitude", "task.name", "device.sites"]
)
PATHS = [
    "../../../etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "/dev/stdin",
    "..",
    "xor",
    "xor.toml",
    "",
    "\x00",
    "a" * 300,
]
QUANTITIES = ["2 mV", "-1 V", "77 K", "1e999 V", "inf", "nan", "1e-5 nA^2/Hz", "1 parsec", "auto", "screen"]
TEXTS = [
    "{{ 7*7 }}",
    "$(id)",
    "§",
    "é" * 40,
    "e0",
    "e99",
    "e" + "9" * 30,
    "__class__",
    "<script>",
    "'; drop table trials",
]
hostile = st.sampled_from(PATHS + QUANTITIES + TEXTS)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats() | st.sampled_from([0, 1, 2, 10, 10**6, 10**12, 2**63 - 1])
scalars = hostile | numbers | st.booleans()
flat = st.lists(scalars, max_size=4) | st.dictionaries(inner | st.text(max_size=8), scalars, max_size=3)
values = scalars | flat | st.lists(flat, max_size=3) | st.dictionaries(inner, flat, max_size=2)
keys = swept | st.builds("{}.{}".format, tables, inner) | tables | st.text(max_size=10)
spreads = st.one_of(
    st.lists(scalars, max_size=5),
    st.builds(lambda kind, given: {kind: given}, st.sampled_from(SPREADS), st.lists(scalars, max_size=4)),
    st.builds(
        lambda kind, a, b, count: {kind: [a, b, count]},
        st.sampled_from(["linspace", "logspace"]),
        numbers,
        numbers,
        st.sampled_from([2, 3, 10, 10**6, 10**12]),
    ),
    values,
)
sweeps = st.dictionaries(keys | st.sampled_from(["samples", "sampling", "seed", "zip", "refine"]), spreads, max_size=5)
studies = st.builds(
    lambda base, changes, sweep, specs: base | changes | ({"sweep": sweep} if sweep else {}) | specs,
    st.sampled_from([{"extends": "xor.toml"}, {}, {"extends": "gates"}]),
    st.dictionaries(tables | st.text(max_size=6), st.dictionaries(inner, values, max_size=3) | values, max_size=3),
    sweeps,
    st.sampled_from(
        [{}, {"extends": "../../../../etc/passwd"}, {"extends": "s.toml"}, {"specs": {"loss": {"max": 1}}}]
    ),
)


def is_trials_or_a_study_error(folder: Path, written: object) -> None:
    path = folder / "s.toml"
    try:
        path.write_text(written if isinstance(written, str) else tomli_w.dumps(written), encoding="utf-8")
    except (ValueError, TypeError, UnicodeError, AttributeError):
        return  # no TOML file could hold it
    before = set(folder.iterdir())
    began = time.monotonic()
    try:
        planned = plan_study(load_study(path))
    except StudyError as error:
        assert str(error).strip()  # noqa: PT017 - the only exception there may be
    else:
        assert planned
        assert len({each.trial.id for each in planned}) == len(planned)
    assert time.monotonic() - began < LONGEST
    assert set(folder.iterdir()) == before


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse sweeps of more than 500 trials, so that no example takes a minute."""
    monkeypatch.setattr("hge_spice.study.sweep.axes.MOST", 500)


NO_CLOCK = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@pytest.mark.usefixtures("few")
@settings(max_examples=300, **NO_CLOCK)
@given(written=studies)
def test_any_study_file_is_trials_or_a_study_error(written, tmp_path):
    is_trials_or_a_study_error(tmp_path, written)


@pytest.mark.usefixtures("few")
@settings(max_examples=100, **NO_CLOCK)
@given(written=st.text(alphabet=st.sampled_from('[]{}".=#\n\\ax1e-,é\x00'), max_size=200))
def test_any_text_is_trials_or_a_study_error(written, tmp_path):
    is_trials_or_a_study_error(tmp_path, written)


@pytest.mark.long
@pytest.mark.usefixtures("few")
@settings(max_examples=10_000, **NO_CLOCK)
@given(written=studies)
def test_ten_thousand_study_files(written, tmp_path):
    is_trials_or_a_study_error(tmp_path, written)


texts = st.text(st.characters(codec="utf-8"), max_size=8)


def toml_values(floats):
    scalars = (
        st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | floats
        | texts
        | st.sampled_from(["auto", "1 mV", "25 ms", "77 K", "1e400 V", "nan", "e0", "e3", "xor", "1 nA^2/Hz", "-1 Hz"])
        | st.dates()
        | st.times().map(lambda time: time.replace(fold=0))  # TOML has no fold
        | st.datetimes(timezones=st.none() | st.just(dt.UTC)).map(lambda time: time.replace(fold=0))
    )
    keys = texts | st.sampled_from(["psd", "at", "min", "max", "linspace", "logspace", "loss", "training.steps"])
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    )


garbage = toml_values(st.floats())
KEY_PATHS = [(table,) for table in WHOLE] + [
    (table, key) for table, keys in WHOLE.items() if isinstance(keys, dict) for key in [*keys, "zzz"]
]
KEY_PATHS += [("readout", "noise", "psd"), ("readout", "noise", "at"), ("specs", "loss", "max"), ("zzz",), ("", "")]


@settings(deadline=None, max_examples=500)
@given(path=st.sampled_from(KEY_PATHS), value=garbage)
def test_garbage_in_any_key_is_a_study_or_a_study_error(path, value):
    raw = deepcopy(WHOLE)
    table = raw
    for key in path[:-1]:
        table = table.setdefault(key, {})
    table[path[-1]] = value
    with suppress(StudyError):
        read = parse_study(raw)
        assert isinstance(read, Study)
        assert math.isfinite(read.perturbation.window)


@settings(deadline=None)
@given(raw=st.dictionaries(st.sampled_from([*WHOLE, "zzz"]), garbage))
def test_a_study_of_garbage_is_a_study_error(raw):
    with pytest.raises(StudyError):
        parse_study(raw)  # three tables filled rightly by chance are beyond chance


@settings(deadline=None)
@given(content=st.binary() | st.text().map(str.encode))
def test_a_file_of_garbage_is_a_study_error_or_toml(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "garbage.toml"
    path.write_bytes(content)
    with suppress(StudyError):
        assert isinstance(load_study(path, smoke=True), dict)


@settings(deadline=None)
@given(setting=st.text() | st.builds("{}={}".format, st.sampled_from(["a.b", "sweep", '"', "title"]), st.text()))
def test_any_setting_is_applied_or_a_study_error(setting):
    with suppress(StudyError):
        assert isinstance(apply_setting(WHOLE, setting), dict)


def test_what_is_written_reads_back():
    for raw in (WHOLE, load_study("gates"), load_study("xor", ["title=\"\\\\'µ"], smoke=True)):
        assert tomllib.loads(dump(raw)) == raw
        assert dump(raw) == dump(deepcopy(raw))


@settings(deadline=None)
@given(raw=st.dictionaries(texts, toml_values(st.floats(allow_nan=False)), max_size=4))  # nan equals nothing
def test_whatever_toml_holds_is_written_and_read_back(raw):
    assert tomllib.loads(dump(raw)) == raw
