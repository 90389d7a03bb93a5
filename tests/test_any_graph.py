"""Any graph either builds a deck that runs, or is refused with a reason."""

from collections.abc import Iterator
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hge_spice.devices import ELEMENTS
from hge_spice.devices.foreign import define
from hge_spice.graph import Network, Readout, as_network, assign_roles, electrodes, of_family
from hge_spice.netlist import deck, saved_vectors
from hge_spice.ngspice.worker import Worker

MARK = "shell touch"
HOSTILE = [f"a\n.control\n{MARK} x\n.endc", f"R1 0 1 1\n.{MARK}", "0", "gnd", "n0", "x0", "E1", "e1", "y" * 99]
CELLS = """.subckt pair a b k=1n
b1 a b i=k*sinh(v(a,b)/0.1)
.ends
.subckt gated a b c k=1u
b1 a b i=k*v(a,b)*(1+tanh(v(c,b)))
.ends"""
PINS = {"pair": 2, "gated": 3}
LABELS = st.one_of(st.text(min_size=1, max_size=6), st.sampled_from(HOSTILE), st.integers(0, 9))


def seldom(draw: Any) -> bool:
    return bool(draw(st.integers(0, 39)) == 39)


@st.composite
def networks(draw: Any) -> dict[str, Any]:
    """A graph of any shape, names and elements with roles, now and then one that doesn't fit."""
    graph = draw(st.sampled_from([nx.Graph, nx.DiGraph, nx.MultiGraph]))()
    labels = draw(st.lists(LABELS, min_size=2, max_size=9, unique_by=repr if seldom(draw) else str))
    graph.add_nodes_from(labels)
    rims = labels[: draw(st.integers(0 if seldom(draw) else 2, len(labels)))]
    for name in rims:
        graph.nodes[name]["kind"] = "electrode"
    pairs = [(name, draw(st.sampled_from(labels[: k + 1]))) for k, name in enumerate(labels[1:]) if not seldom(draw)]
    more = st.tuples(st.sampled_from(labels), st.sampled_from(labels))
    pairs += [(a, b) for a, b in draw(st.lists(more, max_size=8)) if a != b or seldom(draw)]
    for a, b in pairs:
        own: dict[str, Any] = {}
        if draw(st.booleans()):
            own["family"] = draw(st.sampled_from([*sorted(ELEMENTS), "subcircuit"]))
        foreign = own.get("family") == "subcircuit"
        if foreign:
            own |= {"subcircuit": "cells", "name": draw(st.sampled_from([*PINS, MARK] if seldom(draw) else [*PINS]))}
        gated = PINS.get(own["name"]) == 3 if foreign else ELEMENTS[own.get("family", "sinh")].gated
        if gated != seldom(draw):
            own["gate"] = str(draw(st.sampled_from(labels)))
        if draw(st.integers(0, 4)) == 0 and (not foreign or seldom(draw)):
            value = -1.0 if seldom(draw) else draw(st.sampled_from([1e-12, 0.0, 10.0]))
            own["parameters"] = {draw(st.sampled_from(["capacitance", "series_resistance"])): value}
        if draw(st.integers(0, 4)) == 0:
            own["source"] = str(draw(st.sampled_from(labels if seldom(draw) else [a, b])))
        graph.add_edge(a, b, **own)
    return {
        "graph": graph,
        "family": draw(st.sampled_from(["resistor", "sinh", "diode", "tunnel", "hp_joglekar"])),
        "readout": Readout(draw(st.sampled_from(["current", "transimpedance", "voltage"]))),
        "series": draw(st.sampled_from([0.0, 50.0])),
        "order": draw(st.integers(0, 9)),
    }


def built(drawn: dict[str, Any]) -> Network:
    graph = of_family(as_network(drawn["graph"]), drawn["family"])
    graph = define(graph, "cells", CELLS, {name: ("abc"[:count], ("k",)) for name, count in PINS.items()})
    rims = electrodes(graph)
    rims = rims[drawn["order"] % len(rims) :] + rims[: drawn["order"] % len(rims)] if rims else ()
    return assign_roles(
        graph,
        output=rims[0] if rims else "none",
        controls=rims[1:3],
        inputs=rims[3:4],
        grounds=rims[4:],
        readout=drawn["readout"],
        series_resistance=drawn["series"],
    )


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    found = Worker(60)
    yield found
    found.close()


def runs_or_is_refused(worker: Worker, drawn: dict[str, Any]) -> bool:
    try:
        graph = built(drawn)
        text = deck(graph)
    except ValueError as error:
        assert 10 < len(str(error)) < 2000  # noqa: PT017 - either outcome is right, without a reason it isn't
        return False
    assert MARK not in text
    assert text.isascii()
    worker.load(text)
    names = saved_vectors(graph).names
    result = worker.run([], "op", names)
    assert not result.missing, (result.missing, text)
    assert result.vectors.shape == (len(names), 1), text + "\n".join(result.log[-15:])
    assert np.isfinite(result.vectors).all()
    return True


@given(networks())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_any_graph_runs_or_is_refused_with_a_reason(worker: Worker, drawn: dict[str, Any]) -> None:
    runs_or_is_refused(worker, drawn)


@pytest.mark.long
def test_many_graphs_run_or_are_refused_and_both_happen(worker: Worker) -> None:
    outcomes = []

    @given(networks())
    @settings(max_examples=500, deadline=None, derandomize=True)
    def each(drawn: dict[str, Any]) -> None:
        outcomes.append(runs_or_is_refused(worker, drawn))

    each()
    assert 0.1 < np.mean(outcomes) < 0.9


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"output": 8, "inputs": [0], "controls": [2]}, r"8 is no name: .* text, such as '8'"),
        ({"output": (2, 2), "inputs": ["a"], "controls": ["b"]}, r"2 is no name"),
        ({"output": "b", "inputs": ["a"], "controls": ["m"]}, r"'m' is an inner node; give it kind='electrode'"),
        ({"output": "b", "inputs": ["a"], "controls": ["c"]}, r"no electrode 'c'; .* a, b; its inner nodes are m"),
    ],
)
def test_names_that_are_no_electrodes_are_told_apart(names: dict[str, Any], message: str) -> None:
    graph = nx.Graph([("a", "m"), ("m", "b")])
    graph.add_nodes_from("ab", kind="electrode")
    with pytest.raises(ValueError, match=message):
        assign_roles(of_family(as_network(graph), "resistor"), **names)
