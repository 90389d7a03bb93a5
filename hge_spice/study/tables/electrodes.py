"""[electrodes]: which electrode does what, within which voltages, and what stands between it and its source."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from hge_spice.study.tables.table import Names, Table
from hge_spice.study.text.values import (
    interval,
    list_of,
    one_of,
    one_or_list,
    or_none,
    si,
    takes,
    text,
    whole,
)


@takes('list of electrodes, or "rest"')
def _names_or_rest(value: Any) -> Any:
    return value if value == "rest" else list_of(text)(value)


@takes("resistance, 0 ohm or more; or a table of them by electrode", "resistance")
def _resistances(value: Any) -> float | dict[str, float]:
    read = si("resistance", least=0)
    return {name: read(ohm) for name, ohm in value.items()} if isinstance(value, dict) else read(value)


class Electrodes(Table):
    """Which electrode does what.

    roles = "screen" chooses output, inputs and controls among those named, or all.
    """

    roles: Annotated[Literal["screen"] | None, BeforeValidator(or_none(one_of("way to choose roles", ("screen",))))] = (
        None
    )
    """"screen" chooses output, inputs and controls among those named, or all; else they must be named."""
    screen_points: Annotated[int, BeforeValidator(whole(1, most=100_000_000))] = 100_000
    """Most operating points that a screening takes."""
    screen_patterns: Annotated[int, BeforeValidator(whole(4, most=100_000))] = 48
    """About how many of a data set's training patterns a screening takes, each of which costs a point a setting."""
    output: Annotated[str | tuple[str, ...], BeforeValidator(one_or_list(text))] = ()
    """Read out; of several the first is trained, or the first less the second (readout.differential)."""
    inputs: Names = ()
    """Driven by the task's bits."""
    complements: Names = ()
    """Driven by the inverse of each input."""
    controls: Annotated[tuple[str, ...], BeforeValidator(list_of(text, least=1))] = ()
    """Trained: a voltage and a tone on each."""
    control_range: Annotated[tuple[float, float], BeforeValidator(interval(si("voltage")))] = (-0.7, 0.7)
    """Within which controls are trained."""
    grounds: Annotated[tuple[str, ...] | Literal["rest"], BeforeValidator(_names_or_rest)] = ()
    """Held at 0 V; "rest" for all that have no other role."""
    unconnected: Names = ()
    """Left open, such as a block's monitors."""
    output_voltage: Annotated[float, BeforeValidator(si("voltage"))] = 0.0
    """At which the outputs' virtual ground, or the load's other end, stands."""
    series_resistance: Annotated[float | dict[str, float], BeforeValidator(_resistances)] = 0.0
    """Between each electrode and what drives or reads it: one for all, or a table by electrode."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The output electrodes, one or several."""
        return (self.output,) if isinstance(self.output, str) else self.output

    @property
    def assigned(self) -> tuple[tuple[str, str], ...]:
        """Electrode and role, in the order output, inputs, complements, controls, grounds, unconnected."""
        named = {"output": self.outputs, "input": self.inputs, "complement": self.complements, "control": self.controls}
        if self.grounds != "rest":
            named["ground"] = self.grounds
        named["unconnected"] = self.unconnected
        return tuple((name, role) for role, names in named.items() for name in names)

    @model_validator(mode="before")
    @classmethod
    def _named_or_screened(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("roles", "none") == "none":
            missing = [key for key in ("output", "inputs", "controls") if key not in given]
            if missing:
                raise ValueError(f'{" and ".join(missing)} missing; name them, or let roles = "screen" choose')
        return given

    @model_validator(mode="after")
    def _one_role_each(self) -> "Electrodes":
        given: dict[str, str] = {}
        for name, role in self.assigned:
            if name in given:
                raise ValueError(f"{name!r} is {given[name]} and {role} again; an electrode has one role")
            given[name] = role
        if self.complements and len(self.complements) != len(self.inputs):
            raise ValueError(
                f"{len(self.complements)} complements for {len(self.inputs)} inputs; name one each, or none"
            )
        return self
