"""Decks: the circuit's text with options, what is saved, tables and analysis, to be loaded or run as it is."""

from collections.abc import Collection

from PySpice.Spice.Netlist import Circuit

from hge_spice.devices import DEVICES
from hge_spice.devices.condition import stated, warmed
from hge_spice.drive import INJECTED, Drive, Tables
from hge_spice.graph import Network, electrodes, readout
from hge_spice.netlist.analysis import transient_command
from hge_spice.netlist.circuit import build_circuit
from hge_spice.netlist.names import NOISE_NODE, outside, table_node
from hge_spice.netlist.rails import Rails
from hge_spice.netlist.saved import save_name, saved_vectors
from hge_spice.netlist.tables import sources

# XSPICE lowers trtol to 1 in a circuit with code models: with capacitors, 2.6 times the steps. This keeps the default
TOLERANCE = ".options xtrtol=7"
# Densities of noise need no operating point to the last digits, which transistors find hard to come by
EASIER = ".options reltol=1e-5 abstol=1e-13 vntol=1e-8"
# The sparse solver of SuiteSparse, in builds that have it; others ignore the option. Below about 1000 nodes it doesn't
# pay; nodes of a network have three elements or more
KLU, KLU_FROM = ".options klu", 3000


def deck(graph: Network, drive: Drive | None = None) -> str:
    """Full netlist: as loaded once and then altered (no drive), or runnable by `ngspice -b` as it is (with a drive).

    With tones or tables the analysis is the extraction's transient, without any the operating point. A drive with
    tables needs the files of `tables.files` beside the deck.
    """
    if drive is not None:
        graph = warmed(graph, drive.condition.warmer)
    values = {} if drive is None else Rails.of(graph).voltages(drive)
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
    return "\n".join([*lines, *([EASIER] if "subcircuit" in graph.graph else []), ".end", ""])


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
    return "\n".join([*lines, ".end", ""])


def _lines(graph: Network, circuit: Circuit) -> list[str]:
    lines = str(circuit).splitlines()
    options = " ".join(f"{key}={value!r}" for key, value in DEVICES[graph.graph["family"]].options.items())
    elements = sum(line[:1].isalpha() for line in lines)
    klu = [KLU] if elements >= KLU_FROM else []
    return [*lines, f".options {options}", *klu, *(f".save {save_name(name)}" for name in saved_vectors(graph).names)]


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
        return f"-%i({outside(graph, name)})" if name in outputs else f"%v({table_node(name)})"

    return [*sources(tables, [port(name) for name in tables.electrodes]), TOLERANCE]


def element_ends(circuit: Circuit) -> dict[str, tuple[str, ...]]:
    """Nodes of every two-ended element, by the name of a table that injects a current beside it."""
    return {
        INJECTED + each.name.lower(): tuple(each.node_names)
        for each in circuit.elements
        if len(tuple(each.node_names)) == 2
    }
