import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import closed_form_work as work
import pytest
from test_execute import COUNT, study, table

from hge_spice.benchmarks.closed_form import closed_form
from hge_spice.study.run.cluster import cluster, on_cluster
from hge_spice.study.run.perform import perform, versions
from hge_spice.study.run.plan import plan_study
from hge_spice.study.run.runner import Watch, run_study
from hge_spice.study.tables.spec import StudyError, parse_study
from hge_spice.study.text.files import load_study

# asyncio and tornado leave sockets to the collector when a loop ends
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


SMALL = ["training.steps=2", "perturbation.settle=0"]


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0", silence_logs=60
        ) as local,
        distributed.Client(local, set_as_default=False) as connected,
    ):
        yield connected


def test_trials_come_back_with_their_files(client, tmp_path, monkeypatch):
    monkeypatch.setenv("HGE_TRACE", str(tmp_path / "trace"))
    planned = plan_study(study())
    started: list[int] = []
    jobs = [(each.position, each.trial) for each in planned]
    found = dict(on_cluster(client, jobs, tmp_path, work.traced, started.extend))
    assert sorted(found) == sorted(started) == list(range(COUNT))
    for position, trial in jobs:
        here = closed_form(trial, tmp_path).result
        there = found[position].result
        assert here is not None
        assert there is not None
        assert {k: v for k, v in here.items() if "seconds" not in k} == {
            k: v for k, v in there.items() if "seconds" not in k
        }
        assert (tmp_path / "trials" / trial.id / "note.txt").read_text() == str(here["gap"])


def test_what_a_trial_raises_stops_the_run(client, tmp_path):
    jobs = [(each.position, each.trial) for each in plan_study(study(8))]
    with pytest.raises(OSError, match="No space left"):
        list(on_cluster(client, jobs, tmp_path, work.no_room, lambda _: None))


def test_workers_with_other_versions_are_refused(client):
    address = client.scheduler.address
    with pytest.raises(StudyError, match="numpy"), cluster(address, None, {**versions(), "numpy": "0.1"}):
        pass


def test_a_scheduler_that_does_not_answer_is_said(monkeypatch):
    monkeypatch.setattr("hge_spice.study.run.cluster.JOIN", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StudyError, match="no Dask scheduler answers"), cluster(address, None, {}):
            pass


def test_a_cluster_table_is_read_and_is_no_part_of_what_is_measured():
    plain = plan_study(load_study("xor"))[0].trial
    raw = load_study(
        "xor", ["cluster.kind=slurm", "cluster.workers=100", "cluster.walltime=12:00:00", "results.keep=none"]
    )
    assert plan_study(raw)[0].trial.id == plain.id
    assert parse_study(raw).cluster.workers == 100
    assert parse_study(raw).cluster.walltime == "12:00:00"
    with pytest.raises(StudyError, match="did you mean slurm"):
        parse_study(load_study("xor", ["cluster.kind=slrum"]))


@pytest.mark.long
def test_a_table_starts_a_cluster_of_its_own(tmp_path):
    raw = load_study(
        "xor", ["training.steps=1", "training.starts=1", "perturbation.amplitude=2 mV", "sweep.training.seed=[0, 1, 2]"]
    )
    run_study(raw, tmp_path / "here")
    there = raw | {"cluster": {"kind": "local", "workers": 2}}
    assert run_study(there, tmp_path / "there")["trials"]["done"] == 3
    assert table(tmp_path / "there") == table(tmp_path / "here")


@pytest.mark.long
def test_two_workers_of_which_one_is_killed_give_the_bits_of_one_process(tmp_path):
    raw = load_study(
        "xor",
        [*SMALL, "training.starts=1", "perturbation.amplitude=2 mV", "sweep.training.seed={ linspace = [0, 19, 20] }"],
    )
    run_study(raw, tmp_path / "here")
    with ExitStack() as stack:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"tcp://127.0.0.1:{free.getsockname()[1]}"

        def start(*words: str) -> subprocess.Popen[bytes]:
            process = stack.enter_context(subprocess.Popen([sys.executable, "-m", *words], stderr=subprocess.DEVNULL))
            stack.callback(process.kill)
            return process

        start(
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            address.rpartition(":")[2],
            "--no-dashboard",
        )
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
        workers = [start("distributed.cli.dask_worker", address, *options) for _ in range(2)]
        killed = []

        def kill_one(position: int, _outcome: object) -> None:
            if not killed and len(ended) >= 5:
                workers[0].send_signal(signal.SIGKILL)
                killed.append(time.monotonic())
            ended.append(position)

        ended: list[int] = []
        run_study(raw, tmp_path / "there", scheduler=address, watch=Watch(finished=kill_one), work=perform)
    assert killed
    assert sorted(ended) == list(range(20))
    assert table(tmp_path / "there") == table(tmp_path / "here")
    for folder in (tmp_path / "here/trials").iterdir():
        there = tmp_path / "there/trials" / folder.name
        assert {p.name for p in there.iterdir()} == {p.name for p in folder.iterdir()}
        assert (there / "waveform.raw").read_bytes() == (folder / "waveform.raw").read_bytes()
