"""The tutorial and the how-to pages as a reader follows them: files, commands, snippets, and what is shown."""

import contextlib
import io
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from hge_spice.cli import main

HERE = Path(__file__).parent.parent
DOCS = HERE / "docs"
PAGES = [DOCS / "tutorial.md", DOCS / "own_circuit.md", *sorted(DOCS.glob("how_to_*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"`([\w.]+\.\w+)`:\s*\Z")  # "Write this to `mine.toml`:"
NUMBER = re.compile(r"[-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
CLOSE = 0.05  # shown to seen: other machines' ngspice differs in last digits, a page that went stale in first ones
REMAINDER = re.compile(r"(?:error|±|quadrature) $")  # before a number that is what is left where large ones cancel
WITHIN = 1.5  # a factor, for those
TARGETS = set(re.findall(r"^([\w-]+):", (HERE / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
TAKEN_FOR_GRANTED = {". .venv/bin/activate"}


@dataclass
class Reader:
    """Someone with an empty directory who does what a page says."""

    folder: Path
    said: str = ""  # by the last block of commands
    outputs: dict[str, str] = field(default_factory=dict)  # by command
    names: dict[str, Any] = field(default_factory=dict)  # of the snippets

    def follow(self, page: Path) -> None:
        text = page.read_text("utf-8")
        for fence in FENCE.finditer(text):
            language, block = fence.groups()
            named = NAMED.search(text, 0, fence.start())
            if named:
                (self.folder / named[1]).write_text(block, "utf-8")
            elif language == "":
                self.said = ""
                for line in block.splitlines():
                    self.type(line)
            elif language == "text":
                seen = list(_lines(self.said))
                for line in _lines(block):
                    assert any(_agree(line, other) for other in seen), (
                        f"{page.name} shows {line!r}; there was\n{self.said}"
                    )
            elif language == "python":
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(block, self.names)  # noqa: S102 - our own page
            else:
                assert language in {"toml", "csv", "spice"}, f"{page.name} has a block of {language}"

    def type(self, line: str) -> None:
        words = shlex.split(line, comments=True)
        fails = line.rstrip().endswith("# fails")
        if not words or line in TAKEN_FOR_GRANTED:
            return
        if words[0] == "make":
            assert words[1] in TARGETS
            return
        if words[0] == "ngspice":
            done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=True)
            told = done.stdout
        else:
            status, told = _hge_spice(words)
            assert (status != 0) == fails, f"{line}: exit status {status}\n{told}"
        self.outputs[line] = told
        self.said += told


def _hge_spice(words: list[str]) -> tuple[Any, str]:
    """The command in this process, which spares the tests a start for each."""
    assert words[0] == "hge-spice"
    into, told = None, io.StringIO()
    if ">" in words:
        into = words[words.index(">") + 1]
        words = words[: words.index(">")]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        patch.setattr("sys.argv", words)
        patch.setenv("COLUMNS", "160")
        with pytest.raises(SystemExit) as left:
            main()
    if into:
        Path(into).write_text(told.getvalue(), "utf-8")
    return left.value.code or 0, told.getvalue()


def _lines(text: str) -> Iterator[str]:
    """Lines that say something, without their spacing; rows of a run's table without the seconds that it took here."""
    table = False
    for line in text.splitlines():
        words = line.split()
        table = table and words[:1] in (["yes"], ["no"])
        if words:
            yield " ".join(words[:-1] if table else words)
        table |= words[-1:] == ["seconds"]


def _agree(shown: str, seen: str) -> bool:
    """Whether two lines have the same words and units, and numbers that are close."""
    if NUMBER.sub("#", shown) != NUMBER.sub("#", seen):
        return False
    for here, there in zip(NUMBER.finditer(shown), NUMBER.finditer(seen), strict=True):
        a, b = (float(each[0].replace("−", "-")) for each in (here, there))
        if REMAINDER.search(shown[: here.start()]):
            if not b / WITHIN <= a <= b * WITHIN:
                return False
        elif abs(a - b) > CLOSE * max(abs(a), abs(b)):
            return False
    return True


@pytest.mark.parametrize(
    ("shown", "seen", "agree"),
    [
        ("error 1.67e-05; amplitude 24 mV, 27 points", "error 1.14e-05; amplitude 28 mV, 27 points", False),
        ("error 1e-05; amplitude 10 mV, 27 points", "error 1.4e-05; amplitude 10 mV, 27 points", True),
        ("error 1e-05; amplitude 10 mV, 27 points", "error 1.6e-05; amplitude 10 mV, 27 points", False),
        ("amplitude 10 mV, 27 points", "amplitude 10 mV, 39 points", False),
        ("amplitude 10 mV, 27 points", "amplitude 10 uV, 27 points", False),
        ("dI/dV e1 +55.8 ± 0.21", "dI/dV e1 −55.8 ± 0.21", False),
        ("dI/dV e1 +55.8 ± 0.21", "dI/dV e1 +55.9 ± 0.25", True),
        ("flags: none", "flags: lag", False),
    ],
)
def test_a_figure_that_went_stale_is_found(shown: str, seen: str, agree: bool) -> None:
    assert _agree(shown, seen) is agree


def test_only_the_seconds_of_a_run_may_be_other() -> None:
    table = "solved  gap  seconds\n   yes  1 nA      2.5\nreport: r/report.html"
    assert list(_lines(table)) == ["solved gap seconds", "yes 1 nA", "report: r/report.html"]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    return Reader(tmp_path)


OTHERS = [HERE / "README.md", *(page for page in sorted(DOCS.glob("*.md")) if page not in PAGES)]
QUICK = {"list", "doctor", "gradient", "netlist", "plot", "subckt", "tones"}  # what trains is run small by other tests


def test_quick_commands_of_all_other_pages_work(reader: Reader) -> None:
    for page in OTHERS:
        blocks = [block for language, block in FENCE.findall(page.read_text("utf-8")) if language == ""]
        for line in (line for block in blocks for line in block.splitlines()):
            words = shlex.split(line, comments=True)
            if words[:1] == ["hge-spice"] and words[1] in QUICK:
                reader.type(line)
    assert len(reader.outputs) > 4


def test_readmes_snippets_run(reader: Reader) -> None:
    for language, block in FENCE.findall(OTHERS[0].read_text("utf-8")):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(block, reader.names)  # noqa: S102 - our own page
    assert reader.names["step"].margin.solved
    for estimate, exact in zip(reader.names["found"], reader.names["truth"], strict=True):
        assert np.allclose(estimate.jacobian, exact.jacobian, rtol=0, atol=2e-3 * abs(exact.jacobian).max())


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.stem)
def test_a_how_to_page_does_what_it_says(page: Path, reader: Reader) -> None:
    reader.follow(page)


def test_the_tutorial_goes_well_and_its_gradients_are_right(reader: Reader) -> None:
    reader.follow(DOCS / "tutorial.md")
    # half the amplitude leaves a quarter of the error
    large, small = (
        float(re.search(r"largest error / largest derivative ([\d.e-]+)", told)[1])
        for line, told in reader.outputs.items()
        if "perturbation.amplitude" in line and "bridge" in line
    )
    assert 3.8 < large / small < 4.2
    # the deck written by hand, at the voltages that the page shows, against what the lock-ins saw
    (by_hand,) = (told for line, told in reader.outputs.items() if line.startswith("ngspice"))
    transfer = float(re.search(r"transfer_function = (\S+)", by_hand)[1])
    found = json.loads(_hge_spice(["hge-spice", "gradient", "neuron.toml", "--json"])[1])
    assert found["control"] == pytest.approx([0.5177, 1.176, -0.03376], rel=1e-3)
    assert found["estimate"][3][2] == pytest.approx(transfer, rel=1e-4)
    # and lock-ins, differences and `.ac` of the snippet among each other
    jacobians = reader.names["jacobians"]
    assert set(jacobians) == {"homodyne", "finite_difference", "small_signal"}
    for each in jacobians.values():
        assert np.allclose(each, jacobians["small_signal"], rtol=1e-5)
