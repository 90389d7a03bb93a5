"""What in a study does not fit together: rules between its tables, one function for what each is about."""

import re
from collections.abc import Iterable

from hge_spice.gradient import OF_THE_LOSS, SIDE_BY_SIDE, UNDRIVEN
from hge_spice.loss import RESIDUALS
from hge_spice.study.tables.study import Study
from hge_spice.study.tables.task import build_task
from hge_spice.study.text.files import suggestion
from hge_spice.study.text.units import render
from hge_spice.update import RULES


def misfits(study: Study) -> Iterable[str]:
    """Every reason why the tables of a study don't fit together, with the key to change."""
    yield from _of_roles(study)
    yield from _of_training(study)
    yield from _of_sequences(study)
    yield from _of_comparisons(study)
    yield from _of_data(study)
    inputs, controls = len(study.electrodes.inputs), len(study.electrodes.controls)
    bits = build_task(study.task).bits.shape[1]
    if study.electrodes.roles == "screen":  # whoever is named is to choose from
        inputs = bits
        controls = _electrodes_free(study) - bits - 1
    if inputs != bits:
        yield f"electrodes.inputs: {study.task.name} has {bits} inputs; {inputs} are named"
    if len(study.task.levels) not in {1, inputs}:
        yield f"task.levels: {len(study.task.levels)} pairs for {inputs} inputs; give one pair, or one per input"
    amplitude, tones = study.perturbation.amplitude, study.perturbation.tones
    if isinstance(amplitude, tuple) and len(amplitude) != controls:
        yield f"perturbation.amplitude: {len(amplitude)} amplitudes for {controls} controls; give one, or one each"
    width = study.electrodes.control_range[1] - study.electrodes.control_range[0]
    stated = amplitude if isinstance(amplitude, tuple) else () if isinstance(amplitude, str) else (amplitude,)
    if stated and max(stated) > width:
        yield (
            f"perturbation.amplitude: {render(max(stated), 'voltage')} is more than the whole control range of "
            f"{render(width, 'voltage')}; a number without a unit is in volts"
        )
    yield from _of_first_setting(study)
    phases = study.perturbation.phases
    if isinstance(phases, tuple) and len(phases) != controls:
        yield f"perturbation.phases: {len(phases)} phases for {controls} controls; give one each"
    if isinstance(tones, tuple) and len(tones) != controls:
        yield f"perturbation.tones: {len(tones)} tones for {controls} controls; give one each"


def _of_first_setting(study: Study) -> Iterable[str]:
    first, controls = study.training.first, study.electrodes.controls
    if isinstance(first, str):
        return
    if study.electrodes.roles == "screen":
        yield "training.first: which electrodes are controls is screened for; name them, or begin at random"
        return
    for name in first if isinstance(first, dict) else ():
        if name not in controls:
            yield f"training.first: {name!r} is no control{suggestion(name, controls)}"
    missing = [name for name in controls if name not in first] if isinstance(first, dict) else []
    if missing:
        yield f"training.first: {', '.join(missing)} has no voltage; give each control one"
    if isinstance(first, tuple) and len(first) != len(controls):
        yield f"training.first: {len(first)} voltages for {len(controls)} controls; give each control one"
    low, high = study.electrodes.control_range
    named = first if isinstance(first, dict) else dict(zip(controls, first, strict=False))
    for name, volts in named.items():
        if not low <= volts <= high:
            yield (
                f"training.first: {name} at {render(volts, 'voltage')} is outside of electrodes.control_range, "
                f"{render(low, 'voltage')} to {render(high, 'voltage')}"
            )


def _of_training(study: Study) -> Iterable[str]:
    if study.training.demodulate == "loss" and study.training.estimator not in OF_THE_LOSS:
        yield f"training.demodulate: {study.training.estimator} demodulates outputs; take a multiplexed_… estimator"
    if study.lockin.reference is not None and study.lockin.reference not in study.electrodes.controls:
        yield f"lockin.reference: {study.lockin.reference!r} is no control; name one of them"
    if study.training.estimator == "adjoint" and (study.device.engine != "quasistatic" or study.imperfections):
        yield (
            'training.estimator: adjoint is exact; it needs device.engine = "quasistatic" and no imperfections, '
            "which it would not see"
        )
    if RULES[study.training.rule].squares and study.training.loss not in RESIDUALS:
        squares = ", ".join(RESIDUALS)
        yield f"training.rule: {study.training.rule} needs a loss that is a sum of squares; take {squares}"
    batch, patterns = study.training.batch, len(build_task(study.task).classes)
    if batch != "all" and batch > patterns:
        yield f'training.batch: {batch} of the {patterns} patterns of {study.task.name}; take fewer, or "all"'
    if batch != "all" and RULES[study.training.rule].compares:
        yield (
            f"training.batch: {study.training.rule} compares the losses of its steps, which must be of the same "
            'patterns; take batch = "all", or another rule'
        )
    if batch != "all" and study.training.patience is not None:
        yield "training.patience: it compares losses of steps, which must be of the same patterns; drop the batch"
    if study.training.where == "circuit":
        yield from _of_circuit(study)
    if study.training.loss == "mse" and study.task.targets is None:
        yield 'task.targets: the loss mse needs two output currents, such as ["2 nA", "8 nA"]'


def _of_data(study: Study) -> Iterable[str]:
    task, loss = build_task(study.task), study.training.loss
    several = loss == "least_squares" and len(study.electrodes.outputs) > 1
    if loss == "least_squares" and task.exact:
        yield f"training.loss: {task.name} is judged by its output itself, and least_squares by a read-out of it"
    if len(task.labels) > 2 and loss != "least_squares":
        yield f"training.loss: {loss} is of two classes, {task.name} has {len(task.labels)}; take least_squares"
    if not task.labels and loss not in {"least_squares", "mse", "correlation"}:
        yield f"training.loss: {loss} is of classes, {task.name} of values; take least_squares, correlation or mse"
    if several and study.training.estimator not in SIDE_BY_SIDE:
        yield (
            f"training.estimator: {study.training.estimator} can't read several outputs side by side; take "
            f"{', '.join(sorted(SIDE_BY_SIDE))}"
        )
    if several and (study.imperfections or study.readout.differential):
        yield "electrodes.output: several outputs are read as they are, without imperfections or differences"
    if task.exact and study.training.best_of:
        yield f'training.best_of: {task.name} is a truth table; take electrodes.roles = "screen"'
    if not task.exact:
        for what, unfit in (
            ("retrain", study.retrain.acts),
            ("training.where: a circuit", study.training.where == "circuit"),
            ("compare", study.compare is not None),
            ("training.demodulate: the loss", study.training.demodulate == "loss"),
        ):
            if unfit:
                yield f"{what} is of truth tables; {task.name} is none"


def _of_sequences(study: Study) -> Iterable[str]:
    if study.perturbation.patterns != "sequence":
        return
    if study.perturbation.reset and not study.device.reinitialise:
        yield "perturbation.reset: device.reinitialise = false lets states go on; ask for one of the two"
    if study.training.estimator in UNDRIVEN:
        yield f"training.estimator: {study.training.estimator} plays no patterns; leave perturbation.patterns out"
    if study.compare is not None or study.spacing is not None:
        yield 'compare, spacing: they measure pattern by pattern; take perturbation.patterns = "separate"'


def _of_circuit(study: Study) -> Iterable[str]:
    if study.circuit.error == "mse" and study.task.targets is None:
        yield 'task.targets: the error mse needs two output currents, such as ["2 nA", "8 nA"]'
    if study.device.engine == "quasistatic":
        yield 'training.where: a circuit is simulated by ngspice; take device.engine = "ngspice"'
    if study.imperfections:
        yield "imperfections: they are of a loop's instruments; a circuit has its own"
    points = study.perturbation.points
    if study.circuit.chopped and points != "auto" and points % 2:
        yield f"perturbation.points: chopping halves a window, {points} points are odd; take {points + 1}"
    if study.lockin.filter != "window" or study.lockin.phase != "as_is":
        yield 'lockin: the circuit averages over whole windows; take filter = "window" and phase = "as_is"'


def _of_comparisons(study: Study) -> Iterable[str]:
    if study.curves is not None and study.sweep and study.corners is None:  # a trial of the sweep has none
        for name, key in (("over", study.curves.over), ("by", study.curves.by)):
            if key is not None and key not in study.sweep:
                yield f"curves.{name}: {key!r} is not swept{suggestion(key, study.sweep)}"
    if study.spacing and not (study.spacing.neighbours or study.spacing.spacings):
        yield "spacing: neither neighbours nor spacings are given, so there is nothing to measure"
    for spacing in study.spacing.spacings if study.spacing else ():
        periods = spacing * study.perturbation.window
        if periods < 1 - 1e-9 or abs(periods - round(periods)) > 1e-6:
            yield (
                f"spacing.spacings: {spacing:g} Hz is no multiple of the {1 / study.perturbation.window:g} Hz that "
                "the window resolves"
            )
    if study.electrodes.roles == "screen" and study.device.units:
        yield "electrodes.roles: screening is of one network; name the electrodes of units"
    if study.compare is not None and study.compare.controls and study.device.source != "dopant":
        yield (
            "compare.controls: only a dopant network is built with any number of electrodes; give controls = [] to "
            "compare at the study's own"
        )


def _electrodes_free(study: Study) -> int:
    """Electrodes that a screening chooses from."""
    held = study.electrodes.grounds if study.electrodes.grounds != "rest" else ()
    return study.device.electrodes - len(held) - len(study.electrodes.unconnected) - len(study.bias)


def _of_roles(study: Study) -> Iterable[str]:
    roles = dict(study.electrodes.assigned)
    for name in study.bias:
        if name in roles:
            yield f"bias: {name!r} is {roles[name]} too; an electrode has one role"
    if study.pdk is not None and study.device.source not in {"subcircuit", "graph", "file"}:
        yield "pdk: a process serves a block of your own; set device.subcircuit, or device.file for a graph's edges"
    if study.readout.differential and len(study.electrodes.outputs) < 2:
        yield "readout.differential: name two outputs in electrodes.output, the second is taken from the first"
    if "tia" in study.imperfections.keys() | study.retrain.after.keys() and study.readout.kind == "voltage":
        yield (
            'imperfections: tia amplifies a current, and readout.kind = "voltage" reads a load without an '
            'amplifier; take "transimpedance" or leave it out'
        )
    if study.device.source != "dopant" or study.electrodes.grounds == "rest":
        return  # electrodes are known, and checked, when the graph is built
    count, named = study.device.electrodes, {**roles, **study.bias}
    for name in named:
        if not re.fullmatch("e(0|[1-9][0-9]{0,8})", name) or int(name[1:]) >= count:
            yield f"electrodes: there is no electrode {name!r}; the device has e0 to e{count - 1}"
    if len(named) < count and study.electrodes.roles is None:
        idle = next(f"e{k}" for k in range(count) if f"e{k}" not in named)
        yield f"electrodes: {idle} has no role; name it among inputs, controls, grounds, unconnected or bias"
