"""A study's bench: the device under test with everything that `auto` left open decided."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from hge_spice.batches import batch_count, epoch_batches
from hge_spice.calibrate import (
    check_points,
    choose_amplitude,
    choose_amplitudes,
    choose_points,
    choose_settle,
    follows_the_grid,
)
from hge_spice.drive import DeviceUnderTest, Drive, Floats
from hge_spice.gradient import ESTIMATORS, Measurement
from hge_spice.gradient.lag import Lag, calibrate_lag, reference_lag
from hge_spice.graph import Network, electrodes, readout
from hge_spice.imperfections import seen_through
from hge_spice.in_one_transient import InOneTransient
from hge_spice.lockin import Filter, rc
from hge_spice.loss import LOSSES, RESIDUALS, Target
from hge_spice.margin import mean_noise
from hge_spice.monotone import derivative_signs, unreachable
from hge_spice.netlist import deck
from hge_spice.ngspice.kept import Kept
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.patience import Patience
from hge_spice.phases import PHASES
from hge_spice.plateaus import PlateauDevice, Plateaus
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.ramps import sequence_deck
from hge_spice.screen import check_readout
from hge_spice.study.journal import Journal
from hge_spice.study.network import build_graph, electrode_names
from hge_spice.study.screening import choose, provisional
from hge_spice.study.spec import Study
from hge_spice.study.task import build_task
from hge_spice.tasks import Task
from hge_spice.tones import TonePlan, plan_from_harmonics, plan_tones, with_even_points
from hge_spice.train import Cost, Recipe, first_control
from hge_spice.update import RULES

SHOWN = 8  # patterns of a data set that stand for all where the circuit is looked at


def build_plan(study: Study) -> TonePlan:
    """Plan the study's tones. Raises ValueError where there is no such plan."""
    drive = study.perturbation
    if isinstance(drive.tones, tuple):
        return plan_from_harmonics(drive.tones, drive.window, points=drive.points)
    return plan_tones(
        len(study.electrodes.controls),
        drive.window,
        points=drive.points,
        max_frequency=drive.max_frequency,
        min_frequency=drive.min_frequency,
        aim="points" if drive.tones == "auto" else "band",
    )


def build_phases(study: Study, plan: TonePlan) -> Floats:
    """Phases of the study's tones: [control], rad."""
    asked = study.perturbation.phases
    if isinstance(asked, tuple):
        return np.array(asked)
    return PHASES[asked](plan.harmonics, np.random.default_rng(study.training.seed))


def build_filter(study: Study) -> Filter:
    """Build the study's lock-in filter. Raises ValueError where it doesn't settle within the window."""
    lockin, window = study.lockin, study.perturbation.window
    if lockin.filter != "rc":
        return Filter(lockin.filter, window)
    return rc(window, lockin.order, None if lockin.time_constant == "auto" else lockin.time_constant)


def _target(study: Study, graph: Network) -> Target:
    noise, task = mean_noise(study.readout.density, study.perturbation.window), build_task(study.task)
    wanted = task.wanted if len(task.labels) > 2 else None
    return Target(task.classes, study.task.targets, readout(graph).per_ampere, noise, wanted)


def _loss(study: Study, graph: Network) -> Callable[[Floats], float]:
    loss, target = LOSSES[study.training.loss], _target(study, graph)
    return lambda outputs: loss(outputs, target)[0]


def _check_batches(study: Study, graph: Network) -> None:
    """Raise ValueError where some batches are of one class alone, and the loss needs both."""
    size, target = study.training.batch, _target(study, graph)
    if size == "all":
        return
    # how many batches lack a class doesn't depend on the draw
    for patterns in epoch_batches(target.classes, size, np.random.default_rng(study.training.seed)):
        part = target.only(patterns)
        try:
            LOSSES[study.training.loss](part.classes, part)
        except ValueError as error:
            raise ValueError(
                f"training.batch: of {batch_count(len(target.classes), size)} batches an epoch, some suit no "
                f"{study.training.loss}: {error}; take larger batches, or mse"
            ) from error


def _measured_lag(study: Study, dut: DeviceUnderTest, control: Floats, inputs: Floats, measurement: Measurement) -> Lag:
    if study.lockin.reference is None:
        return calibrate_lag(dut, control, inputs, measurement)
    return reference_lag(dut, control, inputs[0], measurement, study.lockin.reference)


def _check_grid(
    study: Study,
    network: NgspicePool | QuasistaticDevice,
    ideal: DeviceUnderTest,
    control: Floats,
    inputs: Floats,
    measurement: Measurement,
) -> tuple[str, ...]:
    """`coarse` where the points are too few; at a corner, a block for which they are enough keeps to them."""
    if study.corners is None or not isinstance(network, NgspicePool):
        return check_points(ideal, control, inputs, measurement)
    in_phase = study.lockin.phase == "as_is"  # a lag that is measured is turned back, and must be right as well
    if in_phase and follows_the_grid(network, control, inputs, measurement.plan):
        network.keep_to_the_grid()
        return ()
    return check_points(ideal, control, inputs, measurement)


def as_played(study: Study, dut: DeviceUnderTest) -> DeviceUnderTest:
    """The device as the study plays patterns to it: one by one, or in one transient."""
    if study.perturbation.patterns == "separate":
        return dut
    if not isinstance(dut, PlateauDevice):
        raise TypeError(f"{type(dut).__name__} can't play patterns in one transient")
    return InOneTransient(dut, study.perturbation.ramp, reset=study.perturbation.reset)


def check(study: Study) -> None:
    """Build all that needs no simulator. Raises ValueError where something doesn't fit."""
    task = build_task(study.task)
    screened = study.electrodes.roles == "screen"
    if screened:
        study = provisional(study, electrode_names(study))
    if len(study.electrodes.inputs) != task.bits.shape[1]:
        raise ValueError(
            f"{task.name} has {task.bits.shape[1]} inputs; electrodes.inputs names {len(study.electrodes.inputs)}"
        )
    task.inputs(study.task.levels)
    graph = build_graph(study)
    if screened:
        check_readout(graph)
    _loss(study, graph)(task.classes)
    _check_batches(study, graph)
    reason = unreachable(graph, task) if task.exact else None
    if reason and study.training.unreachable == "refuse":
        raise ValueError(f'{reason}. To try all the same: --anyway, or training.unreachable = "try"')
    if study.device.engine == "quasistatic":
        QuasistaticDevice(graph)
    build_plan(study)
    build_filter(study)


@dataclass(frozen=True)
class Bench:
    """Device, recipe and first control setting of one trial. Use it as a context manager: leaving it ends ngspice.

    network : the simulated device itself; dut : the same seen through the study's imperfections
    study : with its roles named, if they were screened for; first : [start, control], V, where screening lets it begin
    screening : what it found, for the result
    cost : what choosing the amplitude and the dead time took
    """

    study: Study
    network: NgspicePool | QuasistaticDevice
    dut: DeviceUnderTest
    recipe: Recipe
    cost: Cost
    flags: tuple[str, ...]
    first: tuple[Floats, ...] = ()
    screening: dict[str, Any] | None = None

    @classmethod
    def of(
        cls,
        study: Study,
        workers: int = 1,
        screened: Callable[[int, int], None] = lambda _done, _total: None,
        journal: Journal | None = None,
        kept: Kept | None = None,
        held: Floats | None = None,
    ) -> Self:
        """Build the device and settle what is `auto`, at the first start's control setting, or another.

        workers : ngspice processes that share a step's patterns; results don't depend on it
        screened : told how many points are done, of how many, while electrodes are chosen
        journal : of ngspice's measurements, unless elements remember from one to the next
        kept : circuits that stay loaded from one trial to the next
        held : [control], V, that other setting; as that from which a chip of a corner is retrained

        Raises ValueError for a study that can't be built, NgspiceNotFound, SimulationError.
        """
        first: tuple[Floats, ...] = ()
        screening = None
        if study.electrodes.roles == "screen":
            found = choose(study, build_graph, electrode_names(study), screened)
            study, screening = found.study, found.record
            first = tuple(found.first) if study.training.first == "screened" else ()
        graph, plan, task = build_graph(study), build_plan(study), build_task(study.task)
        count = len(study.electrodes.controls)
        amplitude = study.perturbation.amplitude
        measurement = Measurement(
            plan=plan,
            amplitude=np.full(count, 1e-3)
            if isinstance(amplitude, str)
            else np.broadcast_to(amplitude, count).astype(float),
            phase=build_phases(study, plan),
            settle=0.0 if study.perturbation.settle == "auto" else study.perturbation.settle,
            noise_density=study.readout.density,
            noise_exponent=study.readout.noise.exponent,
            signs=derivative_signs(graph),
            lockin=build_filter(study),
            trend=None if study.lockin.trend == "auto" else study.lockin.trend,
            repeats=study.training.repeats,
            rng=np.random.default_rng((study.training.seed, 1)),
            loss=_loss(study, graph) if study.training.demodulate == "loss" else None,
        )
        control = first[0] if first else first_control(count, study.electrodes.control_range, study.training.seed, 0)
        if held is not None:
            control = held
        cost = Cost()
        flags: tuple[str, ...] = ()
        network = (
            QuasistaticDevice(graph)
            if study.device.engine == "quasistatic"
            else NgspicePool(graph, workers, record=journal, kept=kept)
            if study.device.reinitialise
            else NgspicePool(graph)
        )
        dut = as_played(
            study, seen_through(network, study.imperfections, study.training.seed, study.perturbation.pause)
        )
        inputs = task.inputs(study.task.levels)
        if not task.exact:
            inputs = inputs[:SHOWN]  # of a data set as many as tell the device's time constants and curvature
        try:
            # dead time and points are the circuit's and the solver's business: noise would only hide them
            ideal = as_played(study, network)
            if study.perturbation.settle == "auto":
                settle, flags = choose_settle(ideal, control, inputs, measurement)
                measurement = replace(measurement, settle=settle)
            if study.perturbation.points == "auto":
                plan, coarse = choose_points(ideal, control, inputs, measurement)
                measurement, flags = replace(measurement, plan=plan), (*flags, *coarse)
            else:
                flags = (*flags, *_check_grid(study, network, ideal, control, inputs, measurement))
            if study.training.where == "circuit" and study.circuit.chopped:
                measurement = replace(measurement, plan=with_even_points(measurement.plan))
            if amplitude == "auto":
                chosen = choose_amplitude(dut, control, inputs, measurement, study.electrodes.control_range)
                measurement = replace(measurement, amplitude=np.full(count, chosen.amplitude))
                cost = chosen.cost
            elif amplitude == "per_control":
                each = choose_amplitudes(dut, control, inputs, measurement, study.electrodes.control_range)
                measurement = replace(measurement, amplitude=each.amplitude)
                cost = each.cost
            if study.lockin.phase != "as_is":
                lag = _measured_lag(study, dut, control, inputs, measurement)
                measurement = replace(measurement, lag=lag.angle)
                cost += Cost(lag.runs, lag.simulated_seconds, lag.energy)
                flags = (*flags, "lag") if lag.unsure else flags
        except BaseException:
            network.close()
            raise
        training = study.training
        combined = training.loss == "least_squares" and len(study.electrodes.outputs) > 1
        recipe = Recipe(
            inputs=task.inputs(study.task.levels),
            target=_target(study, graph),
            estimator=ESTIMATORS[training.estimator],
            measurement=measurement,
            loss=LOSSES[training.loss],
            rule=RULES[training.rule],
            rate=training.rate,
            control_range=study.electrodes.control_range,
            residuals=RESIDUALS.get(training.loss),
            batch=None if training.batch == "all" else training.batch,
            patience=None if training.patience is None else Patience(training.patience, training.scouts),
            longest_step=training.longest_step or np.inf,
            slew=training.slew or np.inf,
            gap_over_span=training.gap_over_span,
            outputs=electrodes(graph, "output") if combined else (),
            two_classes=len(task.labels) == 2,
        )
        return cls(study, network, dut, recipe, cost, flags, first, screening)

    @property
    def task(self) -> Task:
        """The patterns to train on, and those kept from it."""
        return build_task(self.study.task)

    @property
    def shown(self) -> Recipe:
        """The recipe for the patterns that the report shows one by one, and for one output: of a data set the first."""
        every = self.recipe.only(np.arange(len(self.recipe.inputs))[: None if self.task.exact else SHOWN])
        return replace(every, outputs=())

    @property
    def unit(self) -> str:
        """Of the output: A or V."""
        return readout(self.network.graph).unit

    def control(self, start: int = 0) -> Floats:
        """Control setting at which a start begins: [control], V."""
        if start < len(self.first):
            return self.first[start]
        return first_control(len(self.dut.controls), self.recipe.control_range, self.study.training.seed, start)

    @property
    def instrument(self) -> DeviceUnderTest:
        """The device through the study's imperfections, however patterns are played to it."""
        return self.dut.inner if isinstance(self.dut, InOneTransient) else self.dut

    @property
    def pool(self) -> NgspicePool:
        """The ngspice processes. Raises TypeError where the study's engine is another."""
        if not isinstance(self.network, NgspicePool):
            raise TypeError('there is no ngspice behind device.engine = "quasistatic"')
        return self.network

    def deck(self, control: Floats | None = None) -> str:
        """Netlist of one extraction, runnable by `ngspice -b` as it is: of the first pattern, or of the sequence.

        control : [control], V; the first setting where none is given
        """
        drives = self.drives(control)
        if isinstance(self.dut, InOneTransient):
            how = self.study.perturbation
            return sequence_deck(self.network.graph, Plateaus(drives, how.ramp, how.reset))
        return deck(self.network.graph, drives[0])

    def drives(self, control: Floats | None = None) -> tuple[Drive, ...]:
        """What an extraction plays, pattern by pattern, as `deck` has it."""
        measurement = self.recipe.measurement
        tones = measurement.tones(self.dut.controls)
        held = self.control() if control is None else control
        return tuple(Drive(held, pattern, tones, measurement.transient) for pattern in self.recipe.inputs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.network.close()
