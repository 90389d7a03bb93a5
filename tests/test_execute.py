"""Whatever happens to processes and disks, the table at the end is that of an undisturbed run."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import closed_form_work as work
import pytest

from hge_spice.benchmarks.closed_form import closed_form
from hge_spice.study.run.ledger import read_ledger
from hge_spice.study.run.plan import plan_study
from hge_spice.study.run.runner import run_study
from hge_spice.study.text.files import load_study

COUNT = 40


def study(count: int = COUNT):
    return load_study("xor", ["training.steps=1", f"sweep.training.seed={{ linspace = [0, {count - 1}, {count}] }}"])


def table(directory: Path):
    """Everything in the ledger that isn't a time."""
    rows = read_ledger(directory)
    for row in rows:
        row["result"] = {k: v for k, v in row["result"].items() if "seconds" not in k}
        row |= {"seconds": 0, "started": 0}
    return rows


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    run_study(study(), out, work=closed_form)
    return table(out)


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HGE_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    return tmp_path / "trace"


def test_results_are_the_same_in_one_process_and_in_several(tmp_path, undisturbed, trace):
    run_study(study(), tmp_path / "out", jobs=3, work=work.traced)
    assert table(tmp_path / "out") == undisturbed
    assert len(trace.read_text().split()) == COUNT


def test_a_process_that_dies_takes_no_trial_with_it(tmp_path, undisturbed, trace):
    run_study(study(), tmp_path / "out", jobs=2, work=work.dies_once)
    assert table(tmp_path / "out") == undisturbed
    ran = trace.read_text().split()
    assert len(set(ran)) == COUNT
    assert len(ran) >= COUNT + 4  # the four that died ran again


def test_a_trial_that_always_takes_its_process_with_it_is_a_failed_row(tmp_path, undisturbed):
    run_study(study(12), tmp_path / "out", jobs=2, work=work.always_dies)
    rows = table(tmp_path / "out")
    assert [row["status"] for row in rows] == ["failed" if k == 3 else "done" for k in range(12)]
    assert rows[3]["reason"] == "the trial's process ended with signal SIGKILL, 3 times"
    assert [row["result"] for k, row in enumerate(rows) if k != 3] == [
        row["result"] for k, row in enumerate(undisturbed[:12]) if k != 3
    ]


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_disk_without_room_stops_the_run_and_not_what_is_finished(tmp_path, undisturbed, jobs):
    with pytest.raises(OSError, match="No space left"):
        run_study(study(), tmp_path / "out", jobs=jobs, work=work.no_room)
    assert any(row["status"] == "done" for row in read_ledger(tmp_path / "out"))
    run_study(study(), tmp_path / "out", jobs=jobs, resume=True, work=closed_form)
    assert table(tmp_path / "out") == undisturbed


def test_a_subset_runs_alone_and_the_rest_later(tmp_path, undisturbed, trace):
    planned = plan_study(study(), "training.seed % 4 == 1")
    summary = run_study(study(), tmp_path / "out", planned=planned, work=work.traced)
    assert summary["trials"] == {"total": 10, "done": 10, "failed": 0}
    run_study(study(), tmp_path / "out", resume=True, work=work.traced)
    assert table(tmp_path / "out") == undisturbed
    assert len(trace.read_text().split()) == COUNT


def test_finished_trials_of_another_study_are_taken_over_with_their_files(tmp_path, undisturbed, trace):
    run_study(study(25), tmp_path / "old", work=work.traced)
    run_study(study(), tmp_path / "new", reuse=[tmp_path / "old"], work=work.traced)
    assert table(tmp_path / "new") == undisturbed
    assert len(trace.read_text().split()) == COUNT
    assert len(list((tmp_path / "new/trials").iterdir())) == COUNT


RUN = """
import sys
from pathlib import Path
sys.path[:0] = [{here!r}]
import closed_form_work as work
from test_execute import study
from hge_spice.study.run.runner import run_study
run_study(study(), Path(sys.argv[1]), jobs=int(sys.argv[2]), resume=True, work=work.slow)
"""


def killed_at_random(tmp_path: Path, trace: Path, kills: int, jobs: int) -> None:
    """Kill the runner `kills` times and let it end; no trial that the ledger had as done is run again."""
    chance = random.Random(0)  # noqa: S311 - moments, not secrets
    out = tmp_path / "out"
    code = RUN.format(here=str(Path(__file__).parent))
    for attempt in range(kills + 1):
        done = (
            {row["id"] for row in read_ledger(out) if row["status"] == "done"}
            if (out / "ledger.sqlite").exists()
            else set()
        )
        before = len(trace.read_text().split()) if trace.exists() else 0
        with subprocess.Popen([sys.executable, "-c", code, str(out), str(jobs)]) as process:
            if attempt < kills:
                while (len(trace.read_text().split()) if trace.exists() else 0) <= before and process.poll() is None:
                    time.sleep(0.01)
                time.sleep(chance.uniform(0, 0.3))
                process.send_signal(signal.SIGKILL)
        ran = trace.read_text().split()[before:]
        assert not done & set(ran), "a finished trial ran again"
        after = {row["id"] for row in read_ledger(out) if row["status"] == "done"}
        assert done <= after, "a finished trial was lost"
    assert process.returncode == 0


def test_a_runner_killed_and_resumed_ends_with_the_same_table(tmp_path, undisturbed, trace):
    killed_at_random(tmp_path, trace, 1, 2)
    assert table(tmp_path / "out") == undisturbed


@pytest.mark.long
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_runner_killed_twenty_times_ends_with_the_same_table(tmp_path, undisturbed, trace, jobs):
    killed_at_random(tmp_path, trace, 20, jobs)
    assert table(tmp_path / "out") == undisturbed


def test_workers_end_when_their_runner_is_killed(tmp_path, trace):
    code = RUN.format(here=str(Path(__file__).parent))
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "out"), "2"]) as process:
        while not trace.exists():
            time.sleep(0.01)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGKILL)
    assert len(children) >= 2
    deadline = time.monotonic() + 10
    while any(_runs(int(child)) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(int(child)) for child in children)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def test_a_small_disk_that_fills_and_is_emptied_ends_with_the_same_table(tmp_path, undisturbed, trace):
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(small)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        with pytest.raises(Exception, match=r"full|space"):
            run_study(study(), small / "out", work=work.traced)
        done = {row["id"] for row in read_ledger(small / "out") if row["status"] == "done"}
        ran = len(trace.read_text().split())
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)  # noqa: S607 - found on the path
        run_study(study(), small / "out", resume=True, work=work.traced)
        assert table(small / "out") == undisturbed
        assert not done & set(trace.read_text().split()[ran:])
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)  # noqa: S607 - found on the path
