"""Vectors that are kept of each analysis, and what they are of."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from hge_spice.devices import DEVICES
from hge_spice.devices.branches import foreign_states
from hge_spice.devices.names import terminal
from hge_spice.graph import Network, electrodes, readout
from hge_spice.netlist.names import dc_source, output_source, outside
from hge_spice.netlist.rails import driven

PROBE = re.compile(r"[\w.#]+|@[\w.]+\[\w+\]", re.ASCII)


@dataclass(frozen=True)
class Saved:
    """Vectors kept of each analysis.

    read : what each output electrode is read by, in their order: a current, a load's or an amplifier's voltage
    sunk : currents into the output electrodes; driven : currents of the driven electrodes, out of their sources' + end
    states : bounded ones; own_states : of the user's subcircuits
    probes : what the user asked for; watched : more, that is read at rest alone
    """

    read: tuple[str, ...]
    sunk: tuple[str, ...]
    driven: tuple[str, ...]
    states: tuple[str, ...]
    probes: tuple[str, ...]
    watched: tuple[str, ...] = ()
    own_states: tuple[str, ...] = ()

    @property
    def usual(self) -> tuple[str, ...]:
        """Each vector once that an analysis in time is read by."""
        return tuple(
            dict.fromkeys((*self.read, *self.sunk, *self.driven, *self.states, *self.own_states, *self.probes))
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Each vector once, those of `usual` first."""
        return tuple(dict.fromkeys((*self.usual, *self.watched)))


def saved_vectors(graph: Network) -> Saved:
    """Vectors kept of each analysis of this network."""
    outputs, kind = electrodes(graph, "output"), readout(graph).kind
    read: dict[str, Callable[[str], str]] = {
        "current": lambda name: f"{output_source(name)}#branch",
        "transimpedance": lambda name: f"{terminal(name)}_amp",
        "voltage": lambda name: outside(graph, name),
    }
    return Saved(
        tuple(read[kind](name) for name in outputs),
        tuple(f"{output_source(name)}#branch" for name in outputs),
        tuple(f"{dc_source(name)}#branch" for name in driven(graph)),
        DEVICES[graph.graph["family"]].bounded_nodes(graph),
        tuple(graph.graph.get("probes", ())),
        tuple(graph.graph.get("watched", ())),
        foreign_states(graph),
    )


def save_name(vector: str) -> str:
    """Name of a vector as `.save` wants it: a branch current, a device's own quantity, or a node's voltage."""
    if vector.endswith("#branch"):
        return f"i({vector.removesuffix('#branch')})"
    return vector if vector.startswith("@") else f"v({vector})"
