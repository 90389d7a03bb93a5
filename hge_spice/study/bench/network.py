"""A study's network: its device with roles, bench, imperfections and corner in it, the process that it may name."""

from pathlib import Path

from hge_spice.devices import DEVICES
from hge_spice.devices.branches import foreign_states
from hge_spice.graph import Network, assign_roles, electrodes
from hge_spice.imperfections import altered
from hge_spice.ngspice.pdk import Process, from_library, from_package
from hge_spice.study.bench.at_corner import at_corner
from hge_spice.study.bench.device import build_network
from hge_spice.study.tables.block import read_block
from hge_spice.study.tables.edges import read_edges
from hge_spice.study.tables.spec import Study


def build_graph(study: Study) -> Network:
    """Build the study's network with its roles. Raises ValueError where they don't fit."""
    device, named = study.device, study.electrodes
    process = _process(study)
    if device.source == "subcircuit":
        graph = read_block(
            Path(str(device.subcircuit)),
            device.name,
            parameters=device.parameters,
            temperature=device.temperature,
            allow_outside=device.allow_outside,
            process=process,
            output=named.outputs,
        )
    else:
        graph = build_network(device, (*dict(named.assigned), *study.bias))
        if device.source in {"graph", "file"}:
            graph = read_edges(
                graph,
                Path(device.file).parent if device.file is not None else Path(device.subcircuit or "").parent,
                usual=None if device.subcircuit is None else (Path(device.subcircuit), device.name),
                allow_outside=device.allow_outside,
                process=process,
            )
    # ngspice knows no case; a block's pins are in lower case
    spelled = str.lower if device.source == "subcircuit" else str
    roles = {spelled(name) for name in (*dict(named.assigned), *study.bias)}
    grounds = [n for n in electrodes(graph) if n not in roles] if named.grounds == "rest" else named.grounds
    series = named.series_resistance
    graph = assign_roles(
        graph,
        output=[spelled(name) for name in named.outputs],
        inputs=[spelled(name) for name in named.inputs],
        controls=[spelled(name) for name in named.controls],
        grounds=[spelled(name) for name in grounds],
        unconnected=[spelled(name) for name in named.unconnected],
        bias={spelled(name): voltage for name, voltage in study.bias.items()},
        output_voltage=named.output_voltage,
        complements=[spelled(name) for name in named.complements],
        mirrors=[low + high for low, high in study.task.levels],
        readout=study.readout.circuit,
        series_resistance={spelled(n): ohm for n, ohm in series.items()} if isinstance(series, dict) else series,
    )
    graph = altered(graph, study.imperfections, study.training.seed)
    if study.corners is not None:
        graph = at_corner(graph, study.corners, study.training.seed, steady=process is None or process.steady)
    graph.graph["probes"] = study.probe.nodes
    graph.graph["reinitialise"] = study.device.reinitialise
    graph.graph["setup"] = process.setup if process is not None else ()
    DEVICES[graph.graph["family"]].check(graph)
    _remembering(study, graph)
    return graph


def _remembering(study: Study, graph: Network) -> None:
    """Refuse what is asked of states that the device hasn't, or not in that way. Raises ValueError."""
    own = foreign_states(graph)
    if not study.device.reinitialise and not own and not DEVICES[graph.graph["family"]].held_states(graph):
        raise ValueError(
            "device.reinitialise = false: no state is known that could go on; take an element that remembers, or give "
            "the capacitor of a .subckt's state its initial condition, ic="
        )
    if study.perturbation.reset and own:
        raise ValueError(
            f"perturbation.reset: state {own[0]} is a netlist's, and can't be drawn back within a transient; take "
            'perturbation.patterns = "separate"'
        )


def electrode_names(study: Study) -> tuple[str, ...]:
    """Names that a study's device gives to its electrodes; with roles = "screen" those that are named, if any are."""
    named = tuple(name for name, _ in study.electrodes.assigned)
    if study.device.source != "subcircuit" and len(named) <= len(study.electrodes.grounds):
        return tuple(f"e{k}" for k in range(study.device.electrodes))
    return (*named, *study.bias)


def _process(study: Study) -> Process | None:
    named = study.pdk
    if named is None:
        return None
    behaviour = named.ngbehavior
    if named.package is not None:
        return from_package(named.package, named.section, ngbehavior=behaviour)
    sections = (named.section,)
    return from_library(Path(named.root or ""), named.lib or "", sections, osdi=named.osdi, ngbehavior=behaviour)
