"""Which electrodes are driven, and at which voltages: a drive held against the network's roles."""

from dataclasses import dataclass
from math import isfinite
from typing import Self

import numpy as np

from hge_spice.drive import INJECTED, Drive, Tables, Transient
from hge_spice.graph import Network, electrodes, listed


def driven(graph: Network) -> tuple[str, ...]:
    """Electrodes with a DC source: controls and inputs in the order of a Drive, complements, then supplies."""
    return tuple(name for role in ("control", "input", "complement", "bias") for name in electrodes(graph, role))


@dataclass(frozen=True)
class Rails:
    """The driven electrodes of a network, looked up once.

    complements : electrode, the input it mirrors, and the sum of both voltages, V; bias : electrode and its voltage, V
    """

    controls: tuple[str, ...]
    inputs: tuple[str, ...]
    complements: tuple[tuple[str, str, float], ...]
    bias: tuple[tuple[str, float], ...]
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, graph: Network) -> Self:
        """Those of a network with roles."""
        nodes = graph.nodes
        return cls(
            electrodes(graph, "control"),
            electrodes(graph, "input"),
            tuple((n, nodes[n]["complement_of"], nodes[n]["mirror"]) for n in electrodes(graph, "complement")),
            tuple((n, nodes[n]["voltage"]) for n in electrodes(graph, "bias")),
            electrodes(graph, "output"),
        )

    def voltages(self, drive: Drive) -> dict[str, float]:
        """DC voltage of each driven electrode, V, in their order. Raises ValueError where the drive doesn't fit."""
        for what, values, names in (("control", drive.control, self.controls), ("inputs", drive.inputs, self.inputs)):
            if np.shape(values) != (len(names),):
                raise ValueError(f"{what} has shape {np.shape(values)}; the network has {len(names)}: {listed(names)}")
        strange = [tone.electrode for tone in drive.tones if tone.electrode not in self.controls]
        if strange:
            raise ValueError(f"a tone on {listed(strange)}, which is no control ({listed(self.controls)})")
        playing = [tone.electrode for tone in drive.tones]
        if len(set(playing)) < len(playing):
            twice = [name for name in dict.fromkeys(playing) if playing.count(name) > 1]
            raise ValueError(f"two tones on {listed(twice)}; a source plays one: measure them one after the other")
        # plain floats: a few of them are checked and written sooner than NumPy is called
        given = dict(zip((*self.controls, *self.inputs), map(float, (*drive.control, *drive.inputs)), strict=True))
        if not all(map(isfinite, given.values())):
            what, values = ("inputs", drive.inputs) if np.isfinite(drive.control).all() else ("control", drive.control)
            raise ValueError(f"{what} holds a value that is not finite: {values}")
        given |= {name: total - given[partner] for name, partner, total in self.complements}
        given |= dict(self.bias)
        if drive.tables is not None:
            self._check_tables(drive.tables, drive.transient, tuple(given))
        return given

    def _check_tables(self, tables: Tables, transient: Transient, driven: tuple[str, ...]) -> None:
        known = (*driven, *self.outputs)
        strange = [name for name in tables.electrodes if name not in known and not name.startswith(INJECTED)]
        if strange:
            raise ValueError(f"a table for {listed(strange)}, which is neither driven nor output ({listed(known)})")
        end, needed = tables.duration, transient.reach
        if end < needed * (1 - 1e-9):
            raise ValueError(f"the tables end at {end:.6g} s, the measurement's last point may be at {needed:.6g} s")


def voltages(graph: Network, drive: Drive) -> dict[str, float]:
    """DC voltage of each driven electrode, V; see Rails.voltages."""
    return Rails.of(graph).voltages(drive)
