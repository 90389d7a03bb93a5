"""The network that a study's [device] says, built; netlists aside, which `network.py` has read and put in."""

import inspect
from pathlib import Path

import numpy as np
from scipy.constants import elementary_charge

from hge_spice.devices import DEVICES, ELEMENTS
from hge_spice.devices.dopant import varied
from hge_spice.graph import (
    GRAPHS,
    Coupling,
    Network,
    electrodes_by_name,
    joined,
    layered,
    of_family,
    read_graph,
    shown,
)
from hge_spice.study.tables.device import BUILDS, OF_DOPANTS, Device, Unit, in_series
from hge_spice.study.text.files import suggestion


def build_network(device: Device, named: tuple[str, ...] = ()) -> Network:
    """Build the network of a study, all but netlists, which `block.read_block` and `edges.read_edges` read.

    named : nodes that are to be electrodes, where a graph leaves it open

    Raises ValueError where it can't be built, OSError where its file can't be read.
    """
    match device.source:
        case "layered":
            return _units(device, named)
        case "graph":
            keys = BUILDS[str(device.graph)] & device.model_fields_set
            given = device.model_dump(include=set(keys))
            if "rng" in inspect.signature(GRAPHS[str(device.graph)]).parameters:
                given["rng"] = np.random.default_rng(device.seed)
            return _of_elements(device, GRAPHS[str(device.graph)](**given), named)
        case "file":
            return _of_elements(device, read_graph(Path(str(device.file))), named)
        case "element":
            return DEVICES[device.family].build(**{"temperature": device.temperature, **device.parameters})
    dopants = DEVICES[device.family].build(**device.model_dump(include=OF_DOPANTS))
    if not (device.disorder or device.donors or device.rate != "glauber"):
        return dopants
    rng = np.random.default_rng((device.seed, 1))  # beside the one that places the sites
    disorder = device.disorder / elementary_charge
    return varied(dopants, rng, disorder=disorder, donors=device.donors, rate=device.rate)


def _units(device: Device, named: tuple[str, ...]) -> Network:
    """The units of a device in series, or joined as they say."""
    units = [build_network(unit, _named(device.units, k, named)) for k, unit in enumerate(device.units)]
    coupling = Coupling(device.gain, device.shift, device.limit)
    if in_series(device.units):
        outputs, inputs = [str(unit.output) for unit in device.units[:-1]], [unit.inputs for unit in device.units[1:]]
        return layered(units, outputs=outputs, inputs=inputs, coupling=coupling)
    joints = [(f"u{k}_{unit.output}", unit.drives) for k, unit in enumerate(device.units) if unit.drives]
    return joined(units, joints, coupling=coupling)


def _named(units: tuple[Unit, ...], k: int, named: tuple[str, ...]) -> tuple[str, ...]:
    """Nodes of unit k that something outside of it names: they are to be electrodes."""
    own = f"u{k}_"
    every = (*named, *(name for unit in units for name in unit.drives))
    inside = (name.removeprefix(own) for name in every if name.startswith(own))
    unit = units[k]
    return tuple(dict.fromkeys((*unit.inputs, *([unit.output] if unit.output else []), *inside)))


def _of_elements(device: Device, graph: Network, named: tuple[str, ...]) -> Network:
    """The graph's links as elements: what the study says over what a file says."""
    family = device.family if "family" in device.model_fields_set else graph.graph.get("family")
    if family is None:
        links = [data.get("family") for *_, data in graph.edges(data=True)]
        if None in links:
            raise ValueError(f"{device.file} has links without a family; name one in device.family")
        for a, b, data in graph.edges(data=True):
            named_so = str(data["family"])
            if named_so not in ELEMENTS and named_so != "subcircuit":
                raise ValueError(
                    f"{device.file}: link {shown(a)} to {shown(b)} is of family {shown(named_so)}"
                    f"{suggestion(named_so, [*ELEMENTS, 'subcircuit'])}"
                )
        family = next(iter(links), "resistor")
    family = str(family)
    if family not in ELEMENTS and family != "subcircuit":
        raise ValueError(f"{device.file} is of family {shown(family)}{suggestion(family, ELEMENTS)}")
    stated = graph.graph.get("parameters", {}) if family == graph.graph.get("family", family) else {}
    if family in ELEMENTS:
        ELEMENTS[family].values(stated)
    wanted = [name for name in named if name in graph and graph.nodes[name].get("kind") == "node"]
    parameters = {"temperature": device.temperature, **stated, **device.parameters}
    return electrodes_by_name(of_family(graph, family, parameters), wanted)
