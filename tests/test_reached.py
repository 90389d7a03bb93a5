"""Control settings of one's own choosing, and those that a run has trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hge_spice.cli.interface import standing
from hge_spice.study.bench.bench import Bench
from hge_spice.study.run.ledger import Ledger
from hge_spice.study.run.reached import reached
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study
from hge_spice.train import first_control

QUICK = ("device.engine=quasistatic", "perturbation.amplitude=2 mV")
CONTROL = [0.09922281113591776, 0.29755104318557657, -0.24665553010319655, -0.2421951099870007, 1 / 7]
RESULT: dict[str, Any] = {"controls": ["e1", "e4", "e5", "e6", "e7"], "control": CONTROL, "solved": True}


def finished(out: Path, *trials: str, parameters: dict[str, Any] | None = None, **more: Any) -> Path:
    with Ledger(out) as ledger:
        for position, trial in enumerate(trials):
            ledger.add(trial, position, parameters or {}, 0)
            ledger.start(trial)
            ledger.finish(trial, RESULT | more, 1.0, {})
            (out / "trials" / trial).mkdir(parents=True, exist_ok=True)
    return out


def test_a_runs_trained_controls_come_back_with_all_digits(tmp_path: Path) -> None:
    settings = reached(finished(tmp_path / "one", "aa")).settings
    with Bench.of(parse_study(load_study("xor", [*settings, *QUICK]))) as bench:
        assert bench.control().tolist() == CONTROL
        assert bench.drives()[0].control.tolist() == CONTROL
        # the starts after the first are what they would have been
        assert np.array_equal(bench.control(1), first_control(5, (-0.7, 0.7), 0, 1))


def test_of_several_trials_the_folder_of_one_tells_which(tmp_path: Path) -> None:
    out = finished(tmp_path / "two", "aa", "bb")
    with pytest.raises(ValueError, match=r"has 2 finished trials; name the folder of one, such as .*trials/aa"):
        reached(out)
    (setting,) = reached(out / "trials" / "bb").settings
    assert setting.startswith('training.first={ "e1" = 0.09922281113591776, ')
    with pytest.raises(ValueError, match="has no finished trial"):
        reached(out / "trials" / "cc")
    with pytest.raises(ValueError, match=r"no ledger\.sqlite"):
        reached(tmp_path)


@pytest.mark.parametrize(
    ("written", "volts"),
    [
        ('["0.1 V", 0, "-50 mV", 0, 0.2]', [0.1, 0, -0.05, 0, 0.2]),
        ('{ e7 = "0.2 V", e1 = 0.1, e4 = 0, e5 = "-50 mV", e6 = 0 }', [0.1, 0, -0.05, 0, 0.2]),
    ],
)
def test_voltages_of_ones_own_by_order_or_by_name(written: str, volts: list[float]) -> None:
    with Bench.of(parse_study(load_study("xor", [f"training.first={written}", *QUICK]))) as bench:
        assert bench.control().tolist() == pytest.approx(volts)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[0, 0, 0]", "3 voltages for 5 controls"),
        ("{ e1 = 0, e4 = 0, e5 = 0, e6 = 0 }", "e7 has no voltage"),
        ("{ e1 = 0, e4 = 0, e5 = 0, e6 = 0, e8 = 0 }", "'e8' is no control; known: e1"),
        ('[0, 0, 0, 0, "0.8 V"]', "e7 at 800 mV is outside of electrodes.control_range, -700 mV to 700 mV"),
        ('[0, 0, 0, 0, "1 A"]', "training.first"),
        ("[]", "should have 1 or more"),
        ("3", "3 should be 'screened', 'random', a list of voltages"),
    ],
)
def test_what_is_no_setting_is_refused(written: str, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        parse_study(load_study("xor", [f"training.first={written}"]))


def test_a_screened_study_has_no_controls_to_name() -> None:
    with pytest.raises(StudyError, match=r"training\.first: which electrodes are controls is screened for"):
        parse_study(load_study("yield", ["training.first=[0, 0, 0, 0, 0]", "sweep={}"]))


def test_of_a_screened_run_the_roles_come_with_the_controls(tmp_path: Path) -> None:
    chosen = {"output": "e3", "inputs": ["e0", "e2"], "controls": RESULT["controls"], "points": 100}
    settings = reached(finished(tmp_path / "out", "aa", screening=chosen)).settings
    study = parse_study(load_study("yield", [*settings, *QUICK, "sweep={}"]))
    assert (study.electrodes.roles, study.electrodes.output, study.electrodes.inputs) == (None, "e3", ("e0", "e2"))
    with Bench.of(study) as bench:
        assert bench.control().tolist() == CONTROL
        assert bench.dut.controls == tuple(RESULT["controls"])
        assert bench.screening is None


def test_what_the_run_had_swept_is_said_unless_it_is_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = finished(tmp_path / "out", "aa", parameters={"device.seed": 3, "task.name": "xor"})
    settings = standing(["task.name=xor"], out)
    assert settings == [*reached(out).settings, "task.name=xor"]
    assert capsys.readouterr().err == f"hge-spice: {out} was trained with device.seed=3; add --set device.seed=3\n"
    assert standing(["task.name=xor", "device.seed=3"], out)[1:] == ["task.name=xor", "device.seed=3"]
    assert capsys.readouterr().err == ""
