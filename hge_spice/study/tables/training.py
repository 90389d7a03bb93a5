"""[training]: what a study learns by."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from hge_spice.gradient import ESTIMATORS
from hge_spice.loss import LOSSES
from hge_spice.margin import GAP_OVER_SPAN
from hge_spice.study.tables.table import Count, Seed, Table
from hge_spice.study.text.values import one_of, or_none, or_word, si, whole
from hge_spice.update import RULES

DEMODULATED = ("output", "loss")
FIRST = ("screened", "random")


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
