import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from hge_spice.graph import as_network, grid, node_link, read_graph

HOSTILE = ["a\nR9 0 1 1\n.control\nshell touch x\n.endc", "b.include /etc/passwd", "ü" * 40, "0", "gnd", "x" * 2**20]


def hostile() -> nx.Graph:
    graph = nx.path_graph(HOSTILE)
    graph.graph.update(family="sinh")
    for name in (HOSTILE[0], HOSTILE[-1]):
        graph.nodes[name]["kind"] = "electrode"
    graph.edges[HOSTILE[0], HOSTILE[1]].update(family="diode", n=2.5)
    return graph


def write(graph: nx.Graph, path: Path) -> Path:
    if path.suffix == ".graphml":
        nx.write_graphml(graph, path)
    else:
        path.write_text(json.dumps(nx.node_link_data(graph, edges="links")))
    return path


@pytest.mark.parametrize("ending", ["graphml", "json"])
def test_names_from_files_are_kept_letter_by_letter(tmp_path: Path, ending: str) -> None:
    graph = read_graph(write(hostile(), tmp_path / f"network.{ending}"))
    assert list(graph) == HOSTILE
    assert graph.graph["family"] == "sinh"
    assert graph.nodes[HOSTILE[0]]["kind"] == "electrode"
    assert graph.nodes["gnd"]["kind"] == "node"
    data = graph.edges[HOSTILE[0], HOSTILE[1]]
    assert (data["family"], data["parameters"]) == ("diode", {"n": 2.5})


def test_a_list_of_links(tmp_path: Path) -> None:
    path = tmp_path / "network.csv"
    path.write_text('a,b,family,i0,kind_a\n"in, 1",x,sinh,2e-9,electrode\nx,"o\nut",diode,,\no2,x,,,electrode\n')
    graph = read_graph(path)
    assert list(graph) == ["in, 1", "x", "o\nut", "o2"]
    assert graph.edges["in, 1", "x"] == {"source": "in, 1", "family": "sinh", "parameters": {"i0": 2e-9}}
    assert graph.edges["x", "o\nut"] == {"source": "x", "family": "diode"}
    assert [n for n, kind in graph.nodes(data="kind") if kind == "electrode"] == ["in, 1", "o2"]
    path.write_text(f"a,b\n{'x' * 2**20},y\n")
    assert len(next(iter(read_graph(path)))) == 2**20


def test_a_node_may_be_a_gate_alone(tmp_path: Path) -> None:
    path = tmp_path / "network.csv"
    path.write_text("source,target,family,gate,vto\nx,y,mosfet,g,0.2\n")
    graph = read_graph(path)
    assert list(graph) == ["x", "y", "g"]
    assert graph.edges["x", "y"] == {"source": "x", "family": "mosfet", "gate": "g", "parameters": {"vto": 0.2}}


def test_directions_say_where_plus_is_and_opposite_links_are_two(tmp_path: Path) -> None:
    graph = nx.DiGraph([("b", "a"), ("b", "c"), ("c", "b")])
    for ending in ("graphml", "json"):
        read = read_graph(write(graph, tmp_path / f"network.{ending}"))
        found = sorted((a, b, d["source"]) for a, b, d in read.edges(data=True))
        assert [source for *_, source in found] in (["b", "b", "c"], ["b", "c", "b"])
        assert read.is_multigraph()


def test_what_a_trial_writes_can_be_read_again(tmp_path: Path) -> None:
    graph = grid(rows=3, columns=3, electrodes=4, rng=np.random.default_rng(0))
    graph.graph.update(family="diode", parameters={"n": 2.0})
    for k, (a, _, data) in enumerate(graph.edges(data=True)):
        data.update(source=a, parameters={"n": 1.0 + k})
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(node_link(graph)))
    again = read_graph(path)
    assert again.graph == graph.graph
    assert list(again.edges(data=True)) == list(graph.edges(data=True))


def test_any_graph_has_names_of_text() -> None:
    assert list(as_network(nx.path_graph(3))) == ["0", "1", "2"]
    with pytest.raises(ValueError, match="two nodes are called '1'"):
        as_network(nx.Graph([(1, "1")]))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("g.txt", "", "ends in '.txt'; networks are read from .graphml, .json, .csv"),
        ("g.graphml", "", "it is not XML: no element found: line 1, column 0"),
        ("g.graphml", "<graphml><node>", "it is not XML: no element found: line 1, column 15"),
        ("g.graphml", "<html/>", "it is not GraphML"),
        ("g.graphml", '<!DOCTYPE x [<!ENTITY a "b">]><x/>', "a document type or entities"),
        ("g.json", "{", "it is not JSON: .* line 1 column 2"),
        ("g.json", "[]", "it is not node-link JSON"),
        ("g.json", '{"nodes": [{"id": "a"}, 3], "links": []}', "node 1 is '3'; it needs id"),
        ("g.json", '{"nodes": [{"id": [1]}], "links": []}', r"node 0 has id '\[1\]'"),
        ("g.json", '{"nodes": [{"id": "a"}, {"id": "a"}], "links": []}', "two nodes have one id"),
        ("g.json", '{"nodes": [{"id": "a"}], "links": [{"source": "a", "target": "b"}]}', "link 0 ends at 'b'"),
        ("g.json", '{"nodes": [{"id": "a", "kind": "pin"}], "links": []}', "node 'a' is of kind 'pin'"),
        ("g.json", '{"nodes": [{"id": "a", "x": "1 um"}], "links": []}', "node 'a': x is '1 um'"),
        ("g.json", '{"nodes": [], "links": [], "graph": 3}', "graph is '3'; it should be a table"),
        (
            "g.json",
            '{"nodes": [{"id": 1}, {"id": 2}], "links": [{"source": 1, "target": 2, "i0": NaN}]}',
            "link '1'–'2': 'i0' is 'nan'",
        ),
        ("g.csv", "", "line 1 should be a header"),
        ("g.csv", "a,b\n", "it holds no link"),
        ("g.csv", "a,c\nx,y\n", "line 1 should be a header with columns a and b"),
        ("g.csv", "a,b\nx,y\nx\n", "line 3: 1 cells under 2 columns"),
        ("g.csv", "a,b\nx,\n", "line 2: a link needs two ends"),
        ("g.csv", "a,b,i0\nx,y,1 nA\n", "line 2: the link: 'i0' is '1 nA'"),
        ("g.csv", 'a,b\n"x,y\n', "it is not CSV: unexpected end of data"),
        ("g.csv", "a,b,kind_a,kind_b\nx,y,electrode,\ny,x2,,\nz,x,,node\n", "line 4: node 'x' is 'node' here"),
    ],
)
def test_broken_files_say_what_and_where(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_graph(path)


def test_bytes_and_depth_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "g.json"
    path.write_bytes(b'{"nodes": "\xff"}')
    with pytest.raises(ValueError, match="not UTF-8 text: byte 11 is 0xff"):
        read_graph(path)
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="nested too deeply"):
        read_graph(path)
