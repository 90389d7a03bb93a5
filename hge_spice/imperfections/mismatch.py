"""Mismatch between elements made alike: a factor of its own on one parameter of every element, or an offset.

`sigma`: log-normal, the logarithm's standard deviation, of the parameter named; "main" is a dopant network's hop rates
and each element's first parameter (resistance, saturation current, …). `pelgrom`: an area coefficient A instead, for
transistors with w and l, in networks and in blocks: two made alike differ in threshold by σ = A/√(w·l), so that each
takes 1/√2 of it (Pelgrom, Duinmaijer & Welbers, IEEE J. Solid-State Circuits 24, 1433 (1989)); `pelgrom_gain` is the
same of the current factor, in blocks. With a correlation length λ the logarithms of two links whose middles lie d apart
correlate as e^(−d/λ).
"""

import numpy as np
from numpy.typing import NDArray

from hge_spice.devices.block_mismatch import with_thresholds
from hge_spice.devices.elements import ELEMENTS
from hge_spice.devices.foreign import refuse_foreign
from hge_spice.drive import Floats
from hge_spice.graph import Network
from hge_spice.imperfections.imperfection import Effect, Imperfection, Setting, Settings


def drawn(graph: Network, length: float, rng: np.random.Generator) -> Floats:
    """Standard normal numbers, one per edge, correlated over a length, m (zero: not at all): [edge]."""
    independent = rng.standard_normal(graph.number_of_edges())
    if not length:
        return independent
    try:
        place = np.array([[(graph.nodes[a][k] + graph.nodes[b][k]) / 2 for k in ("x", "y")] for a, b in graph.edges])
    except KeyError as error:
        raise ValueError("a correlation length needs nodes with x and y, in metres") from error
    apart = np.linalg.norm(place[:, None] - place, axis=-1)
    values, vectors = np.linalg.eigh(np.exp(-apart / length))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(root @ independent)


def scaled(graph: Network, factors: Floats, parameter: str = "main", only: NDArray[np.bool_] | None = None) -> Network:
    """A copy with every link's parameter multiplied: [edge]. A hop's rate is e^(−2r/a): its length takes the factor.

    only : [edge], which links; all where it isn't given

    Raises ValueError where elements have no such parameter, or the network has no elements of its own (a block).
    """
    graph = graph.copy()
    family, shared = graph.graph["family"], graph.graph.get("parameters", {})
    if family == "dopant" and parameter != "main":
        raise ValueError(f"a dopant network's links have no parameter {parameter!r} to alter; main is their hop rates")
    if family != "dopant" and not graph.number_of_edges():
        raise ValueError(
            f"a {family} has no links to alter; its transistors take pelgrom, anything else is its netlist's own"
        )
    if only is None:
        refuse_foreign(graph, "mismatch alters our own elements alone; state it in the netlist")
    chosen = np.ones(len(factors), dtype=bool) if only is None else only
    for (_, _, data), factor, taken in zip(graph.edges(data=True), factors.tolist(), chosen, strict=True):
        if not taken:
            continue
        if family == "dopant":
            data["length"] = data["length"] - shared["localisation"] / 2 * float(np.log(factor))
            continue
        element = ELEMENTS[data.get("family", family)]
        name = next(iter(element.parameters)) if parameter == "main" else parameter
        if name not in element.parameters:
            raise ValueError(f"{element.name} has no parameter {name!r}; it has {', '.join(element.parameters)}")
        before = data.get("parameters", {}).get(name, shared.get(name, element.parameters[name].default))
        data["parameters"] = {**data.get("parameters", {}), name: before * factor}
    return graph


def _thresholds(graph: Network, coefficient: float, normal: Floats) -> Network:
    graph = graph.copy()
    family, shared = graph.graph["family"], graph.graph.get("parameters", {})
    refuse_foreign(graph, "mismatch alters our own elements alone; state it in the netlist")
    for (_, _, data), number in zip(graph.edges(data=True), normal.tolist(), strict=True):
        element = ELEMENTS.get(data.get("family", family))
        if element is None or not {"w", "l", "vto"} <= element.parameters.keys():
            raise ValueError(f"pelgrom needs elements with w, l and vto; a {data.get('family', family)} has none")
        given = {n: p.default for n, p in element.parameters.items()} | shared | data.get("parameters", {})
        moved = given["vto"] + coefficient / np.sqrt(2 * given["w"] * given["l"]) * number
        data["parameters"] = {**data.get("parameters", {}), "vto": float(moved)}
    return graph


def _make(settings: Settings) -> Effect:
    sigma, pelgrom, gain, length = (float(settings[key]) for key in ("sigma", "pelgrom", "pelgrom_gain", "correlation"))

    def graph(network: Network, rng: np.random.Generator) -> Network:
        if network.graph["family"] == "subcircuit" and not sigma and (pelgrom or gain):
            return with_thresholds(network, pelgrom, gain, rng)
        if gain:
            raise ValueError("pelgrom_gain is for a block's transistors; an element's first parameter takes sigma")
        if sigma:
            network = scaled(network, np.exp(sigma * drawn(network, length, rng)), str(settings["parameter"]))
        if pelgrom:
            network = _thresholds(network, pelgrom, drawn(network, length, rng))
        return network

    return Effect(graph=graph)


IMPERFECTION = Imperfection(
    settings={
        "sigma": Setting(
            "ratio",
            default=0.0,
            least=0,
            most=5.0,
            about="Standard deviation of the logarithm of every element's own factor.",
        ),
        "parameter": Setting(
            text=True,
            default="main",
            about="What the factor is on: its name, or \"main\" for a hop's rate and an element's first.",
        ),
        "pelgrom": Setting(
            "matching",
            default=0.0,
            least=0,
            about="Area coefficient of transistors' thresholds: two alike differ by σ = A/√(w·l).",
        ),
        "pelgrom_gain": Setting(
            "relative matching", default=0.0, least=0, about="The same of their current factors, in blocks."
        ),
        "correlation": Setting("length", default=0.0, least=0, about="Length over which elements' factors are alike."),
    },
    make=_make,
    neutral={},
    example={"sigma": "5 %", "correlation": "20 nm"},
    summary="log-normal factor on a parameter of every element, or thresholds after Pelgrom's law; correlated if asked",
)
