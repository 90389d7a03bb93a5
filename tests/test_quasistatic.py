"""The quasi-static engine against ngspice, against a solver that shares no code with it, and against itself."""

from collections.abc import Iterator
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from conftest import CONTROLS, HoppingModel
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve

from hge_spice.devices import ELEMENTS
from hge_spice.devices.branches import node_names
from hge_spice.devices.dopant import varied
from hge_spice.devices.equations import Branches, Equations
from hge_spice.devices.expression import Expression
from hge_spice.drive import Drive, SimulationError, Tone, Transient
from hge_spice.gradient import Measurement, adjoint, homodyne, small_signal
from hge_spice.graph import assign_roles, dopant_network, electrodes
from hge_spice.loss import LOSSES, Target
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.planner.phases import random_phases
from hge_spice.quasistatic import BatchedNetwork, QuasistaticDevice, count_solutions, solve
from hge_spice.quasistatic.assembly import Assembly
from hge_spice.quasistatic.linear import Elimination
from hge_spice.tasks import TASKS
from hge_spice.tones import plan_tones
from hge_spice.train import Recipe, first_control, train
from hge_spice.update import RULES

WINDOW = 25e-3
PATTERNS = np.array([(-0.3, -0.3), (-0.3, 0.3), (0.3, -0.3), (0.3, 0.3)])
GATED = {"vto": -1.5}  # conducts at every voltage here: a node behind transistors that are off has no voltage
STATIC = [name for name, element in ELEMENTS.items() if all(state.held for state in element.states.values())]


def mesh(family: str, nodes: int, seed: int = 1, **parameters: float) -> nx.Graph:
    """A square mesh of one element with eight electrodes at random nodes; transistors are gated by electrodes."""
    rng = np.random.default_rng(seed)
    side = int(np.sqrt(nodes))
    grid = sorted(nx.grid_2d_graph(side, -(-nodes // side)))[:nodes]
    number = {place: f"m{k}" for k, place in enumerate(grid)}
    graph = nx.Graph(family=family, parameters=parameters)
    for k, angle in enumerate(2 * np.pi * np.arange(8) / 8):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=float(np.cos(angle)), y=float(np.sin(angle)))
    for x, y in grid:
        graph.add_node(number[x, y], kind="node", x=float(x), y=float(y))
    links = [(number[a], number[b]) for a, b in sorted(nx.grid_2d_graph(side, -(-nodes // side)).subgraph(grid).edges)]
    links += [(f"e{k}", f"m{node}") for k, node in enumerate(rng.choice(nodes, 8, replace=False))]
    for a, b in links:
        gate = {"gate": f"e{rng.integers(1, 8)}"} if ELEMENTS[family].gated else {}
        graph.add_edge(a, b, **gate)
    return all_controls(graph)


def all_controls(graph: nx.Graph) -> nx.Graph:
    names = electrodes(graph)
    return assign_roles(graph, output=names[0], inputs=(), controls=names[1:])


def settings(count: int, seed: int = 0, reach: float = 0.7) -> np.ndarray:
    rims = np.random.default_rng(seed).uniform(-reach, reach, (count, 8))
    rims[:, 0] = 0.0
    return rims


def check_against_ngspice(graph: nx.Graph, points: int, bound: float, reach: float = 0.7) -> None:
    """Operating points and jacobians of the two engines, over the largest current and derivative of a point.

    Where a network has several solutions (negative differential resistance) the engines may find different ones: ours
    then starts from ngspice's node voltages, and must stay there.
    """
    network, rims = BatchedNetwork.of(graph), settings(points, reach=reach)
    several = graph.graph["family"] in ELEMENTS and not ELEMENTS[graph.graph["family"]].monotone
    names = node_names(graph) if several else {}
    if several:
        graph.graph["probes"] = [names[n] for n, data in graph.nodes(data=True) if data["kind"] == "node"]
    compared = 0
    with NgspiceDevice(graph) as device:
        for row in rims:
            try:
                simulated = device.operating_point(row[1:], np.empty(0))
            except SimulationError:
                continue  # ngspice gives up where source stepping fails, as it does on some diode meshes
            start = None
            if several:
                start = np.array([[simulated.probes[name][0] for name in network.equations.unknowns]])
            found = solve(network, row[None], 0, start=start)
            assert found.converged.all()
            error = abs(simulated.output[0] - found.current[0, 0])
            assert error <= bound * np.abs(found.current).max()
            compared += 1
            if compared <= max(5, points // 4):
                truth = device.small_signal(row[1:], np.empty(0), np.full(7, 1e-3)).real
                assert np.abs(found.jacobian[0, 1:] - truth).max() <= 1e-5 * np.abs(truth).max()
    assert compared >= 0.9 * points


@pytest.mark.parametrize("family", STATIC)
def test_elements_agree_with_ngspice(family: str) -> None:
    parameters = GATED if family == "mosfet" else {}
    check_against_ngspice(mesh(family, 12, **parameters), 6, 1e-9 if ELEMENTS[family].linear else 1e-6)


def test_diode_pairs_and_series_resistances_agree_with_ngspice() -> None:
    check_against_ngspice(mesh("diode", 12, antiparallel=1.0), 6, 1e-6)
    check_against_ngspice(mesh("sinh", 12, series_resistance=1e6), 6, 1e-6)


def test_dopant_networks_agree_with_ngspice() -> None:
    check_against_ngspice(all_controls(dopant_network(sites=12, seed=10)), 20, 1e-6)
    check_against_ngspice(all_controls(dopant_network(sites=20, seed=3)), 8, 1e-6)


@pytest.mark.parametrize(("rate", "disorder", "donors"), [("phonon", 0.0, 0), ("glauber", 0.05, 6), ("phonon", 0.1, 3)])
def test_varied_dopant_networks_agree_with_ngspice(rate: str, disorder: float, donors: int) -> None:
    graph = varied(
        dopant_network(sites=12, seed=10), np.random.default_rng(4), disorder=disorder, donors=donors, rate=rate
    )
    check_against_ngspice(all_controls(graph), 12, 1e-6)


@pytest.mark.long
@pytest.mark.parametrize("sites", [12, 20, 40])
def test_two_hundred_points_of_dopant_networks_agree_with_ngspice(sites: int) -> None:
    check_against_ngspice(all_controls(dopant_network(sites=sites, seed=5)), 200, 1e-6)


@pytest.mark.long
@pytest.mark.parametrize("nodes", [12, 30, 300])
@pytest.mark.parametrize("family", STATIC)
def test_two_hundred_points_of_elements_agree_with_ngspice(family: str, nodes: int) -> None:
    parameters = GATED if family == "mosfet" else {}
    check_against_ngspice(mesh(family, nodes, **parameters), 200, 1e-9 if ELEMENTS[family].linear else 1e-6)


def test_an_independent_solver_finds_the_same_points() -> None:
    graph = dopant_network(seed=11)
    model, rims = HoppingModel(graph), settings(8)
    found = solve(BatchedNetwork.of(graph), rims, 0)
    for row, occupied, current in zip(rims, found.unknowns, found.current, strict=True):
        expected, currents = model.solve(dict(zip(model.rim, row, strict=True)))
        assert np.abs(occupied - expected).max() < 1e-8
        assert np.abs(current - list(currents.values())).max() < 1e-8 * np.abs(current).max()


def test_the_jacobian_is_that_of_central_differences_with_their_error_of_second_order() -> None:
    network, rims = BatchedNetwork.of(dopant_network(seed=12)), settings(20)
    exact = solve(network, rims, 3).jacobian
    errors = []
    for step in (4e-4, 2e-4, 1e-4):
        above, below = (
            np.array([solve(network, rims + sign * step * e, 3).current[:, 3] for e in np.eye(8)]).T for sign in (1, -1)
        )
        worst = np.abs((above - below) / (2 * step) - exact).max(axis=1) / np.abs(exact).max(axis=1)
        errors.append(np.median(worst))
    assert errors[-1] < 1e-4
    assert np.polyfit(np.log([4, 2, 1]), np.log(errors), 1)[0] == pytest.approx(2, abs=0.1)


def test_charge_is_conserved() -> None:
    found = solve(BatchedNetwork.of(dopant_network(seed=12)), settings(50), 0)
    assert np.abs(found.current.sum(axis=1)).max() < 1e-8 * np.abs(found.current).max()
    assert np.abs(found.jacobian.sum(axis=1)).max() < 1e-8 * np.abs(found.jacobian).max()


@pytest.mark.parametrize("graph", [dopant_network(seed=13), mesh("sinh", 225)], ids=["dense", "sparse"])
def test_chunks_and_workers_change_rounding_only(graph: nx.Graph) -> None:
    network, rims = BatchedNetwork.of(graph), settings(12)
    whole = solve(network, rims, 0, chunk=12, workers=1)
    for chunk, workers in ((1, 1), (5, 2), (12, 2)):
        parts = solve(network, rims, 0, chunk=chunk, workers=workers)
        assert np.array_equal(parts.iterations, whole.iterations)
        for mine, other in ((parts.current, whole.current), (parts.jacobian, whole.jacobian)):
            assert np.abs(mine - other).max() < 1e-11 * np.abs(other).max()


def test_points_do_not_depend_on_their_order() -> None:
    network, rims = BatchedNetwork.of(dopant_network(seed=13)), settings(64)
    forward, backward = solve(network, rims, 0), solve(network, rims[::-1], 0)
    assert np.abs(forward.current - backward.current[::-1]).max() < 1e-12 * np.abs(forward.current).max()


@pytest.mark.parametrize("graph", [dopant_network(seed=13), mesh("sinh", 225)], ids=["dense", "sparse"])
def test_currents_without_a_jacobian_are_the_same_but_for_newtons_last_digits(graph: nx.Graph) -> None:
    network, rims = BatchedNetwork.of(graph), settings(40)
    asked, bare = solve(network, rims, 0), solve(network, rims, None)
    assert np.isnan(bare.jacobian).all()
    assert bare.converged.all()
    assert np.array_equal(bare.unknowns, asked.unknowns)
    assert np.abs(bare.current - asked.current).max() < 1e-9 * np.abs(asked.current).max()


def one_node(current: str) -> BatchedNetwork:
    """An electrode joined to one node by a tanh, and a current out of the node into ground."""
    node, rim, ground = (np.array([k]) for k in range(3))
    join = Branches(Expression("tanh(v)"), {}, {"v": (rim, node)}, rim, node)
    leak = Branches(Expression(current), {}, {"v": (node, ground)}, node, ground)
    return BatchedNetwork(Equations(("n",), ("e",), (join, leak), np.zeros((2, 2))))


def test_what_has_no_solution_is_marked() -> None:
    found = solve(one_node("2+0*v"), np.zeros((3, 1)), 0)  # 2 A can't come through a tanh
    assert not found.converged.any()
    assert (found.residual > 0.1).all()
    assert solve(one_node("0.5+0*v"), np.zeros((3, 1)), 0).converged.all()


def test_a_node_left_with_rounding_alone_has_converged() -> None:
    """Its currents, 1e-22 A, are less than the last digit of its neighbours' occupations makes in it."""
    network = BatchedNetwork.of(dopant_network(sites=12, seed=1019))
    at = np.array([0.0, -0.42336, -0.3, -0.3, -0.0464139, -0.193549, 0.238234, 0.217819])
    tones = np.random.default_rng(0).uniform(-2e-3, 2e-3, (400, 8)) * [0, 1, 0, 0, 1, 1, 1, 1]
    found = solve(network, at + tones, 0)
    assert found.converged.all()
    ends = solve(network, at + tones, 0, start=found.unknowns)  # wherever Newton starts, the same digits come out
    assert np.abs(found.unknowns - ends.unknowns).max() < 1e-13
    np.testing.assert_allclose(ends.current[:, 0], found.current[:, 0], rtol=1e-9)


def test_a_singular_point_does_not_take_the_others_with_it() -> None:
    network = one_node("0*v")
    found = solve(network, np.array([[0.0], [1000.0]]), 0, start=np.array([[0.0], [0.0]]))
    assert found.converged[0]
    assert found.current[0, 0] == pytest.approx(0, abs=1e-12)


def test_several_solutions_are_counted() -> None:
    """v³ − v = V, by hand: three for |V| < 2/(3√3) = 0.385, one beyond."""
    node, rim, ground = (np.array([k]) for k in range(3))
    join = Branches(Expression("g*v"), {"g": np.array([1.0])}, {"v": (rim, node)}, rim, node)
    fold = Branches(Expression("v^3-2*v"), {}, {"v": (node, ground)}, node, ground)
    network = BatchedNetwork(Equations(("n",), ("e",), (join, fold), np.zeros((2, 2))))
    rims = np.array([[0.0], [0.3], [-0.38], [0.39], [1.5]])
    found = count_solutions(network, rims, 0, starts=8, rng=np.random.default_rng(0))
    assert found.tolist() == [3, 3, 3, 1, 1]


def test_elimination_solves_what_scipy_solves() -> None:
    network = BatchedNetwork.of(mesh("sinh", 60))
    unknowns = np.random.default_rng(0).uniform(-0.1, 0.1, (60, 3))
    right = np.random.default_rng(1).standard_normal((60, 3))
    _, entries = network.residual(unknowns, settings(3).T)
    eliminate = Elimination(network).solve
    for point in range(3):
        matrix = csc_matrix((entries[:, point], (network.inner.row, network.inner.column)), shape=(60, 60))
        for transposed, acting in ((False, matrix), (True, matrix.T.tocsc())):
            expected = spsolve(acting, right[:, point])
            found = eliminate(entries, right, transposed)[:, point]
            assert np.abs(found - expected).max() < 1e-10 * np.abs(expected).max()


def test_shapes_and_families_that_do_not_fit_are_refused() -> None:
    network = BatchedNetwork.of(dopant_network(seed=0))
    with pytest.raises(ValueError, match=r"electrode voltages have shape \(2, 7\); \[point, 8\] fits e0, e1"):
        solve(network, np.zeros((2, 7)), 0)
    with pytest.raises(ValueError, match=r"start has shape \(2, 3\); \[2, 12\] fits"):
        solve(network, np.zeros((2, 8)), 0, start=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="the family subcircuit states no equations for NumPy"):
        BatchedNetwork.of(nx.Graph(family="subcircuit"))
    with pytest.raises(ValueError, match="the state 'theta' of a threshold_switch settles with the current"):
        BatchedNetwork.of(mesh("threshold_switch", 12))
    assert solve(network, np.zeros((0, 8)), 0).current.shape == (0, 8)


@pytest.fixture(scope="module")
def quiet(graph: nx.Graph) -> Iterator[QuasistaticDevice]:
    with QuasistaticDevice(graph) as dut:
        yield dut


def test_its_waveforms_are_those_of_a_transient(quiet: QuasistaticDevice, device: NgspiceDevice) -> None:
    rng = np.random.default_rng(1)
    tones = tuple(
        Tone(n, h / WINDOW, 5e-3, rng.uniform(0, 6)) for n, h in zip(CONTROLS, (7, 11, 16, 17, 19), strict=True)
    )
    control = rng.uniform(-0.5, 0.5, 5)
    for drive in (
        Drive(control, PATTERNS[1], tones, Transient(WINDOW, 75, settle=0.4 * WINDOW)),
        Drive(control, PATTERNS[2], (), Transient(WINDOW, 75)),
    ):
        ours, theirs = quiet.measure(drive), device.measure(drive)
        assert ours.output.shape == (75,)
        # the two sample at other instants, so what is compared is mean, energy and, in the next test, each tone
        assert ours.output.mean() == pytest.approx(theirs.output.mean(), rel=1e-6)
        assert ours.energy == pytest.approx(theirs.energy, rel=1e-6)
        assert ours.perturbation_energy == pytest.approx(theirs.perturbation_energy, rel=1e-4, abs=1e-25)
        assert ours.simulated_seconds == theirs.simulated_seconds


def asked(amplitude: float) -> Measurement:
    phase = random_phases(5, np.random.default_rng(2))
    return Measurement(plan_tones(5, WINDOW), np.full(5, amplitude), phase, noise_density=1e-23)


def test_estimators_work_on_it_unchanged(quiet: QuasistaticDevice, device: NgspiceDevice) -> None:
    control = np.random.default_rng(3).uniform(-0.5, 0.5, 5)
    exact = adjoint(quiet, control, PATTERNS, asked(1e-3))
    for ours, truth in zip(exact, small_signal(device, control, PATTERNS, asked(1e-3)), strict=True):
        assert np.abs(ours.jacobian - truth.jacobian).max() < 1e-5 * np.abs(truth.jacobian).max()
        assert ours.output == pytest.approx(truth.output, rel=1e-6)
    errors = []
    for amplitude in (1e-3, 2e-3, 4e-3):
        found = homodyne(quiet, control, PATTERNS[:1], asked(amplitude))[0]
        errors.append(np.abs(found.jacobian - exact[0].jacobian).max())
    assert np.polyfit(np.log([1, 2, 4]), np.log(errors), 1)[0] == pytest.approx(2, abs=0.1)


def test_its_small_signal_response_counts_capacitances(quiet: QuasistaticDevice, device: NgspiceDevice) -> None:
    """At 100 GHz the sites' own 0.16 aF show: a quarter of the response is out of phase."""
    control = np.zeros(5)
    for frequency in (1e3, 1e11):
        ours, theirs = (d.small_signal(control, PATTERNS[1], np.full(5, frequency)) for d in (quiet, device))
        assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max()
    assert np.abs(theirs.imag).max() > 0.1 * np.abs(theirs).max()


def test_poles_near_the_tones_are_refused() -> None:
    """R and C in closed form: the node between two resistors has R/2·C."""
    graph = nx.Graph(family="resistor", parameters={"resistance": 1e6}, node_capacitance=1e-12)
    for k in range(2):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=float(k), y=0.0)
    graph.add_node("m", kind="node", x=0.5, y=0.0)
    graph.add_edges_from([("e0", "m"), ("e1", "m")])
    device = QuasistaticDevice(assign_roles(graph, output="e0", inputs=(), controls=("e1",)))
    assert device.time_constants(np.zeros(1), np.empty(0)) == pytest.approx([0.5e-6])

    def measure(frequency: float) -> None:
        device.measure(Drive(np.zeros(1), np.empty(0), (Tone("e1", frequency, 1e-3),), Transient(1.0, 16)))

    limit = 1e-3 / (2 * np.pi * 0.5e-6)
    measure(0.99 * limit)
    with pytest.raises(SimulationError, match=r"too near the pole at 3\.18e\+05 Hz.*lengthen the window"):
        measure(1.01 * limit)


@pytest.mark.parametrize("graph", [dopant_network(seed=13), mesh("sinh", 100)], ids=["dense", "sparse"])
def test_a_bound_without_eigenvalues_lets_no_pole_pass(graph: nx.Graph) -> None:
    storing = all_controls(graph)
    storing.graph["node_capacitance"] = 1e-15  # a dopant network's sites have their own
    network = Assembly(storing)
    points = network.solve(np.random.default_rng(0).uniform(-0.5, 0.5, (30, len(network.names))))
    bounds = network.slowest_at_most(points)
    longest = np.array([network.time_constants(points, row)[0][0] for row in range(30)])
    assert (bounds >= longest * (1 - 1e-12)).all()
    assert (bounds < 10 * longest).all()  # and spares the eigenvalues wherever tones lie ten times lower than they may


def test_an_adjoint_needs_a_device_whose_equations_are_known(device: NgspiceDevice) -> None:
    with pytest.raises(TypeError, match="NgspiceDevice doesn't know its equations"):
        adjoint(device, np.zeros(5), PATTERNS, asked(1e-3))


def test_training_takes_the_steps_that_it_takes_on_ngspice(quiet: QuasistaticDevice, device: NgspiceDevice) -> None:
    """20 steps from one start, the same seed, no noise."""
    task, reach = TASKS["xor"](), (-0.7, 0.7)
    recipe = Recipe(
        PATTERNS,
        Target(task.classes, (2e-9, 8e-9)),
        homodyne,
        replace(
            asked(2e-3), noise_density=1e-16
        ),  # stated, not injected: nothing is told apart, no training ends early
        LOSSES["mse"],
        RULES["adam"],
        30e-3,
        reach,
    )
    start = first_control(5, reach, 0, 0)
    for steps in zip(*(train(dut, start, recipe, 20) for dut in (quiet, device)), strict=True):
        difference = np.abs(steps[0].control - steps[1].control).max()
        assert difference < 1e-4 * (reach[1] - reach[0])
    assert steps[0].number == 20


@pytest.mark.long
def test_a_hundred_thousand_points_on_fifty_devices_converge_or_say_so() -> None:
    lost = 0
    for seed in range(50):
        graph = dopant_network(sites=12 if seed % 2 else 20, seed=100 + seed)
        found = solve(BatchedNetwork.of(graph), settings(2000, seed=seed), 0)
        lost += int((~found.converged).sum())
        assert ((found.unknowns >= 0) & (found.unknowns <= 1)).all()
        assert (found.residual[found.converged] < 1e-8).all()
    assert lost <= 100
