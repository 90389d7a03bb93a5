"""The study: what every key of a study file means, its default and its bounds; text in, SI floats out."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from hge_spice.devices import DEVICES, ELEMENTS
from hge_spice.gradient import ESTIMATORS
from hge_spice.loss import LOSSES, RESIDUALS
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
from hge_spice.study.imperfections import read_imperfections
from hge_spice.study.units import dimension_of, quantity
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

__all__ = ["Study", "StudyError", "StudyText", "apply_setting", "dump", "load_study", "parse_study", "read_raw"]

Auto = Literal["auto"]

FILTERS = ("window",)
OF_A_BLOCK = {"subcircuit", "name", "parameters", "allow_outside"}
SLOPES: Mapping[str, float] = {"white": 0.0, "pink": 1.0, "brown": 2.0}  # S ∝ 1/f^slope
# what [specs] may bound, each with the dimension its bounds are written in
METRICS: Mapping[str, str] = {
    "solved": "ratio",
    "steps": "ratio",
    "starts": "ratio",
    "extractions": "ratio",
    "loss": "ratio",
    "gap": "current",
    "gap_over_span": "ratio",
    "contrast": "ratio",
    "d_prime": "ratio",
    "seconds": "time",
    "simulated_seconds": "time",
    "energy_joule": "energy",
}


def read_specs(value: Any) -> dict[str, "Spec"]:
    """Bounds by metric, SI. Raises ValueError."""
    specs = {}
    for metric, bounds in table(value).items():
        dimension = METRICS[one_of("metric", METRICS)(metric)]
        odd = set(table(bounds)) - {"min", "max"}
        if odd or not bounds:
            raise ValueError(f"{metric} = {bounds!r} should have min, max or both, and nothing else")
        read = {side: quantity(bound, dimension) for side, bound in bounds.items()}
        if len(read) == 2 and read["min"] > read["max"]:
            raise ValueError(f"{metric} = {bounds!r} has its min above its max")
        specs[metric] = Spec(**read)
    return specs


def _voltages(value: Any) -> dict[str, float]:
    return {name: quantity(voltage, "voltage") for name, voltage in table(value).items()}


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Text = Annotated[str, BeforeValidator(text)]
Count = Annotated[int, BeforeValidator(whole(1))]
Seed = Annotated[int, BeforeValidator(whole(0))]
Names = Annotated[tuple[str, ...], BeforeValidator(list_of(text))]


class Device(_Table):
    """The network itself; all lengths m, temperature K, attempt rate Hz.

    subcircuit : a netlist file with the user's own block, name : of its .subckt
    parameters : of its instance, or of the family's elements, SI
    allow_outside : whether the netlist may include files beyond its own folder
    """

    family: Annotated[str, BeforeValidator(one_of("device family", DEVICES))] = "dopant"
    subcircuit: Text | None = None
    name: Text | None = None
    parameters: dict[str, float] = {}
    allow_outside: Annotated[bool, BeforeValidator(yes_or_no)] = False
    sites: Annotated[int, BeforeValidator(whole(1, most=10_000))] = 12  # the netlist grows as their square
    electrodes: Annotated[int, BeforeValidator(whole(2))] = 8
    seed: Seed = 0
    temperature: Annotated[float, BeforeValidator(si("temperature", above=0))] = 77.0
    radius: Annotated[float, BeforeValidator(si("length", above=0))] = 75e-9
    localisation: Annotated[float, BeforeValidator(si("length", above=0))] = 10e-9
    permittivity: Annotated[float, BeforeValidator(si("ratio", above=0))] = 3.9
    attempt_rate: Annotated[float, BeforeValidator(si("frequency", above=0))] = 1e14
    cutoff: Annotated[float, BeforeValidator(si("ratio", above=0, below=1))] = 1e-4

    @field_validator("parameters", mode="before")
    @classmethod
    def _in_the_familys_units(cls, value: Any, info: ValidationInfo) -> dict[str, float]:
        element = DEVICES[info.data["family"]].element if "family" in info.data else None
        if element is None:
            return {name: quantity(number, "ratio") for name, number in table(value).items()}
        known = element.all_parameters
        for name in table(value):
            if name not in known:
                raise ValueError(f"{element.name} has no parameter {name!r}{suggestion(name, known)}")
        given = {name: quantity(number, dimension_of(known[name].unit)) for name, number in value.items()}
        element.values(given)
        return given

    @model_validator(mode="before")
    @classmethod
    def _a_block_is_a_family(cls, given: Any) -> Any:
        if isinstance(given, dict) and str(given.get("family")) in ELEMENTS:
            return {"temperature": "27 C"} | given
        if not isinstance(given, dict) or "subcircuit" not in given:
            return given
        odd = set(given) - {"family", "temperature", *OF_A_BLOCK}
        if odd:
            raise ValueError(f"{', '.join(sorted(odd))} is no key of a block of your own (subcircuit)")
        return {"family": "subcircuit", "temperature": "27 C"} | given

    @model_validator(mode="after")
    def _family_fits(self) -> "Device":
        if (self.family == "subcircuit") != (self.subcircuit is not None):
            raise ValueError('a block of your own needs subcircuit = "file.cir", and no other family')
        odd = sorted((OF_A_BLOCK & self.model_fields_set) - ({"parameters"} if self.family in ELEMENTS else set()))
        if self.subcircuit is None and odd:
            raise ValueError(f"{', '.join(odd)} belongs to a block of your own (subcircuit)")
        return self


class Electrodes(_Table):
    """Which electrode does what; control_range in V; unconnected : left open, such as a block's monitors."""

    output: Text
    inputs: Names
    controls: Annotated[tuple[str, ...], BeforeValidator(list_of(text, least=1))]
    control_range: Annotated[tuple[float, float], BeforeValidator(interval(si("voltage")))] = (-0.7, 0.7)
    grounds: Names = ()
    unconnected: Names = ()
    output_voltage: Annotated[float, BeforeValidator(si("voltage"))] = 0.0

    @property
    def roles(self) -> tuple[tuple[str, str], ...]:
        """Electrode and role, in the order output, inputs, controls, grounds, unconnected."""
        named = (
            ("input", self.inputs),
            ("control", self.controls),
            ("ground", self.grounds),
            ("unconnected", self.unconnected),
        )
        return ((self.output, "output"), *((name, role) for role, names in named for name in names))

    @model_validator(mode="after")
    def _one_role_each(self) -> "Electrodes":
        given: dict[str, str] = {}
        for name, role in self.roles:
            if name in given:
                raise ValueError(f"{name!r} is {given[name]} and {role} again; an electrode has one role")
            given[name] = role
        return self


class TaskChoice(_Table):
    """levels : [input], V, each (low, high); targets : A, of the zeros and the ones, only for losses that need them."""

    name: Annotated[str, BeforeValidator(one_of("task", TASKS))]
    levels: Annotated[tuple[tuple[float, float], ...], BeforeValidator(level_pairs)] = ((-0.3, 0.3),)
    targets: Annotated[tuple[float, float] | None, BeforeValidator(two_currents)] = None


class Perturbation(_Table):
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


class Lockin(_Table):
    filter: Annotated[str, BeforeValidator(one_of("lock-in filter", FILTERS))] = "window"


class Training(_Table):
    """rate : V."""

    estimator: Annotated[str, BeforeValidator(one_of("estimator", ESTIMATORS))] = "homodyne"
    loss: Annotated[str, BeforeValidator(one_of("loss", LOSSES))] = "corr_sigmoid"
    rule: Annotated[str, BeforeValidator(one_of("update rule", RULES))] = "adam"
    rate: Annotated[float, BeforeValidator(si("voltage", above=0))] = 20e-3
    steps: Count = 60
    starts: Count = 5
    seed: Seed = 0


class Noise(_Table):
    """psd : A²/Hz, one-sided, at a frequency in Hz; colour : how it goes on from there, as SLOPES has it."""

    psd: Annotated[float, BeforeValidator(si("current noise density", above=0))] = 1e-23
    at: Annotated[float, BeforeValidator(si("frequency", above=0))] = 1e3
    colour: Annotated[str, BeforeValidator(one_of("colour", SLOPES))] = "white"


class Readout(_Table):
    noise: Noise = Noise()


class Spec(_Table):
    """Bounds of a metric, both included."""

    min: float | None = None
    max: float | None = None


class Pdk(_Table):
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


class Probe(_Table):
    """nodes : internal nodes and device quantities kept in the waveforms, such as "x1.n3" or "@m.x1.m2[id]"."""

    nodes: Names = ()


class Retrain(_Table):
    """What happens to the trained network, as in [imperfections]; steps : of the training that follows."""

    after: Annotated[dict[str, dict[str, Any]], BeforeValidator(read_imperfections)] = {}
    steps: Annotated[int, BeforeValidator(whole(1))] = 60


class Budget(_Table):
    """repeats : extractions at the first control setting after each training, to tell bias from spread; 0 for none."""

    repeats: Annotated[int, BeforeValidator(whole(0, most=10_000))] = 0


class Results(_Table):
    """keep : which files a trial leaves beside its row in the ledger: all, what the report draws, or none."""

    keep: Annotated[str, BeforeValidator(one_of("choice", ("all", "report", "none")))] = "all"


class Cluster(_Table):
    """A Dask cluster to start for the run: workers of one thread each; the rest as SLURM takes it, for each job."""

    kind: Annotated[str, BeforeValidator(one_of("cluster", ("local", "slurm")))] = "local"
    workers: Annotated[int, BeforeValidator(whole(1, most=100_000))] = 2
    cores: Annotated[int, BeforeValidator(whole(1, most=1024))] = 1
    memory: Text = "2 GB"
    walltime: Text = "01:00:00"
    queue: Text | None = None
    account: Text | None = None
    directives: Names = ()


class Study(_Table):
    """A whole study in SI units. `sweep` and `smoke` stay as written, with dotted keys; notes go to the report."""

    title: Text = ""
    notes: Text = ""
    device: Device
    electrodes: Electrodes
    bias: Annotated[dict[str, float], BeforeValidator(_voltages)] = {}
    probe: Probe = Probe()
    pdk: Pdk | None = None
    task: TaskChoice
    perturbation: Perturbation = Perturbation()
    lockin: Lockin = Lockin()
    training: Training = Training()
    readout: Readout = Readout()
    imperfections: Annotated[dict[str, dict[str, Any]], BeforeValidator(read_imperfections)] = {}
    sweep: Annotated[dict[str, Any], BeforeValidator(swept)] = {}
    specs: Annotated[dict[str, Spec], BeforeValidator(read_specs)] = {}
    results: Results = Results()
    budget: Budget = Budget()
    retrain: Retrain = Retrain()
    cluster: Cluster | None = None
    smoke: Annotated[dict[str, Any], BeforeValidator(table)] = {}

    @model_validator(mode="after")
    def _fits_together(self) -> "Study":
        problems = list(self._misfits())
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _misfits(self) -> Iterable[str]:
        yield from self._misfits_of_roles()
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
        if RULES[self.training.rule].squares and self.training.loss not in RESIDUALS:
            squares = ", ".join(RESIDUALS)
            yield f"training.rule: {self.training.rule} needs a loss that is a sum of squares; take {squares}"
        if self.training.loss == "mse" and self.task.targets is None:
            yield 'task.targets: the loss mse needs two output currents, such as ["2 nA", "8 nA"]'

    def _misfits_of_roles(self) -> Iterable[str]:
        roles = dict(self.electrodes.roles)
        for name in self.bias:
            if name in roles:
                yield f"bias: {name!r} is {roles[name]} too; an electrode has one role"
        if self.pdk is not None and self.device.subcircuit is None:
            yield "pdk: a process serves a block of your own; set device.subcircuit"
        if self.device.subcircuit is not None:
            return  # the block's own pins are checked when it is read
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
        table = table.model_fields[key].annotation
    return tuple(table.model_fields)
