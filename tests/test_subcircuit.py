import numpy as np
import pytest
from PySpice.Spice.Netlist import Circuit, SubCircuit

from hge_spice.benchmarks.mesh import mesh
from hge_spice.calibrate import choose_points, choose_settle, quasi_static
from hge_spice.devices.subcircuit import block, block_of
from hge_spice.drive import Drive, SimulationError, Transient
from hge_spice.gradient import Measurement, homodyne, small_signal
from hge_spice.graph import Network, assign_roles
from hge_spice.netlist import deck
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.tones import plan_from_harmonics, plan_tones

WINDOW = 25e-3
STAR = """.subckt star a b c out r=1k
r1 a n {r}
r2 b n 2k
r3 c n 4k
r4 n out 8k
.ends"""
LATE = """.subckt late a b out
r1 a n 100k
r2 b n 200k
c1 n 0 {cap}
d1 n out dm
.model dm d(is=1n n=1.8 tnom=27)
.ends"""


def star(**roles: object) -> Network:
    given: dict[str, object] = {"output": "out", "inputs": ["c"], "controls": ["a", "b"]} | roles
    return assign_roles(block(text=STAR, name="star", pins=["a", "b", "c", "out"]), **given)  # type: ignore[arg-type]


def late(capacitance: str) -> Network:
    text = LATE.replace("{cap}", capacitance)
    return assign_roles(
        block(text=text, name="late", pins=["a", "b", "out"]), output="out", inputs=[], controls=["a", "b"]
    )


def how(count: int, amplitude: float = 1e-3) -> Measurement:
    return Measurement(plan_tones(count, WINDOW), np.full(count, amplitude), np.arange(float(count)))


def star_current(v: np.ndarray, ground: float = 0.0, first: float = 1e3) -> float:
    """Nodal analysis by hand: one unknown node."""
    g = 1 / np.array([first, 2e3, 4e3, 8e3])
    node = (g @ np.array([*v, ground])) / g.sum()
    return float((node - ground) * g[3])


def test_a_resistor_star_is_nodal_analysis() -> None:
    with NgspiceDevice(star()) as dut:
        v = np.array([0.3, -0.2, 0.5])
        point = dut.operating_point(v[:2], v[2:])
        assert point.output[0] == pytest.approx(star_current(v), rel=1e-9)
        exact = [star_current(e) for e in np.eye(3)[:2]]
        (found,) = homodyne(dut, v[:2], v[None, 2:], how(2))
        assert np.allclose(found.jacobian, exact, rtol=1e-7)
        (truth,) = small_signal(dut, v[:2], v[None, 2:], how(2))
        assert np.allclose(truth.jacobian, exact, rtol=1e-9)
        # what the sources deliver is what the resistors burn
        g = 1 / np.array([1e3, 2e3, 4e3, 8e3])
        node = (g[:3] @ v) / g.sum()
        assert point.energy == pytest.approx(float(np.sum(g * (np.array([*v, 0.0]) - node) ** 2)), rel=1e-9)


def test_parameters_supplies_output_potential_and_probes() -> None:
    described = block(text=STAR, name="star", pins=["a", "b", "c", "out"], parameters={"r": 500.0})
    graph = assign_roles(described, output="out", inputs=[], controls=["a", "b"], bias={"c": 1.8}, output_voltage=0.9)
    graph.graph["probes"] = ("x1.n", "@r.x1.r2[i]")
    v = np.array([0.3, -0.2])
    with NgspiceDevice(graph) as dut:
        point = dut.operating_point(v, np.empty(0))
        every = np.array([*v, 1.8])
        assert point.output[0] == pytest.approx(star_current(every, 0.9, 500.0), rel=1e-9)
        g = 1 / np.array([500.0, 2e3, 4e3, 8e3])
        node = (g @ np.array([*every, 0.9])) / g.sum()
        assert point.probes["x1.n"][0] == pytest.approx(node, rel=1e-9)
        assert abs(point.probes["@r.x1.r2[i]"][0]) == pytest.approx(abs(v[1] - node) / 2e3, rel=1e-6)
        assert point.energy == pytest.approx(float(np.sum(g * (np.array([*every, 0.9]) - node) ** 2)), rel=1e-9)
        waveform = dut.measure(Drive(v, np.empty(0), how(2).tones(("a", "b")), Transient(WINDOW, 75)))
        assert waveform.probes["x1.n"].shape == waveform.time.shape


def test_a_probe_that_is_not_there_is_named() -> None:
    graph = star()
    graph.graph["probes"] = ("x1.nowhere",)
    with NgspiceDevice(graph) as dut, pytest.raises(SimulationError, match=r"no x1\.nowhere"):
        dut.operating_point(np.zeros(2), np.zeros(1))


def test_where_poles_matter_points_and_dead_time_are_found() -> None:
    """100 nF behind a node that the diode holds at some 10 kΩ: a millisecond, and tones from 40 Hz on."""
    control, inputs = np.array([0.6, 0.5]), np.zeros((1, 0))
    asked = how(2, amplitude=0.5e-3)
    with NgspiceDevice(late("100n")) as dut:
        assert not quasi_static(dut, control, inputs, np.array(asked.plan.frequencies))
        settle, flags = choose_settle(dut, control, inputs, asked)
        assert flags == ()
        assert settle > 0
        asked = Measurement(asked.plan, asked.amplitude, asked.phase, settle)
        plan, flags = choose_points(dut, control, inputs, asked)
        assert flags == ()
        asked = Measurement(plan, asked.amplitude, asked.phase, settle)
        (found,), (truth,) = homodyne(dut, control, inputs, asked), small_signal(dut, control, inputs, asked)
        assert np.abs(np.angle(truth.response)).max() > 0.3
        assert np.abs(found.response - truth.response).max() < 1e-3 * np.abs(truth.response).max()
        assert "lag" in found.flags
    with NgspiceDevice(late("1p")) as dut:
        assert quasi_static(dut, control, inputs, np.array(asked.plan.frequencies))
        assert choose_settle(dut, control, inputs, asked) == (0.0, ())
        assert choose_points(dut, control, inputs, asked) == (asked.plan, ())


def test_temperature_is_the_devices() -> None:
    """A diode passes more when it is warm."""
    currents = []
    for temperature in (300.15, 350.15):
        text = LATE.replace("{cap}", "1p").replace("tnom=27", f"tnom={temperature - 273.15}")
        described = block(text=text, name="late", pins=["a", "b", "out"], temperature=temperature)
        with NgspiceDevice(assign_roles(described, output="out", inputs=[], controls=["a", "b"])) as dut:
            currents.append(dut.operating_point(np.array([0.05, 0.05]), np.empty(0)).output[0])
    # with tnom at the same temperature the saturation current stays; the thermal voltage grows, so at forward
    # voltages well below the series resistance's share the diode passes less: exp(v/nVt) falls as Vt rises
    assert currents[0] > currents[1] > 0


def test_convergence_that_needed_help_is_flagged() -> None:
    text = """.subckt steep a out
r1 a n1 1
b1 n1 out i=1e-3*(exp(v(n1,out)/0.004)-1)
b2 n1 0 i=2*tanh(200*(v(n1)-0.3))-1.999*v(n1)^3
r3 n1 out 50k
.ends"""
    graph = assign_roles(block(text=text, name="steep", pins=["a", "out"]), output="out", inputs=[], controls=["a"])
    with NgspiceDevice(graph) as dut:
        point = dut.operating_point(np.array([2.0]), np.empty(0))
        assert "gmin_stepping" in point.flags
        assert any("stepping" in note for note in point.notes)
    # an integrator that nothing holds: neither kind of stepping finds a point, and ngspice waits until it stands still
    text = ".subckt memory a out\nr1 a out 1k\nc1 x 0 1u\nb1 0 x i=(v(a)>0 && v(x)<10) ? 1m : 0\n.ends"
    graph = assign_roles(block(text=text, name="memory", pins=["a", "out"]), output="out", inputs=[], controls=["a"])
    with NgspiceDevice(graph) as dut:
        point = dut.operating_point(np.array([0.5]), np.empty(0))
        assert point.flags == ("gmin_stepping", "source_stepping", "transient_op")
        assert any("singular matrix" in note for note in point.notes)
    with NgspiceDevice(star()) as dut:
        assert dut.operating_point(np.zeros(2), np.zeros(1)).flags == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a b"}, "'a b' can't be a name"),
        ({"pins": ["a", "b\n.control", "out"]}, "can't be a name"),
        ({"pins": ["a", "a", "out"]}, "names a pin twice"),
    ],
)
def test_names_that_cannot_stand_in_a_netlist(change: dict[str, object], message: str) -> None:
    given = {"text": STAR, "name": "star", "pins": ["a", "b", "c", "out"]} | change
    with pytest.raises(ValueError, match=message):
        block(**given)  # type: ignore[arg-type]


def test_a_pyspice_subcircuit_or_circuit_is_a_block() -> None:
    part = SubCircuit("Divider", "a", "b", "out", rl=2000.0)
    part.R(1, "a", "n", 1e3)
    part.R(2, "b", "n", "{rl}")
    part.R(3, "n", "out", 500.0)
    whole = Circuit("divider with its own bench")
    whole.subcircuit(part)
    whole.X(1, "Divider", "p", "q", "r")
    for graph, pins, load in (
        (block_of(part, parameters={"rl": 4000.0}), ("a", "b", "out"), 4000.0),
        (block_of(part), ("a", "b", "out"), 2000.0),
        (block_of(whole, ["p", "q", "r"]), ("p", "q", "r"), 2000.0),
    ):
        with NgspiceDevice(assign_roles(graph, output=pins[2], inputs=[pins[1]], controls=[pins[0]])) as dut:
            current = dut.operating_point(np.array([1.0]), np.array([-0.5])).output[0]
        inner = (1e-3 - 0.5 / load) / (1e-3 + 1 / load + 2e-3)
        assert current == pytest.approx(inner / 500.0, rel=1e-6)
    with pytest.raises(ValueError, match="has no node z; it has 0, p, q, r"):
        block_of(whole, ["z"])


def test_a_large_circuit_asks_for_klu_and_runs_without_it() -> None:
    assert ".options klu" not in deck(mesh(10))
    large = mesh(26)
    assert deck(large).count(".options klu") == 1
    with NgspiceDevice(large) as dut:
        assert dut.operating_point(np.linspace(0, 0.5, 5), np.zeros(2)).output[0] > 1e-10


def test_a_slow_state_begins_at_rest_whatever_the_tones_phase() -> None:
    """A conductance that follows its voltage a hundred windows behind: its derivative at the tone is that at rest.

    Were the state where the tone's first value would hold it, the derivative would be off by a share ∝ amplitude.
    """
    text = """.subckt slow c a out
b1 0 x i=1e-6*(v(c)-v(x))
c1 x 0 2.5u
r1 x 0 1t
b2 c out i=1e-4*v(c,out)*(1+5*v(x))
r2 a out 1k
.ends"""
    graph = assign_roles(
        block(text=text, name="slow", pins=["c", "a", "out"]), output="out", inputs=["a"], controls=["c"]
    )
    plan = plan_from_harmonics((7,), WINDOW, points=128)
    control, inputs = np.array([0.3]), np.zeros((1, 1))
    with NgspiceDevice(graph) as dut:
        for amplitude in (1e-3, 10e-3):
            for phase in (np.pi / 2, -np.pi / 2, 3.0):
                how = Measurement(plan, np.array([amplitude]), np.array([phase]), settle=WINDOW)
                (found,) = homodyne(dut, control, inputs, how)
                (truth,) = small_signal(dut, control, inputs, how)
                assert found.jacobian[0] == pytest.approx(truth.jacobian[0], rel=2e-4)
