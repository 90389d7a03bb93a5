"""A study's bench: the device under test with everything that `auto` left open decided."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import numpy as np

from hge_spice.drive import DeviceUnderTest, Drive, Floats
from hge_spice.drive.plateaus import Plateaus
from hge_spice.gradient import ESTIMATORS, Measurement
from hge_spice.graph import electrodes, readout
from hge_spice.imperfections import beside_the_circuit, seen_through
from hge_spice.in_one_transient import InOneTransient
from hge_spice.loss import LOSSES, RESIDUALS
from hge_spice.monotone import derivative_signs
from hge_spice.netlist import deck
from hge_spice.netlist.ramps import sequence_deck
from hge_spice.ngspice.kept import Kept
from hge_spice.ngspice.pool import NgspicePool
from hge_spice.patience import Patience
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.study.bench.auto import as_played, decide
from hge_spice.study.bench.journal import Journal
from hge_spice.study.bench.network import build_graph, electrode_names
from hge_spice.study.bench.screening import choose
from hge_spice.study.bench.settings import (
    build_filter,
    build_loss,
    build_phases,
    build_plan,
    build_target,
    given_first,
    hum_on_tones,
)
from hge_spice.study.tables.spec import Study
from hge_spice.study.tables.task import build_task
from hge_spice.tasks import Task
from hge_spice.train import Cost, Recipe, first_control
from hge_spice.update import RULES

SHOWN = 8  # patterns of a data set that stand for all where the circuit is looked at


@dataclass(frozen=True)
class Bench:
    """Device, recipe and first control setting of one trial. Use it as a context manager: leaving it ends ngspice.

    network : the simulated device itself; dut : the same seen through the study's imperfections
    study : with its roles named, if they were screened for
    first : [start, control], V, where screening or the study lets it begin
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
        remarked: Callable[[str], None] = lambda _remark: None,
    ) -> Self:
        """Build the device and settle what is `auto`, at the first start's control setting, or another.

        workers : ngspice processes that share a step's patterns; results don't depend on it
        screened : told how many points are done, of how many, while electrodes are chosen
        journal : of ngspice's measurements, unless elements remember from one to the next
        kept : circuits that stay loaded from one trial to the next
        held : [control], V, that other setting; as that from which a chip of a corner is retrained
        remarked : told what looks odd in the netlists of the user's own and in the tones, before anything runs

        Raises ValueError for a study that can't be built, NgspiceNotFound, SimulationError.
        """
        first: tuple[Floats, ...] = ()
        screening = None
        if study.electrodes.roles == "screen":
            found = choose(study, build_graph, electrode_names(study), screened)
            study, screening = found.study, found.record
            first = tuple(found.first) if study.training.first == "screened" else ()
        if not isinstance(study.training.first, str):
            first = (given_first(study),)
        graph, plan, task = build_graph(study), build_plan(study), build_task(study.task)
        for remark in (*graph.graph.get("remarks", ()), *hum_on_tones(study, plan)):
            remarked(remark)
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
            noise_at=study.readout.noise.at,
            noise_exponent=study.readout.noise.exponent,
            noise_added=study.readout.density if beside_the_circuit(study.imperfections) else 0.0,
            signs=derivative_signs(graph),
            lockin=build_filter(study),
            trend=None if study.lockin.trend == "auto" else study.lockin.trend,
            repeats=study.training.repeats,
            rng=np.random.default_rng((study.training.seed, 1)),
            loss=build_loss(study, graph) if study.training.demodulate == "loss" else None,
        )
        control = first[0] if first else first_control(count, study.electrodes.control_range, study.training.seed, 0)
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
            decided = decide(study, network, dut, control if held is None else held, inputs, measurement)
        except BaseException:
            network.close()
            raise
        training = study.training
        combined = training.loss == "least_squares" and len(study.electrodes.outputs) > 1
        recipe = Recipe(
            inputs=task.inputs(study.task.levels),
            target=build_target(study, graph),
            estimator=ESTIMATORS[training.estimator],
            measurement=decided.measurement,
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
        return cls(study, network, dut, recipe, decided.cost, decided.flags, first, screening)

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
