"""Finding libngspice and the command that installs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hge_spice.ngspice import library
from hge_spice.ngspice.library import NgspiceNotFound, find_library, install_command


def alone(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """library.py as the Makefile runs it: no package around it, no site-packages."""
    command = [sys.executable, "-I", "-S", library.__file__, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


@pytest.fixture
def nowhere(monkeypatch):
    monkeypatch.delenv("NGSPICE_LIBRARY_PATH", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setattr(library, "_candidates", lambda: iter(()))


def test_this_machine_has_one():
    assert find_library().is_file()
    assert find_library().is_absolute()


def test_the_file_that_is_named_wins(monkeypatch, tmp_path):
    named = tmp_path / "libngspice-of-my-own.so"
    named.touch()
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(named))
    assert find_library() == named


@pytest.mark.parametrize(("name", "what"), [("", "a folder"), ("libngspice.so", "not there")])
def test_a_wrong_name_is_an_error_and_not_ignored(monkeypatch, tmp_path, name, what):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", str(tmp_path / name))
    with pytest.raises(NgspiceNotFound, match=rf"^NGSPICE_LIBRARY_PATH is .*, which is {what}; .*unset it"):
        find_library()


def test_an_empty_name_is_none(monkeypatch):
    monkeypatch.setenv("NGSPICE_LIBRARY_PATH", "")
    assert find_library().is_file()


@pytest.mark.parametrize("variable", ["CONDA_PREFIX", "LD_LIBRARY_PATH"])
@pytest.mark.parametrize("soname", library.SONAMES)
def test_the_active_environment_comes_before_the_system(monkeypatch, tmp_path, variable, soname):
    monkeypatch.delenv("NGSPICE_LIBRARY_PATH", raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / soname).touch()
    monkeypatch.setenv(variable, str(tmp_path / "lib" if variable == "LD_LIBRARY_PATH" else tmp_path))
    assert find_library() == tmp_path / "lib" / soname


def test_the_loader_knows_places_that_are_not_usual(monkeypatch, tmp_path):
    ldconfig, odd = tmp_path / "ldconfig", tmp_path / "odd place" / "libngspice.so.0"
    ldconfig.write_text(f'#!/bin/sh\necho "\tlibngspice.so.0 (libc6,x86-64) => {odd}"\n')
    ldconfig.chmod(0o755)
    monkeypatch.setattr(library.shutil, "which", lambda *_, **__: str(ldconfig))
    assert list(library._loader_cache("libngspice.so.0")) == [odd]
    assert list(library._loader_cache("libngspice.so")) == []


@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("apt-get", "apt-get install -y --no-install-recommends ngspice libngspice0"),
        ("dnf", "dnf install -y libngspice ngspice"),
        ("pacman", "pacman -S --noconfirm ngspice"),
        ("brew", "brew install libngspice ngspice"),
    ],
)
@pytest.mark.parametrize("user", [0, 1000])
@pytest.mark.usefixtures("nowhere")
def test_the_error_ends_with_the_one_command_to_type(monkeypatch, manager, command, user):
    monkeypatch.setattr(library.shutil, "which", lambda name: f"/bin/{name}" if name == manager else None)
    monkeypatch.setattr(library.os, "geteuid", lambda: user)
    sudo = "sudo " if user and manager != "brew" else ""
    with pytest.raises(NgspiceNotFound) as error:
        find_library()
    assert str(error.value).endswith(f"type: {sudo}{command}")


@pytest.mark.usefixtures("nowhere")
def test_an_active_conda_installs_for_itself(monkeypatch):
    monkeypatch.setattr(library.shutil, "which", lambda name: f"/bin/{name}" if name in {"conda", "dnf"} else None)
    monkeypatch.setattr(library.os, "geteuid", lambda: 0)
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda")
    assert install_command() == "conda install -y -c conda-forge libngspice ngspice"
    assert install_command(system=True) == "dnf install -y libngspice ngspice"


@pytest.mark.usefixtures("nowhere")
def test_no_known_package_manager_is_no_command(monkeypatch):
    monkeypatch.setattr(library.shutil, "which", lambda _: None)
    assert install_command() is None
    with pytest.raises(NgspiceNotFound, match="package manager"):
        find_library()


def test_it_runs_alone():
    assert alone().stdout == f"{find_library()}\n"
    broken = alone(NGSPICE_LIBRARY_PATH="/nowhere/libngspice.so")
    assert (broken.returncode, broken.stdout) == (3, "")
    assert "'/nowhere/libngspice.so'" in broken.stderr


def test_it_tells_what_the_library_can_do():
    report = json.loads(alone("--interrogate", str(find_library())).stdout.splitlines()[-1])
    assert report["divider"] == pytest.approx(0.75)
    assert report["version"]
    assert {type(report[key]) for key in ("xspice", "klu", "osdi", "code_models")} == {bool}
    if report["code_models"]:
        assert report["xspice"]
        assert Path(report["spinit"]).is_file()


def test_what_is_no_libngspice_is_told_and_not_run(tmp_path):
    (tmp_path / "libngspice.so").write_text("text")
    report = json.loads(alone("--interrogate", str(tmp_path / "libngspice.so")).stdout.splitlines()[-1])
    assert "cannot be loaded as libngspice" in report["error"]


def test_without_its_scripts_the_code_models_are_missing(tmp_path):
    answer = alone("--interrogate", str(find_library()), SPICE_SCRIPTS=str(tmp_path))
    report = json.loads(answer.stdout.splitlines()[-1])
    assert (report["code_models"], report["spinit"], report["divider"]) == (False, None, pytest.approx(0.75))
