"""[circuit]: what the learning circuit descends by, what it is made of, and what the digital loop beside it takes."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from hge_spice.margin import CONTRAST
from hge_spice.materia.bill import Draw
from hge_spice.materia.digital import Converters
from hge_spice.materia.error import ERRORS
from hge_spice.materia.parts import LEVELS
from hge_spice.study.tables.table import Table
from hge_spice.study.text.values import one_of, or_auto, si, whole, yes_or_no

Power = Annotated[float, BeforeValidator(si("power", least=0))]
Energy = Annotated[float, BeforeValidator(si("energy", least=0))]


class PartPowers(Table):
    """Power of the learning circuit's parts."""

    multiplier: Power = Draw.multiplier
    """Of each, at rest."""
    amplifier: Power = Draw.amplifier
    """Of each, at rest."""
    comparator: Power = Draw.comparator
    """Of each, at rest."""

    @property
    def draw(self) -> Draw:
        """The same for the bill."""
        return Draw(**dict(self))


class DigitalLoop(Table):
    """What the loop by converters and arithmetic takes."""

    conversion: Energy = Converters.conversion
    """Of a sample of the output."""
    setting: Energy = Converters.setting
    """Of a new voltage at an electrode."""
    operation: Energy = Converters.operation
    """Of a multiplication and a sum."""
    standing: Power = Converters.standing
    """Of clock, control and references."""
    bits: Annotated[int, BeforeValidator(whole(1, most=32))] = Converters.bits
    """Of the converters."""

    @property
    def converters(self) -> Converters:
        """The same for the bill."""
        return Converters(**dict(self))


class InCircuit(Table):
    """What the learning circuit descends by, and what it is made of."""

    error: Annotated[str, BeforeValidator(one_of("error formation", ERRORS))] = "margin"
    """Its error formation."""
    level: Annotated[str, BeforeValidator(one_of("level", LEVELS))] = "behavioural"
    """How real its parts are."""
    multiplier_offset: Annotated[float | None, BeforeValidator(si("voltage", least=0))] = None
    """Standard deviation of the multipliers' output offsets; the level's own if left out."""
    feedthrough: Annotated[float | None, BeforeValidator(si("ratio", least=0, below=1))] = None
    """Standard deviation of what comes through of either input alone; the level's own if left out."""
    multiplier_range: Annotated[float | None, BeforeValidator(si("voltage", above=0))] = None
    """At which the multipliers' inputs are clipped; the level's own if left out."""
    chopped: Annotated[bool, BeforeValidator(yes_or_no)] = False
    """Whether the multipliers are chopped against offsets."""
    auto_zero: Annotated[bool, BeforeValidator(yes_or_no)] = False
    """Whether offsets are measured and taken off."""
    leak: Annotated[float | None, BeforeValidator(si("time", above=0))] = None
    """Time constant of the controls' droop."""
    margin: Annotated[float, BeforeValidator(si("ratio", above=0, below=1))] = 0.5
    """Of error = "margin": share of the mean distance of the outputs from their mean."""
    contrast: Annotated[float, BeforeValidator(si("ratio", least=0, below=1))] = CONTRAST
    """Of error = "margin": least span over the largest output at which it rests."""
    gain: Annotated[float | Literal["auto"], BeforeValidator(or_auto(si("resistance", above=0)))] = "auto"
    """Of the transimpedance amplifier, or V/V where the output is a voltage."""
    loop: Annotated[bool, BeforeValidator(yes_or_no)] = True
    """Whether the same loop runs as a program beside it."""
    power: PartPowers = PartPowers()
    """Of its parts."""
    digital: DigitalLoop = DigitalLoop()
    """What the same loop by converters and arithmetic takes."""
