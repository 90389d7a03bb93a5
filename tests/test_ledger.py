import json
import os
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from hge_spice.study.run.ledger import DirectoryInUse, Ledger, read_ledger


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
        "import os, sys; from pathlib import Path; from hge_spice.study.run.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1])); ledger.add('a', 0, {}, 0); ledger.add('b', 1, {}, 0); ledger.start('a')\n"
        "ledger.finish('a', {'x': 1}, 1.0, {}); ledger.start('b'); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert [row["status"] for row in read_ledger(tmp_path)] == ["done", "running"]
    with Ledger(tmp_path) as ledger:  # the dead run's lock doesn't hold it
        assert [row["status"] for row in ledger.rows()] == ["done", "created"]
        ledger.add("a", 0, {}, 0)
        assert ledger.done() == {"a"}


HOLD = (
    "import sys; from pathlib import Path; from hge_spice.study.run.ledger import Ledger\n"
    "ledger = Ledger(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
)


def test_a_second_run_is_refused_with_the_firsts_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(DirectoryInUse, match=f"process {other.pid}"):
            Ledger(tmp_path)
        assert read_ledger(tmp_path) == []  # reading is allowed
        other.kill()
    with Ledger(tmp_path):  # its lock went with it
        pass
    assert not (tmp_path / "lock").exists()


def test_what_a_lock_file_says_does_not_hold(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(json.dumps({"pid": os.getppid(), "host": "elsewhere"}))
    with Ledger(tmp_path):
        pass
    assert not (tmp_path / "lock").exists()


def test_a_batch_is_whole_or_absent(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        with suppress(RuntimeError), ledger.batch():
            ledger.add("a", 0, {}, 0)
            raise RuntimeError
        assert ledger.rows() == []


def test_finished_trials_of_another_run_are_taken_over_where_versions_agree(tmp_path: Path) -> None:
    with Ledger(tmp_path / "old") as old:
        for name, versions in (("a", {"numpy": "2"}), ("b", {"numpy": "1"}), ("c", {"numpy": "2"})):
            old.add(name, 0, {}, 0)
            old.finish(name, {"gap": 1.0}, 1.0, versions)
        old.fail("c", "no", 1.0, {"numpy": "2"})
    with Ledger(tmp_path / "new") as new:
        for name in "abcd":
            new.add(name, 0, {}, 0)
        assert new.reuse(tmp_path / "old", "abcd", {"numpy": "2"}) == ["a"]
        assert new.done() == {"a"}


def test_a_ledger_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add("a", 0, {}, 0)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        database.execute("alter table trials drop column log")
    database.close()
    assert read_ledger(tmp_path)[0]["log"] is None
    with Ledger(tmp_path) as ledger:
        ledger.fail("a", "first line\nthe end\nof the log", 1.0, {})
    (row,) = read_ledger(tmp_path)
    assert (row["reason"], row["log"]) == ("first line", "the end\nof the log")


def test_a_directory_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no ledger\.sqlite"):
        read_ledger(tmp_path)
    (tmp_path / "ledger.sqlite").write_text("not a database, but long enough to be taken for one" * 30)
    with pytest.raises(ValueError, match="can't be read"):
        read_ledger(tmp_path)


def test_a_row_that_was_damaged_is_said_with_its_file(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add("a", 0, {}, 0)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        database.execute("update trials set parameters = '{'")
    with pytest.raises(ValueError, match=r"ledger\.sqlite can't be read: "):
        read_ledger(tmp_path)


def test_a_number_that_json_lacks_is_none(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add("a", 0, {}, 0)
        ledger.finish("a", {"loss": float("nan"), "deep": [{"x": (float("inf"), 1.0)}]}, 1.0, {})
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        ((text,),) = database.execute("select result from trials")
    assert text == '{"loss": null, "deep": [{"x": [null, 1.0]}]}'
