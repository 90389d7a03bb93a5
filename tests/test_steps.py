"""The stream of steps, and README's programs as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hge_spice as hs
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study
from hge_spice.train import cost_of

README = Path(__file__).parent.parent / "README.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), flags=re.DOTALL)


def test_the_stream_is_that_of_a_run_and_can_be_left() -> None:
    settings = ("training.steps=2", "training.starts=2", "perturbation.amplitude=2 mV", "training.seed=7")
    steps = list(hs.training("xnor", *settings))
    assert [step.number for step in steps] == [1, 2, 1, 2]
    for step in hs.training("xnor", *settings):  # leaving a stream ends its ngspice
        assert step.control.tolist() == steps[0].control.tolist()
        break


def test_what_is_no_training_is_refused() -> None:
    with pytest.raises(StudyError, match=r"gates sweeps task\.name; set them"):
        next(hs.training("gates"))
    with pytest.raises(StudyError, match="unknown key"):
        next(hs.training("xor", "training.stepz=2"))


def test_readme_has_a_training_in_ten_lines() -> None:
    assert any("hs.training(" in program and program.count("\n") <= 10 for program in PROGRAMS)


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_readmes_programs_run(program: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") >= 2
    if "hs.training(" in program:
        assert "True" in done.stdout


def test_energy_of_an_extraction_is_the_power_at_rest_and_the_tones_share_grows_as_their_square() -> None:
    """Held against the operating point of the equations in NumPy, which shares no solver with ngspice."""

    def first(amplitude: str) -> tuple[float, float, float]:
        settings = ("training.steps=1", "training.starts=1", f"perturbation.amplitude={amplitude}")
        (step,) = hs.training("xor", *settings)
        return step.cost.energy, cost_of(step.estimates).energy, cost_of(step.estimates).perturbation_energy

    with Bench.of(
        parse_study(load_study("xor", ["device.engine=quasistatic", "perturbation.amplitude=1 mV"]))
    ) as bench:
        at_rest = [bench.dut.operating_point(bench.control(), pattern).energy for pattern in bench.recipe.inputs]
    window = bench.recipe.measurement.plan.window
    whole, extracted, share = first("1 mV")
    assert extracted == pytest.approx(window * sum(at_rest), rel=1e-3)
    assert whole > extracted  # four read-outs more
    assert first("2 mV")[2] / share == pytest.approx(4, rel=0.02)
