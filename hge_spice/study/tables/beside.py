"""What a study measures beside training, and draws of it: [compare], [spacing], [retrain], [budget] and [curves]."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from hge_spice.study.tables.imperfections import read_imperfections
from hge_spice.study.tables.metrics import METRICS
from hge_spice.study.tables.table import Count, Table, Text
from hge_spice.study.text.values import (
    distinct,
    list_of,
    one_of,
    or_word,
    si,
    whole,
)


class Comparison(Table):
    """How estimators are compared, beside training with each: study/beside/compare.py says what is measured."""

    time: Annotated[float, BeforeValidator(si("time", above=0))] = 0.4
    """Device time that every estimator gets, per pattern."""
    runs: Count = 20
    """Measurements that every estimator gets, per pattern."""
    repeats: Annotated[int, BeforeValidator(whole(2))] = 20
    """How often the noise is drawn anew."""
    controls: Annotated[tuple[int, ...], BeforeValidator(list_of(whole(2)))] = (5, 10, 20, 40)
    """Numbers of controls at which the cost is counted."""
    error: Annotated[float, BeforeValidator(si("conductance", above=0))] = 2e-9
    """Error of a derivative, to be reached at each number of controls."""
    bandwidth: Annotated[float, BeforeValidator(si("frequency", above=0))] = 10e3
    """Below which all tones must lie."""


class Spacing(Table):
    """How close tones may lie, beside training: study/beside/spacing.py says what is measured."""

    neighbours: Annotated[tuple[float, ...], BeforeValidator(list_of(si("ratio", above=0)))] = (1, 2.05, 20)
    """Strengths of the neighbouring tone over the signal's; an empty list leaves out the curves."""
    frequency: Annotated[float, BeforeValidator(si("frequency", above=0))] = 1e3
    """Of the tone that is read."""
    signal: Annotated[float, BeforeValidator(si("current", above=0))] = 1e-9
    """Amplitude of the tone that is read."""
    widest: Annotated[float, BeforeValidator(si("frequency", above=0))] = 45.0
    """The widest spacing tried."""
    points: Count = 30
    """Number of spacings tried."""
    windows: Annotated[int, BeforeValidator(whole(2))] = 200
    """Windows at each spacing."""
    first: Annotated[float, BeforeValidator(si("frequency", above=0))] = 200.0
    """The lowest tone of the random settings."""
    spacings: Annotated[tuple[float, ...], BeforeValidator(list_of(si("frequency", above=0)))] = (10.0, 40.0)
    """Between the tones of the random settings; an empty list leaves them out."""
    sets: Count = 1000
    """Random control settings at each of `spacings`."""


class Retrain(Table):
    """What happens to the trained network, and the training that follows."""

    wait: Annotated[float | str, BeforeValidator(or_word(("training",), si("time", least=0)))] = 0.0
    """Time in which nothing is trained, while what drifts drifts; "training" for as long as the bench was at work."""
    after: Annotated[dict[str, dict[str, Any]], BeforeValidator(read_imperfections)] = Field(default_factory=dict)
    """What is other afterwards, as [imperfections] has it."""
    steps: Annotated[int, BeforeValidator(whole(1))] = 60
    """Most steps of the training that follows."""

    @property
    def acts(self) -> bool:
        """Whether anything happens."""
        return bool(self.after or self.wait)


class Budget(Table):
    """What a budget of errors needs beside training."""

    repeats: Annotated[int, BeforeValidator(whole(0, most=10_000))] = 0
    """Extractions at the first control setting after each training, which tell bias from spread; 0 for none."""


class Curves(Table):
    """A picture and a table of a sweep: metrics over one swept key, a line for each value of another."""

    over: Text
    """The swept key across."""
    by: Text | None = None
    """The swept key that has a line for each value, where there are several."""
    metrics: Annotated[
        tuple[str, ...],
        BeforeValidator(distinct(list_of(one_of("metric", METRICS), least=1), "one panel each is enough")),
    ]
    """A panel each, with medians and quartiles over what else is swept; metrics as [specs] has them."""
