"""What is shipped: the public names, the wheel and sdist, and one version that all files agree on."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pdoc
import pytest
import yaml

import hge_spice
from hge_spice.shipped import shipped

HERE = Path(__file__).parent.parent
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = ("3.11", "3.12", "3.13")


def test_every_public_name_is_there() -> None:
    assert set(hge_spice.__all__) == set(hge_spice._HOME)
    for name in hge_spice.__all__:
        assert getattr(hge_spice, name).__name__ == name
    assert set(hge_spice.__all__) <= set(dir(hge_spice))


def test_one_version() -> None:
    version = PROJECT["version"]
    cited = yaml.safe_load((HERE / "CITATION.cff").read_text("utf-8"))
    newest = re.search(r"^## (\S+)", (HERE / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    assert newest
    assert newest[1] == cited["version"] == version
    said = subprocess.run(
        [sys.executable, "-c", "from hge_spice.cli import main; main()", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == f"hge-spice {version}\n"


def test_the_citation_names_the_licence_and_the_methods_paper() -> None:
    cited = yaml.safe_load((HERE / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= cited.keys()  # what the format requires
    assert cited["license"] == PROJECT["license"]
    assert PROJECT["urls"]["Method"] == f"https://doi.org/{cited['references'][0]['doi']}"


def test_the_api_page_shows_every_public_name_with_its_docstring() -> None:
    for name in hge_spice.__all__:
        getattr(hge_spice, name)
    shown = pdoc.doc.Module(hge_spice).members
    assert shown.keys() == set(hge_spice.__all__)
    for name, each in shown.items():
        assert len(each.docstring) > 20, name


@pytest.mark.long
def test_the_api_pages_are_made(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "docs/api/build.py", str(tmp_path)], cwd=HERE, capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr.decode()
    assert made.stderr == b""
    assert "The bias is of 3rd order in the amplitude" in (tmp_path / "hge_spice.html").read_text("utf-8")
    assert (tmp_path / "hge_spice" / "devices" / "yakopcic.html").exists()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist, the wheel made from the sdist alone, as an installer without a wheel would."""
    folder = tmp_path_factory.mktemp("dist")
    _hatch(HERE, "sdist", folder)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    _hatch(source, "wheel", folder)
    (wheel,) = folder.glob("*.whl")
    return wheel, source


def _hatch(source: Path, target: str, folder: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, capture_output=True, check=True)


def test_the_wheel_has_all_modules_studies_and_netlists(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        held = {each.filename: wheel.read(each) for each in wheel.infolist()}
    expected = {f"hge_spice/data/{kind}/{path.name}": path for kind in ("studies", "netlists") for path in _files(kind)}
    package = HERE / "hge_spice"
    ours = (path for path in package.rglob("*") if path.is_file() and path.suffix not in {".pyc", ".pyo"})
    expected |= {path.relative_to(HERE).as_posix(): path for path in ours}
    assert {name for name in held if ".dist-info/" not in name} == expected.keys()
    for name, path in expected.items():
        assert held[name] == path.read_bytes(), name
    (metadata,) = (message_from_bytes(held[name]) for name in held if name.endswith("dist-info/METADATA"))
    assert metadata["Version"] == PROJECT["version"]
    assert any(name.endswith("licenses/LICENSE") for name in held)
    (entry,) = (held[name].decode() for name in held if name.endswith("entry_points.txt"))
    assert "hge-spice = hge_spice.cli:main" in entry


def _files(kind: str) -> list[Path]:
    return [path for path in (HERE / kind).rglob("*") if path.is_file()]


def test_the_sdist_can_be_checked_where_it_is_unpacked(built: tuple[Path, Path]) -> None:
    source = built[1]
    for each in ("Makefile", ".ci/ensure", "LICENSE", "CHANGELOG.md", "CITATION.cff", "docs", "tests/conftest.py"):
        assert (source / each).exists(), each


def test_an_installed_copy_reads_its_own_data(built: tuple[Path, Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(tmp_path)  # noqa: S202 - made a moment ago
    asked = (
        "import hge_spice, json; from hge_spice.shipped import shipped; "
        "from hge_spice.study.text.files import load_study;"
        "print(json.dumps([hge_spice.__file__, str(shipped('studies')), str(shipped('netlists')),"
        " load_study('signoff')['device']['subcircuit']]))"
    )
    told = subprocess.run(  # isolated from the checkout and its .pth; what we depend on comes from this process's path
        [sys.executable, "-I", "-c", f"import sys; sys.path[:] = {[str(tmp_path), *_libraries()]!r}; {asked}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    data = tmp_path / "hge_spice" / "data"
    module, *found = json.loads(told.stdout)
    assert Path(module).is_relative_to(tmp_path)
    assert found == [str(data / "studies"), str(data / "netlists"), str(data / "studies" / "neuron_sky130.cir")]
    assert {path.name for path in shipped("netlists").iterdir()} == {
        path.name for path in (data / "netlists").iterdir()
    }


def _libraries() -> list[str]:
    return [each for each in sys.path if each and Path(each).resolve() != HERE]


@pytest.mark.long
@pytest.mark.parametrize("version", PYTHONS)
def test_installed_in_an_empty_directory_it_trains(version: str, built: tuple[Path, Path], tmp_path: Path) -> None:
    python = _python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    away = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON") and key != "VIRTUAL_ENV"}

    def do(*words: str, folder: Path = tmp_path) -> str:
        done = subprocess.run(words, cwd=folder, env=away, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    do(python, "-m", "venv", "venv")
    do("venv/bin/python", "-m", "pip", "--quiet", "install", str(built[0]))
    command = str(tmp_path / "venv" / "bin" / "hge-spice")
    empty = tmp_path / "empty"
    empty.mkdir()
    found = json.loads(do(command, "doctor", "--json", folder=empty))
    assert found["usable"] is True
    assert found["python"]["version"].startswith(f"{version}.")
    assert Path(found["studies"]).is_relative_to(tmp_path / "venv")
    trained = json.loads(do(command, "run", "xor", "--json", folder=empty))
    assert trained["results"][0]["solved"] is True
    assert [path.name for path in empty.iterdir()] == ["runs"]  # nothing else is left there


def _python(version: str) -> str | None:
    """A Python of that version: in PATH, or among pyenv's; None where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in (shutil.which(f"python{version}"), *sorted(map(str, pyenv.glob(f"{version}*/bin/python")))):
        if candidate:
            asked = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
            if asked.returncode == 0 and f" {version}." in asked.stdout + asked.stderr:
                return candidate
    return None
