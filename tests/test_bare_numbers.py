"""Numbers without a unit: said where SI units lead far from the usual, and nowhere else."""

import pytest

from hge_spice.study.tables.bare import USUAL, dimension_of, far_from_usual
from hge_spice.study.tables.spec import Study, parse_study
from hge_spice.study.text.files import load_study, shipped_studies
from hge_spice.study.text.units import DIMENSIONS, quantity


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            "perturbation.window=25",
            ['perturbation.window = 25 has no unit and is taken as 25 s: write "25 s" if that is meant, or "25 ms"'],
        ),
        (
            "training.rate='20'",
            ['training.rate = 20 has no unit and is taken as 20 V: write "20 V" if that is meant, or "20 mV"'],
        ),
        (
            "device.temperature=27",
            ['device.temperature = 27 has no unit and is taken as 27 K: write "27 K" if that is meant, or "27 C"'],
        ),
        (
            "sweep.perturbation.window={ logspace = [0.025, 50, 500] }",
            ['perturbation.window = 50 has no unit and is taken as 50 s: write "50 s" if that is meant, or "50 ms"'],
        ),
        ("task.levels=[['0', '0.5'], [0, 300]]", ["task.levels = 300 has no unit"]),
        ("perturbation.window='25 s'", []),
        ("perturbation.window=0.025", []),
        ("perturbation.settle=0", []),
        ("training.rate=0.3", []),
        ("task.levels=['0', '0.5']", []),
        ("device.temperature=300", []),
        ("perturbation.amplitude='auto'", []),
    ],
)
def test_a_bare_number_is_said_where_it_leads_far(setting: str, said: list[str]) -> None:
    found = list(far_from_usual(load_study("xor", [setting])))
    assert len(found) == len(said)
    assert all(mine.startswith(wanted) for mine, wanted in zip(found, said, strict=True))


def test_no_study_that_ships_has_one() -> None:
    assert not [said for name in shipped_studies() for said in far_from_usual(load_study(name))]


def test_every_key_is_one_of_a_study_and_every_unit_one_of_its_dimension() -> None:
    study: Study = parse_study(load_study("xor"))
    for key, (low, high, unit) in USUAL.items():
        found = study
        for name in key.split("."):
            found = getattr(found, name)
        assert low < high
        assert DIMENSIONS[dimension_of(key)].si
        assert quantity(f"1 {unit}", dimension_of(key)) != 1
