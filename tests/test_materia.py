"""The learning circuit: its clock, its lock-ins, its error formation and its descent, each against something else."""

from dataclasses import replace
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
from hge_spice.margin import CONTRAST, GAP_OVER_SPAN
from hge_spice.materia import (
    ERRORS,
    Circuit,
    Schedule,
    Teacher,
    averaged_loop,
    learning_deck,
    read_trajectory,
)
from hge_spice.materia.averaged import averaged, mixed, multiplied
from hge_spice.materia.circuit import SHARE
from hge_spice.materia.design import drift, resting_drift, resting_push, speeds, standing_error
from hge_spice.materia.parts import LEVELS, Amplifier, Multiplier, Parts
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
    for common in (0.0, 0.0, 30.0):  # the last with so little contrast that its floor is what counts
        teacher = Teacher(GATES[2], rng.normal(size=4), 0.5, contrast=CONTRAST)
        held = rng.normal(size=4) + common
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


@given(st.sampled_from(GATES), arrays(float, 4, elements=st.floats(-1, 1)), st.floats(-20, 20))
def test_where_the_margin_rule_rests_the_contrast_is_what_was_asked_for(classes, ripple, common):
    held = ripple + common
    force = ERRORS["margin"].of(held, Teacher(classes, margin=0.5, contrast=CONTRAST))
    if np.abs(force).max() > 1e-6 or np.abs(held).max() < 0.1:
        return
    assert np.ptp(held) >= CONTRAST * np.abs(held).max()


def test_without_its_floor_the_margin_rule_would_rest_on_a_ripple():
    held = 1.0 + 0.02 * (GATES[2] - 0.5)
    assert np.abs(ERRORS["margin"].of(held, Teacher(GATES[2]))).max() < 1e-3
    assert np.abs(ERRORS["margin"].of(held, Teacher(GATES[2], contrast=CONTRAST))).max() > 0.4


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


def exact(circuit: Circuit, family: str = "sinh"):
    """Outputs and derivatives by the quasi-static engine, in volts."""
    device = QuasistaticDevice(mesh(family))

    def respond(control):
        outputs, slopes = device.exact(control, circuit.inputs)
        return circuit.gain * outputs, circuit.gain * slopes

    return respond


def drawn(seed: int = 2, **changes: object) -> Parts:
    """Parts of the macro level, their amplifier without a pole, which is another test's."""
    level = LEVELS["macro"]
    parts = level.drawn(2, np.random.default_rng(seed))
    return replace(parts, amplifier=replace(level.amplifier, gbw=None), **changes)


MARGIN = {"inputs": (-0.5, 0.1), "error": "margin", "teacher": Teacher(np.array([1.0, 0.0]), contrast=CONTRAST)}
ONE_TARGET = {"inputs": (0.3,), "error": "mse", "teacher": Teacher(np.ones(1), np.full(1, 1.2))}
# of a lock-in's scale all that is left is a larger share of the offsets behind it
SCALED = {"lockin_scale": 0.4}
REMEDIES = [{}, {"chopped": True}, {"auto_zero": True}, {"chopped": True, "auto_zero": True}]


@pytest.mark.parametrize(
    ("rule", "epochs", "near"),
    [
        # the peak detector has lost 0.25 % when the controls move
        (MARGIN, 20, 4e-3),
        (ONE_TARGET | {"rate": 60e-3, "swing_gain": 8.0}, 18, 1e-4),
        (ONE_TARGET | SCALED | {"rate": 60e-3, "swing_gain": 8.0}, 18, 1e-4),
    ],
)
@pytest.mark.parametrize("remedy", REMEDIES)
def test_the_averaged_model_goes_where_the_circuit_goes_with_all_its_errors(rule, epochs, near, remedy, tmp_path):
    """No tone, no netlist and no ngspice in the model; the circuit's run is one transient of ngspice -b."""
    circuit = circuit_of(parts=drawn(**remedy), amplitude=2e-3, **rule)
    found = read_trajectory(circuit, simulate(learning_deck(mesh(), circuit, epochs), tmp_path), epochs)
    model = np.array(list(averaged(exact(circuit), circuit, epochs)))
    ideal = np.array(list(averaged(exact(circuit), replace(circuit, parts=IDEAL), epochs)))
    went = np.abs(found.control - circuit.control).max()
    assert went > 0.3
    assert np.abs(found.control - model).max() < near * went
    assert np.abs(ideal - model).max() > 4 * near * went  # what the errors do is seen


@pytest.mark.parametrize("rule", [MARGIN, ONE_TARGET | {"rate": 60e-3, "swing_gain": 8.0}])
@pytest.mark.parametrize("leak", [5.0, 20.0])
def test_the_averaged_model_knows_what_a_leak_does(leak, rule, tmp_path):
    """Controls are pulled back, and as they droop in a window their ramp is taken for derivatives."""
    circuit = circuit_of(parts=replace(IDEAL, leak=leak), amplitude=2e-3, **rule)
    found = read_trajectory(circuit, simulate(learning_deck(mesh(), circuit, 20), tmp_path), 20)
    model = np.array(list(averaged(exact(circuit), circuit, 20)))
    ideal = np.array(list(averaged(exact(circuit), replace(circuit, parts=IDEAL), 20)))
    assert np.abs(found.control - model).max() < 0.12 * np.abs(found.control - ideal).max()


@pytest.mark.parametrize("rule", [MARGIN, ONE_TARGET])
def test_without_errors_a_lock_ins_scale_is_of_no_consequence(rule, tmp_path):
    controls = []
    for scale in (1.0, 0.25):
        circuit = circuit_of(lockin_scale=scale, **rule)
        found = read_trajectory(circuit, simulate(learning_deck(mesh(), circuit, 8), tmp_path), 8)
        controls.append(found.control)
    assert np.abs(controls[0] - circuit.control).max() > 50e-3
    assert controls[1] == pytest.approx(controls[0], abs=1e-5)


def test_where_both_patterns_lock_ins_are_clipped_the_model_too_sees_no_difference():
    parts = Parts(IDEAL.mixers, (Multiplier(range=10.0),) * 2)
    circuit = circuit_of(parts=parts, **MARGIN)
    push = [multiplied(circuit, np.array([g, 1.0]), force)[0] for g, force in ((15.0, -0.5), (13.0, 0.5))]
    assert sum(push) == pytest.approx(0.0)
    scaled = [multiplied(circuit, np.array([g / 5, 1.0]), force)[0] for g, force in ((15.0, -0.5), (13.0, 0.5))]
    assert sum(scaled) == pytest.approx(-0.2)


def test_the_margin_rules_speed_is_rate_times_the_slopes():
    """While forces last an output's distance from the mean changes by rate·Σ|∂(I_p − Ī)/∂V_k| an epoch."""
    slopes, begun = np.array([[0.8, -0.3], [-0.2, 0.5]]), np.array([0.0, 0.1])
    circuit = circuit_of(**MARGIN | {"rate": 5e-3})

    def respond(control):
        return begun + slopes @ (control - circuit.control), slopes

    held = np.array([respond(control)[0] for control in averaged(respond, circuit, 9)])
    distance = held[:, 0] - held.mean(axis=1)
    assert np.diff(distance)[1:4] == pytest.approx(np.full(3, speeds(circuit, slopes)[0]), rel=1e-9)
    assert speeds(circuit, slopes)[0] == pytest.approx(5e-3 * (0.5 + 0.4))


@pytest.mark.parametrize("offset", [0.5e-3, 20e-3])
def test_at_rest_an_offset_drifts_the_margin_rules_controls_as_its_closed_form_says(offset, tmp_path):
    """Below the peak detector's floor in proportion to the offset, above it by the whole rate."""
    mesh_of = mesh("resistor")
    parts = Parts(IDEAL.mixers, (Multiplier(offset=offset), Multiplier(offset=-offset / 2)))
    rested = Teacher(np.array([0.0, 1.0]), margin=0.5)  # the mesh's output rises with its input: solved from the start
    circuit = circuit_of(parts=parts, rate=1e-3, **(MARGIN | {"teacher": rested}), gain=-1e8)
    found = read_trajectory(circuit, simulate(learning_deck(mesh_of, circuit, 8), tmp_path), 8)
    slope = circuit.gain * found.jacobian[0]
    predicted = resting_drift(circuit, resting_push(circuit, slope))
    assert np.diff(found.control, axis=0)[3:] == pytest.approx(np.tile(predicted, (5, 1)), rel=0.02)
    share = 2 * 2 * offset / circuit.floor  # two patterns, 10 V / 5 V
    assert np.abs(predicted[0]) == pytest.approx(1e-3 * min(1.0, share), rel=1e-6)


def test_a_mixers_offset_cancels_in_the_margin_rule_and_not_in_squared_errors():
    """Centred forces sum to nothing: a false derivative that all patterns share pushes no control."""
    jacobian, outputs = np.array([[0.8, -0.3], [-0.2, 0.5]]), np.array([0.3, 0.5])
    parts = Parts((Multiplier(offset=5e-3),) * 2, IDEAL.multipliers)
    false = 2 * 10 * 5e-3 / (30.0 * 5e-3 * 5)
    teacher = Teacher(np.array([1.0, 0.0]), np.array([1.0, 0.2]))
    for name, pushed in (("margin", 0.0), ("mse", false * (0.3 - 1.0 + 0.5 - 0.2))):
        circuit = circuit_of(inputs=(-0.5, 0.1), error=name, parts=parts, teacher=teacher)
        forces = ERRORS[name].of(outputs, teacher)
        sums = [
            sum(multiplied(each, mixed(each, slope, 0.0), force) for slope, force in zip(jacobian, forces, strict=True))
            for each in (circuit, replace(circuit, parts=IDEAL))
        ]
        assert sums[0] - sums[1] == pytest.approx(np.full(2, pushed), abs=1e-9)


def test_the_standing_error_of_squared_errors_is_the_drifts():
    """The general form, for one pattern, against the closed form of a loop divided by the derivatives' power."""
    slope, offsets = np.array([0.4, -0.7]), np.array([6e-3, -3e-3])
    circuit = circuit_of(parts=Parts(IDEAL.mixers, tuple(Multiplier(offset=float(o)) for o in offsets)))
    standing = standing_error(slope[None], resting_push(circuit, slope[None]))
    assert standing == pytest.approx([drift(slope, offsets).error])


@pytest.mark.parametrize("leak", [0.5, 2.0])
def test_a_leak_pulls_the_learned_controls_towards_zero(leak, tmp_path):
    """Where the step is proportional to the error, what the leak takes each epoch is what the error gives back."""
    graph = mesh("resistor")
    circuit = circuit_of(parts=replace(IDEAL, leak=leak), rate=0.5)
    found = read_trajectory(circuit, simulate(learning_deck(graph, circuit, 40), tmp_path), 40)
    model = np.array(list(averaged(exact(circuit, "resistor"), circuit, 40)))
    error, ours = (circuit.gain * np.array(each) - 0.5 for each in (found.outputs[-1], exact_outputs(graph, model[-2])))
    assert np.abs(ours).max() > 0.02 * 0.5
    assert error == pytest.approx(ours, rel=0.1)


def exact_outputs(graph: nx.Graph, control: np.ndarray) -> np.ndarray:
    return QuasistaticDevice(graph).exact(control, np.array([[0.3]]))[0]


def test_auto_zero_takes_a_mixers_offset_away_and_leaves_its_gain(tmp_path):
    true = lock_ins(tmp_path, circuit_of())
    mixers = (Multiplier(1e-2, 0.0, 4e-3), Multiplier(0.0, 1e-2, 4e-3, gain_error=3e-3))
    parts = Parts(mixers, IDEAL.multipliers)
    false = mixed(circuit_of(parts=parts), true, 0.0) - true
    found = lock_ins(tmp_path, circuit_of(parts=replace(parts, auto_zero=True)))
    assert np.abs(false).min() > 0.05
    assert np.abs(found[0] - true[0]) < 1e-4 * np.abs(false[0])
    assert found[1] == pytest.approx(1.003 * true[1], rel=1e-4)


def test_a_multiplier_beyond_its_range_gives_no_more(tmp_path):
    part = Multiplier(range=3.0)
    lines = ["range", "Vx x 0 0", "Vy y 0 DC 2", f"Bw w 0 V={part.product('v(x)', 'v(y)')}"]
    found = simulate("\n".join([*lines, ".dc Vx -6 6 1", ".end", ""]), tmp_path)
    assert found["v(w)"] == pytest.approx(0.2 * np.clip(np.arange(-6, 7), -3, 3))


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
