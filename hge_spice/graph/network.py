"""What a network is: a networkx graph whose nodes have kinds and whose electrodes have roles; checks on both.

A node is an electrode (`kind="electrode"`, `role` one of ROLES or None), an internal node (`kind="node"`) or a site of
a dopant network (`kind="site"`), with a position `x`, `y` in metres where it has one. An edge is a link: of its own
`family` and `parameters`, or of those of the graph, which `graph.graph` holds. `source` names the node at its + end,
`gate` a node that controls it. Names are data: the netlist derives its own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from hge_spice.graph.readout import Readout

if TYPE_CHECKING:
    Network = nx.Graph[str]  # generic only in its stubs
else:
    Network = nx.Graph

ROLES = ("input", "complement", "control", "output", "ground", "bias", "unconnected")
KINDS = ("electrode", "node", "site")
LEAST_RESISTANCE = 1e-3  # ohm, ngspice's own: 1e-12 ohm in series with a sinh element of 1 nA has no operating point
_PLAIN = re.compile(r"[\w.+-]{1,40}")


def electrodes(graph: Network, role: str | None = None) -> tuple[str, ...]:
    """Names of the electrodes, or of those with one role, in the order in which roles were given or nodes added."""
    found = [n for n, data in graph.nodes(data=True) if data.get("kind") == "electrode"]
    if role is not None:
        found = [n for n in found if graph.nodes[n].get("role") == role]
        found.sort(key=lambda n: graph.nodes[n].get("order", 0))
    return tuple(found)


def sites(graph: Network) -> tuple[str, ...]:
    """Names of the sites, in the order in which they were added."""
    return tuple(n for n, data in graph.nodes(data=True) if data.get("kind") == "site")


def readout(graph: Network) -> Readout:
    """How the network's output is read; as a current where nothing else is said."""
    return Readout(**graph.graph.get("readout", {}))


def shown(name: object, longest: int = 40) -> str:
    """A name from a file as a message shows it: quoted, control characters escaped, not too long."""
    text = repr(str(name)[: longest + 1])
    return text if len(str(name)) <= longest else f"{text[:-2]}…'"


def assign_roles(
    graph: Network,
    *,
    output: str | Sequence[str],
    inputs: Sequence[str],
    controls: Sequence[str],
    grounds: Sequence[str] = (),
    bias: Mapping[str, float] | None = None,
    output_voltage: float = 0.0,
    complements: Sequence[str] = (),
    mirrors: Sequence[float] = (),
    readout: Readout | None = None,
    series_resistance: float | Mapping[str, float] = 0.0,
    unconnected: Sequence[str] = (),
) -> Network:
    """Return a copy of the graph with roles on its electrodes, checked by `check`.

    output : one electrode or several; the first is trained, or the first less the second where the read-out says so
    bias : V, of supplies and fixed electrodes; output_voltage : V, at which the outputs' ground stands
    complements : [input], electrodes driven by the inverse of each input: `mirrors` [input] (0 V each) less its voltage
    series_resistance : ohm, between each electrode and what drives or reads it; one for all, or by electrode
    unconnected : electrodes left open, such as a block's monitors

    Raises ValueError: an unknown electrode, one with two roles, one with none, a network that can't work.
    """
    outputs = tuple(output) if isinstance(output, Iterable) and not isinstance(output, str) else (output,)
    if complements and len(complements) != len(inputs):
        raise ValueError(f"{len(complements)} complements for {len(inputs)} inputs; name one each, or none")
    named = {"output": outputs, "input": inputs, "complement": complements, "control": controls, "ground": grounds}
    graph = graph.copy()
    _give_roles(graph, {**named, "bias": tuple(bias or {}), "unconnected": unconnected})
    for name, voltage in {**dict.fromkeys(outputs, output_voltage), **(bias or {})}.items():
        if not np.isfinite(voltage):
            raise ValueError(f"the voltage of electrode {shown(name)} is {voltage!r}; it must be finite")
        graph.nodes[name]["voltage"] = float(voltage)
    if complements:
        for name, partner, mirror in zip(complements, inputs, mirrors or [0.0] * len(inputs), strict=True):
            graph.nodes[name].update(complement_of=partner, mirror=float(mirror))
    _put_in_series(graph, series_resistance)
    if readout is not None:
        graph.graph["readout"] = asdict(readout)
    check(graph)
    return graph


def _missing(graph: Network, name: object, known: Iterable[str]) -> str:
    """What to say of a name that is no electrode's."""
    if not isinstance(name, str):
        return f"{name!r} is no name: those of nodes are text, such as {str(name)!r}; graph.as_network makes them so"
    inner = [str(node) for node, data in graph.nodes(data=True) if data.get("kind") == "node"]
    if name in inner:
        return f"{shown(name)} is an inner node; give it kind='electrode' to have a role"
    more = f"; its inner nodes are {listed(inner)}" if inner else ""
    return f"there is no electrode {shown(name)}; the network has {listed(known)}{more}"


def _give_roles(graph: Network, named: Mapping[str, Sequence[str]]) -> None:
    known = dict.fromkeys(electrodes(graph))
    for name in known:
        graph.nodes[name].update(role=None, order=0)
    for role, names in named.items():
        for order, name in enumerate(names):
            if name not in known:
                raise ValueError(_missing(graph, name, known))
            before = graph.nodes[name]["role"]
            if before is not None:
                raise ValueError(f"electrode {listed([name])} is {before} and {role}; an electrode has one role")
            graph.nodes[name].update(role=role, order=order)


def _put_in_series(graph: Network, resistance: float | Mapping[str, float]) -> None:
    known = dict.fromkeys(electrodes(graph))
    of_each = resistance if isinstance(resistance, Mapping) else dict.fromkeys(known, resistance)
    for name, ohm in of_each.items():
        if name not in known:
            raise ValueError(f"series resistance of {shown(name)}: there is no such electrode")
        if not (np.isfinite(ohm) and (ohm == 0 or ohm >= LEAST_RESISTANCE)):
            least = f"it must be 0, or at least {LEAST_RESISTANCE:g} ohm"
            raise ValueError(f"the series resistance of {shown(name)} is {ohm!r} ohm; {least}")
        graph.nodes[name]["series_resistance"] = float(ohm)


def listed(names: Iterable[str], most: int = 12) -> str:
    """Some names for a message, each cut short."""
    first = list(islice(names, most + 1))
    listed = ", ".join(name if _PLAIN.fullmatch(name) else shown(name) for name in first[:most])
    return (listed or "none") + (", …" if len(first) > most else "")


def check(graph: Network) -> None:
    """Refuse a network that can't be trained: raises ValueError saying which electrode or node, and what to do."""
    for role in ("output", "control"):
        if not electrodes(graph, role):
            raise ValueError(f"no electrode is {role}; name one")
    if readout(graph).differential and len(electrodes(graph, "output")) < 2:
        raise ValueError("a differential read-out needs two outputs; name the second")
    idle = [n for n in electrodes(graph) if graph.nodes[n].get("role") not in ROLES]
    if idle:
        named = "name it as input, control, ground, bias or unconnected"
        raise ValueError(f"electrode {listed(idle)} has no role; {named}")


def node_link(graph: Network) -> dict[str, Any]:
    """The network as node-link JSON has it, which `read_graph` reads; a link's + end is called `plus` there."""
    copy: Network = graph.copy()
    for _, _, data in copy.edges(data=True):
        if "source" in data:  # node-link's own word for a link's first end
            data["plus"] = data.pop("source")
    return dict(nx.node_link_data(copy, edges="edges"))
