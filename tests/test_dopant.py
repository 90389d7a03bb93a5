import networkx as nx
import numpy as np
import pytest
from conftest import HoppingModel

from hge_spice.devices.dopant import varied
from hge_spice.devices.dopant_potentials import coulomb, electrode_weights
from hge_spice.devices.expression import Expression
from hge_spice.graph import assign_roles, dopant_network, electrodes
from hge_spice.ngspice.device import NgspiceDevice


def test_electrode_weights_are_poissons_kernel(graph: nx.Graph) -> None:
    weights = electrode_weights(graph)
    assert np.allclose(weights.sum(axis=1), 1, rtol=0, atol=1e-14)
    assert weights.min() > 0
    assert np.allclose(weights, HoppingModel(graph).weights, rtol=0, atol=1e-8)


def test_a_site_in_the_middle_sees_all_electrodes_alike() -> None:
    graph = dopant_network(sites=1, seed=0)
    graph.nodes["s0"].update(x=0.0, y=0.0)
    assert np.allclose(electrode_weights(graph), 1 / 8, rtol=0, atol=1e-15)


def test_coulomb_term_in_vacuum_is_the_textbooks() -> None:
    graph = dopant_network(sites=2, seed=0, permittivity=1.0)
    graph.nodes["s0"].update(x=0.0, y=0.0)
    graph.nodes["s1"].update(x=1e-9, y=0.0)
    assert coulomb(graph)[0, 1] == pytest.approx(1.43996, rel=1e-5)  # e/(4πε0·1 nm) in V


@pytest.mark.parametrize("seed", [10, 11])
def test_operating_points_are_the_independent_models(seed: int) -> None:
    bare = dopant_network(seed=seed)
    names = electrodes(bare)
    graph = assign_roles(bare, output=names[0], inputs=(), controls=names[1:])
    model, rng = HoppingModel(graph), np.random.default_rng(seed)
    with NgspiceDevice(graph) as dut:
        for _ in range(12):
            control = rng.uniform(-0.7, 0.7, 7)
            _, currents = model.solve({names[0]: 0.0} | dict(zip(names[1:], control, strict=True)))
            found = dut.operating_point(control, np.empty(0))
            largest = max(abs(current) for current in currents.values())
            assert found.flags == ()
            assert found.output[0] == pytest.approx(currents[names[0]], rel=0, abs=1e-7 * largest)
            power = -sum(v * currents[name] for name, v in zip(names[1:], control, strict=True))
            assert found.energy == pytest.approx(power, rel=1e-6)
            assert found.energy > 0


def test_equilibrium_carries_no_current() -> None:
    """Detailed balance: all electrodes at one potential, no current anywhere, whatever the occupations."""
    names = electrodes(dopant_network(seed=10))
    graph = assign_roles(dopant_network(seed=10), output="e0", inputs=(), controls=names[1:])
    with NgspiceDevice(graph) as dut:
        assert abs(dut.operating_point(np.zeros(7), np.empty(0)).output[0]) < 1e-15
        assert abs(dut.operating_point(np.full(7, 0.5), np.empty(0)).output[0]) > 1e-12


def test_a_lone_site_between_two_electrodes_in_closed_form() -> None:
    """With one site the occupation follows by hand, and so does the current."""
    graph = dopant_network(sites=1, electrodes=2, seed=0, localisation=50e-9)
    graph.nodes["s0"].update(x=0.0, y=0.0)
    for _, _, data in graph.edges(data=True):
        data["length"] = 75e-9
    graph = assign_roles(graph, output="e0", inputs=(), controls=("e1",))
    voltage, thermal = 0.05, 1.380649e-23 * 77 / 1.602176634e-19
    rate = 1.602176634e-19 * 1e14 / 2 * np.exp(-2 * 75 / 50)
    tilt = np.tanh(voltage / 2 / (2 * thermal))  # the site sits at half the voltage
    with NgspiceDevice(graph) as dut:
        # both leads pull equally hard in opposite directions: p = 1/2, and the current is rate·tilt
        assert dut.operating_point(np.array([voltage]), np.empty(0)).output[0] == pytest.approx(rate * tilt, rel=1e-9)


def test_expressions_are_filled_completely() -> None:
    product = Expression("a*tanh(b)")
    assert product.symbols == {"a", "b"}
    assert product.spice(a=0.5, b="v(p1)") == "(0.5)*tanh(v(p1))"
    with pytest.raises(ValueError, match="b don't fit"):
        product.spice(a=1.0)
    with pytest.raises(ValueError, match="c don't fit"):
        product.spice(a=1.0, b=1.0, c=1.0)


@pytest.mark.parametrize("rate", ["glauber", "phonon"])
def test_disorder_and_donors_keep_detailed_balance(rate: str) -> None:
    """All electrodes at one potential: no current anywhere, and Fermi's occupations in the potential that they make."""
    bare = dopant_network(seed=13)
    names, thermal = electrodes(bare), 1.380649e-23 * 77 / 1.602176634e-19
    graph = varied(bare, np.random.default_rng(1), disorder=0.05, donors=6, rate=rate)
    graph = assign_roles(graph, output="e0", inputs=(), controls=names[1:], output_voltage=0.1)
    graph.graph["probes"] = tuple(f"p{i}" for i in range(12))
    with NgspiceDevice(graph) as dut:
        rest = dut.operating_point(np.full(7, 0.1), np.empty(0))
        driven = dut.operating_point(np.linspace(-0.3, 0.4, 7), np.empty(0))
    assert abs(rest.output[0]) < 1e-15
    assert abs(driven.output[0]) > 1e-12
    occupation = np.array([rest.probes[f"p{i}"][0] for i in range(12)])
    assert np.ptp(occupation) > 0.5
    place = np.array([complex(graph.nodes[f"s{i}"]["x"], graph.nodes[f"s{i}"]["y"]) for i in range(12)])
    unit = 1.602176634e-19 / (4 * np.pi * 8.8541878128e-12 * 3.9)
    potential = np.array([0.1 + graph.nodes[f"s{i}"]["energy"] for i in range(12)])
    for i in range(12):
        potential[i] += sum(unit * (occupation[j] - 1) / abs(place[i] - place[j]) for j in range(12) if j != i)
        potential[i] += sum(unit / abs(place[i] - complex(*donor)) for donor in graph.graph["donors"])
    np.testing.assert_allclose(occupation, 1 / (1 + np.exp((potential - 0.1) / thermal)), atol=1e-6)


def test_the_rate_of_a_hop_that_a_phonon_carries() -> None:
    """A lone site half way: p = ½ and the current is Glauber's times (x/2)·coth(x/2)."""
    bare = dopant_network(sites=1, electrodes=2, seed=0, localisation=50e-9)
    bare.nodes["s0"].update(x=0.0, y=0.0)
    voltage, thermal = 0.2, 1.380649e-23 * 77 / 1.602176634e-19
    currents = []
    for rate in ("glauber", "phonon"):
        graph = varied(bare, np.random.default_rng(0), rate=rate)
        graph = assign_roles(graph, output="e0", inputs=(), controls=("e1",))
        with NgspiceDevice(graph) as dut:
            currents.append(dut.operating_point(np.array([voltage]), np.empty(0)).output[0])
    half = voltage / 2 / (2 * thermal)
    assert currents[1] / currents[0] == pytest.approx(half / np.tanh(half), rel=1e-8)


def test_unequal_energies_with_the_pair_correction_are_refused() -> None:
    names = electrodes(dopant_network(seed=13))
    graph = assign_roles(dopant_network(seed=13), output="e0", inputs=(), controls=names[1:])
    graph.nodes["s3"]["energy"] = 0.05
    with pytest.raises(ValueError, match="would keep currents at rest"):
        NgspiceDevice(graph)
    with pytest.raises(ValueError, match="disorder is -1 V"):
        varied(graph, np.random.default_rng(0), disorder=-1)
    with pytest.raises(ValueError, match="there is no rate 'fast'; there are glauber, phonon"):
        varied(graph, np.random.default_rng(0), rate="fast")
