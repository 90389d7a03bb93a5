"""[circuit] and training.where = "circuit": a study's starts learned by the circuit itself, read as training steps."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hge_spice.drive import Floats
from hge_spice.gradient import Estimate, small_signal
from hge_spice.graph import Network
from hge_spice.margin import SOLVER_FACTOR, Margin, margin
from hge_spice.materia import (
    Circuit,
    Schedule,
    Teacher,
    Trajectory,
    averaged_loop,
    learning_deck,
    read_trajectory,
)
from hge_spice.materia.averaged import errors_of
from hge_spice.materia.design import TARGET
from hge_spice.materia.parts import FAR, LEVELS, REFERENCE, Level, Multiplier
from hge_spice.materia.sequencer import FIRST_EPOCH
from hge_spice.netlist import saved_vectors
from hge_spice.ngspice.batch import run_batch
from hge_spice.study.bench.bench import Bench
from hge_spice.study.tables.in_circuit import InCircuit
from hge_spice.train import Cost, Step

PER_POINT = 20e-3  # s of computing that a time point may take, on a machine with better things to do
FULL_SCALE = 1.0  # V at the transimpedance amplifier, for the largest current at the first control setting
SWING = 9.0  # V that the mixers may see, with the derivatives at the first control setting
LOCKED = 3.0  # V that a lock-in may hold there: derivatives grow, and where all are clipped their differences are gone
MOST_GAIN = 300.0
TRUTHS = 8  # epochs of a start whose derivatives are looked up by `.ac`
LOCKIN_ERROR = 2e-2  # of a pattern's largest derivative, above which a lock-in is flagged


def build_circuit(bench: Bench, start: int) -> Circuit:
    """Design the circuit of one start: amplifier and rate from the device's outputs and derivatives where it begins.

    Raises ValueError where the study's teacher lacks something, SimulationError.
    """
    study, recipe = bench.study, bench.recipe
    measurement, target = recipe.measurement, recipe.target
    plan = measurement.plan
    schedule = Schedule(plan.window, plan.points, len(recipe.inputs), measurement.settle)
    control, tones = bench.control(start), measurement.tones(bench.dut.controls)
    truth = small_signal(bench.dut, control, recipe.inputs, measurement)
    largest = max(abs(each.output) for each in truth)
    gain = FULL_SCALE / largest if study.circuit.gain == "auto" else study.circuit.gain
    levels = None
    if target.levels is not None:
        levels = gain * np.where(target.classes > 0.5, target.levels[1], target.levels[0])
    # what the amplifier sees: tones, and by how much the output may have moved since its mean was held
    reach = measurement.amplitude + recipe.rate
    swing = max(float(np.abs(each.jacobian) @ reach) for each in truth) * gain
    steepest = max(float(np.abs(each.jacobian).max()) for each in truth) * gain
    level, highest = level_of(study.circuit), max(tone.frequency for tone in tones)
    most = MOST_GAIN if level.amplifier.gbw is None else min(MOST_GAIN, FAR * level.amplifier.gbw / highest)
    swing_gain = float(np.clip(SWING / swing, 1.0, most)) if swing > 0 else 1.0
    drawn = level.drawn(len(control), np.random.default_rng((study.training.seed, 3)))
    parts = replace(
        drawn,
        amplifier=drawn.amplifier.on_clock(swing_gain, schedule.step, highest),
        leak=np.inf if study.circuit.leak is None else study.circuit.leak,
        chopped=study.circuit.chopped,
        auto_zero=study.circuit.auto_zero,
    )
    return Circuit(
        schedule=schedule,
        inputs=recipe.inputs,
        tones=tones,
        control=control,
        control_range=recipe.control_range,
        error=study.circuit.error,
        teacher=Teacher(target.classes, levels, study.circuit.margin, study.circuit.contrast),
        gain=float(gain),
        rate=recipe.rate,
        swing_gain=swing_gain,
        parts=parts,
        lockin_scale=min(1.0, LOCKED / steepest) if steepest > 0 else 1.0,
    )


def level_of(circuit: InCircuit) -> Level:
    """The level of its parts, with what the study says otherwise."""
    level = LEVELS[circuit.level]
    asked = {
        "offset": circuit.multiplier_offset,
        "x_feedthrough": circuit.feedthrough,
        "y_feedthrough": circuit.feedthrough,
        "range": circuit.multiplier_range,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return replace(level, multiplier=replace(level.multiplier, **given))


def study_deck(bench: Bench) -> str:
    """Netlist of the first start's circuit, runnable by `ngspice -b` as it is."""
    return learning_deck(bench.network.graph, build_circuit(bench, 0), bench.study.training.steps)


@dataclass(frozen=True)
class Epoch:
    """One epoch of a circuit as a training step.

    loop : [control], V, where the same loop as a program is after it; nan where it wasn't asked for
    solved, loop_solved : whether the circuit's and the program's controls after it are, tones off; a step's own says of
    a run's last one whether the circuit rests
    truth : [pattern, control], A/V or V/V, by `.ac` at the epoch's controls; nan where it wasn't looked up
    """

    step: Step
    loop: Floats
    solved: bool
    loop_solved: bool
    truth: Floats


def learn(bench: Bench, start: int, directory: Path) -> list[Epoch]:
    """Run one start's circuit by `ngspice -b` in the directory, and read its epochs.

    The last step counts as solved where the circuit rests: with the tones off, every epoch of the run's second half is
    solved. Raises ValueError for a study that can't be built, SimulationError, NgspiceNotFound.
    """
    study, recipe, graph = bench.study, bench.recipe, bench.network.graph
    epochs = study.training.steps
    if graph.graph.get("setup"):
        raise ValueError("a process with set-up commands can't be run by ngspice -b; its models must be in the deck")
    circuit = build_circuit(bench, start)
    deck = directory / f"learning-{start}.cir"
    schedule = circuit.schedule
    patience = 60 + PER_POINT * schedule.duration(epochs) / schedule.step
    vectors = run_batch(learning_deck(graph, circuit, epochs), deck, patience)
    deck.with_suffix(".raw").unlink()
    found = read_trajectory(circuit, vectors, epochs)
    energy, share = _energy(graph, vectors)
    cost = Cost(len(recipe.inputs), schedule.epoch, energy / epochs, share / epochs)
    read = [_read_out(bench, control) for control in found.control[1:]]
    solved = [judged.solved for _, judged in read]
    rests = all(solved[epochs // 2 :])
    read[-1] = (read[-1][0], replace(read[-1][1], solved=rests))
    if study.circuit.loop:
        loop = list(averaged_loop(bench.dut, circuit, recipe.estimator, recipe.measurement, epochs))[1:]
    else:
        loop = [np.full(len(circuit.control), np.nan)] * epochs
    followed = [study.circuit.loop and _read_out(bench, control)[1].solved for control in loop]
    looked = {round(n) for n in np.linspace(min(FIRST_EPOCH, epochs - 1), epochs - 1, TRUTHS)}
    truths = [
        _truth(bench, found.control[number]) if number in looked else np.full_like(found.jacobian[number], np.nan)
        for number in range(epochs)
    ]
    return [
        Epoch(
            _step(bench, found, number, *read[number], cost, _flags(circuit, found, number, truths[number])),
            loop[number],
            solved[number],
            followed[number],
            truths[number],
        )
        for number in range(epochs)
    ]


def lockin_errors(held: Floats, truth: Floats) -> Floats:
    """Largest error of each pattern's lock-ins over its largest true derivative: [pattern]; both [pattern, control]."""
    return np.asarray(np.abs(held - truth).max(axis=-1) / np.abs(truth).max(axis=-1))


def _flags(circuit: Circuit, found: Trajectory, number: int, truth: Floats) -> tuple[str, ...]:
    """What is to be said of an epoch: steps off the clock, and lock-ins that are off, by their most likely cause."""
    uneven = ("uneven",) if found.uneven_steps else ()
    if not (lockin_errors(found.jacobian[number], truth) > LOCKIN_ERROR).any():
        return uneven
    mixers = [errors_of(mixer) for mixer in circuit.parts.mixers]
    unremedied = not circuit.parts.chopped and any(replace(each, range=np.inf) != Multiplier() for each in mixers)
    amplitude = np.array([tone.amplitude for tone in circuit.tones])
    swing = float((np.abs(truth) @ amplitude).max()) * circuit.gain * circuit.swing_gain
    clipped = min(each.range for each in mixers) < max(REFERENCE, swing)
    return (*uneven, "false_gradient" if unremedied or clipped else "coarse")


def _step(
    bench: Bench,
    found: Trajectory,
    number: int,
    outputs: Floats,
    judged: Margin,
    cost: Cost,
    flags: tuple[str, ...],
) -> Step:
    recipe, jacobian = bench.recipe, found.jacobian[number]
    loss, by_output = recipe.loss(found.outputs[number], recipe.target)
    control = found.control[number + 1]
    clipped = tuple(n for n, v in zip(bench.dut.controls, control, strict=True) if v in recipe.control_range)
    share = {
        "simulated_seconds": cost.simulated_seconds / len(jacobian),
        "energy": cost.energy / len(jacobian),
        "perturbation_energy": cost.perturbation_energy / len(jacobian),
        "runs": 1,
    }
    estimates = tuple(
        Estimate.certain(float(output), row, **share)
        for output, row in zip(found.outputs[number], jacobian, strict=True)
    )
    return Step(
        number=number + 1,
        control=control,
        clipped=clipped,
        patterns=np.arange(len(jacobian)),
        loss=loss,
        gradient=by_output @ jacobian,
        estimates=estimates,
        outputs=outputs,
        margin=judged,
        cost=cost,
        flags=(*flags, *(("clipped",) if clipped else ())),
    )


def _truth(bench: Bench, control: Floats) -> Floats:
    found = small_signal(bench.dut, control, bench.recipe.inputs, bench.recipe.measurement)
    return np.array([each.jacobian for each in found])


def _read_out(bench: Bench, control: Floats) -> tuple[Floats, Margin]:
    """Outputs of all patterns at rest with the tones off: [pattern], A, and what they are worth."""
    recipe, network = bench.recipe, bench.network
    points = [network.operating_point(control, inputs) for inputs in recipe.inputs]
    outputs = np.array([point.output[0] for point in points])
    error = max(point.current_error for point in points)
    noise = recipe.measurement.mean_noise
    target = recipe.target
    judged = margin(outputs, target.classes, noise, error)
    if bench.study.circuit.error == "mse" and target.levels is not None and np.ptp(target.classes) == 0:
        wanted = np.where(target.classes > 0.5, target.levels[1], target.levels[0])
        reached = bool(np.all(np.abs(outputs - wanted) <= TARGET * np.abs(wanted)))
        judged = replace(judged, solved=reached and float(np.abs(wanted).min()) > SOLVER_FACTOR * error)
    return outputs, judged


def _energy(graph: Network, vectors: dict[str, Floats]) -> tuple[float, float]:
    """What all electrode sources deliver, and the tones' part of it, J."""
    time, names = vectors["time"], saved_vectors(graph).driven
    total = share = 0.0
    for vector in names:
        source = vector.removesuffix("#branch")
        node = source.removeprefix("vdc_")
        current = -vectors[f"i({source})"]
        total += float(np.trapezoid(vectors[f"v({node})"] * current, time))
        if f"v({node}_dc)" in vectors:
            share += float(np.trapezoid((vectors[f"v({node})"] - vectors[f"v({node}_dc)"]) * current, time))
    return total, share
