"""The learning circuit: its clock, its lock-ins, its error formation and its descent, each against something else."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hge_spice.drive import SimulationError, Tone
from hge_spice.gradient import Measurement, homodyne
from hge_spice.graph import assign_roles, of_family
from hge_spice.graph.lattice import grid
from hge_spice.margin import GAP_OVER_SPAN
from hge_spice.materia import (
    ERRORS,
    Circuit,
    Schedule,
    Teacher,
    averaged_loop,
    learning_deck,
    read_trajectory,
)
from hge_spice.materia.bill import blocks
from hge_spice.materia.circuit import SHARE
from hge_spice.materia.design import drift, inequalities
from hge_spice.materia.parts import Amplifier, Multiplier, Parts
from hge_spice.materia.sequencer import RAMP
from hge_spice.ngspice.batch import run_batch
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.tones import plan_from_harmonics

GATES = [np.array(bits, dtype=float) for bits in ((0, 0, 0, 1), (0, 1, 1, 1), (0, 1, 1, 0), (1, 0, 0, 1), (1, 0, 0, 0))]

IDEAL = Parts((Multiplier(),) * 2, (Multiplier(),) * 2)


def mesh(family: str = "sinh") -> nx.Graph:
    parameters = {"i0": 1e-9, "v0": 0.1} if family == "sinh" else {"resistance": 1e7}
    lattice = grid(rows=3, columns=3, electrodes=4, rng=np.random.default_rng(1))
    return assign_roles(of_family(lattice, family, parameters), output="e0", inputs=["e2"], controls=["e1", "e3"])


def circuit_of(*, inputs: tuple[float, ...] = (0.3,), amplitude: float = 5e-3, **changes: object) -> Circuit:
    plan = plan_from_harmonics((3, 5), 25e-3, points=24)
    known = {
        "schedule": Schedule(plan.window, plan.points, len(inputs)),
        "inputs": np.array(inputs)[:, None],
        "tones": (Tone("e1", 120.0, amplitude, 0.3), Tone("e3", 200.0, amplitude, 1.1)),
        "control": np.array([0.1, -0.2]),
        "control_range": (-0.7, 0.7),
        "error": "mse",
        "teacher": Teacher(np.ones(len(inputs)), np.full(len(inputs), 0.5)),
        "gain": 1e8,
        "rate": 20e-3,
        "swing_gain": 30.0,
        "parts": IDEAL,
    }
    return Circuit(**(known | changes))


def measurement_of(circuit: Circuit) -> Measurement:
    plan = plan_from_harmonics((3, 5), 25e-3, points=24)
    amplitude, phase = (np.array([getattr(t, name) for t in circuit.tones]) for name in ("amplitude", "phase"))
    return Measurement(plan, amplitude, phase, circuit.schedule.settle)


def simulate(text: str, folder: Path) -> dict[str, np.ndarray]:
    return run_batch(text, folder / "deck.cir", 60)


def test_a_window_holds_as_many_points_as_it_should_and_tones_leave_nothing_in_it(tmp_path):
    schedule = Schedule(25e-3, 24, 4, settle=1e-3)
    lines = ["the clock", *schedule.lines(), "Vtone tone 0 SIN(0 1 280 0 0 33)", "Bmix 0 out I=v(tone)*v(gw)"]
    lines += ["Cout out 0 1", ".ic v(out)=0", ".options trtol=1e30"]
    lines += [f".tran {schedule.step!r} {schedule.duration(25)!r} 0 {schedule.step!r}", ".end", ""]
    found = simulate("\n".join(lines), tmp_path)
    slot = np.floor((found["time"] - schedule.start) / schedule.slot).astype(int)
    inside = (slot >= 0) & (slot < 100)
    for gate, steps in {"gw": 24, "gs": 5, "gt": 4, "gr": 12}.items():
        counted = np.bincount(slot[inside], found[f"v({gate})"][inside] > 0.5)
        first = 4 if gate == "gt" else 0  # nothing is transferred before every output is held
        assert set(counted[first:]) == {steps}, gate
        assert not counted[:first].any()
    shown = np.array([found[f"v(sel{p})"] for p in range(4)])
    assert np.array_equal(shown[:, inside].argmax(axis=0), slot[inside] % 4)
    assert np.array_equal(shown[:, inside].sum(axis=0), np.ones(inside.sum()))
    weights = np.array([found[f"v(show{p})"] for p in range(4)])[:, inside]
    assert weights.sum(axis=0) == pytest.approx(np.ones(inside.sum()))
    assert np.abs(np.diff(weights)).max() <= 1 / RAMP + 1e-9  # from one pattern to the next, never a jump
    assert np.array_equal(weights[:, found["v(gw)"][inside] > 0.5], shown[:, inside][:, found["v(gw)"][inside] > 0.5])
    ends = np.searchsorted(found["time"], schedule.start + schedule.slot * np.arange(1, 101))
    assert np.abs(found["v(out)"][ends]).max() < 1e-11  # 280 Hz: seven periods; one point more or less would be 1e-3


def test_lock_ins_are_the_conductances_of_a_resistor_network(tmp_path):
    """Nodal analysis, which knows neither tones nor ngspice, against the lock-ins of the first epoch."""
    graph, circuit = mesh("resistor"), circuit_of()
    found = read_trajectory(circuit, simulate(learning_deck(graph, circuit, 2), tmp_path), 2)
    names = list(graph.nodes)
    laplacian = nx.laplacian_matrix(graph, names).toarray() / 1e7
    rim = [names.index(name) for name in ("e0", "e1", "e2", "e3")]
    inner = [k for k in range(len(names)) if k not in rim]
    schur = laplacian[np.ix_(rim, rim)] - laplacian[np.ix_(rim, inner)] @ np.linalg.solve(
        laplacian[np.ix_(inner, inner)], laplacian[np.ix_(inner, rim)]
    )
    assert found.jacobian[0, 0] == pytest.approx(-schur[0, [1, 3]], rel=1e-5)
    assert found.outputs[0, 0] == pytest.approx(-schur[0, 1:] @ [0.1, 0.3, -0.2], rel=1e-4)
    assert found.uneven_steps == 0


def test_lock_ins_of_a_nonlinear_mesh_err_as_the_square_of_the_amplitude(tmp_path):
    exact = QuasistaticDevice(mesh()).exact(np.array([0.1, -0.2]), np.array([[0.3]]))[1][0]
    errors = []
    for amplitude in (10e-3, 20e-3):
        circuit = circuit_of(amplitude=amplitude)
        found = read_trajectory(circuit, simulate(learning_deck(mesh(), circuit, 1), tmp_path), 1)
        errors.append(np.abs(found.jacobian[0, 0] / exact - 1).max())
    assert errors[0] < 0.02
    assert errors[1] / errors[0] == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_error_formation_is_the_same_in_the_netlist_and_in_numpy(name, tmp_path):
    rng = np.random.default_rng(5)
    teacher = Teacher(GATES[2], rng.normal(size=4), 0.5)
    for _ in range(3):
        held = rng.normal(size=4)
        held[1] = held.mean() + 2e-4  # a comparator in the middle of its turn
        for p in range(4):
            lines = ["error", *(f"Vh{k} h{k} 0 {v!r}" for k, v in enumerate(held.tolist()))]
            lines += [f"Vsel{k} sel{k} 0 {int(k == p)}" for k in range(4)]
            lines += [*ERRORS[name].lines(teacher), ".tran 1 2", ".end", ""]
            found = simulate("\n".join(lines), tmp_path)["v(err)"][-1]
            assert found == pytest.approx(ERRORS[name].of(held, teacher)[p], abs=1e-9)


@given(st.sampled_from(GATES), arrays(float, 4, elements=st.floats(-1, 1)))
def test_where_the_margin_rule_rests_the_gap_is_wide_enough(classes, held):
    """With half the mean distance as margin a circuit at rest is solved, whatever the outputs are."""
    force = ERRORS["margin"].of(held, Teacher(classes, margin=0.5))
    if np.ptp(held) < 0.1 or np.abs(force).max() > 1e-6:
        return
    gap = held[classes > 0.5].min() - held[classes <= 0.5].max()
    assert gap >= GAP_OVER_SPAN * np.ptp(held)


@given(st.sampled_from(GATES), arrays(float, 4, elements=st.floats(-1, 1)), st.floats(-10, 10))
def test_the_margin_rule_knows_no_common_shift_of_the_outputs(classes, held, shift):
    teacher = Teacher(classes)
    assert ERRORS["margin"].of(held + shift, teacher) == pytest.approx(ERRORS["margin"].of(held, teacher), abs=1e-6)
    assert ERRORS["margin"].of(held, teacher).sum() == pytest.approx(0, abs=1e-12)


def test_on_a_linear_network_each_epoch_leaves_half_of_the_error(tmp_path):
    """Step divided by the power of the derivatives: e → (1 − SHARE)·e, where the limiter is far."""
    graph, circuit = mesh("resistor"), circuit_of(rate=1.0)
    found = read_trajectory(circuit, simulate(learning_deck(graph, circuit, 8), tmp_path), 8)
    error = found.outputs[:, 0] * circuit.gain - 0.5
    assert error[2:] / error[1:-1] == pytest.approx(np.full(6, 1 - SHARE), rel=0.02)


@pytest.mark.parametrize("error", sorted(ERRORS))
def test_the_circuit_goes_where_the_loop_goes(error, tmp_path):
    """One netlist in one transient against extractions, holds and sums in Python: 5 % of the range is asked for."""
    graph = mesh()
    inputs = (-0.3, 0.3) if error == "margin" else (0.3,)
    circuit = circuit_of(
        inputs=inputs, error=error, teacher=Teacher(np.array([1.0, 0.0])[: len(inputs)], np.full(1, 1.2))
    )
    found = read_trajectory(circuit, simulate(learning_deck(graph, circuit, 12), tmp_path), 12)
    with NgspiceDevice(graph) as dut:
        loop = np.array(list(averaged_loop(dut, circuit, homodyne, measurement_of(circuit), 12)))
    assert np.abs(found.control - circuit.control).max() > 20e-3
    assert np.abs(found.control - loop).max() < 2e-3


def test_controls_stay_between_their_clamps(tmp_path):
    circuit = circuit_of(control=np.array([0.69, 0.69]), teacher=Teacher(np.ones(1), np.array([100.0])))
    found = simulate(learning_deck(mesh(), circuit, 8), tmp_path)
    assert found["v(c0)"].max() > 0.7  # the integrator is pushed
    electrode = found["v(e1_dc)"]
    assert electrode.max() <= 0.7 + 1e-9
    assert read_trajectory(circuit, found, 8).control.max() == 0.7


def lock_ins(tmp_path: Path, circuit: Circuit, epoch: int = 1) -> np.ndarray:
    found = simulate(learning_deck(mesh(), circuit, epoch + 1), tmp_path)
    return read_trajectory(circuit, found, epoch + 1).jacobian[epoch, 0] * circuit.gain


def test_a_mixers_offset_is_a_false_derivative_and_chopping_takes_it_away(tmp_path):
    """Closed form of what w0 leaves; of input offsets and feedthrough whole periods leave x0·y0/10 V, no more."""
    true = lock_ins(tmp_path, circuit_of())
    offset, gain_error = Multiplier(offset=4e-3), Multiplier(1e-2, 1e-2, 0.0, 1e-2, 1e-2, 3e-3)
    mixers = circuit_of(parts=Parts((offset, gain_error), IDEAL.multipliers))
    false = 2 * 10 * 4e-3 / (mixers.swing_gain * 5e-3 * 5)
    found = lock_ins(tmp_path, mixers)
    assert found[0] - true[0] == pytest.approx(false, rel=1e-3)
    assert found[1] == pytest.approx(1.003 * (true[1] + false * 1e-2 * 1e-2 / 10 / 4e-3), rel=1e-5)
    chopped = lock_ins(tmp_path, circuit_of(parts=Parts((offset, gain_error), IDEAL.multipliers, chopped=True)))
    assert abs(chopped[0] - true[0]) < 1e-4 * false


def test_an_offset_behind_the_lock_ins_pushes_the_controls_unless_it_is_chopped(tmp_path):
    """The second multipliers' w0 adds up over the transfers of an epoch, 10/5 times; here where dE/dI is zero."""
    graph = mesh()
    held = QuasistaticDevice(graph).exact(np.array([0.1, -0.2]), np.array([[0.3]]))[0][0] * 1e8
    pushed = {}
    for chopped in (False, True):
        parts = Parts(IDEAL.mixers, (Multiplier(offset=4e-3),) * 2, chopped=chopped)
        circuit = circuit_of(parts=parts, teacher=Teacher(np.ones(1), np.array([held])), amplitude=1e-3)
        found = simulate(learning_deck(graph, circuit, 2), tmp_path)
        end = np.searchsorted(found["time"], circuit.schedule.start + 2 * circuit.schedule.slot)
        pushed[chopped] = found["v(a0)"][end]
    assert pushed[False] == pytest.approx(4e-3 * 10 / 5, rel=0.05)
    assert abs(pushed[True]) < 0.05 * pushed[False]


def test_offsets_behind_the_lock_ins_take_the_controls_where_the_averaged_model_says(tmp_path):
    """A standing error along the gradient, a steady drift across it, on a linear network."""
    graph, offsets = mesh("resistor"), np.array([6e-3, -3e-3])
    parts = Parts(IDEAL.mixers, tuple(Multiplier(offset=float(each)) for each in offsets))
    circuit = circuit_of(parts=parts, rate=0.5)
    found = read_trajectory(circuit, simulate(learning_deck(graph, circuit, 26), tmp_path), 26)
    slope = found.jacobian[0, 0] * circuit.gain
    predicted = drift(slope, offsets)
    assert found.outputs[-1, 0] * circuit.gain - 0.5 == pytest.approx(predicted.error, rel=0.02)
    assert found.control[-1] - found.control[-2] == pytest.approx(predicted.per_epoch, rel=0.02)
    assert np.abs(predicted.per_epoch @ slope) < 1e-12  # unseen by the output


def test_the_tightest_inequality_is_the_one_that_a_change_makes_tight():
    jacobian = np.array([[1.0, 0.5]])

    def tightest(moved: float = 1.0, longest: float = 0.0, **changes: object) -> str:
        return inequalities(circuit_of(**changes), jacobian, jacobian * moved, longest)[0].name

    assert tightest(moved=2.0) == "change of the derivatives in one step, relative"
    assert tightest(longest=1.0) == "five time constants of the device over the dead time"
    offset = Parts((Multiplier(offset=0.5),) * 2, IDEAL.multipliers)
    assert tightest(parts=offset) == "false over true derivative, from mixer offsets"
    assert tightest(swing_gain=1e4) == "swing at the mixers over their range"
    near = (Tone("e1", 120.0, 5e-3, 0.3), Tone("e3", 130.0, 5e-3, 1.1))
    assert tightest(tones=near) == "1/window over the tones' spacing"


def test_blocks_grow_with_controls_and_patterns_as_the_netlist_does():
    """A mixer, a multiplier and three integrators a control, a hold a pattern: as many as the deck has capacitors."""
    circuit = circuit_of(inputs=(-0.3, 0.3), error="margin", teacher=Teacher(np.array([0.0, 1.0])))
    text = learning_deck(mesh(), circuit, 1)
    counted = {block.name: block for block in blocks(circuit)}
    lock_ins, held = counted["lock-in: mixer and gated integrator"], counted["hold of a pattern's output"]
    assert lock_ins.count == text.count("\nBmix") == 2
    assert held.count == text.count("\nChold") == 2
    assert counted["comparator of a pattern"].count == text.count("\nBforce") == 2
    assert lock_ins.power == pytest.approx(2 * (0.12 + 0.075))


def test_the_controls_droop_with_their_leak(tmp_path):
    """Without a force, e^(−t/τ)."""
    circuit = circuit_of(parts=Parts(IDEAL.mixers, IDEAL.multipliers, leak=2.0), rate=1e-12)
    found = simulate(learning_deck(mesh(), circuit, 8), tmp_path)
    assert found["v(c0)"][-1] == pytest.approx(0.1 * np.exp(-found["time"][-1] / 2.0), rel=1e-4)


def test_an_amplifier_is_its_pole_its_slew_rate_and_its_rails(tmp_path):
    """A step against the exponential, the ramp and the limit in closed form; gain error and lag of a tone by |H|."""
    amplifier = Amplifier(gbw=0.6e6, slew=0.3e6, offset=1e-3, rail=12.0)
    lines = ["amplifier", "Vin in 0 PWL(0 0 1u 0 1.01u 10m)", *amplifier.lines("x", "v(in)", 100.0)]
    lines += ["Vbig big 0 PWL(0 0 1u 0 1.01u 1)", *amplifier.lines("z", "v(big)", 100.0)]
    lines += [".options reltol=1e-6", ".tran 0.1u 200u 0 0.1u", ".end", ""]
    found = simulate("\n".join(lines), tmp_path)
    time, constant = found["time"], 100 / (2 * np.pi * 0.6e6)
    start = found["v(x)"][np.searchsorted(time, 0.9e-6)]
    slow = time > 20e-6
    settled = 100 * 11e-3
    assert found["v(x)"][slow][-1] == pytest.approx(settled, rel=1e-3)
    k = np.searchsorted(time, [50e-6, 50e-6 + constant])
    left = settled - found["v(x)"][k]
    assert left[1] / left[0] == pytest.approx(np.exp(-1), rel=0.01)
    assert start < 0.2
    ramp = np.searchsorted(time, [5e-6, 25e-6])
    assert np.diff(found["v(z)"][ramp])[0] == pytest.approx(0.3e6 * 20e-6, rel=0.01)
    assert found["v(z)"].max() == 12.0


def test_a_pole_far_above_the_tones_is_left_out_and_one_near_them_needs_a_faster_clock():
    amplifier = Amplifier(gbw=0.6e6, slew=0.3e6, rail=12.0)
    assert amplifier.on_clock(100.0, 50e-6, 760.0) == amplifier
    left_out = amplifier.on_clock(20.0, 333e-6, 760.0)
    assert left_out.gbw is None
    assert left_out.rail == 12.0
    with pytest.raises(
        ValueError, match=r"can't follow the amplifier's pole at 2e\+03 Hz.*steps of 0.000318 s or less"
    ):
        amplifier.on_clock(300.0, 333e-6, 760.0)


def test_a_transient_that_ended_early_or_left_the_clock_is_told(tmp_path):
    circuit = circuit_of()
    found = simulate(learning_deck(mesh(), circuit, 2), tmp_path)
    assert read_trajectory(circuit, found, 2).uneven_steps == 0
    early = {name: vector[:100] for name, vector in found.items()}
    with pytest.raises(SimulationError, match="the transient ended at"):
        read_trajectory(circuit, early, 2)
    between = np.insert(found["time"], 80, found["time"][79:81].mean())
    stretched = {name: np.insert(vector, 80, vector[80]) for name, vector in found.items()} | {"time": between}
    assert read_trajectory(circuit, stretched, 2).uneven_steps == 2


@pytest.mark.parametrize("name", ["y", "err", "c0", "m", "sel0", "gw"])
def test_an_electrode_cannot_be_called_as_a_node_of_the_circuit(name):
    graph = nx.relabel_nodes(mesh(), {"e2": name})
    for _, _, data in graph.edges(data=True):
        data.pop("source", None)
    with pytest.raises(ValueError, match=f"electrode {name} has a name that the learning circuit needs"):
        learning_deck(graph, circuit_of(), 1)


def test_a_deck_that_ngspice_cannot_run_says_why(tmp_path):
    with pytest.raises(SimulationError, match="gave no result"):
        simulate("nothing\nR1 a 0 {undefined}\n.tran 1 2\n.end\n", tmp_path)
