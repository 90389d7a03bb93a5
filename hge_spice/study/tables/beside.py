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
    """How estimators are compared, beside training with each: study/beside/compare.py says what is measured.

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
    """How close tones may lie, beside training: study/beside/spacing.py says what is measured.

    neighbours : strength over the signal's; frequency, signal : Hz and A of the tone read; widest : Hz
    points : spacings tried, each in so many windows; sets : random control settings at each of `spacings`, Hz, the
    lowest tone at `first`, Hz
    No neighbours leave out the curves, no spacings the sets.
    """

    neighbours: Annotated[tuple[float, ...], BeforeValidator(list_of(si("ratio", above=0)))] = (1, 2.05, 20)
    frequency: Annotated[float, BeforeValidator(si("frequency", above=0))] = 1e3
    signal: Annotated[float, BeforeValidator(si("current", above=0))] = 1e-9
    widest: Annotated[float, BeforeValidator(si("frequency", above=0))] = 45.0
    points: Count = 30
    windows: Annotated[int, BeforeValidator(whole(2))] = 200
    first: Annotated[float, BeforeValidator(si("frequency", above=0))] = 200.0
    spacings: Annotated[tuple[float, ...], BeforeValidator(list_of(si("frequency", above=0)))] = (10.0, 40.0)
    sets: Count = 1000


class Retrain(Table):
    """What happens to the trained network: as in [imperfections], after a wait.

    wait : s in which nothing is trained, while what drifts drifts; "training" for as long as the bench was at work
    steps : of the training that follows
    """

    wait: Annotated[float | str, BeforeValidator(or_word(("training",), si("time", least=0)))] = 0.0
    after: Annotated[dict[str, dict[str, Any]], BeforeValidator(read_imperfections)] = Field(default_factory=dict)
    steps: Annotated[int, BeforeValidator(whole(1))] = 60

    @property
    def acts(self) -> bool:
        """Whether anything happens."""
        return bool(self.after or self.wait)


class Budget(Table):
    """repeats : extractions at the first control setting after each training, to tell bias from spread; 0 for none."""

    repeats: Annotated[int, BeforeValidator(whole(0, most=10_000))] = 0


class Curves(Table):
    """A picture and a table of a sweep: metrics over one swept key, a line for each value of another.

    over : the key across; by : the key of the lines, if there are several; metrics : one panel each
    What else is swept, seeds mostly, is what medians and quartiles are taken over.
    """

    over: Text
    by: Text | None = None
    metrics: Annotated[
        tuple[str, ...],
        BeforeValidator(distinct(list_of(one_of("metric", METRICS), least=1), "one panel each is enough")),
    ]
