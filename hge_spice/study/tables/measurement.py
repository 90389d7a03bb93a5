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
    """The tones of an extraction, and its timing."""

    amplitude: Annotated[
        float | tuple[float, ...] | Literal["auto", "per_control"],
        BeforeValidator(or_word(("auto", "per_control"), one_or_list(si("voltage", above=0)))),
    ] = "auto"
    """Peak of each tone, one for all or one each; "per_control": all derivatives reach one relative error."""
    phases: Annotated[
        tuple[float, ...] | Literal["random", "low_crest"],
        BeforeValidator(or_word(("random", "low_crest"), list_of(si("ratio"), least=1))),
    ] = "random"
    """Of the tones, in rad, one per control, or how they are chosen."""
    min_frequency: Annotated[float | None, BeforeValidator(si("frequency", above=0))] = None
    """Of tones that the planner chooses: above the corner of 1/f noise."""
    max_frequency: Annotated[float | None, BeforeValidator(si("frequency", above=0))] = None
    """Of tones that the planner chooses: below what device and amplifier let through."""
    mains: Annotated[float | None, BeforeValidator(si("frequency", above=0))] = None
    """Whose harmonics the planner keeps tones off; a window holds whole periods of it, two or more."""
    window: Annotated[float, BeforeValidator(si("time", above=0))] = 25e-3
    """One reading of all lock-ins; every tone has whole periods in it."""
    points: Annotated[int | Auto, BeforeValidator(or_auto(whole(3, most=10_000_000)))] = "auto"
    """In a window; the fewest that keep aliases off the tones if auto."""
    settle: Annotated[float | Auto, BeforeValidator(or_auto(si("time", least=0)))] = "auto"
    """Before a window, in which the device comes to rest; from its own response if auto."""
    pause: Annotated[float, BeforeValidator(si("time", least=0))] = 0.0
    """Wall time beside every measurement, in which what drifts drifts."""
    patterns: Annotated[str, BeforeValidator(one_of("way to play patterns", PATTERNS))] = "separate"
    """"separate": a transient each, from rest; "sequence": all of an extraction in one transient."""
    ramp: Annotated[float, BeforeValidator(si("time", above=0))] = 15e-3
    """Of a sequence, from one pattern's inputs to the next one's; `settle` comes after it."""
    reset: Annotated[bool, BeforeValidator(yes_or_no)] = False
    """Of a sequence: whether elements that remember are drawn back to their initial states in every ramp."""
    tones: Annotated[
        tuple[int, ...] | Literal["auto", "narrowest"],
        BeforeValidator(
            or_word(
                ("auto", "narrowest"),
                distinct(list_of(whole(1), least=1), "two controls on one tone can't be told apart"),
            )
        ),
    ] = "auto"
    """Harmonics of 1/window, one per control; "auto" for the fewest points, "narrowest" for the lowest highest tone."""

    @model_validator(mode="after")
    def _resolved(self) -> "Perturbation":
        limits = self.min_frequency, self.max_frequency
        if isinstance(self.tones, tuple) and (*limits, self.mains) != (None, None, None):
            raise ValueError(
                "min_frequency, max_frequency and mains are for tones that the planner chooses; leave them out"
            )
        if None not in limits and limits[0] > limits[1]:  # type: ignore[operator]
            raise ValueError(f"min_frequency {limits[0]:g} Hz is above max_frequency {limits[1]:g} Hz")
        if isinstance(self.tones, tuple) and self.points != "auto" and self.points <= 2 * max(self.tones):
            raise ValueError(
                f"{self.points} points don't resolve harmonic {max(self.tones)}; take {2 * max(self.tones) + 1} or more"
            )
        return self


class Lockin(Table):
    """What reads the tones."""

    filter: Annotated[str, BeforeValidator(one_of("lock-in filter", FILTERS))] = "window"
    """What averages behind the mixers: the window itself, a taper, or poles."""
    time_constant: Annotated[float | Auto, BeforeValidator(or_auto(si("time", above=0)))] = "auto"
    """Of filter = "rc" alone; "auto" for the longest that settles to 1 % in the window."""
    order: Annotated[int, BeforeValidator(whole(1, most=8))] = 4
    """Poles of filter = "rc"."""
    phase: Annotated[str, BeforeValidator(one_of("phase", PHASES))] = "as_is"
    """What a lag is measured with beforehand: nothing, "calibrate" each tone, or a "reference" electrode."""
    reference: Text | None = None
    """The control of phase = "reference"."""
    trend: Annotated[bool | Auto, BeforeValidator(or_auto(yes_or_no))] = "auto"
    """Whether a straight line is fitted beside the tones; "auto" where a state moved and it shows."""

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
