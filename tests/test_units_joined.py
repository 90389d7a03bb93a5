"""Gradients through two and five units, in ngspice and by composition, against finite differences; what they cost."""

from collections.abc import Iterator

import networkx as nx
import numpy as np
import pytest
from test_monotone import mesh

from hge_spice.channels import Channels
from hge_spice.drive import Drive, Transient, Waveform
from hge_spice.gradient import Measurement, homodyne
from hge_spice.graph import Coupling, assign_roles, dopant_network, electrodes, joined
from hge_spice.monotone import signs
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.tones import plan_from_harmonics, plan_tones

INPUTS = np.array([0.3, -0.3])
JOINTS = {
    2: [("u0_e0", ["u1_e2"])],
    # two in parallel, both into the third; the fourth after it, which drives the fifth at two electrodes
    5: [("u0_e0", ["u2_e2"]), ("u1_e0", ["u2_e3"]), ("u2_e0", ["u3_e2"]), ("u3_e0", ["u4_e2", "u4_e5"])],
}


def network(units: int, controls_each: int = 2) -> nx.Graph:
    graph = joined([dopant_network(seed=13)] * units, JOINTS[units], coupling=Coupling(gain=2e7))
    controls = [f"u{k}_{name}" for k in range(units) for name in ("e1", "e4", "e6", "e7")[:controls_each]]
    inputs, output = ("u0_e2", "u0_e3"), f"u{units - 1}_e0"
    rest = [name for name in electrodes(graph) if name not in {output, *inputs, *controls}]
    return assign_roles(graph, output=output, inputs=inputs, controls=controls, grounds=rest)


@pytest.fixture(scope="module", params=[2, 5])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[NgspiceDevice, QuasistaticDevice]]:
    graph = network(request.param)
    with NgspiceDevice(graph) as simulated:
        yield simulated, QuasistaticDevice(graph)


def setting(dut: NgspiceDevice) -> np.ndarray:
    """Of 300 seeds the one at which the unit that is seen least is seen best (1 with 4 controls, 3 % with 10)."""
    count = len(dut.controls)
    return np.random.default_rng({4: 190, 10: 67}[count]).uniform(-0.3, 0.3, count)


def slopes(dut: NgspiceDevice, control: np.ndarray, h: float = 2e-4) -> np.ndarray:
    def output(step: np.ndarray) -> float:
        return float(dut.operating_point(control + step, INPUTS).output[0])

    steps = h * np.eye(len(control))
    return np.array([8 * (output(s) - output(-s)) - (output(2 * s) - output(-2 * s)) for s in steps]) / (12 * h)


def test_homodyne_through_all_units_is_what_finite_differences_are(
    pair: tuple[NgspiceDevice, QuasistaticDevice],
) -> None:
    simulated, _ = pair
    control = setting(simulated)
    truth = slopes(simulated, control)
    count = len(control)
    plan = plan_tones(count, 0.1)
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, count)
    how = Measurement(plan, np.full(count, 2e-4), phase)
    (estimate,) = homodyne(simulated, control, INPUTS[None], how)
    error, largest = np.abs(estimate.jacobian - truth), np.abs(truth).max()
    assert error.max() <= 1e-3 * largest
    for first in range(0, count, 2):  # each unit's own, through all that follow
        assert np.abs(truth[first : first + 2]).max() > 0.02 * largest
        assert error[first : first + 2].max() <= 1e-2 * np.abs(truth[first : first + 2]).max()


def test_units_solved_in_turn_are_what_ngspice_solves_at_once(pair: tuple[NgspiceDevice, QuasistaticDevice]) -> None:
    simulated, composed = pair
    control = setting(simulated)
    truth = slopes(simulated, control)
    outputs, jacobian = composed.exact(control, INPUTS[None])
    at_rest = simulated.operating_point(control, INPUTS)
    assert outputs[0] == pytest.approx(at_rest.output[0], rel=1e-5)
    assert composed.operating_point(control, INPUTS).energy == pytest.approx(at_rest.energy, rel=1e-5)
    assert np.abs(jacobian[0] - truth).max() <= 1e-5 * np.abs(truth).max()
    frequencies = np.linspace(1e3, 2e4, len(control))
    response = simulated.small_signal(control, INPUTS, frequencies)
    assert composed.small_signal(control, INPUTS, frequencies) == pytest.approx(
        response, abs=1e-5 * np.abs(response).max()
    )
    how = Measurement(
        plan_from_harmonics([3 + 2 * k for k in range(len(control))], 0.1, points=128),
        np.full(len(control), 5e-3),
        np.arange(float(len(control))),
    )
    (found,), (wanted,) = (homodyne(dut, control, INPUTS[None], how) for dut in pair)
    assert found.jacobian == pytest.approx(wanted.jacobian, abs=1e-4 * np.abs(wanted.jacobian).max())
    assert np.abs(found.jacobian - truth).max() > 1e-4 * np.abs(truth).max()  # the tones bend it alike in both


class Counting:
    """A device that counts what is asked of it."""

    def __init__(self, dut: NgspiceDevice) -> None:
        self.dut, self.controls, self.inputs, self.measured = dut, dut.controls, dut.inputs, 0

    def measure(self, drive: Drive) -> Waveform:
        self.measured += 1
        return self.dut.measure(drive)


def test_cost_grows_with_the_netlist_and_not_with_the_controls() -> None:
    tried = {}
    for units, each in ((2, 1), (2, 4), (5, 1), (5, 2)):
        with NgspiceDevice(network(units, each)) as dut:
            counting = Counting(dut)
            count = len(dut.controls)
            # equal harmonics for all counts: the finest tone decides the points, and these the steps
            how = Measurement(
                plan_from_harmonics([3 + 2 * k for k in range(count)], 0.1, points=64),
                np.full(count, 1e-3),
                np.arange(float(count)),
            )
            homodyne(counting, np.zeros(count), INPUTS[None], how)
            drive = Drive(np.zeros(count), INPUTS, how.tones(dut.controls), how.transient)
            waveform = dut.measure(drive)
            tried[units, each] = (counting.measured, len(waveform.time) + waveform.rejected_steps)
    assert {measured for measured, _ in tried.values()} == {1}  # one transient, whatever there is to derive by
    assert len({steps for _, steps in tried.values()}) == 1  # of equally many steps


def test_parallel_units_are_read_each_by_itself() -> None:
    graph = joined([dopant_network(seed=13), dopant_network(seed=7)], [])
    controls = ("u0_e1", "u0_e4", "u1_e1", "u1_e4")
    named = ("u0_e2", "u1_e2", *controls, "u0_e0", "u1_e0")
    graph = assign_roles(
        graph,
        output=("u0_e0", "u1_e0"),
        inputs=("u0_e2", "u1_e2"),
        controls=controls,
        grounds=[name for name in electrodes(graph) if name not in named],
    )
    control = np.array([0.1, -0.2, 0.2, 0.1])
    composed = QuasistaticDevice(graph)
    with NgspiceDevice(graph) as simulated:
        found, wanted = (
            composed.measure(Drive(control, INPUTS, (), Transient(25e-3, 8))),
            simulated.measure(Drive(control, INPUTS, (), Transient(25e-3, 8))),
        )
    for name in ("u0_e0", "u1_e0"):
        assert found.probes[name] == pytest.approx(wanted.probes[name], rel=1e-6)
        assert found.probes[name].shape == (8,)
        _, jacobian = composed.exact(control, INPUTS[None], name)
        own = [k for k, each in enumerate(controls) if each[:2] == name[:2]]
        assert np.abs(jacobian[0][own]).min() > 0
        assert np.abs(np.delete(jacobian[0], own)).max() == 0  # a unit doesn't feel the other's controls


def test_outputs_side_by_side_are_solved_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the channels of a training, against each output's own derivatives by central differences."""
    graph = joined(
        [dopant_network(seed=13), dopant_network(seed=7)], [("u0_e7", ["u1_e5"])], coupling=Coupling(gain=2e7)
    )
    controls = ("u0_e1", "u0_e4", "u1_e1", "u1_e4")
    outputs = ("u0_e0", "u1_e0")
    named = {"u0_e2", "u1_e2", *controls, *outputs}
    rest = [name for name in electrodes(graph) if name not in named]
    device = QuasistaticDevice(
        assign_roles(graph, output=outputs, inputs=("u0_e2", "u1_e2"), controls=controls, grounds=rest)
    )
    control, inputs = np.array([0.1, -0.2, 0.2, 0.1]), np.array([INPUTS, -INPUTS])
    asked, solve = [], device._network.solve
    monkeypatch.setattr(device._network, "solve", lambda *given: asked.append(given) or solve(*given))
    found = [channel.exact(control, inputs) for channel in Channels(device, outputs).channels]
    assert len(asked) == 1
    step = 1e-4
    for name, (values, slopes) in zip(outputs, found, strict=True):
        assert values == pytest.approx(device.exact(control, inputs, name)[0], rel=1e-12)
        for k, moved in enumerate(step * np.eye(len(control))):
            up, down = (device.exact(control + sign * moved, inputs, name)[0] for sign in (1, -1))
            assert slopes[:, k] == pytest.approx((up - down) / (2 * step), abs=1e-4 * np.abs(slopes).max())
    assert np.abs(found[1][1][:, :2]).max() > 0  # the second unit is driven by the first
    assert np.abs(found[0][1][:, 2:]).max() == 0


@pytest.mark.parametrize(
    ("joints", "message"),
    [
        ([("u1_e0", ["u0_e2"])], "output u1_e0 would drive u0_e2; an output drives later units alone"),
        ([("u0_e0", ["u0_e2"])], "output u0_e0 would drive u0_e2"),
        ([("u0_e0", [])], "output 'u0_e0' drives nothing"),
        ([("u0_e0", ["u1_e2"]), ("u0_e1", ["u1_e2"])], "'u1_e2' is no electrode that is free"),
    ],
)
def test_outputs_drive_later_units_once(joints: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        joined([dopant_network(seed=1), dopant_network(seed=2)], joints)


def test_a_unit_whose_ways_to_the_output_disagree_is_not_monotone() -> None:
    def of(*gains: float) -> nx.Graph:
        plain = mesh("sinh")
        for _, data in plain.nodes(data=True):
            data.pop("role", None)
        graph = joined([plain] * 3, [("u0_e0", ["u1_e1"]), ("u0_e2", ["u2_e1"]), ("u1_e0", ["u2_e3"])])
        for coupling, gain in zip(graph.graph["couplings"], gains, strict=True):
            coupling["gain"] = gain
        rest = [n for n in electrodes(graph) if n not in {"u2_e0", "u0_e3", "u0_e4"}]
        return assign_roles(graph, output="u2_e0", inputs=("u0_e3",), controls=("u0_e4",), grounds=rest)

    assert (signs(of(1e6, -1e6, -1e6)) or {})["u0_e3"] == -1
    assert (signs(of(-1e6, 1e6, -1e6)) or {})["u0_e3"] == 1
    assert signs(of(1e6, 1e6, -1e6)) is None
