"""Units in series (see graph.layered): each a subcircuit of its own family, an amplifier from one to the next.

    v = shift + limit·tanh(gain·i/limit),  or v = shift + gain·i where nothing limits it

i is the current out of the unit into its output electrode, which the amplifier holds at 0 V; v drives inputs of the
next unit. The amplifiers are ideal but for their limit: no bandwidth, no noise, and their supplies' power is not
counted.

What is perturbed: electrode voltages of any unit. State: that of the units.
"""

from collections.abc import Mapping
from functools import partial

from PySpice.Spice.Netlist import Circuit, SubCircuit

from hge_spice.devices.expression import Expression
from hge_spice.devices.family import Family
from hge_spice.devices.foreign import refuse_foreign
from hge_spice.devices.names import terminal
from hge_spice.graph import Network, electrodes, listed, unit_graph

LIMITED = Expression("shift+limit*tanh(gain*i/limit)")
LINEAR = Expression("shift+gain*i")


def series_of(families: Mapping[str, Family]) -> Family:
    """The family of networks whose units are of these families."""
    units = partial(_units, families)

    def check(graph: Network) -> None:
        last = len(graph.graph["units"]) - 1
        early = [n for n in electrodes(graph, "output") if graph.nodes[n]["unit"] != last]
        if len(early) == len(electrodes(graph, "output")):
            raise ValueError(
                f"output {listed(early)} belongs to unit {graph.nodes[early[0]]['unit']}; read unit {last}"
            )
        for k, (family, unit) in enumerate(units(graph)):
            try:
                refuse_foreign(unit, "units in series are of our own elements")
                family.check(unit)
            except ValueError as error:
                raise ValueError(f"unit {k}: {error}") from error

    def stamp(circuit: Circuit, graph: Network) -> None:
        node = {name: terminal(name) for name in electrodes(graph)} | _amplifiers(circuit, graph)
        for k, (family, unit) in enumerate(units(graph)):
            rims = electrodes(unit)
            inside = SubCircuit(f"unit{k}", *(terminal(name) for name in rims))
            family.stamp(inside, unit)
            circuit.subcircuit(inside)
            circuit.X(f"u{k}", f"unit{k}", *(node[f"u{k}_{name}"] for name in rims))

    def bounded_nodes(graph: Network) -> tuple[str, ...]:
        return tuple(
            f"xu{k}.{node}" for k, (family, unit) in enumerate(units(graph)) for node in family.bounded_nodes(unit)
        )

    def held_states(graph: Network) -> dict[str, float]:
        return {
            f"xu{k}.{node}": value
            for k, (family, unit) in enumerate(units(graph))
            for node, value in family.held_states(unit).items()
        }

    return Family(
        name="layered",
        build=_build,
        check=check,
        stamp=stamp,
        bounded_nodes=bounded_nodes,
        bounds=(0.0, 1.0),
        # the finest of any unit's family
        options={"abstol": 1e-16, "reltol": 1e-7, "vntol": 1e-9, "gmin": 1e-18},
        held_states=held_states,
        summary="units in series, each output amplified into inputs of the next",
    )


def _build(**_: object) -> Network:
    raise ValueError('units in series are built from [[device.units]], with graph = "layered"')


def _units(families: Mapping[str, Family], graph: Network) -> list[tuple[Family, Network]]:
    each = [unit_graph(graph, k) for k in range(len(graph.graph["units"]))]
    return [(families[unit.graph["family"]], unit) for unit in each]


def _amplifiers(circuit: Circuit, graph: Network) -> dict[str, str]:
    """Add the couplings; gives the circuit's node of each coupled electrode."""
    node: dict[str, str] = {}
    for k, coupling in enumerate(graph.graph["couplings"]):
        node |= {coupling["output"]: f"from{k}"} | dict.fromkeys(coupling["inputs"], f"into{k}")
        circuit.V(f"from{k}", f"from{k}", 0, "DC 0")
        values = {"shift": coupling["shift"], "gain": coupling["gain"], "i": f"i(vfrom{k})"}
        limited = coupling["limit"] is not None
        voltage = LIMITED.spice(**values, limit=coupling["limit"]) if limited else LINEAR.spice(**values)
        circuit.BehavioralSource(f"into{k}", f"into{k}", 0, voltage_expression=voltage)
    return node
