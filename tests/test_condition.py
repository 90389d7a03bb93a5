"""What became of a device: altered in place, written into a netlist, solved in NumPy, and by other means."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import HoppingModel

from hge_spice.devices.branches import branches
from hge_spice.devices.condition import warmed
from hge_spice.drive import AS_MADE, Condition, Drive, Floats, Tables, Tone, Transient
from hge_spice.drive.plateaus import Plateaus
from hge_spice.graph import Network, assign_roles
from hge_spice.imperfections.mismatch import scaled
from hge_spice.netlist import deck, saved_vectors
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.ngspice.loaded import LoadedDeck
from hge_spice.quasistatic import QuasistaticDevice

WINDOW = Transient(25e-3, 64)
CONTROL, INPUTS = np.array([0.1, -0.2, 0.05, 0.3, -0.1]), np.array([-0.3, 0.3])


def drawn(links: int, sigma: float = 0.2) -> tuple[float, ...]:
    return tuple(np.exp(sigma * np.random.default_rng(links).standard_normal(links)).tolist())


def asked(condition: Condition, tones: tuple[Tone, ...] = (), control: Floats = CONTROL) -> Drive:
    return Drive(control, INPUTS, tones, WINDOW, condition=condition)


def tones(names: tuple[str, ...]) -> tuple[Tone, ...]:
    return tuple(Tone(n, 40.0 * h, 2e-3, 0.3) for n, h in zip(names, (7, 11, 16, 17, 19), strict=False))


# an element of each native card, a B source and a memristor: ends, family, parameters, and which are as its current
LINKS: tuple[tuple[str, str, str, dict[str, float], dict[str, int]], ...] = (
    ("e0", "m", "resistor", {"resistance": 1e6, "tc1": 1e-3}, {"resistance": -1}),
    ("e1", "m", "diode", {"saturation_current": 1e-9, "antiparallel": 0.5}, {"saturation_current": 1}),
    ("e2", "m", "sinh", {"i0": 1e-9}, {"i0": 1}),
    ("e0", "n", "mosfet", {"kp": 1e-6, "vto": -0.5}, {"kp": 1}),
    ("e3", "n", "vteam", {"ron": 1e5, "roff": 1e6, "kon": -1e-9, "koff": 1e-9}, {"ron": -1, "roff": -1}),
    ("m", "n", "diode", {"saturation_current": 1e-9, "series_resistance": 1e5}, {"saturation_current": 1}),
)


def mesh(strength: tuple[float, ...] = (1.0,) * len(LINKS)) -> Network:
    """Links between four electrodes and two nodes, their parameters those of so many times the current."""
    graph: Network = Network(family="resistor", parameters={})
    for k in range(4):
        graph.add_node(f"e{k}", kind="electrode", role=None, x=float(k), y=0.0)
    for name in ("m", "n"):
        graph.add_node(name, kind="node", x=0.0, y=1.0)
    for (a, b, family, given, powers), factor in zip(LINKS, strength, strict=True):
        parameters = given | {name: given[name] * factor**power for name, power in powers.items()}
        gate = {"gate": "e2"} if family == "mosfet" else {}
        graph.add_edge(a, b, family=family, source=a, parameters=parameters, **gate)
    return assign_roles(graph, output="e0", inputs=["e1", "e2"], controls=["e3"])


def in_order(strength: tuple[float, ...]) -> tuple[float, ...]:
    """Of LINKS to the order of the graph's edges."""
    place = {frozenset(link[:2]): k for k, link in enumerate(LINKS)}
    return tuple(strength[place[frozenset(edge)]] for edge in mesh().edges)


def test_hop_rates_altered_in_place_are_those_of_the_physics(device: NgspiceDevice) -> None:
    """Against the model of the page of physics with its rates multiplied, and against links of other lengths."""
    condition = Condition(drawn(len(device.links)))
    model = HoppingModel(device.graph)
    place = {name: k for k, name in enumerate((*model.sites, *model.rim))}
    for (a, b), factor in zip(device.graph.edges, condition.strength, strict=True):
        i, j = sorted((place[a], place[b]))
        if j < len(model.sites):
            model.hop[[i, j], [j, i]] *= factor
        else:
            model.lead[i, j - len(model.sites)] *= factor
    given = dict(zip((*device.controls, *device.inputs), (*CONTROL, *INPUTS), strict=True))
    _, currents = model.solve({**dict.fromkeys(model.rim, 0.0), **given})
    found = device.measure(asked(condition)).output[0]
    assert found == pytest.approx(currents["e0"], rel=1e-5)
    assert abs(found / device.measure(asked(AS_MADE)).output[0] - 1) > 0.01
    with NgspiceDevice(scaled(device.graph, np.array(condition.strength))) as longer:
        assert longer.measure(asked(AS_MADE)).output[0] == pytest.approx(found, rel=1e-7)
    exact = QuasistaticDevice(device.graph).measure(asked(condition)).output[0]
    assert found == pytest.approx(exact, rel=1e-6)


def test_what_was_altered_goes_back_to_the_same_bits(device: NgspiceDevice) -> None:
    with NgspiceDevice(device.graph) as fresh:
        plain = asked(AS_MADE, tones(fresh.controls))
        before = fresh.measure(plain)
        for condition in (Condition(drawn(len(fresh.links))), Condition(warmer=3.0), AS_MADE):
            other = fresh.measure(replace(plain, condition=condition))
            assert (other.output.tobytes() == before.output.tobytes()) == (condition == AS_MADE)


def test_another_temperature_is_the_netlist_of_that_temperature(device: NgspiceDevice) -> None:
    warm = device.graph.copy()
    warm.graph["parameters"] = {**warm.graph["parameters"], "temperature": 82.0}
    given = asked(Condition(warmer=5.0), tones(device.controls))
    with NgspiceDevice(warm) as other:
        expected = other.measure(replace(given, condition=AS_MADE))
    found = device.measure(given)
    assert found.output.tobytes() == expected.output.tobytes()
    at_rest = replace(given, tones=())
    exact = QuasistaticDevice(device.graph).measure(at_rest).output
    assert device.measure(at_rest).output == pytest.approx(exact, rel=1e-6)
    assert device.measure(given).output.tobytes() == expected.output.tobytes()


def test_warmer_is_beside_what_each_model_is_published_for() -> None:
    graph = mesh()
    graph.add_edge("e1", "n", family="mss")
    found = {branch.name: branch.values["temperature"] for branch in branches(graph)}
    after = {branch.name: branch.values["temperature"] for branch in branches(warmed(graph, 2.0))}
    assert len(set(found.values())) == 2  # of the memristor, and of all others with their leads
    assert after == pytest.approx({name: kelvin + 2 for name, kelvin in found.items()})


def test_every_kind_of_link_takes_its_strength() -> None:
    """`m` of each native card and B source against the parameter that its current is proportional to."""
    control, strength = np.array([0.4]), (0.8, 1.3, 0.7, 1.2, 1.5, 0.6)
    sets = [tuple(strength[k] if k == one else 1.0 for k in range(6)) for one in range(6)] + [strength]
    with NgspiceDevice(mesh()) as device:
        before = device.measure(asked(AS_MADE, control=control)).output[0]
        for each in sets:
            found = device.measure(asked(Condition(in_order(each)), control=control)).output[0]
            assert abs(found / before - 1) > 1e-4
            with NgspiceDevice(mesh(each)) as expected:
                assert found == pytest.approx(expected.measure(asked(AS_MADE, control=control)).output[0], rel=1e-6)
            exact = QuasistaticDevice(mesh()).measure(asked(Condition(in_order(each)), control=control)).output[0]
            assert found == pytest.approx(exact, rel=1e-5)


def test_a_netlist_of_a_drive_states_the_condition() -> None:
    """Loaded as it is, nothing altered, and against the same altered in place."""
    graph = mesh()
    condition = Condition(in_order((0.8, 1.3, 0.7, 1.2, 1.5, 0.6)), warmer=7.0, start=(0.25,))
    given = asked(condition, control=np.array([0.4]))
    saved = saved_vectors(graph)
    stated = LoadedDeck(deck(graph, given))
    try:
        result = stated.run({}, "op", saved.names)
    finally:
        stated.close()
    with NgspiceDevice(graph) as device:
        found = device.measure(given)
        assert device.held_states == ("x4_x",)
        moved = device.measure(replace(given, tones=tones(("e3",)))).states
        colder, early = (
            replace(given, condition=replace(condition, **one)) for one in ({"warmer": 0.0}, {"start": ()})
        )
        assert all(abs(device.measure(d).output[0] / found.output[0] - 1) > 1e-3 for d in (colder, early))
    read = float(np.real(result.vectors[saved.names.index(saved.read[0]), 0]))
    assert found.output[0] == pytest.approx(read, rel=1e-9)
    assert moved["x4_x"][0] == 0.75


def test_changes_come_together_and_wrong_ones_are_refused(device: NgspiceDevice) -> None:
    one, other = Condition((2.0, 3.0), 1.0), Condition((5.0, 7.0), 0.5, (0.1,))
    assert one.and_then(other) == Condition((10.0, 21.0), 1.5, (0.1,))
    assert AS_MADE.and_then(one) == one == one.and_then(AS_MADE)
    with pytest.raises(ValueError, match="of 2 elements, the other of 1"):
        one.and_then(Condition((1.0,)))
    with pytest.raises(ValueError, match=r"0\.0 times its current; it must be above zero"):
        Condition((0.0,))
    for dut in (device, QuasistaticDevice(device.graph)):
        with pytest.raises(ValueError, match="2 strengths; the network has 32 links"):
            dut.measure(asked(one))
        with pytest.raises(ValueError, match="must be above zero"):
            dut.measure(asked(Condition(warmer=-80.0)))
    with pytest.raises(ValueError, match="1 starts; the network has 0 states"):
        device.measure(asked(Condition(start=(0.1,))))
    with pytest.raises(ValueError, match="holds every state where it is"):
        QuasistaticDevice(mesh()).measure(asked(Condition(start=(0.1,)), control=np.array([0.4])))


def test_tables_and_a_condition_act_together(device: NgspiceDevice) -> None:
    """Tables of zeros change nothing of a device that has changed."""
    condition = Condition(drawn(len(device.links)), warmer=2.0)
    given = asked(condition, tones(device.controls))
    table = Tables(("e1",), np.zeros((1, 70)), WINDOW.step, held=True)
    tabled = replace(given, tables=table)
    plain = device.measure(given).output
    assert device.measure(tabled).output == pytest.approx(plain, rel=1e-9)
    colder = device.measure(replace(tabled, condition=replace(condition, warmer=0.0))).output
    assert np.abs(colder / plain - 1).max() > 1e-3
    assert device.measure(tabled).output == pytest.approx(plain, rel=1e-9)


def test_a_device_stands_still_while_patterns_are_played_in_one_transient(device: NgspiceDevice) -> None:
    """Against the same patterns one by one, in both engines."""
    condition = Condition(drawn(len(device.links)), warmer=2.0)
    each = [asked(condition, tones(device.controls)), asked(condition, tones(device.controls))]
    each[1] = replace(each[1], inputs=np.array([0.3, -0.3]))
    for dut, share in ((device, 1e-5), (QuasistaticDevice(device.graph), 1e-9)):
        found = dut.measure_plateaus(Plateaus(tuple(each), 5e-3))
        made = dut.measure_plateaus(Plateaus(tuple(replace(d, condition=AS_MADE) for d in each), 5e-3))
        for waveform, before, drive in zip(found, made, each, strict=True):
            mean = dut.measure(replace(drive, tones=())).output.mean()
            assert waveform.output.mean() == pytest.approx(mean, rel=0.02)  # the tones' second order
            assert abs(waveform.output.mean() / before.output.mean() - 1) > 0.02
            quiet = dut.measure_plateaus(Plateaus(tuple(replace(d, tones=()) for d in each), 5e-3))
        assert quiet[1].output.mean() == pytest.approx(dut.measure(replace(each[1], tones=())).output.mean(), rel=share)
    with pytest.raises(ValueError, match="give one condition"):
        Plateaus((each[0], replace(each[1], condition=AS_MADE)), 5e-3)
