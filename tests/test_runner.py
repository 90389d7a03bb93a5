import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from test_ledger import HOLD

from hge_spice.drive import SimulationError
from hge_spice.study.run import perform
from hge_spice.study.run.ledger import DirectoryInUse, read_ledger
from hge_spice.study.run.runner import Watch, run_study
from hge_spice.study.tables.spec import StudyError
from hge_spice.study.text.files import load_study

TINY = ["training.steps=1", "training.starts=1", "perturbation.amplitude=2 mV"]
TWO = [*TINY, 'sweep={"task.name"=["and", "xor"]}']


def test_results_do_not_depend_on_the_number_of_jobs(tmp_path: Path) -> None:
    one = run_study(load_study("xor", TWO), tmp_path / "one", jobs=1)
    two = run_study(load_study("xor", TWO), tmp_path / "two", jobs=2)
    assert one["trials"] == two["trials"] == {"total": 2, "done": 2, "failed": 0}
    for a, b in zip(one["results"], two["results"], strict=True):
        assert {k: v for k, v in a.items() if k != "seconds"} == {k: v for k, v in b.items() if k != "seconds"}
    assert [r["task.name"] for r in one["results"]] == ["and", "xor"]
    table = pd.read_csv(tmp_path / "one/results.csv")
    assert table["gap"].tolist() == pytest.approx([r["gap"] for r in one["results"]])
    assert len(pd.read_parquet(tmp_path / "one/results.parquet")) == 2


def test_a_failed_trial_is_a_row_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = perform.run_trial

    def sometimes(study, directory, *more):  # type: ignore[no-untyped-def]
        if study.task.name == "and":
            raise SimulationError("ngspice stopped at 3 ms\nits log")
        return genuine(study, directory, *more)

    monkeypatch.setattr(perform, "run_trial", sometimes)
    summary = run_study(load_study("xor", TWO), tmp_path / "out")
    assert summary["trials"] == {"total": 2, "done": 1, "failed": 1}
    assert summary["results"][0]["reason"].startswith("ngspice stopped at 3 ms")

    # resumed: the finished one is kept, the failed one is run again
    ran: list[int] = []
    monkeypatch.setattr(perform, "run_trial", genuine)
    again = run_study(load_study("xor", TWO), tmp_path / "out", resume=True, watch=Watch(started=ran.append))
    assert ran == [0]
    assert again["trials"]["done"] == 2
    assert again["results"][1] == summary["results"][1]


def test_an_interrupt_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = perform.run_trial

    def stop_at_second(study, directory, *more):  # type: ignore[no-untyped-def]
        if study.task.name == "xor":
            raise KeyboardInterrupt
        return genuine(study, directory, *more)

    monkeypatch.setattr(perform, "run_trial", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        run_study(load_study("xor", TWO), tmp_path / "out")
    assert [row["status"] for row in read_ledger(tmp_path / "out")] == ["done", "running"]
    assert pd.read_csv(tmp_path / "out/results.csv")["status"].tolist() == ["done", "running"]


def test_a_directory_is_never_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StudyError, match="is not empty"):
        run_study(load_study("xor", TINY), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(StudyError, match="is a file"):
        run_study(load_study("xor", TINY), tmp_path / "thesis.txt")
    run_study(load_study("xor", TINY), tmp_path / "out")
    with pytest.raises(StudyError, match="another study"):
        run_study(load_study("or", TINY), tmp_path / "out", resume=True)


def test_a_second_run_is_refused_with_the_firsts_process_before_it_touches_anything(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "out")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        for resume in (False, True):
            with pytest.raises(DirectoryInUse, match=f"process {other.pid}"):
                run_study(load_study("xor", TINY), tmp_path / "out", resume=resume)
        assert not (tmp_path / "out/study.toml").exists()
        other.kill()


def test_all_trials_are_checked_before_the_first_runs(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="electrode"):
        run_study(load_study("xor", [*TINY, 'sweep={"electrodes.output"=["e0", "e99"]}']), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_resume_takes_nothing_over_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "trials/mine.part1").mkdir(parents=True)
    (tmp_path / "trials/mine.part1/thesis.txt").write_text("mine")
    (tmp_path / "results.csv").write_text("mine")
    with pytest.raises(StudyError, match="holds no run to go on in"):
        run_study(load_study("xor", TINY), tmp_path, resume=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine.part1", "results.csv", "thesis.txt", "trials"]
    assert (tmp_path / "results.csv").read_text() == "mine"


def test_a_run_that_is_not_there_is_not_reused_and_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"typo holds no ledger\.sqlite"):
        run_study(load_study("xor", TINY), tmp_path / "out", reuse=[tmp_path / "typo"])
    assert not (tmp_path / "out").exists()


def test_a_defect_of_ours_is_a_row_with_its_traceback_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = perform.run_trial

    def broken(study, directory, *more):  # type: ignore[no-untyped-def]
        return genuine(study, directory, *more) if study.task.name == "xor" else {}["gap"]

    monkeypatch.setattr(perform, "run_trial", broken)
    summary = run_study(load_study("xor", TWO), tmp_path / "out")
    assert summary["trials"] == {"total": 2, "done": 1, "failed": 1}
    row = read_ledger(tmp_path / "out")[0]
    assert row["reason"] == "a defect of hge-spice: KeyError: 'gap'"
    assert "in broken" in row["log"]
