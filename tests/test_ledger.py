import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from hge_spice.study.ledger import DirectoryInUse, Ledger, read_ledger


def test_a_trial_from_creation_to_result(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add("b", 1, {"task.name": "or"}, 3)
        ledger.add("a", 0, {"task.name": "and"}, 3)
        ledger.start("a")
        ledger.finish("a", {"gap": 1e-9, "outputs": [1.0]}, 2.5, {"numpy": "2"})
        ledger.fail("b", "no convergence", 0.5, {})
        assert ledger.done() == {"a"}
    first, second = read_ledger(tmp_path)
    assert (first["id"], first["status"], first["result"]) == ("a", "done", {"gap": 1e-9, "outputs": [1.0]})
    assert first["parameters"] == {"task.name": "and"}
    assert (second["status"], second["reason"]) == ("failed", "no convergence")


def test_what_was_running_when_a_run_died_is_to_be_run_again(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from hge_spice.study.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1])); ledger.add('a', 0, {}, 0); ledger.add('b', 1, {}, 0); ledger.start('a')\n"
        "ledger.finish('a', {'x': 1}, 1.0, {}); ledger.start('b'); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert [row["status"] for row in read_ledger(tmp_path)] == ["done", "running"]
    with Ledger(tmp_path) as ledger:  # the dead run's lock doesn't hold it
        assert [row["status"] for row in ledger.rows()] == ["done", "created"]
        ledger.add("a", 0, {}, 0)
        assert ledger.done() == {"a"}


def test_a_second_run_is_refused_with_the_firsts_process(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as other:
        lock = {"pid": other.pid, "started": psutil.Process(other.pid).create_time()}
        (tmp_path / "lock").write_text(json.dumps(lock))
        with pytest.raises(DirectoryInUse, match=f"process {other.pid}"):
            Ledger(tmp_path)
        other.kill()


def test_a_process_number_that_was_given_again_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps({"pid": os.getppid(), "started": 0.0}))
    with Ledger(tmp_path):
        pass
    assert not (tmp_path / "lock").exists()


def test_a_directory_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no ledger\.sqlite"):
        read_ledger(tmp_path)
    (tmp_path / "ledger.sqlite").write_text("not a database, but long enough to be taken for one" * 30)
    with pytest.raises(ValueError, match="can't be read"):
        read_ledger(tmp_path)
