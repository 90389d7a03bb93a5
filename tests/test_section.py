"""What a trial's section says beside its pictures: the block it is of, and the settings that acted."""

import json
import re
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from hge_spice.plot import si
from hge_spice.study.report.report import write_report
from hge_spice.study.report.section import Section, _device, _settings
from hge_spice.study.report.trial_folder import Folder
from hge_spice.study.run.ledger import Ledger
from hge_spice.study.tables.training import Training

RESULT: dict[str, Any] = {
    "amplitude": [2e-3, 2e-3],
    "window": 25e-3,
    "points": 75,
    "settle": 0.0,
    "harmonics": [7, 11],
    "controls": ["w", "b"],
    "control": [0.1, -0.25],
}


def folder(study: dict[str, Any], graph: nx.Graph | None = None, **result: Any) -> Folder:
    return Folder(RESULT | result, study, None, {}, graph, [])


def settings(study: dict[str, Any], **result: Any) -> dict[str, tuple[str, str]]:
    """By what it is: as used, and as the study has it."""
    section = Section({"result": {}}, "", shown=True)
    _settings(section, folder(study, **result), si)
    return {what: (used, asked) for what, used, asked in section.settings}


def test_settings_are_shown_as_used_beside_what_was_asked() -> None:
    found = settings({"perturbation": {"amplitude": "auto", "window": "25 ms"}, "training": {"rate": "0.3 V"}})
    assert found["tone amplitude, peak"] == ("2 mV", "auto")  # alike, so once
    assert found["window"] == ("25 ms", "25 ms")
    assert found["points per window"] == ("75", "default")
    assert found["tones, frequencies"] == ("280 Hz, 440 Hz", "")  # harmonics of 1/25 ms
    assert found["control setting reached"] == ("100 mV, −250 mV", "default")
    assert found["rate"] == ("0.3 V", "0.3 V")


def test_amplitudes_that_differ_are_all_shown() -> None:
    assert settings({}, amplitude=[2e-3, 5e-3])["tone amplitude, peak"] == ("2 mV, 5 mV", "default")


@pytest.mark.parametrize(
    "key", ["estimator", "loss", "rule", "rate", "gap_over_span", "batch", "steps", "starts", "seed"]
)
def test_a_default_of_the_training_is_a_value_too(key: str) -> None:
    """A reader needn't know the defaults; and they are the ones that act."""
    used, asked = settings({})[key]
    assert asked == "default"
    assert used == ("20 mV" if key == "rate" else str(getattr(Training(), key)))


def test_steps_are_those_allowed_and_not_those_taken() -> None:
    assert settings({"training": {"steps": 7}}, steps=3)["steps"] == ("7", "7")


def block() -> nx.Graph:
    graph = nx.Graph(family="block", subcircuit={"name": "neuron"}, parameters={"rf": 2e5})
    roles = (("out", "output", 0), ("b", "input", 1), ("a", "input", 0), ("w1", "control", 0), ("vdd", "bias", 0))
    for name, role, order in roles:
        graph.add_node(name, role=role, order=order)
    return graph


def test_a_block_has_its_name_and_roles_and_no_sites() -> None:
    section = Section({"result": {}}, "", shown=True)
    _device(section, folder({}, block()), si)
    assert section.block == "neuron"
    assert not section.family
    assert section.device[1:] == [("output", "out"), ("input", "a, b"), ("control", "w1"), ("bias", "vdd")]
    assert section.device[0][0] == "rf"
    assert not {"sites", "links"} & {key for key, _ in section.device}


def test_the_page_has_the_block_in_place_of_an_empty_network(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("title = 'a block'\n")
    trial = tmp_path / "trials/t"
    trial.mkdir(parents=True)
    (trial / "graph.json").write_text(json.dumps(nx.node_link_data(block(), edges="edges")))
    with Ledger(tmp_path) as ledger:
        ledger.add("t", 0, {}, 0)
        ledger.start("t")
        ledger.finish("t", {"solved": True}, 1.0, {})
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert page.count("<h3>The block</h3>") == 1
    assert "<h3>The network</h3>" not in page
    assert "Subcircuit <code>neuron</code>" in page
    assert re.search(r"<tr><th>input</th><td>a, b</td></tr>", page)
