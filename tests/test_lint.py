from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hge_spice.drive import SimulationError
from hge_spice.netlist import deck
from hge_spice.ngspice.includes import Netlist, NetlistError, read_netlist
from hge_spice.ngspice.lint import check_alter, lint
from hge_spice.ngspice.worker import Worker

GOOD = """a good deck
v1 a 0 1
r1 a b 1k
r2 b 0 2k
.end
"""


def test_our_own_decks_have_nothing_to_say(graph: nx.Graph) -> None:  # type: ignore[type-arg]  # generic in stubs only
    assert lint(deck(graph)) == []
    assert lint(GOOD) == []


SILENT = {
    "a resistor without a value": ("r2 b 0 2k", "r2 b 0", 4),
    "a capacitor without a value": ("r2 b 0 2k", "r2 b 0 2k\nc1 b 0", 5),
    "an unknown element letter": ("r2 b 0 2k", "r2 b 0 2k\n?1 b 0 2k", 5),
    "an undefined parameter": ("r2 b 0 2k", "r2 b 0 {nothing}", 4),
    "an undefined parameter in quotes": ("r2 b 0 2k", "r2 b 0 'nothing*2'", 4),
    "an undefined subcircuit": ("r2 b 0 2k", "r2 b 0 2k\nx1 b 0 nowhere", 5),
    "a call with too few pins": ("r2 b 0 2k", "r2 b 0 2k\nx1 b two\n.subckt two p q\nr1 p q 1\n.ends", 5),
    "an undefined model": ("r2 b 0 2k", "r2 b 0 2k\nd1 b 0 nowhere", 5),
    "a second element of the name": ("r2 b 0 2k", "r2 b 0 2k\nr2 b 0 3k", 5),
    "a brace without its other half": ("r2 b 0 2k", "r2 b 0 {2k", 4),
    ".ends without .subckt": ("r2 b 0 2k", "r2 b 0 2k\n.ends", 5),
    "a subcircuit in itself": ("r2 b 0 2k", "r2 b 0 2k\nx1 b 0 me\n.subckt me p q\nx2 p q me\n.ends", 6),
    "no ground": ("v1 a 0 1\nr1 a b 1k\nr2 b 0 2k", "v1 a c 1\nr1 a b 1k\nr2 b c 2k", 2),
    "a node without a path to ground": ("r2 b 0 2k", "r2 b 0 2k\nc1 b f 1p\nc2 f 0 1p", 5),
}


@pytest.mark.parametrize("case", SILENT)
def test_what_ngspice_takes_without_a_word_is_found_with_its_line(case: str) -> None:
    old, new, line = SILENT[case]
    fatal = [finding for finding in lint(GOOD.replace(old, new)) if finding.fatal]
    assert fatal, case
    assert line in {finding.line for finding in fatal}


REFUSED = {
    "an absolute include": ".include /etc/passwd",
    "an include that climbs": ".include ../secret.cir",
    "a library that climbs": ".lib ../secret.cir tt",
    "a missing include": ".include nowhere.cir",
    "a word that begins like .include": ".incorporate secret.cir",
    "a model that reads a file": 'a1 %v([b]) src\n.model src filesource (file="/etc/passwd" amploffset=[0])',
    "a subcircuit card that nobody knows": ".frobnicate b",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_open_or_run_something_is_refused(case: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.cir").write_text("r9 a 0 1\n")
    (tmp_path / "in/deck.cir").write_text(GOOD.replace(".end\n", f"{REFUSED[case]}\n.end\n"))
    with pytest.raises(NetlistError, match=r"deck\.cir:[56]"):
        read_netlist(tmp_path / "in/deck.cir")


def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.cir").write_text("r9 a 0 1\n")
    (tmp_path / "in/link.cir").symlink_to(tmp_path / "secret.cir")
    (tmp_path / "in/deck.cir").write_text(GOOD.replace(".end\n", ".include link.cir\n.end\n"))
    with pytest.raises(NetlistError):
        read_netlist(tmp_path / "in/deck.cir")
    assert "r9 a 0 1" in read_netlist(tmp_path / "in/deck.cir", allow_outside=True).text


def test_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "deck.cir").open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(NetlistError):
        read_netlist(tmp_path / "deck.cir")


def test_includes_and_sections_are_inlined(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/more.cir").write_text("r3 b 0\n+ 4k ; a comment\n")
    (tmp_path / "lib.cir").write_text(".lib tt\nr4 b 0 5k\n.endl\n.lib ff\nr5 b 0 5k\n.endl\n")
    (tmp_path / "deck.cir").write_text(GOOD.replace(".end\n", ".include sub/more.cir\n.lib lib.cir tt\n.end\n"))
    text = read_netlist(tmp_path / "deck.cir").text
    assert "r3 b 0 4k" in text
    assert "r4 b 0 5k" in text
    assert "r5" not in text


HOSTILE = (
    ".control\nshell touch pwned\n.endc",
    "*# shell touch pwned",
    ".csparam x={1}",
    ".print tran v(b) > pwned",
    ".save v(b)",
    ".options interp",
    ".meas tran x max v(b)",
)


@pytest.mark.parametrize("line", HOSTILE)
def test_what_remains_of_a_hostile_deck_runs_and_touches_nothing(line: str, tmp_path: Path) -> None:
    (tmp_path / "deck.cir").write_text(GOOD.replace(".end\n", f"{line}\n.end\n"))
    try:
        netlist = read_netlist(tmp_path / "deck.cir")
    except NetlistError:
        return  # refused is as good
    assert netlist.findings
    worker = Worker()
    try:
        worker.load(netlist.text)
        result = worker.run([], "op", ("b",))
        assert result.vectors[0, 0] == pytest.approx(2 / 3)
    except SimulationError as error:
        pytest.fail(f"what remains doesn't load: {error}")
    finally:
        worker.close()
    assert not list(tmp_path.rglob("pwned"))


def test_a_spiceinit_where_one_stands_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".spiceinit").write_text(f"shell touch {tmp_path}/pwned\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    worker = Worker()
    try:
        worker.load(GOOD)
        assert worker.run([], "op", ("b",)).vectors[0, 0] == pytest.approx(2 / 3)
    finally:
        worker.close()
    assert not (tmp_path / "pwned").exists()


@given(text=st.text(max_size=300))
def test_any_text_is_a_netlist_or_refused(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "deck.cir"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        netlist = read_netlist(path)
    except NetlistError:
        return
    assert isinstance(netlist, Netlist)
    lint(netlist)


@given(lines=st.lists(st.sampled_from([*GOOD.splitlines(), *(new for _, new, _ in SILENT.values())]), max_size=12))
def test_any_pile_of_lines_is_linted(lines: list[str]) -> None:
    lint("\n".join(["title", *lines, ".end"]))


def test_alterations_are_checked() -> None:
    check_alter({"v1"}, "alter v1 dc = 0.3")
    with pytest.raises(ValueError, match="v2"):
        check_alter({"v1"}, "alter v2 dc = 0.3")
    with pytest.raises(ValueError, match="character"):
        check_alter({"v1"}, "alter @v1[pwl] = [ " + "1 " * 2000 + "]")
