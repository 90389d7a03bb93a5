"""Graph to PySpice circuit and to deck text: sources on the electrodes, the family's elements, options, analysis."""

from collections.abc import Mapping

import numpy as np
from PySpice.Spice.Netlist import Circuit

from hge_spice.devices import DEVICES
from hge_spice.devices.names import terminal
from hge_spice.drive import Drive, Tone, Transient
from hge_spice.graph import Network, check, electrodes


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
    return given | {name: graph.nodes[name]["voltage"] for name in electrodes(graph, "bias")}


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
    graph: Network, dc: Mapping[str, float] | None = None, tones: Mapping[str, Tone] | None = None
) -> Circuit:
    """Build the network with its sources; the same graph and values give the same text.

    dc : V, by driven electrode; tones : by control electrode; what is missing is zero, and can be altered once loaded.
    Each control has two sources in series, DC and tone, since either must change without the other.
    """
    check(graph)
    DEVICES[graph.graph["family"]].check(graph)
    dc, tones = dc or {}, tones or {}
    family = DEVICES[graph.graph["family"]]
    circuit = Circuit(f"{family.name} network, {graph.number_of_nodes()} nodes, {graph.number_of_edges()} links")
    controls = electrodes(graph, "control")
    for name in driven(graph):
        node = terminal(name)
        value = f"DC {float(dc.get(name, graph.nodes[name].get('voltage', 0.0)))!r}"
        if name not in controls:
            circuit.V(dc_source(name)[1:], node, 0, value)
            continue
        circuit.V(dc_source(name)[1:], f"{node}_dc", 0, value)
        tone = tones.get(name, Tone(name, 1.0, 0.0))
        arguments = " ".join(repr(a) for a in sine(tone))
        circuit.V(tone_source(name)[1:], node, f"{node}_dc", f"DC 0 AC 0 SIN({arguments})")
    output = electrodes(graph, "output")[0]
    circuit.V(output_source(output)[1:], terminal(output), 0, f"DC {graph.nodes[output].get('voltage', 0.0)!r}")
    for name in electrodes(graph, "ground"):
        circuit.V(dc_source(name)[1:], terminal(name), 0, "DC 0")
    family.stamp(circuit, graph)
    return circuit


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

    With tones the analysis is the extraction's transient, without any the operating point.
    """
    values = {} if drive is None else voltages(graph, drive)
    tones = {} if drive is None else {tone.electrode: tone for tone in drive.tones}
    lines = str(build_circuit(graph, values, tones)).splitlines()
    options = " ".join(f"{key}={value!r}" for key, value in DEVICES[graph.graph["family"]].options.items())
    lines += [f".options {options}"]
    lines += [f".save {_saved(name)}" for name in saved_vectors(graph)]
    if drive is not None:
        lines.append(f".{transient_command(drive.transient)}" if drive.tones else ".op")
    return "\n".join([*lines, ".end", ""])
