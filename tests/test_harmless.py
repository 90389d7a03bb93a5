"""Nothing of a stranger's netlist is executed, read or written; each way of doing so does it when it is raw."""

from contextlib import suppress
from pathlib import Path

import pytest
from test_lint import DIVIDER, NETLISTS, write

from hge_spice.drive import SimulationError
from hge_spice.ngspice.harmless import MODEL_TYPES, refuse_hazards
from hge_spice.ngspice.lint import NetlistError, lint, read_netlist
from hge_spice.ngspice.statements import Statement
from hge_spice.ngspice.worker import Worker


def test_raw_it_runs_commands_and_read_it_runs_none(worker: Worker, tmp_path: Path) -> None:
    text = (NETLISTS / "stranger.cir").read_text("utf-8").replace("CANARY", str(tmp_path / "canary"))
    path = write(tmp_path, text)
    plain = write(tmp_path, text.split("\n", 1)[1], "plain.cir")
    for each in (path, plain):
        netlist = read_netlist(each)
        worker.close()
        worker.load(netlist.text)
        assert worker.run([], "op", ("b",)).vectors[0, 0] == pytest.approx(0.5)
        worker.run([], "tran 1u 10u", ("b",))
        assert [each.name for each in Path(worker._home.name).iterdir()] == ["output.log"]
        assert not list(tmp_path.glob("canary*"))
        assert len([found for found in netlist.findings if "dropped" in found.problem]) >= 12
        assert not any(found.fatal for found in lint(netlist))
    worker.close()
    with suppress(SimulationError):  # raw, so that the test can fail
        worker.load(plain.read_text("utf-8"))
    worker.close()
    assert {"canary1", "canary2", "canary3"} <= {each.name for each in tmp_path.glob("canary*")}


@pytest.mark.parametrize(
    "body",
    [
        "*#shell touch {}",
        "  *# shell touch {}",
        ".control\nshell touch {}\n.endc",
        "* x\n.CONTROLS\nshell touch {}\n.endc",
        ".control\n* .endc\nshell touch {}\n.endc",
    ],
)
def test_each_way_of_running_a_command_does_run_one_when_it_is_raw(body: str, worker: Worker, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    text = f"{DIVIDER}{body.format(canary)}\n.end\n"
    netlist = read_netlist(write(tmp_path, text))
    worker.close()
    worker.load(netlist.text)
    assert not canary.exists()
    assert any("dropped" in found.problem for found in netlist.findings)
    worker.load(text)
    assert canary.exists()


def test_csparam_stays_which_is_why_it_is_dropped(worker: Worker, tmp_path: Path) -> None:
    text = f"{DIVIDER}.csparam pi=3\n.end\n"
    for load, expected in ((read_netlist(write(tmp_path, text)).text, 3.14159265), (text, 3.0)):
        worker.close()
        worker.load(load)
        worker.load(f"{DIVIDER}.end\n")
        assert worker.run([], "op", ("pi",)).vectors[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["filesource", "d_source", "d_state", "table2d", "table3d", "numd", "numos", "nbjt"])
def test_models_that_open_files_are_not_among_those_let_through(kind: str) -> None:
    assert kind not in MODEL_TYPES
    with pytest.raises(NetlistError, match="may open files"):
        refuse_hazards(Statement("x", 1, f".model m {kind.upper()} (a=1)"))


@pytest.mark.parametrize(
    "card",
    [".model m,filesource gain", ".model m (filesource) x", ".model m=filesource gain", ".model 'm' gain", ".model m"],
)
def test_the_type_of_a_model_cannot_be_hidden(card: str) -> None:
    with pytest.raises(NetlistError, match=r"not `\.model name type"):
        refuse_hazards(Statement("x", 1, card))


def test_a_strangers_text_is_in_lower_case(worker: Worker, tmp_path: Path) -> None:
    """ngspice keeps the case of a line that looks like a command, and then does not find the model it names."""
    text = f"{DIVIDER}source1 b 0 a 0 CLOSED\n.model CLOSED sw(ron=1k vt=0.5)\n.end\n"
    worker.close()
    with pytest.raises(SimulationError, match="can't find model 'CLOSED'"):
        worker.load(text)
    worker.load(read_netlist(write(tmp_path, text)).text)
    assert worker.run([], "op", ("b",)).vectors[0, 0] == pytest.approx(1 / 3)
