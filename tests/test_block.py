from pathlib import Path

import numpy as np
import pytest

from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import against_truth
from hge_spice.study.sweep.sampling import trials
from hge_spice.study.tables.block import read_block
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study
from hge_spice.study.trial.trial import run_trial

MESH = """mesh of diodes, with the author's own test bench
.param rs=2k
.subckt mesh a b c d out r='rs'
r1 a n1 {r}
r2 b n2 {r}
r3 c n1 5k
r4 d n2 5k
d1 n1 n2 dm
d2 n2 out dm
d3 n1 out dm
.ends mesh
.model dm d(is=1n n=1.8 tnom=27)
v1 x 0 5
r9 x 0 1
.tran 1u 1m
.end
"""
STUDY = """
title = "AND on a mesh of diodes"
[device]
subcircuit = "mesh.cir"
[electrodes]
output = "out"
inputs = ["a", "b"]
controls = ["c", "d"]
control_range = ["0 V", "1 V"]
[task]
name = "and"
levels = ["0.2 V", "0.8 V"]
[perturbation]
amplitude = "1 mV"
[training]
steps = 2
starts = 1
[readout]
noise = { psd = "1e-5 nA^2/Hz", at = "1 kHz" }
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "mesh.cir").write_text(MESH)
    (tmp_path / "s.toml").write_text(STUDY)
    return tmp_path / "s.toml"


def test_a_block_trains_like_any_device(study: Path) -> None:
    result = run_trial(parse_study(load_study(study)), study.parent / "trial")
    assert len(result["control"]) == 2
    assert result["relative_error_max"] < 1e-3
    assert "r9" not in (study.parent / "trial/netlist.cir").read_text()


def test_gradient_is_the_truths(study: Path) -> None:
    with Bench.of(parse_study(load_study(study, ["perturbation.amplitude=0.5 mV"]))) as bench:
        found = against_truth(bench, np.array([0.4, 0.7]))
        assert found["relative_error_max"] < 1e-3


def test_a_trial_is_known_by_what_the_file_says(study: Path) -> None:
    (before,) = trials(load_study(study))
    (study.parent / "elsewhere").mkdir()
    for name in ("mesh.cir", "s.toml"):
        (study.parent / "elsewhere" / name).write_bytes((study.parent / name).read_bytes())
    (moved,) = trials(load_study(study.parent / "elsewhere/s.toml"))
    assert moved.id == before.id
    (study.parent / "mesh.cir").write_text(MESH.replace("5k", "6k"))
    (changed,) = trials(load_study(study))
    assert changed.id != before.id


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("* nothing\n", None, "defines no subcircuit"),
        (MESH.replace(".model", ".subckt other a b\nr1 a b 1k\n.ends\n.model"), None, "2 subcircuits; say which"),
        (MESH, "msh", "no subcircuit 'msh'; did you mean mesh"),
        (MESH.replace("r1 a n1 {r}", "r1 a n1"), None, r"mesh\.cir:4"),
        (MESH.replace("r1 a n1 {r}", "r1 a n1 {nothing}"), None, r"mesh\.cir:4.*nothing"),
        (MESH.replace(".tran 1u 1m", ".include /etc/passwd"), None, r"mesh\.cir:15"),
    ],
)
def test_files_that_will_not_do(tmp_path: Path, text: str, name: str | None, message: str) -> None:
    (tmp_path / "mesh.cir").write_text(text)
    with pytest.raises(StudyError, match=message):
        read_block(tmp_path / "mesh.cir", name, parameters={}, temperature=300.15, allow_outside=False)


def test_what_is_left_out_is_said_and_nothing_runs(study: Path) -> None:
    hostile = ".control\nshell touch pwned\n.endc\n*# shell touch pwned"
    (study.parent / "mesh.cir").write_text(MESH.replace(".tran 1u 1m", hostile))
    graph = read_block(study.parent / "mesh.cir", None, parameters={}, temperature=300.15, allow_outside=False)
    assert "touch" not in graph.graph["subcircuit"]["text"]
    assert any("mesh.cir:15" in remark for remark in graph.graph["remarks"])


def test_a_missing_file_is_a_study_error(study: Path) -> None:
    (study.parent / "mesh.cir").unlink()
    with pytest.raises(StudyError, match=r"mesh\.cir"), Bench.of(parse_study(load_study(study))):
        pass
