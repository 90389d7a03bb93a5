"""Every element that an edge can be, held to the same rules in the same small network of seven of them."""

from dataclasses import dataclass, field

import networkx as nx
import numpy as np
import pytest

from hge_spice.devices import DEVICES, ELEMENTS
from hge_spice.devices.branches import branches, node_names, state_nodes
from hge_spice.gradient import Estimate, Measurement, homodyne, small_signal
from hge_spice.graph import assign_roles
from hge_spice.netlist import deck
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.lint import lint
from hge_spice.ngspice.worker import Worker
from hge_spice.planner.phases import random_phases
from hge_spice.tones import plan_tones


@dataclass(frozen=True)
class Case:
    """Where a family is tried: the network's voltages, what its elements are, how it is measured.

    error : bound on the jacobian; flags : what the measurement must say
    hotter : sign of the change with temperature, of the state's rate at voltage heat_at, or, without state, the current
    """

    control: tuple[float, float] = (0.3, 0.2)
    input: float = -0.2
    parameters: dict[str, float] = field(default_factory=dict)
    amplitude: float = 1e-4
    window: float = 25e-3
    error: float = 1e-3
    flags: tuple[str, ...] = ()
    hotter: int = 1
    heat_at: float = 0.3


EV = 1.602176634e-19
SLOW = {"x0": 0.5, "ea": 0.3 * EV}
CASES = {
    "resistor": Case(parameters={"tc1": 1e-3}, hotter=-1),
    "diode": Case(parameters={"antiparallel": 0.5}, control=(0.9, 1.2)),
    "sinh": Case(),
    "tunnel": Case(),
    "threshold_switch": Case(),
    "mosfet": Case(control=(0.2, 1.4), hotter=-1),
    "hp_joglekar": Case(parameters=SLOW, amplitude=10e-3, window=1e-4),
    "hp_biolek": Case(
        parameters=SLOW,
        control=(0.1, 0.05),
        input=-0.05,
        amplitude=20e-3,
        window=1e-3,
        error=2e-3,
        flags=("moved_state",),
    ),
    "yakopcic": Case(parameters=SLOW, heat_at=2.0),
    "team": Case(parameters={"ron": 5e4, "roff": 1e6, "x0": 1.5e-9, "ea": 0.3 * EV}, heat_at=100.0),
    "vteam": Case(parameters={"voff": 0.5, "von": -0.5, "ea": 0.3 * EV}, heat_at=0.8),
    "stanford_rram": Case(parameters={"x0": 1e-9}, heat_at=1.2),
    "mss": Case(parameters={"x0": 0.5, "tau": 1.0}, control=(0.1, 0.05), input=-0.05, amplitude=2e-3, heat_at=0.1),
    "umich": Case(parameters=SLOW, amplitude=5e-3, window=1e-3),
    "pershin": Case(parameters={"ea": 0.3 * EV}, heat_at=2.0),
}
FAMILIES = sorted(ELEMENTS)


def network(family: str, **parameters: float) -> nx.Graph:
    """Three inner nodes in a triangle under four electrodes; names are such that they can't stand in a netlist."""
    graph = nx.Graph(family=family, parameters=dict(parameters))
    for k in range(4):
        graph.add_node(f"e{k}", kind="electrode", role=None)
    for k in range(3):
        graph.add_node(f"inner, {k}; .end", kind="node")
    gate = {"gate": "e3"} if ELEMENTS[family].gated else {}
    pairs = [("e1", "inner, 1"), ("e2", "inner, 2"), ("e3", "inner, 1"), ("inner, 0", "e0")]
    for a, b in [*pairs, ("inner, 1", "inner, 0"), ("inner, 2", "inner, 1"), ("inner, 2", "inner, 0")]:
        a, b = (n if n[0] == "e" else f"{n}; .end" for n in (a, b))  # noqa: PLW2901
        graph.add_edge(a, b, source=a, **gate)
    return assign_roles(graph, output="e0", inputs=("e1",), controls=("e2", "e3"))


def case_network(family: str, **parameters: float) -> nx.Graph:
    return network(family, **(CASES[family].parameters | parameters))


def measured(graph: nx.Graph, case: Case) -> tuple[Estimate, Estimate]:
    plan = plan_tones(2, case.window, points=96)
    how = Measurement(plan, np.full(2, case.amplitude), random_phases(2, np.random.default_rng(0)))
    with NgspiceDevice(graph) as dut:
        at = (np.array(case.control), np.array([[case.input]]))
        (found,), (truth,) = homodyne(dut, *at, how), small_signal(dut, *at, how)
    return found, truth


def test_every_element_has_a_case() -> None:
    assert CASES.keys() == ELEMENTS.keys()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_netlist_loads_without_a_warning_and_the_same_graph_gives_the_same_bytes(family: str) -> None:
    text = deck(case_network(family))
    assert [str(finding) for finding in lint(text)] == []
    assert deck(case_network(family)) == text
    assert "inner" not in text


@pytest.mark.parametrize("family", FAMILIES)
def test_currents_of_the_numpy_function_sum_to_zero_at_ngspices_voltages(family: str) -> None:
    """Kirchhoff's law at every node, by the compiled function at ngspice's solution: both must be the same element."""
    case, graph = CASES[family], case_network(family, series_resistance=100.0)
    parts = branches(graph)
    nodes = [*node_names(graph).values(), *(f"{b.name}_i" for b in parts if f"{b.name}_s" in {p.name for p in parts})]
    nodes += state_nodes(graph)
    graph.graph["probes"] = tuple(dict.fromkeys(nodes))
    with NgspiceDevice(graph) as dut:
        rest = dut.operating_point(np.array(case.control), np.array([case.input]))
    assert "unphysical" not in rest.flags
    v = {name: float(value[0]) for name, value in rest.probes.items()}
    net = dict.fromkeys(nodes, 0.0)
    largest = 0.0
    for branch in parts:
        element, minus = branch.element, branch.minus
        given = [v[branch.plus] - v[minus], *([v[branch.gate] - v[minus]] if branch.gate else [])]
        for name, state in element.states.items():
            low, high = state.bounds(branch.values)
            given.append(low + (high - low) * v[branch.state_node(name)])
        (current,) = element.compiled_current(())(*given, *(branch.values[s] for s in element.symbols))
        largest = max(largest, abs(float(current)))
        net[branch.plus] -= float(current)
        net[minus] += float(current)
    inner = max(abs(net[name]) for name in nodes if name not in {"e0", "e1", "e2", "e3"})
    bound = 1e-9 if ELEMENTS[family].linear else 1e-6
    assert largest > 1e-12
    assert inner <= bound * largest
    assert abs(net["e0"] - rest.output[0]) <= bound * largest


@pytest.mark.parametrize("family", FAMILIES)
def test_homodyne_jacobian_is_that_of_small_signal_analysis(family: str) -> None:
    case = CASES[family]
    found, truth = measured(case_network(family), case)
    largest = np.abs(truth.response).max()
    assert largest > 0
    assert np.abs(found.response - truth.response).max() <= case.error * largest
    assert set(case.flags) <= set(found.flags)
    assert "unphysical" not in found.flags


@pytest.mark.parametrize("family", FAMILIES)
def test_capacitance_lags_and_nothing_else(family: str) -> None:
    """A capacitor across every element turns the response at a fast tone, and leaves a slow one where it was."""
    case = CASES[family]
    control, inputs = np.array(case.control), np.array([case.input])
    with NgspiceDevice(case_network(family)) as dut:
        bare = dut.small_signal(control, inputs, np.array([1.0, 1.0]))
    conductance = np.abs(bare).max()
    capacitance = float(conductance / (2 * np.pi * 1e6))  # about 45° at 1 MHz
    with NgspiceDevice(case_network(family, capacitance=capacitance)) as dut:
        slow, fast = (dut.small_signal(control, inputs, np.array([f, f])) for f in (1.0, 1e6))
    assert np.abs(slow - bare).max() < 1e-4 * conductance
    assert np.abs(np.imag(fast)).max() > 0.05 * conductance


@pytest.mark.parametrize("family", FAMILIES)
def test_a_series_resistance_lowers_the_current_to_that_of_the_resistor(family: str) -> None:
    """Of one element alone, below any peak: the more resistance, the less current, in the end v/R."""
    voltage, gate, outputs = 0.02, [1.4] if ELEMENTS[family].gated else [], []
    for resistance in (0.0, 1e3, 1e13):
        graph = DEVICES[family].build(**CASES[family].parameters, series_resistance=resistance)
        names = ["e1", *(["e2"] if gate else [])]
        with NgspiceDevice(assign_roles(graph, output="e0", inputs=(), controls=names)) as dut:
            outputs.append(dut.operating_point(np.array([voltage, *gate]), np.empty(0)).output[0])
    assert outputs[0] > outputs[1] > outputs[2] > 0
    assert outputs[2] == pytest.approx(voltage / 1e13, rel=0.1)


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_out_of_bounds_are_refused(family: str) -> None:
    element = ELEMENTS[family]
    with pytest.raises(ValueError, match=f"{family} has no parameter 'nothing'"):
        network_check(family, nothing=1.0)
    for name, parameter in element.all_parameters.items():
        wrong = [np.nan, np.inf]
        wrong += [bound for bound in (parameter.above, parameter.below) if bound is not None]
        wrong += [parameter.least - 1] if parameter.least is not None else []
        wrong += [parameter.most + 1] if parameter.most is not None else []
        for value in wrong:
            with pytest.raises(ValueError, match=rf"{name} of {family} is .*; it must be"):
                network_check(family, **{name: value})
    for name, state in element.states.items():
        low, high = state.bounds(element.values())
        if state.held:
            with pytest.raises(ValueError, match=rf"{state.initial} of {family} is"):
                network_check(family, **{state.initial: high + 0.1 * (high - low)})
        assert name in element.arguments


def network_check(family: str, **parameters: float) -> None:
    DEVICES[family].check(network(family, **parameters))


@pytest.mark.parametrize("family", sorted(f for f in ELEMENTS if ELEMENTS[f].monotone))
def test_monotone_elements_are(family: str) -> None:
    """The compiled slope at random voltages, states and gates is never negative; elsewhere one that is not can be."""
    element, rng = ELEMENTS[family], np.random.default_rng(0)
    values = element.values(CASES[family].parameters)
    v = rng.uniform(-1, 1, 2000)
    gate = [rng.uniform(-2, 2, 2000)] if element.gated else []
    states = [rng.uniform(*s.bounds(values), 2000) for s in element.states.values()]
    current, slope = element.compiled_current(("v",))(v, *gate, *states, *(values[s] for s in element.symbols))
    assert slope.min() >= 0
    assert (np.sign(current) * np.sign(v) >= 0).all()  # and it is passive


def test_negative_differential_resistance_is_there() -> None:
    element = ELEMENTS["tunnel"]
    values = element.values()
    v = np.linspace(0, 0.5, 501)
    current, slope = element.compiled_current()(v, *(values[s] for s in element.symbols))
    peak = int(np.argmax(current[:200]))
    assert v[peak] == pytest.approx(values["vp"], abs=2e-3)
    assert current[peak] == pytest.approx(values["ip"], rel=1e-3)
    assert slope[peak + 5] < 0
    assert slope[-1] > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_heat_acts_in_the_right_direction(family: str) -> None:
    element, case = ELEMENTS[family], CASES[family]
    results = []
    for temperature in (290.0, 310.0):
        values = element.values(case.parameters | {"temperature": temperature})
        states = [values[s.initial] for s in element.states.values()]
        function = element.compiled_rate(next(iter(element.states))) if element.states else element.compiled_current(())
        at = [case.heat_at, *([1.4] if element.gated else []), *states, *(values[s] for s in element.symbols)]
        results.append(abs(float(function(*at)[0])))
    assert (results[1] - results[0]) * case.hotter > 0


def test_ngspice_and_numpy_evaluate_the_same_function() -> None:
    """Current and rates of every element at 20 random points each, far beyond where its picture ends too."""
    worker, rng = Worker(), np.random.default_rng(3)
    try:
        for family in FAMILIES:
            element = ELEMENTS[family]
            values = element.values(CASES[family].parameters)
            reach = 2 * max(-element.sweep.low, element.sweep.high)
            voltages = [rng.uniform(-reach, reach, 20), *([rng.uniform(-2, 2, 20)] if element.gated else [])]
            shares = rng.uniform(-1e-3, 1 + 1e-3, (len(element.states), 20))
            low, high = np.array([s.bounds(values) for s in element.states.values()]).reshape(-1, 2).T[:, :, None]
            states = low + (high - low) * shares
            expressions = {"i": element.current, **{name: element.rate(name) for name in element.states}}
            lines = ["points"]
            for k in range(20):
                given = dict(zip((*element.voltages, *element.states), (*voltages, *states), strict=True))
                lines += [f"v{name}{k} {name}{k} 0 {float(value[k])!r}" for name, value in given.items()]
                filled = values | {name: f"v({name}{k})" for name in given}
                for name, each in expressions.items():
                    text = each.spice(**{symbol: filled[symbol] for symbol in each.symbols})
                    lines += [f"b{name}{k} out_{name}{k} 0 v={text}"]
            worker.load("\n".join([*lines, ".end", ""]))
            names = tuple(f"out_{name}{k}" for name in expressions for k in range(20))
            found = worker.run([], "op", names).vectors[:, 0].reshape(len(expressions), 20)
            constants = [values[symbol] for symbol in element.symbols]
            functions = [element.compiled_current(()), *(element.compiled_rate(name) for name in element.states)]
            for function, simulated in zip(functions, found, strict=True):
                (expected,) = function(*voltages, *states, *constants)
                np.testing.assert_allclose(simulated, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())
    finally:
        worker.close()
