"""Study files that nobody meant: each is trials, or one StudyError; no traceback, no wait, nothing read elsewhere."""

import time
from pathlib import Path

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hge_spice.study.run.runner import plan_study
from hge_spice.study.tables.spec import METRICS, Study, StudyError
from hge_spice.study.text.files import SPREADS, load_study

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
