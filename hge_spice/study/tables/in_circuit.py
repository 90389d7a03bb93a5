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
    """W at rest, of each multiplier, amplifier and comparator."""

    multiplier: Power = Draw.multiplier
    amplifier: Power = Draw.amplifier
    comparator: Power = Draw.comparator

    @property
    def draw(self) -> Draw:
        """The same for the bill."""
        return Draw(**dict(self))


class DigitalLoop(Table):
    """What the loop by converters and arithmetic takes.

    conversion, setting : J, of a sample of the output, of a new voltage at an electrode; operation : J, of a
    multiplication and sum; standing : W, of clock, control and references; bits : of the converters
    """

    conversion: Energy = Converters.conversion
    setting: Energy = Converters.setting
    operation: Energy = Converters.operation
    standing: Power = Converters.standing
    bits: Annotated[int, BeforeValidator(whole(1, most=32))] = Converters.bits

    @property
    def converters(self) -> Converters:
        """The same for the bill."""
        return Converters(**dict(self))


class InCircuit(Table):
    """What the learning circuit descends by, and what it is made of.

    error : its error formation; margin : for "margin", share of the mean distance of the outputs from their mean;
    contrast : for "margin", least span over the largest output at which it rests
    level : how real its parts are; multiplier_offset : V, standard deviation of the multipliers' output offsets;
    feedthrough : ratio, the same of what comes through of either input alone; multiplier_range : V, at which their
    inputs are clipped; all three the level's own if left out
    chopped, auto_zero : what is done against offsets; leak : s, time constant of the controls' droop
    gain : V/A of the transimpedance amplifier, or V/V; loop : whether the same loop runs as a program beside it
    power : of its parts; digital : what the same loop by converters and arithmetic takes
    """

    error: Annotated[str, BeforeValidator(one_of("error formation", ERRORS))] = "margin"
    level: Annotated[str, BeforeValidator(one_of("level", LEVELS))] = "behavioural"
    multiplier_offset: Annotated[float | None, BeforeValidator(si("voltage", least=0))] = None
    feedthrough: Annotated[float | None, BeforeValidator(si("ratio", least=0, below=1))] = None
    multiplier_range: Annotated[float | None, BeforeValidator(si("voltage", above=0))] = None
    chopped: Annotated[bool, BeforeValidator(yes_or_no)] = False
    auto_zero: Annotated[bool, BeforeValidator(yes_or_no)] = False
    leak: Annotated[float | None, BeforeValidator(si("time", above=0))] = None
    margin: Annotated[float, BeforeValidator(si("ratio", above=0, below=1))] = 0.5
    contrast: Annotated[float, BeforeValidator(si("ratio", least=0, below=1))] = CONTRAST
    gain: Annotated[float | Literal["auto"], BeforeValidator(or_auto(si("resistance", above=0)))] = "auto"
    loop: Annotated[bool, BeforeValidator(yes_or_no)] = True
    power: PartPowers = PartPowers()
    digital: DigitalLoop = DigitalLoop()
