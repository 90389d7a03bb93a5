"""Units joined by amplifiers: a unit's output current, amplified and shifted, drives inputs of later ones."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import networkx as nx
import numpy as np

from hge_spice.graph.network import Network, electrodes, shown

GAP = 1.4  # of a unit's width, from the middle of one to that of the next in a picture


@dataclass(frozen=True)
class Coupling:
    """An amplifier from a unit's output to inputs of the next: v = shift + limit·tanh(gain·i/limit).

    gain : ohm, of the transimpedance amplifier, negative where it inverts; shift : V; limit : V, where it saturates,
    or None for an amplifier that never does
    """

    gain: float = 1e7
    shift: float = 0.0
    limit: float | None = 0.5

    def __post_init__(self) -> None:
        if not (np.isfinite(self.gain) and self.gain != 0):
            raise ValueError(f"the coupling's gain is {self.gain!r} ohm; it must be finite and not zero")
        if not np.isfinite(self.shift):
            raise ValueError(f"the coupling's shift is {self.shift!r} V; it must be finite")
        if self.limit is not None and not (np.isfinite(self.limit) and self.limit > 0):
            raise ValueError(f"the coupling's limit is {self.limit!r} V; it must be above zero, or None")


def layered(
    units: Sequence[Network],
    *,
    outputs: Sequence[str],
    inputs: Sequence[Sequence[str]],
    coupling: Coupling | None = None,
) -> Network:
    """Networks in series as one: electrode `outputs[k]` of unit k drives electrodes `inputs[k]` of unit k + 1.

    outputs, inputs : one for each unit but the last, electrodes by their names within the unit

    Nodes are named u<k>_<name>. The coupled electrodes (kind "coupled") have no role; each output rests at 0 V.
    Raises ValueError: fewer than two units, an electrode that isn't there or is used twice, units within units.
    """
    if len(units) < 2 or len(outputs) != len(units) - 1 or len(inputs) != len(units) - 1:
        raise ValueError(
            f"{len(units)} units, {len(outputs)} outputs and {len(inputs)} lists of inputs; a series takes two units "
            "or more, and an output and inputs for each but the last"
        )
    joints = [
        (f"u{k}_{output}", [f"u{k + 1}_{name}" for name in driven])
        for k, (output, driven) in enumerate(zip(outputs, inputs, strict=True))
    ]
    return joined(units, joints, coupling=coupling)


def joined(
    units: Sequence[Network], joints: Sequence[tuple[str, Sequence[str]]], *, coupling: Coupling | None = None
) -> Network:
    """Networks side by side as one, some outputs driving electrodes of later units: layers of any width.

    joints : each an output electrode u<k>_<name> and the electrodes that its amplifier drives. Without any, all units
    are driven and read from outside

    Raises ValueError as `layered` does, and where an output would drive its own unit or one before it.
    """
    if len(units) < 2:
        raise ValueError(f"{len(units)} units; take two or more")
    made: Network = nx.Graph(family="layered", parameters={}, units=[], couplings=[])
    right = 0.0
    for k, unit in enumerate(units):
        right = _add_unit(made, k, unit, right)
    for output, driven in joints:
        if not driven:
            raise ValueError(f"output {shown(output)} drives nothing; name inputs of a later unit")
        for name in (output, *driven):
            if name not in electrodes(made):
                raise ValueError(f"{shown(name)} is no electrode that is free; name each once, as its unit calls it")
            made.nodes[name].update(kind="coupled", role=None)
        early = [name for name in driven if made.nodes[name]["unit"] <= made.nodes[output]["unit"]]
        if early:
            raise ValueError(f"output {output} would drive {early[0]}; an output drives later units alone")
        named: dict[str, Any] = {"output": output, "inputs": list(driven)}
        made.graph["couplings"].append(named | asdict(coupling or Coupling()))
    return made


def _add_unit(made: Network, k: int, unit: Network, left: float) -> float:
    """Copy a unit's nodes and links beside what is there already; gives its right end, m."""
    if "units" in unit.graph or unit.graph.get("family") == "subcircuit" or unit.is_multigraph():
        raise ValueError(f"unit {k} can't be put in series: it is itself a series, a netlist's block or a multigraph")
    made.graph["units"].append(dict(unit.graph))
    xs = np.array([data.get("x", 0.0) for _, data in unit.nodes(data=True)])
    half = 0.5 * GAP * (float(np.ptp(xs)) or 1e-6)
    middle = left + half if k else 0.0
    shift = middle - float(xs.min() + xs.max()) / 2
    for name, data in unit.nodes(data=True):
        x, y = data.get("x", 0.0), data.get("y", 0.0)
        made.add_node(f"u{k}_{name}", **{**data, "x": x + shift, "y": y, "unit": k, "label": name, "at": [x, y]})
    for a, b, data in unit.edges(data=True):
        ends: dict[str, Any] = {key: f"u{k}_{data[key]}" for key in ("source", "gate") if key in data}
        made.add_edge(f"u{k}_{a}", f"u{k}_{b}", **{**data, **ends})
    return middle + half


def unit_graph(graph: Network, unit: int) -> Network:
    """One unit of a series as it was put in, with its own names; coupled electrodes are its outputs and inputs."""
    own = [name for name, data in graph.nodes(data=True) if data.get("unit") == unit]
    label = {name: graph.nodes[name]["label"] for name in own}
    coupled = {each["output"]: "output" for each in graph.graph["couplings"]}
    made: Network = nx.Graph(**graph.graph["units"][unit])
    for name in own:
        data = {key: value for key, value in graph.nodes[name].items() if key not in {"unit", "label", "at"}}
        made.add_node(label[name], **data)
        made.nodes[label[name]].update(zip("xy", graph.nodes[name]["at"], strict=True))
        if data["kind"] == "coupled":
            made.nodes[label[name]].update(kind="electrode", role=coupled.get(name, "input"))
    for a, b, data in graph.edges(own, data=True):
        ends: dict[str, Any] = {key: label[data[key]] for key in ("source", "gate") if key in data}
        made.add_edge(label[a], label[b], **{**data, **ends})
    return made
