"""[training]: what a study learns by."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from hge_spice.gradient import ESTIMATORS
from hge_spice.loss import LOSSES
from hge_spice.margin import GAP_OVER_SPAN
from hge_spice.study.tables.table import Count, Seed, Table
from hge_spice.study.text.values import list_of, one_of, or_none, or_word, si, takes, voltages, whole
from hge_spice.update import RULES

DEMODULATED = ("output", "loss")
FIRST = ("screened", "random")


@takes('"screened", "random", a list of voltages, or a table of them by control', "voltage")
def first_setting(value: Any) -> str | tuple[float, ...] | dict[str, float]:
    """One of FIRST, a list of voltages, or a table of them by name, V. Raises ValueError."""
    if isinstance(value, dict):
        return voltages(value)
    if isinstance(value, list | tuple):
        read: tuple[float, ...] = list_of(si("voltage"), least=1)(value)
        return read
    if isinstance(value, str):
        word: str = one_of("first setting", FIRST)(value)
        return word
    raise ValueError(f"{value!r} should be 'screened', 'random', a list of voltages, or a table of them by control")


class Training(Table):
    """What a study learns by."""

    where: Annotated[str, BeforeValidator(one_of("place to learn", ("loop", "circuit")))] = "loop"
    """In a loop around the device, or in a "circuit" around it ([circuit]), where a step is an epoch."""
    estimator: Annotated[str, BeforeValidator(one_of("estimator", ESTIMATORS))] = "homodyne"
    """Of derivatives; `hge-spice list estimators` names them."""
    repeats: Count = 1
    """Directions or codes of estimators that draw them."""
    demodulate: Annotated[str, BeforeValidator(one_of("thing to demodulate", DEMODULATED))] = "output"
    """The outputs, or the loss made of them."""
    loss: Annotated[str, BeforeValidator(one_of("loss", LOSSES))] = "corr_sigmoid"
    """What is made small; `hge-spice list losses` names them."""
    rule: Annotated[str, BeforeValidator(one_of("update rule", RULES))] = "adam"
    """How a gradient becomes a step; `hge-spice list rules` names them."""
    rate: Annotated[float, BeforeValidator(si("voltage", above=0))] = 20e-3
    """Size of a step."""
    patience: Annotated[int | None, BeforeValidator(or_none(whole(1)))] = None
    """Extractions without a lower loss, after which a start jumps to the best of `scouts` random settings."""
    scouts: Count = 4
    """Random settings looked at for a jump."""
    longest_step: Annotated[float | None, BeforeValidator(or_none(si("voltage", above=0)))] = None
    """That an update moves a control at most."""
    slew: Annotated[float | None, BeforeValidator(or_none(si("slew rate", above=0)))] = None
    """Of the converters that set the controls, whose ramps take time."""
    gap_over_span: Annotated[float, BeforeValidator(si("ratio", least=GAP_OVER_SPAN, below=1))] = GAP_OVER_SPAN
    """That a solved read-out needs for the training to end; raise it to train for margin. Where no start reaches it,
    the solved setting with the largest counts."""
    first: Annotated[str | tuple[float, ...] | dict[str, float], BeforeValidator(first_setting)] = "screened"
    """Where starts begin: at the screening's best settings where electrodes are screened for, else at random ones; or
    voltages of the controls, in their order or by name, for the first start, and further ones at random."""
    batch: Annotated[int | Literal["all"], BeforeValidator(or_word(("all",), whole(1)))] = "all"
    """Patterns that a step takes, drawn without replacement until all were taken."""
    steps: Count = 60
    """Most steps of each start."""
    best_of: Annotated[int, BeforeValidator(whole(0, most=1_000_000))] = 0
    """Random settings at which a data set is read out beforehand; starts begin at the best of them."""
    starts: Count = 5
    """Random settings tried, one after the other, until one has solved it."""
    seed: Seed = 0
    """Of starts, phases, batches and injected noise."""
    unreachable: Annotated[str, BeforeValidator(one_of("choice", ("refuse", "try")))] = "refuse"
    """What to do about a task that the network can't do."""
