"""Graph to PySpice circuit and to deck text: sources on the electrodes, the family's elements, options, analysis."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from PySpice.Spice.Netlist import Circuit

from hge_spice.devices import DEVICES
from hge_spice.devices.condition import stated, warmed
from hge_spice.devices.names import terminal
from hge_spice.drive import INJECTED, Drive, Tables, Tone, Transient
from hge_spice.graph import Network, check, electrodes, listed, readout
from hge_spice.tables import sources

PROBE = re.compile(r"[\w.#]+|@[\w.]+\[\w+\]", re.ASCII)
NOISE_NODE = "e__noise"  # no electrode's: theirs are spelled out in hexadecimal where they begin with e_
# XSPICE lowers trtol to 1 in a circuit with code models: with capacitors, 2.6 times the steps. This keeps the default
TOLERANCE = ".options xtrtol=7"
# Densities of noise need no operating point to the last digits, which transistors find hard to come by
EASIER = ".options reltol=1e-5 abstol=1e-13 vntol=1e-8"
# The sparse solver of SuiteSparse, in builds that have it; others ignore the option. Below about 1000 nodes it doesn't
# pay; nodes of a network have three elements or more
KLU, KLU_FROM = ".options klu", 3000


def dc_source(electrode: str) -> str:
    """Name of the source that holds the electrode's DC voltage; its branch current is the electrode's."""
    return f"vdc_{terminal(electrode)}"


def tone_source(electrode: str) -> str:
    """Name of the source in series with it that carries the electrode's tone, and the unit AC drive of the truth."""
    return f"vtone_{terminal(electrode)}"


def output_source(electrode: str) -> str:
    """Name of the virtual ground that reads the output current."""
    return f"vout_{terminal(electrode)}"


def sine(tone: Tone, settle: float = 0.0) -> tuple[float, float, float, float, float, float]:
    """Arguments of ngspice's SIN: offset, amplitude, frequency, delay, damping, phase in degrees.

    settle : dead time before the window, s. Where it leaves room, the tone begins at its first zero instead of at once.
    ngspice takes the operating point with each source at its value at time zero: a slow state would begin where the
    tone's a·sin φ, held for ever, would put it, and not come back within the measurement.
    """
    if settle * tone.frequency >= 1:
        delay = float(np.mod(-tone.phase, 2 * np.pi) / (2 * np.pi * tone.frequency))
        return (0.0, tone.amplitude, tone.frequency, delay, 0.0, 0.0)
    return (0.0, tone.amplitude, tone.frequency, 0.0, 0.0, float(np.degrees(tone.phase)))


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
            if not np.isfinite(values).all():
                raise ValueError(f"{what} holds a value that is not finite: {values}")
        strange = [tone.electrode for tone in drive.tones if tone.electrode not in self.controls]
        if strange:
            raise ValueError(f"a tone on {listed(strange)}, which is no control ({listed(self.controls)})")
        given = dict(zip((*self.controls, *self.inputs), map(float, (*drive.control, *drive.inputs)), strict=True))
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


@dataclass(frozen=True)
class Saved:
    """Vectors kept of each analysis.

    read : what each output electrode is read by, in their order: a current, a load's or an amplifier's voltage
    sunk : currents into the output electrodes; driven : currents of the driven electrodes, out of their sources' + end
    states : bounded ones; probes : what the user asked for
    """

    read: tuple[str, ...]
    sunk: tuple[str, ...]
    driven: tuple[str, ...]
    states: tuple[str, ...]
    probes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Each vector once."""
        return tuple(dict.fromkeys((*self.read, *self.sunk, *self.driven, *self.states, *self.probes)))


def saved_vectors(graph: Network) -> Saved:
    """Vectors kept of each analysis of this network."""
    outputs, kind = electrodes(graph, "output"), readout(graph).kind
    read: dict[str, Callable[[str], str]] = {
        "current": lambda name: f"{output_source(name)}#branch",
        "transimpedance": lambda name: f"{terminal(name)}_amp",
        "voltage": lambda name: _outside(graph, name),
    }
    return Saved(
        tuple(read[kind](name) for name in outputs),
        tuple(f"{output_source(name)}#branch" for name in outputs),
        tuple(f"{dc_source(name)}#branch" for name in driven(graph)),
        DEVICES[graph.graph["family"]].bounded_nodes(graph),
        tuple(graph.graph.get("probes", ())),
    )


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
        node, foot = _outside(graph, name), table_node(name) if name in tabled else 0
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
        circuit.V(dc_source(name)[1:], _outside(graph, name), 0, "DC 0")
    for name in electrodes(graph):
        if _outside(graph, name) != terminal(name):
            circuit.R(f"lead_{terminal(name)}", _outside(graph, name), terminal(name), _series_resistance(graph, name))
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


def _series_resistance(graph: Network, electrode: str) -> float:
    return float(graph.nodes[electrode].get("series_resistance", 0.0))


def _outside(graph: Network, electrode: str) -> str:
    """Node at the far end of an electrode's series resistance: where it is driven or read."""
    return f"{terminal(electrode)}_lead" if _series_resistance(graph, electrode) else terminal(electrode)


def _stamp_readout(circuit: Circuit, graph: Network, electrode: str) -> None:
    """A virtual ground that reads the current, what stands between it and the electrode, and what amplifies it."""
    how, node, source = readout(graph), terminal(electrode), output_source(electrode)
    ground, value = _outside(graph, electrode), f"DC {graph.nodes[electrode].get('voltage', 0.0)!r}"
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


def table_sources(graph: Network, tables: Tables) -> list[str]:
    """Lines that apply tables to a circuit built for their electrodes; they read the files of `tables.files`.

    A table of the output adds to the current that is read, unseen by the network: not for the voltage on a load.
    """
    outputs = electrodes(graph, "output")
    if readout(graph).kind == "voltage" and set(outputs) & set(tables.electrodes):
        raise ValueError("a table of the output is a current, and this output is read as the voltage on a load")
    injected = any(name.startswith(INJECTED) for name in tables.electrodes)
    beside = element_ends(build_circuit(graph)) if injected else {}

    def port(name: str) -> str:
        if name.startswith(INJECTED):
            if name not in beside:
                raise ValueError(f"a table of the {name}, which the netlist doesn't have")
            return f"%id({' '.join(beside[name])})"
        # XSPICE's currents leave their node: that of the output comes through the virtual ground
        return f"-%i({_outside(graph, name)})" if name in outputs else f"%v({table_node(name)})"

    return [*sources(tables, [port(name) for name in tables.electrodes]), TOLERANCE]


def element_ends(circuit: Circuit) -> dict[str, tuple[str, ...]]:
    """Nodes of every two-ended element, by the name of a table that injects a current beside it."""
    return {
        INJECTED + each.name.lower(): tuple(each.node_names)
        for each in circuit.elements
        if len(tuple(each.node_names)) == 2
    }


def table_node(electrode: str) -> str:
    return f"{terminal(electrode)}_table"


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


def transient_command(transient: Transient) -> str:
    """Return the analysis that holds `points` equal steps after the solver's start-up steps.

    ngspice starts with a hundredth of a step and doubles it; the sum of these steps lies between one and two steps, so
    that one step more than the window makes room for a uniform grid. See `ngspice.window.window_points`.
    """
    step = transient.step
    return f"tran {step!r} {transient.settle + transient.window + step!r} {transient.settle!r} {step!r}"


def _saved(vector: str) -> str:
    """Name of a vector as `.save` wants it: a branch current, a device's own quantity, or a node's voltage."""
    if vector.endswith("#branch"):
        return f"i({vector.removesuffix('#branch')})"
    return vector if vector.startswith("@") else f"v({vector})"


def deck(graph: Network, drive: Drive | None = None) -> str:
    """Full netlist: as loaded once and then altered (no drive), or runnable by `ngspice -b` as it is (with a drive).

    With tones or tables the analysis is the extraction's transient, without any the operating point. A drive with
    tables needs the files of `tables.files` beside the deck.
    """
    if drive is not None:
        graph = warmed(graph, drive.condition.warmer)
    values = {} if drive is None else voltages(graph, drive)
    tones = {} if drive is None else {tone.electrode: tone for tone in drive.tones}
    tables = None if drive is None else drive.tables
    settle = 0.0 if drive is None else drive.transient.settle
    lines = _lines(graph, build_circuit(graph, values, tones, tables.electrodes if tables else (), settle))
    if tables is not None:
        lines += table_sources(graph, tables)
    if drive is not None:
        lines = stated(lines, graph, drive.condition)
        lines[1:1] = [f"* {command}, before it is loaded" for command in graph.graph.get("setup", ())]
        lines.append(f".{transient_command(drive.transient)}" if drive.tones or drive.tables else ".op")
    return "\n".join([*lines, ".end", ""])


def tabled_body(graph: Network, tabled: Collection[str]) -> str:
    """Netlist to be loaded with tables on these electrodes, but for the lines of `table_sources` and `.end`."""
    return "\n".join(_lines(graph, build_circuit(graph, tabled=tabled)))


def noise_deck(graph: Network) -> str:
    """Netlist to be loaded for `.noise`: the output also as the voltage of NOISE_NODE, 1 V for 1 A or 1 V of it."""
    saved, differential = saved_vectors(graph), readout(graph).differential
    circuit = build_circuit(graph)
    below = NOISE_NODE
    # voltages in series, the first output's on top
    for k, vector in enumerate(saved.read[: 1 + differential]):
        foot = f"{NOISE_NODE}_{k}" if differential and k == 0 else "0"
        ends = f"{below} {foot}" if k == 0 else f"0 {below}"
        if vector.endswith("#branch"):
            circuit.raw_spice += f"hnoise{k} {ends} {vector.removesuffix('#branch')} 1\n"
        else:
            circuit.raw_spice += f"enoise{k} {ends} {vector} 0 1\n"
        below = foot
    lines = [line for line in _lines(graph, circuit) if not line.startswith(".save")]  # its spectrum goes by no name
    return "\n".join([*lines, *([EASIER] if "subcircuit" in graph.graph else []), ".end", ""])


def _lines(graph: Network, circuit: Circuit) -> list[str]:
    lines = str(circuit).splitlines()
    options = " ".join(f"{key}={value!r}" for key, value in DEVICES[graph.graph["family"]].options.items())
    elements = sum(line[:1].isalpha() for line in lines)
    klu = [KLU] if elements >= KLU_FROM else []
    return [*lines, f".options {options}", *klu, *(f".save {_saved(name)}" for name in saved_vectors(graph).names)]
