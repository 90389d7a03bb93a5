"""The study: what every key of a study file means, its default and its bounds; text in, SI floats out."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from hge_spice.gradient import ESTIMATORS
from hge_spice.graph import Readout as CircuitReadout
from hge_spice.graph.readout import KINDS as READOUTS
from hge_spice.imperfections import IMPERFECTIONS
from hge_spice.imperfections.imperfection import Setting, Settings
from hge_spice.lockin import FILTERS
from hge_spice.loss import LOSSES, RESIDUALS
from hge_spice.study.device import Device, Unit
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
from hge_spice.study.metrics import METRICS, Spec, read_specs
from hge_spice.study.table import Count, Names, Seed, Table, Text
from hge_spice.study.units import quantity
from hge_spice.study.values import (
    distinct,
    interval,
    level_pairs,
    list_of,
    one_of,
    one_or_list,
    or_auto,
    or_word,
    si,
    swept,
    table,
    text,
    two_currents,
    whole,
    yes_or_no,
)
from hge_spice.tasks import TASKS
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

Auto = Literal["auto"]

LOAD_NOISE = 1e-16  # V²/Hz, 10 nV/√Hz: an ordinary amplifier across a load
PHASES = ("as_is", "calibrate", "reference")
DEMODULATED = ("output", "loss")
COLOURS = {"white": 0.0, "pink": 1.0}  # α of a density that goes as f^(−α)


def _imperfections(value: Any) -> dict[str, Settings]:
    return {
        one_of("imperfection", IMPERFECTIONS)(name): _settings(name, IMPERFECTIONS[name].settings, table(given))
        for name, given in table(value).items()
    }


def _settings(name: str, known: Mapping[str, Setting], given: Mapping[str, Any]) -> Settings:
    for key in given:
        if key not in known:
            raise ValueError(f"unknown key {name}.{key}{suggestion(key, known)}")
    read: dict[str, float | str] = {}
    for key, setting in known.items():
        if key in given:
            of = setting.dimension
            reader = si(of, above=setting.above, least=setting.least) if of else one_of(key, setting.words)
            read[key] = reader(given[key])
        elif setting.default is None:
            raise ValueError(f"{name}.{key} is missing, and has no default")
        else:
            read[key] = setting.default
    return read


def _names_or_rest(value: Any) -> Any:
    return value if value == "rest" else list_of(text)(value)


def _resistances(value: Any) -> float | dict[str, float]:
    read = si("resistance", least=0)
    return {name: read(ohm) for name, ohm in value.items()} if isinstance(value, dict) else read(value)


def _voltages(value: Any) -> dict[str, float]:
    return {name: quantity(voltage, "voltage") for name, voltage in table(value).items()}


class Electrodes(Table):
    """Which electrode does what; control_range in V.

    output : one or several, of which the first is trained (or the first less the second: readout.differential)
    complements : [input], driven by the inverse of each input; grounds : or "rest", all that have no other role
    series_resistance : ohm, one for all or by electrode; unconnected : left open, such as a block's monitors
    """

    output: Annotated[str | tuple[str, ...], BeforeValidator(one_or_list(text))]
    inputs: Names
    complements: Names = ()
    controls: Annotated[tuple[str, ...], BeforeValidator(list_of(text, least=1))]
    control_range: Annotated[tuple[float, float], BeforeValidator(interval(si("voltage")))] = (-0.7, 0.7)
    grounds: Annotated[tuple[str, ...] | Literal["rest"], BeforeValidator(_names_or_rest)] = ()
    unconnected: Names = ()
    output_voltage: Annotated[float, BeforeValidator(si("voltage"))] = 0.0
    series_resistance: Annotated[float | dict[str, float], BeforeValidator(_resistances)] = 0.0

    @property
    def outputs(self) -> tuple[str, ...]:
        """The output electrodes, one or several."""
        return (self.output,) if isinstance(self.output, str) else self.output

    @property
    def roles(self) -> tuple[tuple[str, str], ...]:
        """Electrode and role, in the order output, inputs, complements, controls, grounds, unconnected."""
        named = {"output": self.outputs, "input": self.inputs, "complement": self.complements, "control": self.controls}
        if self.grounds != "rest":
            named["ground"] = self.grounds
        named["unconnected"] = self.unconnected
        return tuple((name, role) for role, names in named.items() for name in names)

    @model_validator(mode="after")
    def _one_role_each(self) -> "Electrodes":
        given: dict[str, str] = {}
        for name, role in self.roles:
            if name in given:
                raise ValueError(f"{name!r} is {given[name]} and {role} again; an electrode has one role")
            given[name] = role
        if self.complements and len(self.complements) != len(self.inputs):
            raise ValueError(
                f"{len(self.complements)} complements for {len(self.inputs)} inputs; name one each, or none"
            )
        return self


class TaskChoice(Table):
    """levels : [input], V, each (low, high); targets : A or V, of the zeros and the ones, for losses that need them."""

    name: Annotated[str, BeforeValidator(one_of("task", TASKS))]
    levels: Annotated[tuple[tuple[float, float], ...], BeforeValidator(level_pairs)] = ((-0.3, 0.3),)
    targets: Annotated[tuple[float, float] | None, BeforeValidator(two_currents)] = None


class Perturbation(Table):
    """amplitude : V peak, one or one each; window, settle : s; tones : harmonics of 1/window, one per control.

    amplitude "per_control" : chosen so that all derivatives reach the same relative error
    phases : "random", "low_crest", or rad, one per control
    tones "narrowest" : the lowest highest tone instead of the fewest points
    min_frequency, max_frequency : Hz, limits of tones that the planner chooses
    """

    amplitude: Annotated[
        float | tuple[float, ...] | Literal["auto", "per_control"],
        BeforeValidator(or_word(("auto", "per_control"), one_or_list(si("voltage", above=0)))),
    ] = "auto"
    phases: Annotated[
        tuple[float, ...] | Literal["random", "low_crest"],
        BeforeValidator(or_word(("random", "low_crest"), list_of(si("ratio"), least=1))),
    ] = "random"
    min_frequency: Annotated[float | None, BeforeValidator(si("frequency", above=0))] = None
    max_frequency: Annotated[float | None, BeforeValidator(si("frequency", above=0))] = None
    window: Annotated[float, BeforeValidator(si("time", above=0))] = 25e-3
    points: Annotated[int | Auto, BeforeValidator(or_auto(whole(3, most=10_000_000)))] = "auto"
    settle: Annotated[float | Auto, BeforeValidator(or_auto(si("time", least=0)))] = "auto"
    tones: Annotated[
        tuple[int, ...] | Literal["auto", "narrowest"],
        BeforeValidator(
            or_word(
                ("auto", "narrowest"),
                distinct(list_of(whole(1), least=1), "two controls on one tone can't be told apart"),
            )
        ),
    ] = "auto"

    @model_validator(mode="after")
    def _resolved(self) -> "Perturbation":
        limits = self.min_frequency, self.max_frequency
        if isinstance(self.tones, tuple) and limits != (None, None):
            raise ValueError("min_frequency and max_frequency are for tones that the planner chooses; leave them out")
        if None not in limits and limits[0] > limits[1]:  # type: ignore[operator]
            raise ValueError(f"min_frequency {limits[0]:g} Hz is above max_frequency {limits[1]:g} Hz")
        if isinstance(self.tones, tuple) and self.points != "auto" and self.points <= 2 * max(self.tones):
            raise ValueError(
                f"{self.points} points don't resolve harmonic {max(self.tones)}; take {2 * max(self.tones) + 1} or more"
            )
        return self


class Lockin(Table):
    """time_constant : s, of `rc` alone, "auto" for the longest that settles to 1 % in the window; order 1 to 8.

    phase : "as_is", or what a response's lag is measured with beforehand: "calibrate", every control at its own tone;
    "reference", the reference electrode at every tone
    """

    filter: Annotated[str, BeforeValidator(one_of("lock-in filter", FILTERS))] = "window"
    time_constant: Annotated[float | Auto, BeforeValidator(or_auto(si("time", above=0)))] = "auto"
    order: Annotated[int, BeforeValidator(whole(1, most=8))] = 4
    phase: Annotated[str, BeforeValidator(one_of("phase", PHASES))] = "as_is"
    reference: Text | None = None

    @model_validator(mode="after")
    def _belongs_together(self) -> "Lockin":
        odd = sorted({"time_constant", "order"} & self.model_fields_set)
        if self.filter != "rc" and odd:
            raise ValueError(f'{", ".join(odd)} belongs to filter = "rc"')
        if (self.phase == "reference") != (self.reference is not None):
            raise ValueError('phase = "reference" needs reference = "electrode", and nothing else does')
        return self


class Training(Table):
    """rate : V.

    repeats : directions or codes of estimators that draw them; demodulate : the outputs, or the loss made of them
    unreachable : what to do about a task that the network can't do, "refuse" or "try"
    """

    estimator: Annotated[str, BeforeValidator(one_of("estimator", ESTIMATORS))] = "homodyne"
    repeats: Count = 1
    demodulate: Annotated[str, BeforeValidator(one_of("thing to demodulate", DEMODULATED))] = "output"
    loss: Annotated[str, BeforeValidator(one_of("loss", LOSSES))] = "corr_sigmoid"
    rule: Annotated[str, BeforeValidator(one_of("update rule", RULES))] = "adam"
    rate: Annotated[float, BeforeValidator(si("voltage", above=0))] = 20e-3
    steps: Count = 60
    starts: Count = 5
    seed: Seed = 0
    unreachable: Annotated[str, BeforeValidator(one_of("choice", ("refuse", "try")))] = "refuse"


class Noise(Table):
    """psd : one-sided, at a frequency in Hz; A²/Hz of a current or at an amplifier's input, V²/Hz on a load.

    colour : where it is known, so that error bars need not fit it
    """

    psd: Annotated[float, BeforeValidator(si("current noise density", above=0))] = 1e-23
    at: Annotated[float, BeforeValidator(si("frequency", above=0))] = 1e3
    colour: Annotated[str, BeforeValidator(one_of("colour", COLOURS))] | None = None

    @property
    def exponent(self) -> float | None:
        """α of a density that goes as f^(−α); None where the colour isn't stated."""
        return None if self.colour is None else COLOURS[self.colour]


class Readout(Table):
    """How the outputs are read: gain and load in ohm, bandwidth in Hz; see `graph.readout`.

    inverting : None for what the kind does
    """

    kind: Annotated[str, BeforeValidator(one_of("read-out", READOUTS))] = "current"
    differential: Annotated[bool, BeforeValidator(yes_or_no)] = False
    inverting: Annotated[bool | None, BeforeValidator(yes_or_no)] = None
    gain: Annotated[float, BeforeValidator(si("resistance", above=0))] = 1e8
    bandwidth: Annotated[float | None, BeforeValidator(si("frequency", above=0))] = None
    load: Annotated[float, BeforeValidator(si("resistance", above=0))] = 1e6
    noise: Noise = Noise()

    @model_validator(mode="before")
    @classmethod
    def _voltage_noise(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("kind") != "voltage":
            return given
        noise = given.get("noise", {})
        if not isinstance(noise, dict):
            return given
        density = quantity(noise.get("psd", LOAD_NOISE), "voltage noise density")
        return {**given, "noise": {**noise, "psd": density}}

    @model_validator(mode="after")
    def _of_its_kind(self) -> "Readout":
        for key, kind in (("gain", "transimpedance"), ("bandwidth", "transimpedance"), ("load", "voltage")):
            if key in self.model_fields_set and self.kind != kind:
                raise ValueError(f'{key} belongs to the read-out "{kind}"; this one is "{self.kind}"')
        return self

    @property
    def circuit(self) -> CircuitReadout:
        """What the netlist needs of it."""
        return CircuitReadout(**self.model_dump(exclude={"noise"}))

    @property
    def density(self) -> float:
        """Noise of the output that is trained, A²/Hz or V²/Hz: amplified as it is, twice for a difference."""
        gain = self.gain if self.kind == "transimpedance" else 1.0
        return self.noise.psd * gain**2 * (2 if self.differential else 1)


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


class Comparison(Table):
    """How estimators are compared, beside training with each: study/assess.py says what is measured.

    time : s and runs : measurements, per pattern, that every estimator gets; repeats : noise drawn anew
    controls : numbers of controls; error : A/V, to be reached at each; bandwidth : Hz, below which all tones must lie
    """

    time: Annotated[float, BeforeValidator(si("time", above=0))] = 0.4
    runs: Count = 20
    repeats: Annotated[int, BeforeValidator(whole(2))] = 20
    controls: Annotated[tuple[int, ...], BeforeValidator(list_of(whole(2)))] = (5, 10, 20, 40)
    error: Annotated[float, BeforeValidator(si("conductance", above=0))] = 2e-9
    bandwidth: Annotated[float, BeforeValidator(si("frequency", above=0))] = 10e3


class Spacing(Table):
    """How close tones may lie, beside training: study/spacing.py says what is measured.

    neighbours : strength over the signal's; frequency, signal : Hz and A of the tone read; widest : Hz
    points : spacings tried, each in so many windows; sets : random control settings at each of `spacings`, Hz, the
    lowest tone at `first`, Hz
    """

    neighbours: Annotated[tuple[float, ...], BeforeValidator(list_of(si("ratio", above=0), least=1))] = (1, 2.05, 20)
    frequency: Annotated[float, BeforeValidator(si("frequency", above=0))] = 1e3
    signal: Annotated[float, BeforeValidator(si("current", above=0))] = 1e-9
    widest: Annotated[float, BeforeValidator(si("frequency", above=0))] = 45.0
    points: Count = 30
    windows: Annotated[int, BeforeValidator(whole(2))] = 200
    first: Annotated[float, BeforeValidator(si("frequency", above=0))] = 200.0
    spacings: Annotated[tuple[float, ...], BeforeValidator(list_of(si("frequency", above=0)))] = (10.0, 40.0)
    sets: Count = 1000


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
    task: TaskChoice
    perturbation: Perturbation = Perturbation()
    lockin: Lockin = Lockin()
    training: Training = Training()
    readout: Readout = Readout()
    compare: Comparison | None = None
    spacing: Spacing | None = None
    imperfections: Annotated[dict[str, dict[str, float | str]], BeforeValidator(_imperfections)] = Field(
        default_factory=dict
    )
    sweep: Annotated[dict[str, Any], BeforeValidator(swept)] = Field(default_factory=dict)
    specs: Annotated[dict[str, Spec], BeforeValidator(read_specs)] = Field(default_factory=dict)
    results: Results = Results()
    cluster: Cluster | None = None
    smoke: Annotated[dict[str, Any], BeforeValidator(table)] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _targets_in_the_outputs_unit(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        task, how = given.get("task"), given.get("readout")
        reads_voltage = isinstance(how, dict) and how.get("kind") in {"voltage", "transimpedance"}
        if not reads_voltage or not isinstance(task, dict) or not isinstance(task.get("targets"), list):
            return given
        try:
            targets = [quantity(value, "voltage") for value in task["targets"]]
        except ValueError as error:
            raise ValueError(f"task.targets: {error}") from error
        return {**given, "task": {**task, "targets": targets}}

    @model_validator(mode="after")
    def _fits_together(self) -> "Study":
        problems = list(self._misfits())
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _misfits(self) -> Iterable[str]:
        yield from self._misfits_of_roles()
        yield from self._misfits_of_comparisons()
        inputs, controls = len(self.electrodes.inputs), len(self.electrodes.controls)
        bits = TASKS[self.task.name].bits.shape[1]
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
        if self.training.demodulate == "loss" and not self.training.estimator.startswith("multiplexed"):
            yield f"training.demodulate: {self.training.estimator} demodulates outputs; take a multiplexed_… estimator"
        if self.lockin.reference is not None and self.lockin.reference not in self.electrodes.controls:
            yield f"lockin.reference: {self.lockin.reference!r} is no control; name one of them"
        if RULES[self.training.rule].squares and self.training.loss not in RESIDUALS:
            squares = ", ".join(RESIDUALS)
            yield f"training.rule: {self.training.rule} needs a loss that is a sum of squares; take {squares}"
        if self.training.loss == "mse" and self.task.targets is None:
            yield 'task.targets: the loss mse needs two output currents, such as ["2 nA", "8 nA"]'

    def _misfits_of_comparisons(self) -> Iterable[str]:
        for spacing in self.spacing.spacings if self.spacing else ():
            periods = spacing * self.perturbation.window
            if periods < 1 - 1e-9 or abs(periods - round(periods)) > 1e-6:
                yield (
                    f"spacing.spacings: {spacing:g} Hz is no multiple of the {1 / self.perturbation.window:g} Hz that "
                    "the window resolves"
                )
        if self.compare is not None and self.compare.controls and self.device.source != "dopant":
            yield (
                "compare.controls: only a dopant network is built with any number of electrodes; give controls = [] to "
                "compare at the study's own"
            )

    def _misfits_of_roles(self) -> Iterable[str]:
        roles = dict(self.electrodes.roles)
        for name in self.bias:
            if name in roles:
                yield f"bias: {name!r} is {roles[name]} too; an electrode has one role"
        if self.pdk is not None and self.device.subcircuit is None:
            yield "pdk: a process serves a block of your own; set device.subcircuit"
        if self.readout.differential and len(self.electrodes.outputs) < 2:
            yield "readout.differential: name two outputs in electrodes.output, the second is taken from the first"
        if self.imperfections and self.readout.kind != "current":
            yield 'imperfections: they are of a current; take readout.kind = "current"'
        if self.device.source != "dopant" or self.electrodes.grounds == "rest":
            return  # electrodes are known, and checked, when the graph is built
        count, named = self.device.electrodes, {**roles, **self.bias}
        for name in named:
            if not re.fullmatch("e(0|[1-9][0-9]{0,8})", name) or int(name[1:]) >= count:
                yield f"electrodes: there is no electrode {name!r}; the device has e0 to e{count - 1}"
        if len(named) < count:
            idle = next(f"e{k}" for k in range(count) if f"e{k}" not in named)
            yield f"electrodes: {idle} has no role; name it among inputs, controls, grounds, unconnected or bias"


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
        every = study.task.levels * len(study.electrodes.inputs)
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
