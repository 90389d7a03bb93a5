"""The doctor's findings on a machine that works, and on ones that are broken in one way each."""

import json
import os
import platform

import pytest

from hge_spice import doctor
from hge_spice.ngspice import library


def problems(report):
    return [(each["fatal"], each["what"], each["remedy"]) for each in report["problems"]]


@pytest.fixture
def interrogator(monkeypatch, tmp_path):
    """Puts another script in the place of library.py."""

    def place(text: str) -> None:
        script = tmp_path / "library.py"
        script.write_text(text)
        monkeypatch.setattr(library, "__file__", str(script))

    return place


def test_a_machine_that_runs_the_tests_is_usable():
    report = doctor.examine()
    assert report["usable"], doctor.render(report)
    assert report["libngspice"]["divider"] == pytest.approx(0.75)
    assert report["python"]["version"] == platform.python_version()
    assert {name.lower() for name in report["dependencies"]} >= {"pyspice", "numpy", "scipy"}
    assert None not in report["dependencies"].values()
    assert report["ngspice"]["version"] is not None
    assert report["cpus"] >= 1
    assert json.loads(json.dumps(report)) == report
    text = doctor.render(report)
    assert text.endswith("\nusable")
    assert report["libngspice"]["path"] in text


def test_without_the_library_the_remedy_is_one_command(monkeypatch):
    monkeypatch.delenv("NGSPICE_LIBRARY_PATH", raising=False)
    monkeypatch.setattr(library, "_candidates", lambda: iter(()))
    monkeypatch.setattr(library, "install_command", lambda: "brew install libngspice ngspice")
    report = doctor.examine()
    assert not report["usable"]
    ((fatal, what, remedy),) = problems(report)
    assert fatal
    assert "libngspice" in what
    assert remedy.endswith("type: brew install libngspice ngspice")
    assert doctor.render(report).endswith("\nnot usable")


def test_a_wrong_path_is_told_with_its_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(tmp_path))
    ((fatal, what, remedy),) = problems(doctor.examine())
    assert fatal
    assert str(tmp_path) in what
    assert "unset it" in remedy


def test_a_file_that_is_no_library_is_fatal(monkeypatch, tmp_path):
    (tmp_path / "libngspice.so").write_text("text")
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(tmp_path / "libngspice.so"))
    ((fatal, what, remedy),) = problems(doctor.examine())
    assert fatal
    assert "cannot be loaded" in what
    assert remedy.startswith("unset NGSPICE_LIBRARY_PATH")


@pytest.mark.parametrize(
    ("script", "patience", "what"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 20.0, "signal SIGSEGV"),
        ("import sys; sys.exit('no memory')", 20.0, "exit 1: no memory"),
        ("print('bye')", 20.0, "ended its process early: bye"),
        ("import time; time.sleep(60)", 0.5, "no answer within 0.5 s"),
    ],
)
def test_a_library_that_crashes_or_hangs_takes_its_own_process_only(interrogator, script, patience, what):
    interrogator(script)
    report = doctor.examine(patience)
    assert not report["usable"]
    assert what in report["problems"][0]["what"]
    assert "NGSPICE_LIBRARY_PATH" in report["problems"][0]["remedy"]
    assert what in doctor.render(report)


ABLE = {"version": "39", "xspice": True, "klu": False, "osdi": False, "code_models": True, "spinit": "/s/spinit"}


@pytest.mark.parametrize(
    ("answer", "fatal", "what"),
    [
        (
            {"divider": None, "log": "singular matrix"},
            True,
            "gives nothing for a divider's 0.75 V; its log ends: singular",
        ),
        ({"divider": 0.5}, True, "gives 0.5 V"),
        ({"divider": 0.75, "code_models": False, "spinit": None}, False, "no spinit"),
        ({"divider": 0.75, "code_models": False}, False, "by /s/spinit"),
        ({"divider": 0.75, "code_models": False, "xspice": False}, False, "without XSPICE"),
    ],
)
def test_what_the_library_lacks_is_told(interrogator, answer, fatal, what):
    interrogator(f"import json; print(json.dumps({ABLE | answer!r}))")
    report = doctor.examine()
    assert report["usable"] is not fatal
    assert report["problems"][0]["fatal"] is fatal
    assert what in report["problems"][0]["what"]
    assert report["problems"][0]["remedy"]


def test_another_version_of_the_command_is_worth_a_note(interrogator):
    interrogator(f"import json; print(json.dumps({ABLE | {'divider': 0.75, 'version': '1'}!r}))")
    ((fatal, what, _),) = problems(doctor.examine())
    assert not fatal
    assert "the library 1" in what


def test_without_the_command_simulations_still_run(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    report = doctor.examine()
    assert report["usable"]
    assert report["ngspice"] == {"path": None, "version": None}
    assert "no ngspice command" in report["problems"][0]["what"]


def test_a_missing_dependency_is_fatal(monkeypatch):
    monkeypatch.setattr(doctor.metadata, "requires", lambda _: ["no-such-thing>=1", "ruff==1; extra == 'dev'"])
    report = doctor.examine()
    assert report["dependencies"] == {"no-such-thing": None}
    assert problems(report) == [(True, "no-such-thing is not installed", "type: pip install no-such-thing")]
    assert "no-such-thing MISSING" in doctor.render(report)


def test_from_source_the_dependencies_are_unknown(monkeypatch):
    def requires(name):
        raise doctor.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "requires", requires)
    report = doctor.examine()
    assert (report["hge_spice"], report["dependencies"], report["usable"]) == (None, {}, True)
    assert "pip install -e ." in report["problems"][0]["remedy"]


def test_a_spiceinit_does_not_answer_for_the_library(monkeypatch, tmp_path):
    (tmp_path / ".spiceinit").write_text("quit\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "HOME", str(tmp_path))
    assert doctor.examine()["usable"]
