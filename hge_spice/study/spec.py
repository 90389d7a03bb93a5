"""The study: what every key of a study file means, its default and its bounds; text in, SI floats out."""

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from hge_spice.gradient import ESTIMATORS
from hge_spice.loss import LOSSES, RESIDUALS
from hge_spice.margin import GAP_OVER_SPAN
from hge_spice.materia.error import ERRORS
from hge_spice.materia.parts import LEVELS
from hge_spice.study.beside import Budget, Comparison, Retrain, Spacing
from hge_spice.study.corners import Corners
from hge_spice.study.device import Device, Unit
from hge_spice.study.electrodes import Electrodes
from hge_spice.study.files import (
    StudyError,
    StudyText,
    apply_setting,
    apply_smoke,
    dump,
    load_study,
    read_raw,
    suggestion,
)
from hge_spice.study.imperfections import in_volts, read_imperfections
from hge_spice.study.measurement import Lockin, Perturbation
from hge_spice.study.metrics import METRICS, Spec, read_specs
from hge_spice.study.readout import Readout
from hge_spice.study.table import Count, Names, Seed, Table, Text
from hge_spice.study.task import TaskChoice, build_task
from hge_spice.study.units import quantity
from hge_spice.study.values import (
    one_of,
    or_auto,
    or_none,
    or_word,
    si,
    swept,
    table,
    text,
    whole,
    yes_or_no,
)
from hge_spice.update import RULES

__all__ = [
    "METRICS",
    "Spec",
    "Study",
    "StudyError",
    "StudyText",
    "apply_setting",
    "dump",
    "load_study",
    "parse_study",
    "read_raw",
]

DEMODULATED = ("output", "loss")
UNDRIVEN = frozenset({"adjoint", "small_signal"})  # estimators that drive nothing
FIRST = ("screened", "random")
# estimators that drive alike whatever is read: one measurement serves all outputs
SIDE_BY_SIDE = frozenset(
    {"homodyne", "homodyne_sequential", "finite_difference", "finite_difference_forward", "adjoint"}
)


def _voltages(value: Any) -> dict[str, float]:
    return {name: quantity(voltage, "voltage") for name, voltage in table(value).items()}


class Training(Table):
    """rate : V.

    patience : extractions without a lower loss, after which a start jumps to the best of `scouts` random settings
    longest_step : V, that an update moves a control at most; slew : V/s, of the converters, whose ramps take time
    gap_over_span : that a solved read-out needs for the training to end
    first : settings at which starts begin where electrodes are screened for: the screening's best, or random ones
    batch : patterns that a step takes, drawn without replacement until all were taken; "all" for all at every step
    repeats : directions or codes of estimators that draw them; demodulate : the outputs, or the loss made of them
    best_of : random control settings at which a data set is read out beforehand; the starts begin at the best of them
    unreachable : what to do about a task that the network can't do, "refuse" or "try"
    where : in a loop around the device, or in a circuit around it ([circuit]); a step is then an epoch
    """

    where: Annotated[str, BeforeValidator(one_of("place to learn", ("loop", "circuit")))] = "loop"
    estimator: Annotated[str, BeforeValidator(one_of("estimator", ESTIMATORS))] = "homodyne"
    repeats: Count = 1
    demodulate: Annotated[str, BeforeValidator(one_of("thing to demodulate", DEMODULATED))] = "output"
    loss: Annotated[str, BeforeValidator(one_of("loss", LOSSES))] = "corr_sigmoid"
    rule: Annotated[str, BeforeValidator(one_of("update rule", RULES))] = "adam"
    rate: Annotated[float, BeforeValidator(si("voltage", above=0))] = 20e-3
    patience: Annotated[int | None, BeforeValidator(or_none(whole(1)))] = None
    scouts: Count = 4
    longest_step: Annotated[float | None, BeforeValidator(or_none(si("voltage", above=0)))] = None
    slew: Annotated[float | None, BeforeValidator(or_none(si("slew rate", above=0)))] = None
    gap_over_span: Annotated[float, BeforeValidator(si("ratio", least=GAP_OVER_SPAN, below=1))] = GAP_OVER_SPAN
    first: Annotated[str, BeforeValidator(one_of("first setting", FIRST))] = "screened"
    batch: Annotated[int | Literal["all"], BeforeValidator(or_word(("all",), whole(1)))] = "all"
    steps: Count = 60
    best_of: Annotated[int, BeforeValidator(whole(0, most=1_000_000))] = 0
    starts: Count = 5
    seed: Seed = 0
    unreachable: Annotated[str, BeforeValidator(one_of("choice", ("refuse", "try")))] = "refuse"


class InCircuit(Table):
    """What the learning circuit descends by, and what it is made of.

    error : its error formation; margin : for "margin", share of the mean distance of the outputs from their mean
    level : how real its parts are; multiplier_offset : V, standard deviation of the multipliers' output offsets, the
    level's own if left out; chopped : whether that is done against them; leak : s, time constant of the controls' droop
    gain : V/A of the transimpedance amplifier, or V/V; loop : whether the same loop runs as a program beside it
    """

    error: Annotated[str, BeforeValidator(one_of("error formation", ERRORS))] = "margin"
    level: Annotated[str, BeforeValidator(one_of("level", LEVELS))] = "behavioural"
    multiplier_offset: Annotated[float | None, BeforeValidator(si("voltage", least=0))] = None
    chopped: Annotated[bool, BeforeValidator(yes_or_no)] = False
    leak: Annotated[float | None, BeforeValidator(si("time", above=0))] = None
    margin: Annotated[float, BeforeValidator(si("ratio", above=0, below=1))] = 0.5
    gain: Annotated[float | Literal["auto"], BeforeValidator(or_auto(si("resistance", above=0)))] = "auto"
    loop: Annotated[bool, BeforeValidator(yes_or_no)] = True


class Pdk(Table):
    """A process trusted by name: a known package, or a library file under a root; section is its corner.

    osdi : compiled Verilog-A models under the root; ngbehavior : ngspice's compatibility mode, such as "hsa"
    """

    package: Text | None = None
    root: Text | None = None
    lib: Text | None = None
    section: Text = "tt"
    osdi: Names = ()
    ngbehavior: Text | None = None

    @model_validator(mode="after")
    def _package_or_root(self) -> "Pdk":
        if (self.package is None) == (self.root is None) or (self.root is None) != (self.lib is None):
            raise ValueError("give package, or root and lib")
        if self.osdi and self.root is None:
            raise ValueError("osdi names files under a root; give root and lib")
        return self


class Probe(Table):
    """nodes : internal nodes and device quantities kept in the waveforms, such as "x1.n3" or "@m.x1.m2[id]"."""

    nodes: Names = ()


class Results(Table):
    """keep : which files a trial leaves beside its row in the ledger: all, what the report draws, or none."""

    keep: Annotated[str, BeforeValidator(one_of("choice", ("all", "report", "none")))] = "all"


class Cluster(Table):
    """A Dask cluster to start for the run: workers of one thread each; the rest as SLURM takes it, for each job."""

    kind: Annotated[str, BeforeValidator(one_of("cluster", ("local", "slurm")))] = "local"
    workers: Annotated[int, BeforeValidator(whole(1, most=100_000))] = 2
    cores: Annotated[int, BeforeValidator(whole(1, most=1024))] = 1
    memory: Text = "2 GB"
    walltime: Annotated[str, BeforeValidator(lambda value: text(str(value)))] = "01:00:00"  # TOML has times of its own
    queue: Text | None = None
    account: Text | None = None
    directives: Names = ()


class Study(Table):
    """A whole study in SI units. `sweep` and `smoke` stay as written, with dotted keys; notes go to the report."""

    title: Text = ""
    notes: Text = ""
    device: Device
    electrodes: Electrodes
    bias: Annotated[dict[str, float], BeforeValidator(_voltages)] = Field(default_factory=dict)
    probe: Probe = Probe()
    pdk: Pdk | None = None
    corners: Corners | None = None
    task: TaskChoice
    perturbation: Perturbation = Perturbation()
    lockin: Lockin = Lockin()
    training: Training = Training()
    circuit: InCircuit = InCircuit()
    readout: Readout = Readout()
    compare: Comparison | None = None
    spacing: Spacing | None = None
    imperfections: Annotated[dict[str, dict[str, Any]], BeforeValidator(read_imperfections)] = Field(
        default_factory=dict
    )
    sweep: Annotated[dict[str, Any], BeforeValidator(swept)] = Field(default_factory=dict)
    specs: Annotated[dict[str, Spec], BeforeValidator(read_specs)] = Field(default_factory=dict)
    results: Results = Results()
    budget: Budget = Budget()
    retrain: Retrain = Retrain()
    cluster: Cluster | None = None
    smoke: Annotated[dict[str, Any], BeforeValidator(table)] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _in_the_outputs_unit(cls, given: Any) -> Any:
        """Targets and imperfections of an output that is a voltage."""
        how = given.get("readout") if isinstance(given, dict) else None
        if not isinstance(how, dict) or how.get("kind") not in {"voltage", "transimpedance"}:
            return given
        read = dict(given)
        task, again = given.get("task"), given.get("retrain")
        if isinstance(task, dict) and isinstance(task.get("targets"), list):
            read["task"] = {**task, "targets": _at("task.targets", lambda: _all_volts(task["targets"]))}
        gain: float | None = None
        if how["kind"] == "transimpedance":
            gain = _at("readout.gain", lambda: quantity(how.get("gain", Readout().gain), "resistance"))
        if "imperfections" in given:
            read["imperfections"] = _at("imperfections", lambda: in_volts(given["imperfections"], gain))
        if isinstance(again, dict) and "after" in again:
            read["retrain"] = {**again, "after": _at("retrain.after", lambda: in_volts(again["after"], gain))}
        return read

    @model_validator(mode="after")
    def _fits_together(self) -> "Study":
        problems = list(self._misfits())
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _misfits(self) -> Iterable[str]:
        yield from self._misfits_of_roles()
        yield from self._misfits_of_training()
        yield from self._misfits_of_sequences()
        yield from self._misfits_of_comparisons()
        yield from self._misfits_of_data()
        inputs, controls = len(self.electrodes.inputs), len(self.electrodes.controls)
        bits = build_task(self.task).bits.shape[1]
        if self.electrodes.roles == "screen":  # whoever is named is to choose from
            inputs = bits
            controls = self._electrodes_free() - bits - 1
        if inputs != bits:
            yield f"electrodes.inputs: {self.task.name} has {bits} inputs; {inputs} are named"
        if len(self.task.levels) not in {1, inputs}:
            yield f"task.levels: {len(self.task.levels)} pairs for {inputs} inputs; give one pair, or one per input"
        amplitude, tones = self.perturbation.amplitude, self.perturbation.tones
        if isinstance(amplitude, tuple) and len(amplitude) != controls:
            yield f"perturbation.amplitude: {len(amplitude)} amplitudes for {controls} controls; give one, or one each"
        phases = self.perturbation.phases
        if isinstance(phases, tuple) and len(phases) != controls:
            yield f"perturbation.phases: {len(phases)} phases for {controls} controls; give one each"
        if isinstance(tones, tuple) and len(tones) != controls:
            yield f"perturbation.tones: {len(tones)} tones for {controls} controls; give one each"

    def _misfits_of_training(self) -> Iterable[str]:
        if self.training.demodulate == "loss" and not self.training.estimator.startswith("multiplexed"):
            yield f"training.demodulate: {self.training.estimator} demodulates outputs; take a multiplexed_… estimator"
        if self.lockin.reference is not None and self.lockin.reference not in self.electrodes.controls:
            yield f"lockin.reference: {self.lockin.reference!r} is no control; name one of them"
        if self.training.estimator == "adjoint" and (self.device.engine != "quasistatic" or self.imperfections):
            yield (
                'training.estimator: adjoint is exact; it needs device.engine = "quasistatic" and no imperfections, '
                "which it would not see"
            )
        if RULES[self.training.rule].squares and self.training.loss not in RESIDUALS:
            squares = ", ".join(RESIDUALS)
            yield f"training.rule: {self.training.rule} needs a loss that is a sum of squares; take {squares}"
        batch, patterns = self.training.batch, len(build_task(self.task).classes)
        if batch != "all" and batch > patterns:
            yield f'training.batch: {batch} of the {patterns} patterns of {self.task.name}; take fewer, or "all"'
        if batch != "all" and RULES[self.training.rule].compares:
            yield (
                f"training.batch: {self.training.rule} compares the losses of its steps, which must be of the same "
                'patterns; take batch = "all", or another rule'
            )
        if batch != "all" and self.training.patience is not None:
            yield "training.patience: it compares losses of steps, which must be of the same patterns; drop the batch"
        if self.training.where == "circuit":
            yield from self._misfits_of_circuit()
        if self.training.loss == "mse" and self.task.targets is None:
            yield 'task.targets: the loss mse needs two output currents, such as ["2 nA", "8 nA"]'

    def _misfits_of_data(self) -> Iterable[str]:
        task, loss = build_task(self.task), self.training.loss
        several = loss == "least_squares" and len(self.electrodes.outputs) > 1
        if loss == "least_squares" and task.exact:
            yield f"training.loss: {task.name} is judged by its output itself, and least_squares by a read-out of it"
        if len(task.labels) > 2 and loss != "least_squares":
            yield f"training.loss: {loss} is of two classes, {task.name} has {len(task.labels)}; take least_squares"
        if not task.labels and loss not in {"least_squares", "mse", "correlation"}:
            yield f"training.loss: {loss} is of classes, {task.name} of values; take least_squares, correlation or mse"
        if several and self.training.estimator not in SIDE_BY_SIDE:
            yield (
                f"training.estimator: {self.training.estimator} can't read several outputs side by side; take "
                f"{', '.join(sorted(SIDE_BY_SIDE))}"
            )
        if several and (self.imperfections or self.readout.differential):
            yield "electrodes.output: several outputs are read as they are, without imperfections or differences"
        if task.exact and self.training.best_of:
            yield f'training.best_of: {task.name} is a truth table; take electrodes.roles = "screen"'
        if not task.exact:
            for what, unfit in (
                ("retrain", self.retrain.acts),
                ("training.where: a circuit", self.training.where == "circuit"),
                ("compare", self.compare is not None),
                ("training.demodulate: the loss", self.training.demodulate == "loss"),
            ):
                if unfit:
                    yield f"{what} is of truth tables; {task.name} is none"

    def _misfits_of_sequences(self) -> Iterable[str]:
        if self.perturbation.patterns != "sequence":
            return
        if self.perturbation.reset and not self.device.reinitialise:
            yield "perturbation.reset: device.reinitialise = false lets states go on; ask for one of the two"
        if self.training.estimator in UNDRIVEN:
            yield f"training.estimator: {self.training.estimator} plays no patterns; leave perturbation.patterns out"
        if self.compare is not None or self.spacing is not None:
            yield 'compare, spacing: they measure pattern by pattern; take perturbation.patterns = "separate"'

    def _misfits_of_circuit(self) -> Iterable[str]:
        if self.circuit.error == "mse" and self.task.targets is None:
            yield 'task.targets: the error mse needs two output currents, such as ["2 nA", "8 nA"]'
        if self.device.engine == "quasistatic":
            yield 'training.where: a circuit is simulated by ngspice; take device.engine = "ngspice"'
        if self.imperfections:
            yield "imperfections: they are of a loop's instruments; a circuit has its own"
        if self.lockin.filter != "window" or self.lockin.phase != "as_is":
            yield 'lockin: the circuit averages over whole windows; take filter = "window" and phase = "as_is"'

    def _misfits_of_comparisons(self) -> Iterable[str]:
        for spacing in self.spacing.spacings if self.spacing else ():
            periods = spacing * self.perturbation.window
            if periods < 1 - 1e-9 or abs(periods - round(periods)) > 1e-6:
                yield (
                    f"spacing.spacings: {spacing:g} Hz is no multiple of the {1 / self.perturbation.window:g} Hz that "
                    "the window resolves"
                )
        if self.electrodes.roles == "screen" and self.device.units:
            yield "electrodes.roles: screening is of one network; name the electrodes of units"
        if self.compare is not None and self.compare.controls and self.device.source != "dopant":
            yield (
                "compare.controls: only a dopant network is built with any number of electrodes; give controls = [] to "
                "compare at the study's own"
            )

    def _electrodes_free(self) -> int:
        """Electrodes that a screening chooses from."""
        held = self.electrodes.grounds if self.electrodes.grounds != "rest" else ()
        return self.device.electrodes - len(held) - len(self.electrodes.unconnected) - len(self.bias)

    def _misfits_of_roles(self) -> Iterable[str]:
        roles = dict(self.electrodes.assigned)
        for name in self.bias:
            if name in roles:
                yield f"bias: {name!r} is {roles[name]} too; an electrode has one role"
        if self.pdk is not None and self.device.source not in {"subcircuit", "graph", "file"}:
            yield "pdk: a process serves a block of your own; set device.subcircuit, or device.file for a graph's edges"
        if self.readout.differential and len(self.electrodes.outputs) < 2:
            yield "readout.differential: name two outputs in electrodes.output, the second is taken from the first"
        if "tia" in self.imperfections.keys() | self.retrain.after.keys() and self.readout.kind == "voltage":
            yield (
                'imperfections: tia amplifies a current, and readout.kind = "voltage" reads a load without an '
                'amplifier; take "transimpedance" or leave it out'
            )
        if self.device.source != "dopant" or self.electrodes.grounds == "rest":
            return  # electrodes are known, and checked, when the graph is built
        count, named = self.device.electrodes, {**roles, **self.bias}
        for name in named:
            if not re.fullmatch("e(0|[1-9][0-9]{0,8})", name) or int(name[1:]) >= count:
                yield f"electrodes: there is no electrode {name!r}; the device has e0 to e{count - 1}"
        if len(named) < count and self.electrodes.roles is None:
            idle = next(f"e{k}" for k in range(count) if f"e{k}" not in named)
            yield f"electrodes: {idle} has no role; name it among inputs, controls, grounds, unconnected or bias"


def _at(path: str, read: Callable[[], Any]) -> Any:
    """What is read, or its problem with the key's path."""
    try:
        return read()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _all_volts(values: list[Any]) -> list[float]:
    return [quantity(value, "voltage") for value in values]


def parse_study(raw: StudyText) -> Study:
    """Check a study and put it into SI units. Raises StudyError with every problem, one a line.

    [smoke] is checked too, so that a slip in it shows before a test runs; sweeps are checked by `sampling.trials`.
    """
    study = _validated(raw)
    if study.smoke:
        try:
            _validated(apply_smoke(raw))
        except StudyError as error:
            raise StudyError(f"with [smoke]: {error}") from error
    return study


def _validated(raw: StudyText) -> Study:
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        raise StudyError("\n".join(_problem(details) for details in error.errors())) from error
    if len(study.task.levels) == 1:
        every = study.task.levels * build_task(study.task).bits.shape[1]
        study = study.model_copy(update={"task": study.task.model_copy(update={"levels": every})})
    return study


def _problem(details: ErrorDetails) -> str:
    path = [str(key) for key in details["loc"]]
    where = ".".join(path)
    match details["type"]:
        case "extra_forbidden":
            return f"unknown key {where}{suggestion(path[-1], _keys(path[:-1]))}"
        case "missing":
            return f"{where} is missing, and has no default"
        case "value_error":
            message = str(details["ctx"]["error"])
            return f"{where}: {message}" if where else message
        case _:  # a value where a table should be
            return f"{where or 'the study'} = {details['input']!r} should be a table"


def _keys(path: list[str]) -> Iterable[str]:
    """The keys that the table at a path has."""
    table: Any = Study
    for key in path:
        if key.isdecimal():  # one of device.units, which are devices too
            continue
        annotation = Unit if key == "units" else table.model_fields[key].annotation
        # a table that may be absent is annotated as one or None
        table = next((kind for kind in get_args(annotation) if hasattr(kind, "model_fields")), annotation)
    return tuple(table.model_fields)
