"""Graph to PySpice circuit: sources on the electrodes, what is stray beside them, read-outs, the family's elements."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from PySpice.Spice.Netlist import Circuit

from hge_spice.devices import DEVICES
from hge_spice.devices.names import terminal
from hge_spice.drive import Tone
from hge_spice.graph import Network, check, electrodes, readout
from hge_spice.netlist.analysis import sine
from hge_spice.netlist.names import dc_source, output_source, outside, series_resistance, table_node, tone_source
from hge_spice.netlist.rails import driven
from hge_spice.netlist.saved import PROBE


def build_circuit(
    graph: Network,
    dc: Mapping[str, float] | None = None,
    tones: Mapping[str, Tone] | None = None,
    tabled: Collection[str] = (),
    settle: float = 0.0,
) -> Circuit:
    """Build the network with its sources and read-out; the same graph and values give the same text.

    dc : V, by driven electrode; tones : by control electrode; what is missing is zero, and can be altered once loaded.
    settle : dead time before the window, s, see `sine`
    tabled : electrodes that stand on a node of their own instead of ground, for `table_sources`
    Each control has two sources in series, DC and tone, since either must change without the other.
    """
    check(graph)
    family = DEVICES[graph.graph["family"]]
    family.check(graph)
    dc, tones = dc or {}, tones or {}
    circuit = Circuit(f"{family.name} network, {graph.number_of_nodes()} nodes, {graph.number_of_edges()} links")
    controls = set(electrodes(graph, "control"))
    _check_nodes(graph, tabled)
    for name in driven(graph):
        _wire(circuit, graph, name)
        node, foot = outside(graph, name), table_node(name) if name in tabled else 0
        value = f"DC {float(dc.get(name, graph.nodes[name].get('voltage', 0.0)))!r}"
        if name not in controls:
            circuit.V(dc_source(name)[1:], node, foot, value)
            continue
        circuit.V(dc_source(name)[1:], f"{terminal(name)}_dc", foot, value)
        tone = tones.get(name, Tone(name, 1.0, 0.0))
        arguments = " ".join(repr(a) for a in sine(tone, settle))
        circuit.V(tone_source(name)[1:], node, f"{terminal(name)}_dc", f"DC 0 AC 0 SIN({arguments})")
    for name in electrodes(graph, "output"):
        _stamp_readout(circuit, graph, name)
    for name in electrodes(graph, "ground"):
        circuit.V(dc_source(name)[1:], outside(graph, name), 0, "DC 0")
    for name in electrodes(graph):
        if outside(graph, name) != terminal(name):
            circuit.R(f"lead_{terminal(name)}", outside(graph, name), terminal(name), series_resistance(graph, name))
    family.stamp(circuit, graph)
    return circuit


def _wire(circuit: Circuit, graph: Network, name: str) -> None:
    """Add what is stray at a driven electrode, where `graph.graph["wiring"]` states it.

    `electrode_capacitance` to ground, `output_capacitance` and `output_conductance` to every output, F and S;
    `between_capacitance` and `between_conductance`, of pairs of electrodes, each with the first of them
    """
    wiring, node = graph.graph.get("wiring", {}), terminal(name)
    for other, farad in _coupled(wiring, "between_capacitance", name):
        circuit.C(f"pair_{node}_{other}", node, other, farad)
    for other, siemens in _coupled(wiring, "between_conductance", name):
        circuit.R(f"pair_{node}_{other}", node, other, 1 / siemens)
    if wiring.get("electrode_capacitance"):
        circuit.C(f"wire_{node}", node, 0, float(wiring["electrode_capacitance"]))
    for output in electrodes(graph, "output"):
        if wiring.get("output_capacitance"):
            circuit.C(f"cross_{node}_{terminal(output)}", node, terminal(output), float(wiring["output_capacitance"]))
        if wiring.get("output_conductance"):
            ohm = 1 / float(wiring["output_conductance"])
            circuit.R(f"cross_{node}_{terminal(output)}", node, terminal(output), ohm)


def _coupled(wiring: Mapping[str, Any], key: str, name: str) -> list[tuple[str, float]]:
    return [(terminal(b), value) for a, b, value in wiring.get(key, ()) if a == name]


def _stamp_readout(circuit: Circuit, graph: Network, electrode: str) -> None:
    """A virtual ground that reads the current, what stands between it and the electrode, and what amplifies it."""
    how, node, source = readout(graph), terminal(electrode), output_source(electrode)
    ground, value = outside(graph, electrode), f"DC {graph.nodes[electrode].get('voltage', 0.0)!r}"
    if how.kind == "voltage":
        circuit.R(f"load_{node}", ground, f"{node}_load", how.load)
        ground = f"{node}_load"
    circuit.V(source[1:], ground, 0, value)
    if how.kind == "transimpedance":
        ideal = f"{node}_amp" if how.bandwidth is None else f"{node}_ideal"
        circuit.raw_spice += f"Hamp_{node} {ideal} 0 {source} {how.sign * how.gain!r}\n"
        if how.bandwidth is not None:
            circuit.R(f"amp_{node}", ideal, f"{node}_amp", 1.0)
            circuit.C(f"amp_{node}", f"{node}_amp", 0, 1 / (2 * np.pi * how.bandwidth))


def _check_nodes(graph: Network, tabled: Collection[str]) -> None:
    """No electrode may have the name of a node that the netlist adds; probes are names that others made."""
    ours = {f"{terminal(name)}_dc" for name in electrodes(graph, "control")} | {table_node(name) for name in tabled}
    ours |= {f"{terminal(name)}_{end}" for name in electrodes(graph) for end in ("lead", "load", "amp", "ideal")}
    for name in electrodes(graph):
        if terminal(name) in ours:
            raise ValueError(f"electrode {name} has a name that the netlist needs for a node of its own; rename it")
    for name in graph.graph.get("probes", ()):
        if not PROBE.fullmatch(name):
            raise ValueError(f"probe {name!r} is no node, x1.node or @device[parameter] of a netlist")
