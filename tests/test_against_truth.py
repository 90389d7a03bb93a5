"""Estimates beside the truth, of patterns that nothing moves too."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hge_spice.drive import SimulationError
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import against_truth, error_scale, is_off, repeated
from hge_spice.study.report.report import write_report
from hge_spice.study.run import runner
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study

# two inputs through one gated weight, without a bias: at inputs of zero nothing flows, whatever the gate
GATE = """.subckt gate a b w out
r1 a x 10k
r2 b x 10k
m1 x w out 0 nch w=10u l=1u
.model nch nmos level=1 vto=0.5 kp=100u
.ends
"""
STUDY = """
[device]
subcircuit = "gate.cir"
[electrodes]
output = "out"
inputs = ["a", "b"]
controls = ["w"]
control_range = ["0.6 V", "2 V"]
[task]
name = "or"
levels = ["0 V", "0.5 V"]
[training]
steps = 3
starts = 1
"""


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    (tmp_path / "gate.cir").write_text(GATE)
    (tmp_path / "gate.toml").write_text(STUDY)
    return tmp_path / "gate.toml"


def test_a_pattern_that_nothing_moves_is_shown_as_off(gate: Path) -> None:
    with Bench.of(parse_study(load_study(gate))) as bench:
        found = against_truth(bench, bench.control())
        spread = repeated(bench, bench.control(), 2)
    assert found["off"] == [0]
    assert found["truth"][0] == [0.0]
    assert found["error_scale"] == [
        max(abs(row[0]) for row in found["truth"]),
        *(abs(r[0]) for r in found["truth"][1:]),
    ]
    assert found["relative_error"][0] < 1e-6
    assert 0 < found["relative_error_max"] < 1e-3
    assert found["cosine"] == pytest.approx(1)
    assert spread["gradient_error"] < 1e-3


def test_training_and_report_go_on_past_it(gate: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (result,) = runner.run_study(load_study(gate), out)["results"]
    assert result["status"] == "done"
    assert result["solved"]
    assert result["relative_error_max"] < 1e-2
    kept: dict[str, Any] = json.loads(next(out.glob("trials/*/gradient.json")).read_text())
    assert kept["off"] == [0]
    assert "Missing here" not in write_report(out).read_text()


def test_the_error_of_a_pattern_is_a_share_of_its_own_largest_unless_it_is_off() -> None:
    truth = np.array([[2.0, -4.0], [1.0, 0.5], [3e-3, 1e-3], [0.0, 0.0]])
    assert is_off(truth).tolist() == [False, False, True, True]
    assert error_scale(truth).tolist() == [4.0, 1.0, 4.0, 4.0]
    with pytest.raises(SimulationError, match=r"for any pattern: .* training\.first"):
        error_scale(np.zeros((2, 3)))


def test_an_off_pattern_that_a_capacitance_reaches_is_no_error(gate: Path) -> None:
    """At inputs of zero the gate's overlap alone reaches the output: a current in quadrature, and no derivative."""
    bypassed = GATE.replace("r1 a x", "cgd w out 10p\nr1 a x")
    (gate.parent / "gate.cir").write_text(bypassed)
    with Bench.of(parse_study(load_study(gate, ["perturbation.amplitude=2 mV"]))) as bench:
        found = against_truth(bench, bench.control())
    assert found["off"] == [0]
    current = 2 * np.pi * found["harmonics"][0] / found["window"] * 10e-12
    assert found["truth_quadrature"][0] == pytest.approx([current], rel=1e-3)
    assert abs(found["truth"][0][0]) < 1e-3 * current  # its magnitude would be all of it
    assert abs(found["lag"][0][0]) == pytest.approx(90, abs=0.1)
    assert found["relative_error_max"] < 1e-3
    assert "lag" in found["flags"]
    assert any("the part in phase is" in note and note.count("off its tone") == 1 for note in found["notes"])


def test_what_is_drawn_from_cycle_to_cycle_is_said_to_be_no_error_of_the_method(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text("a,b,family\nc,m,yakopcic\ni,m,sinh\nm,out,resistor\n")
    study = STUDY.replace('subcircuit = "gate.cir"', 'file = "links.csv"').replace('["a", "b"]', '["i"]')
    study = study.replace('["w"]', '["c"]').replace('name = "or"', 'name = "target"\ntargets = ["0 A", "1 uA"]')
    (tmp_path / "s.toml").write_text(study)
    notes = {}
    for spread in ("device", "cycle"):
        setting = f"imperfections.variability.{spread}=0.1"
        with Bench.of(parse_study(load_study(tmp_path / "s.toml", [setting]))) as bench:
            found = against_truth(bench, np.array([0.65]))
        notes[spread] = [note for note in found["notes"] if "variability" in note]
        assert (found["relative_error_max"] > 1e-3) == (spread == "cycle")
    assert notes["device"] == []
    assert "variability (cycle 0.1) draws the memristors anew" in notes["cycle"][0]
