"""What a condition (`drive.Condition`) is to a network: which instances carry its links, and another temperature."""

from collections.abc import Mapping, Sequence
from typing import Any

from hge_spice.devices import DEVICES
from hge_spice.devices.branches import hold_source
from hge_spice.devices.element import NOMINAL_TEMPERATURE
from hge_spice.devices.elements import ELEMENTS
from hge_spice.devices.foreign import SUBCIRCUIT, described
from hge_spice.drive import Condition
from hge_spice.graph import Network


def links(graph: Network) -> tuple[tuple[str, ...], ...]:
    """Instances in the netlist that multiply each edge's current by their `m`: of every edge, in the graph's order.

    Raises ValueError for a device whose links have no instances of their own.
    """
    family = DEVICES[graph.graph["family"]]
    if family.links is None:
        raise ValueError(f"a {family.name} device has no links that could change by themselves: its netlist has them")
    return family.links(graph)


def kinds(graph: Network) -> tuple[str, ...]:
    """Family of each edge, in the graph's order. Raises ValueError as `links` does."""
    links(graph)
    return tuple(data.get("family", graph.graph["family"]) for *_, data in graph.edges(data=True))


def multipliers(instances: Sequence[tuple[str, ...]], strength: tuple[float, ...]) -> dict[str, float]:
    """`m` of each instance. Raises ValueError where there are not as many links as strengths.

    instances : of every edge, as `links` gives them; strength : empty where all are as they were made
    """
    if not strength:
        return {name: 1.0 for names in instances for name in names}
    if len(instances) != len(strength):
        raise ValueError(f"a condition has {len(strength)} strengths; the network has {len(instances)} links")
    return {name: factor for names, factor in zip(instances, strength, strict=True) for name in names}


def moved_by(held: Mapping[str, float], start: tuple[float, ...]) -> dict[str, float]:
    """Where each held state starts, 0 to 1 by its node; raises ValueError where there are not as many.

    held : where they start as made
    """
    if not start:
        return dict(held)
    if len(held) != len(start):
        raise ValueError(f"a condition has {len(start)} starts; the network has {len(held)} states that are held")
    return {name: min(max(at + by, 0.0), 1.0) for (name, at), by in zip(held.items(), start, strict=True)}


def warmed(graph: Network, kelvin: float) -> Network:
    """A copy at another temperature, with all that its families make of it; the graph itself for zero.

    kelvin : beside the network's own temperature, and beside that of each element that has one of its own
    Raises ValueError for a family whose temperature isn't a parameter, and at absolute zero.
    """
    if not kelvin:
        return graph
    family, given = graph.graph["family"], graph.graph.get("parameters", {})
    if family != "dopant" and family not in ELEMENTS and not (family == SUBCIRCUIT and graph.number_of_edges()):
        raise ValueError(f"a {family}'s temperature is set by device.temperature; state it there")
    graph = graph.copy()
    for _, _, data in graph.edges(data=True):
        own = data.get("parameters", {})
        if "temperature" in own or ("temperature" not in given and described(graph, data) is None):
            data["parameters"] = {**own, "temperature": _above_zero(temperature_of(graph, data), kelvin)}
    level = given.get("temperature", ELEMENTS[family].usual_temperature if family in ELEMENTS else NOMINAL_TEMPERATURE)
    graph.graph["parameters"] = {**given, "temperature": _above_zero(level, kelvin)}
    return graph


def temperature_of(graph: Network, edge: Mapping[str, Any]) -> float:
    """An element's temperature, K: its own, else the network's, else that which its model is published for."""
    family, given = edge.get("family", graph.graph["family"]), graph.graph.get("parameters", {})
    usual = ELEMENTS[family].usual_temperature if family in ELEMENTS else NOMINAL_TEMPERATURE
    return float(edge.get("parameters", {}).get("temperature", given.get("temperature", usual)))


def _above_zero(temperature: float, kelvin: float) -> float:
    level = float(temperature) + kelvin
    if level <= 0:
        raise ValueError(f"the temperature would be {level:g} K; it must be above zero")
    return level


def stated(lines: list[str], graph: Network, condition: Condition) -> list[str]:
    """The lines of a netlist with the condition's strengths and starts written into them."""
    strength = multipliers(links(graph), condition.strength) if condition.strength else {}
    held = DEVICES[graph.graph["family"]].held_states(graph) if condition.start else {}
    start = {hold_source(node): at for node, at in moved_by(held, condition.start).items()}
    return [_line(line, strength, start) for line in lines]


def _line(line: str, strength: dict[str, float], start: dict[str, float]) -> str:
    name = line.split(" ", 1)[0].lower()
    if name in strength:
        return f"{line} m={strength[name]!r}"
    return f"{line.rsplit(' ', 1)[0]} {start[name]!r}" if name in start else line
