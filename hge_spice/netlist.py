"""Graph to PySpice circuit and to deck text: sources on the electrodes, the family's elements, options, analysis."""

import re
from collections.abc import Collection, Mapping

import numpy as np
from PySpice.Spice.Netlist import Circuit

from hge_spice.devices import DEVICES
from hge_spice.devices.names import terminal
from hge_spice.drive import Drive, Tables, Tone, Transient
from hge_spice.graph import Network, check, electrodes
from hge_spice.tables import sources

PROBE = re.compile(r"[\w.#]+|@[\w.]+\[\w+\]", re.ASCII)
NOISE_NODE = "noise_of_output"
# XSPICE lowers trtol to 1 in a circuit with code models: with capacitors, 2.6 times the steps. This keeps the default
TOLERANCE = ".options xtrtol=7"
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


def sine(tone: Tone) -> tuple[float, float, float, float, float, float]:
    """Arguments of ngspice's SIN: offset, amplitude, frequency, delay, damping, phase in degrees."""
    return (0.0, tone.amplitude, tone.frequency, 0.0, 0.0, float(np.degrees(tone.phase)))


def driven(graph: Network) -> tuple[str, ...]:
    """Electrodes with a DC source: controls and inputs in the order of a Drive, then supplies."""
    return electrodes(graph, "control") + electrodes(graph, "input") + electrodes(graph, "bias")


def voltages(graph: Network, drive: Drive) -> dict[str, float]:
    """DC voltage of each driven electrode, V. Raises ValueError where the drive doesn't fit the graph."""
    controls, inputs = electrodes(graph, "control"), electrodes(graph, "input")
    for name, values, names in (("control", drive.control, controls), ("inputs", drive.inputs, inputs)):
        if np.shape(values) != (len(names),):
            raise ValueError(f"{name} has shape {np.shape(values)}; the network has {len(names)}: {', '.join(names)}")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds a value that is not finite: {values}")
    strange = [tone.electrode for tone in drive.tones if tone.electrode not in controls]
    if strange:
        raise ValueError(f"a tone on {', '.join(strange)}, which is no control ({', '.join(controls)})")
    given = dict(zip((*controls, *inputs), (float(v) for v in (*drive.control, *drive.inputs)), strict=True))
    if drive.tables is not None:
        _check_tables(graph, drive.tables, drive.transient)
    return given | {name: graph.nodes[name]["voltage"] for name in electrodes(graph, "bias")}


def _check_tables(graph: Network, tables: Tables, transient: Transient) -> None:
    known = (*driven(graph), *electrodes(graph, "output"))
    strange = [name for name in tables.electrodes if name not in known]
    if strange:
        raise ValueError(f"a table for {', '.join(strange)}, which is neither driven nor output ({', '.join(known)})")
    end, needed = tables.duration, transient.reach
    if end < needed * (1 - 1e-9):
        raise ValueError(f"the tables end at {end:.6g} s, the measurement's last point may be at {needed:.6g} s")


def saved_vectors(graph: Network) -> tuple[str, ...]:
    """Vectors kept of each analysis: output current, currents of the driven electrodes, bounded states, probes."""
    family = DEVICES[graph.graph["family"]]
    output = electrodes(graph, "output")[0]
    return (
        f"{output_source(output)}#branch",
        *(f"{dc_source(name)}#branch" for name in driven(graph)),
        *family.bounded_nodes(graph),
        *graph.graph.get("probes", ()),
    )


def build_circuit(
    graph: Network,
    dc: Mapping[str, float] | None = None,
    tones: Mapping[str, Tone] | None = None,
    tabled: Collection[str] = (),
) -> Circuit:
    """Build the network with its sources; the same graph and values give the same text.

    dc : V, by driven electrode; tones : by control electrode; what is missing is zero, and can be altered once loaded.
    tabled : electrodes that stand on a node of their own instead of ground, for `table_sources`
    Each control has two sources in series, DC and tone, since either must change without the other.
    """
    check(graph)
    DEVICES[graph.graph["family"]].check(graph)
    dc, tones = dc or {}, tones or {}
    family = DEVICES[graph.graph["family"]]
    circuit = Circuit(f"{family.name} network, {graph.number_of_nodes()} nodes, {graph.number_of_edges()} links")
    controls = electrodes(graph, "control")
    _check_names(graph, tabled)
    for name in driven(graph):
        node = _fed(circuit, graph, name)
        value = f"DC {float(dc.get(name, graph.nodes[name].get('voltage', 0.0)))!r}"
        foot = f"{terminal(name)}_table" if name in tabled else 0
        if name not in controls:
            circuit.V(dc_source(name)[1:], node, foot, value)
            continue
        circuit.V(dc_source(name)[1:], f"{terminal(name)}_dc", foot, value)
        tone = tones.get(name, Tone(name, 1.0, 0.0))
        arguments = " ".join(repr(a) for a in sine(tone))
        circuit.V(tone_source(name)[1:], node, f"{terminal(name)}_dc", f"DC 0 AC 0 SIN({arguments})")
    output = electrodes(graph, "output")[0]
    circuit.V(output_source(output)[1:], terminal(output), 0, f"DC {graph.nodes[output].get('voltage', 0.0)!r}")
    for name in electrodes(graph, "ground"):
        circuit.V(dc_source(name)[1:], terminal(name), 0, "DC 0")
    family.stamp(circuit, graph)
    return circuit


def _fed(circuit: Circuit, graph: Network, name: str) -> str:
    """Add an electrode's wiring, and return the node that its source holds: its own where there is no resistance.

    `graph.graph["wiring"]` has what lies outside the network: `source_resistance` in ohm, `electrode_capacitance` to
    ground, `output_capacitance` and `output_conductance` from each driven electrode to the output, F and S.
    """
    wiring, node = graph.graph.get("wiring", {}), terminal(name)
    output = terminal(electrodes(graph, "output")[0])
    if wiring.get("electrode_capacitance"):
        circuit.C(f"wire_{node}", node, 0, float(wiring["electrode_capacitance"]))
    if wiring.get("output_capacitance"):
        circuit.C(f"cross_{node}", node, output, float(wiring["output_capacitance"]))
    if wiring.get("output_conductance"):
        circuit.R(f"cross_{node}", node, output, 1 / float(wiring["output_conductance"]))
    if not wiring.get("source_resistance"):
        return node
    circuit.R(f"wire_{node}", node, f"{node}_source", float(wiring["source_resistance"]))
    return f"{node}_source"


def table_sources(graph: Network, tables: Tables) -> list[str]:
    """Lines that apply tables to a circuit built for their electrodes; they read the files of `tables.files`."""
    output = electrodes(graph, "output")[0]
    # XSPICE's currents leave their node: that of the output comes through the virtual ground, unseen by the network
    ports = [
        f"-%i({terminal(name)})" if name == output else f"%v({terminal(name)}_table)" for name in tables.electrodes
    ]
    return [*sources(tables, ports), TOLERANCE]


def _check_names(graph: Network, tabled: Collection[str]) -> None:
    """Names become text that ngspice reads, and may come from anywhere: a label of a GraphML file, a drawing."""
    ours = {f"{terminal(name)}_dc" for name in electrodes(graph, "control")} | {NOISE_NODE}
    ours |= {f"{terminal(name)}_table" for name in tabled} | {f"{terminal(name)}_source" for name in driven(graph)}
    taken = {name.lower() for name in ours}
    for name in electrodes(graph):
        if terminal(name) in taken:
            raise ValueError(f"electrode {name} has a name that the netlist needs for a node of its own; rename it")
        taken.add(terminal(name))
    for name in graph.graph.get("probes", ()):
        if not PROBE.fullmatch(name):
            raise ValueError(f"probe {name!r} is no node, x1.node or @device[parameter] of a netlist")


def transient_command(transient: Transient) -> str:
    """Return the analysis that holds `points` equal steps after the solver's start-up steps.

    ngspice starts with a hundredth of a step and doubles it; the sum of these steps lies between one and two steps, so
    that one step more than the window makes room for a uniform grid. See `ngspice.device.window_points`.
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
    values = {} if drive is None else voltages(graph, drive)
    tones = {} if drive is None else {tone.electrode: tone for tone in drive.tones}
    tables = None if drive is None else drive.tables
    lines = _lines(graph, build_circuit(graph, values, tones, tables.electrodes if tables else ()))
    if tables is not None:
        lines += table_sources(graph, tables)
    if drive is not None:
        lines[1:1] = [f"* {command}, before it is loaded" for command in graph.graph.get("setup", ())]
        lines.append(f".{transient_command(drive.transient)}" if drive.tones or drive.tables else ".op")
    return "\n".join([*lines, ".end", ""])


def tabled_body(graph: Network, tabled: Collection[str]) -> str:
    """Netlist to be loaded with tables on these electrodes, but for the lines of `table_sources` and `.end`."""
    return "\n".join(_lines(graph, build_circuit(graph, tabled=tabled)))


def noise_deck(graph: Network) -> str:
    """Netlist to be loaded for `.noise`: the output current also as the voltage of NOISE_NODE, 1 V for 1 A."""
    source = output_source(electrodes(graph, "output")[0])
    circuit = build_circuit(graph)
    circuit.raw_spice += f"hnoise {NOISE_NODE} 0 {source} 1\n"
    lines = [line for line in _lines(graph, circuit) if not line.startswith(".save")]  # its spectrum goes by no name
    return "\n".join([*lines, ".end", ""])


def _lines(graph: Network, circuit: Circuit) -> list[str]:
    lines = str(circuit).splitlines()
    options = " ".join(f"{key}={value!r}" for key, value in DEVICES[graph.graph["family"]].options.items())
    elements = sum(line[:1].isalpha() for line in lines)
    klu = [KLU] if elements >= KLU_FROM else []
    return [*lines, f".options {options}", *klu, *(f".save {_saved(name)}" for name in saved_vectors(graph))]
