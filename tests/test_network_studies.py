"""The shipped studies of networks other than one dopant network: at the tests' size, and solved at their own."""

from pathlib import Path

import pytest

from hge_spice.study.run.runner import run_study
from hge_spice.study.text.files import load_study

SOLVED = ("xor_diode", "xor_tunnel", "xor_mosfet", "xor_series", "and_sinh", "or_sinh")


@pytest.mark.parametrize("name", [*SOLVED, "xor_sinh"])
def test_it_runs_at_the_tests_size(name: str, tmp_path: Path) -> None:
    (result,) = run_study(load_study(name, smoke=True), tmp_path)["results"]
    assert result["status"] == "done", result["reason"]
    assert result["relative_error_max"] < 2e-2
    assert "wrong_sign" not in result["flags"]
    if name == "xor_sinh":  # tried all the same: monotone stays monotone
        assert result["gap"] < 0


@pytest.mark.long
@pytest.mark.parametrize("name", SOLVED)
def test_it_is_solved(name: str, tmp_path: Path) -> None:
    (result,) = run_study(load_study(name), tmp_path)["results"]
    assert result["solved"], result
