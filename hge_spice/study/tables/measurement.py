"""[perturbation] and [lockin]: the tones of an extraction, its timing, and what reads them."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from hge_spice.lockin import FILTERS
from hge_spice.study.tables.table import Table, Text
from hge_spice.study.text.values import (
    distinct,
    list_of,
    one_of,
    one_or_list,
    or_auto,
    or_word,
    si,
    whole,
    yes_or_no,
)

Auto = Literal["auto"]

PATTERNS = ("separate", "sequence")
PHASES = ("as_is", "calibrate", "reference")


class Perturbation(Table):
    """amplitude : V peak, one or one each; window, settle : s; tones : harmonics of 1/window, one per control.

    amplitude "per_control" : chosen so that all derivatives reach the same relative error
    phases : "random", "low_crest", or rad, one per control
    tones "narrowest" : the lowest highest tone instead of the fewest points
    pause : s of wall time beside every measurement (instruments set and read, computing), in which what drifts drifts
    min_frequency, max_frequency : Hz, limits of tones that the planner chooses
    patterns : "separate", a transient each, from rest; or "sequence", all of an extraction in one transient
    ramp : s, of a sequence, from one pattern's inputs to the next one's; `settle` comes after it
    reset : of a sequence, whether elements that remember are drawn back to their initial states in every ramp
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
    pause: Annotated[float, BeforeValidator(si("time", least=0))] = 0.0
    patterns: Annotated[str, BeforeValidator(one_of("way to play patterns", PATTERNS))] = "separate"
    ramp: Annotated[float, BeforeValidator(si("time", above=0))] = 15e-3
    reset: Annotated[bool, BeforeValidator(yes_or_no)] = False
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
    trend : whether a straight line over the window is fitted beside the tones; "auto" where a state moved and it shows
    """

    filter: Annotated[str, BeforeValidator(one_of("lock-in filter", FILTERS))] = "window"
    time_constant: Annotated[float | Auto, BeforeValidator(or_auto(si("time", above=0)))] = "auto"
    order: Annotated[int, BeforeValidator(whole(1, most=8))] = 4
    phase: Annotated[str, BeforeValidator(one_of("phase", PHASES))] = "as_is"
    reference: Text | None = None
    trend: Annotated[bool | Auto, BeforeValidator(or_auto(yes_or_no))] = "auto"

    @model_validator(mode="after")
    def _belongs_together(self) -> "Lockin":
        if self.filter == "rc" and self.trend is True:
            raise ValueError('trend = true needs a filter that fits: "window" or a taper, not "rc"')
        odd = sorted({"time_constant", "order"} & self.model_fields_set)
        if self.filter != "rc" and odd:
            raise ValueError(f'{", ".join(odd)} belongs to filter = "rc"')
        if (self.phase == "reference") != (self.reference is not None):
            raise ValueError('phase = "reference" needs reference = "electrode", and nothing else does')
        return self
