from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hge_spice.study.sweep.subset import subset
from hge_spice.study.tables.spec import StudyError

KEYS = ("training.seed", "perturbation.amplitude", "task.name")
TRIAL = {"training.seed": 3, "perturbation.amplitude": "5 mV", "task.name": "xor"}


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        ("training.seed == 3", True),
        ("training.seed < 3", False),
        ("1 < training.seed <= 3", True),
        ("perturbation.amplitude <= '0.005 V'", True),
        ("perturbation.amplitude > '5000 uV'", False),
        ("task.name in ['and', 'xor'] and not index == 0", True),
        ("task.name not in ('and', 'xor') or index % 2 == 1", True),
        ("index // 10 + -1 == 6", True),
        ("task.name == 'XOR'", False),
    ],
)
def test_a_condition_on_swept_keys(expression, meant):
    assert subset(expression, KEYS)(71, TRIAL) is meant


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("training.sede == 3", "'training.sede' is not swept; did you mean training.seed"),
        ("__import__('os').system('true')", "not understood"),
        ("[x for x in [1]]", "not understood"),
        ("index ** 10 ** 10", "not understood"),
        ("index ==", "invalid syntax"),
        ("(" * 1500, "subset"),
        ("1 +" * 1000 + "1", "more than 2000"),
        ("task.name < 3", "not supported"),
        ("index % 0", "modulo by zero"),
        ("'a' * 100000000", "is no number"),
    ],
)
def test_anything_else_is_refused_and_nothing_executed(expression, message):
    with pytest.raises(StudyError, match=message):
        subset(expression, KEYS)(0, TRIAL)


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["index", "(", ")", "<", "'1 V'", "and", "not", "7", "[", "]"]), max_size=12).map(
        " ".join
    )
)
def test_any_text_is_a_condition_or_a_study_error(expression):
    with suppress(StudyError):
        assert subset(expression, KEYS)(0, TRIAL) in {True, False}
