"""Text with units to SI floats and back: the one place where "20 mV" becomes 0.02 V.

QuantiPhy tells the number from the unit. Which prefixes a unit takes, and to what power, is settled by the dimension
asked for: left to itself, QuantiPhy reads "77 K" as 77000, "50 ppm" as 5e-11 "pm" and "1e-5 nA^2/Hz" as 1e-5.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from quantiphy import QuantiPhyError, Quantity

# powers of ten. K is not among them: it is kelvin. Micro is u here, after the spellings below.
PREFIXES: Mapping[str, int] = MappingProxyType(
    {"a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12}
)


@dataclass(frozen=True)
class Unit:
    """What a unit is worth: SI value = factor · number^power · prefix^prefix_power + offset.

    prefix_power : 0 where the unit takes no prefix; 2 in A²/Hz, where nA²/Hz is 1e-18 A²/Hz
    """

    factor: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    power: int = 1
    prefix_power: int = 1


@dataclass(frozen=True)
class Dimension:
    """One kind of quantity: the SI unit it is kept in, all units it may be written in, and how people write it.

    bare_prefix : whether "1.5k" is taken, the SI unit understood
    most : largest magnitude, SI, that is taken: far beyond anything on a chip or a bench, so that a slip of the pen is
        told here and not by a simulator that looks for an answer for minutes
    """

    si: str
    units: Mapping[str, Unit]
    example: str
    bare_prefix: bool = True
    most: float = 1e30


_CELSIUS = Unit(offset=Decimal("273.15"), prefix_power=0)

DIMENSIONS: Mapping[str, Dimension] = MappingProxyType(
    {
        "voltage": Dimension("V", {"V": Unit()}, "20 mV", most=1e6),
        "current": Dimension("A", {"A": Unit()}, "5 nA", most=1e6),
        "slew rate": Dimension(
            "V/s", {"V/s": Unit(), "V/ms": Unit(Decimal(1000)), "V/us": Unit(Decimal(1000000))}, "10 V/s", most=1e15
        ),
        "time": Dimension(
            "s",
            {"s": Unit(), "min": Unit(Decimal(60), prefix_power=0), "h": Unit(Decimal(3600), prefix_power=0)},
            "25 ms",
            most=1e10,
        ),
        "frequency": Dimension("Hz", {"Hz": Unit()}, "1 kHz", most=1e18),
        "temperature": Dimension(
            "K", {"K": Unit(), "C": _CELSIUS, "°C": _CELSIUS, "degC": _CELSIUS}, "77 K", bare_prefix=False, most=1e5
        ),
        "length": Dimension("m", {"m": Unit()}, "75 nm", most=1e3),
        "capacitance": Dimension("F", {"F": Unit()}, "10 fF", most=1e3),
        "resistance": Dimension("ohm", {"ohm": Unit()}, "10 kohm", most=1e21),
        "conductance": Dimension("A/V", {"A/V": Unit(), "S": Unit()}, "2 nA/V", bare_prefix=False, most=1e9),
        "energy": Dimension("J", {"J": Unit(), "eV": Unit(factor=Decimal("1.602176634e-19"))}, "1 pJ", most=1e12),
        "power": Dimension("W", {"W": Unit()}, "10 uW", most=1e12),
        "ratio": Dimension(
            "",
            {
                "%": Unit(factor=Decimal("1e-2"), prefix_power=0),
                "ppm": Unit(factor=Decimal("1e-6"), prefix_power=0),
                "ppb": Unit(factor=Decimal("1e-9"), prefix_power=0),
            },
            "0.05",
        ),
        "current noise density": Dimension(
            "A^2/Hz",
            {"A^2/Hz": Unit(prefix_power=2), "A/rtHz": Unit(power=2, prefix_power=2)},
            "1e-5 nA^2/Hz",
            bare_prefix=False,
        ),
        "voltage noise density": Dimension(
            "V^2/Hz",
            {"V^2/Hz": Unit(prefix_power=2), "V/rtHz": Unit(power=2, prefix_power=2)},
            "10 nV/rtHz",
            bare_prefix=False,
        ),
        "matching": Dimension(
            "V m",
            {"V m": Unit(prefix_power=0), "Vm": Unit(prefix_power=0), "Vum": Unit(factor=Decimal("1e-6"))},
            "3.5 mV um",
            bare_prefix=False,
        ),
        "relative matching": Dimension(
            "m",
            {
                "m": Unit(prefix_power=0),
                "%um": Unit(factor=Decimal("1e-8"), prefix_power=0),
                "um": Unit(factor=Decimal("1e-6"), prefix_power=0),
            },
            "1 % um",
            bare_prefix=False,
        ),
        "temperature difference": Dimension("K", {"K": Unit()}, "5 K", bare_prefix=False, most=1e5),
        "temperature gradient": Dimension(
            "K/m", {"K/m": Unit(), "K/um": Unit(factor=Decimal("1e6"))}, "1 K/um", bare_prefix=False
        ),
        "angle": Dimension(
            "rad",
            {"rad": Unit(), "deg": Unit(factor=Decimal("0.017453292519943295"), prefix_power=0)},
            "1 deg",
            bare_prefix=False,
            most=1e6,
        ),
    }
)

# What would pass QuantiPhy and is kept out: a name or a currency first, thousands separators ("0,7" would be 7).
_NUMBER = re.compile(r"[+\-−]?(\d+(\.\d*)?|\.\d+)([eE][+\-−]?\d+)?(?![\d.,_])", re.ASCII)

# the same unit as keyboards, word processors and data sheets write it
_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        " ": "",
        "µ": "u",  # the micro sign of Latin-1
        "μ": "u",  # and the Greek letter
        "\u2126": "ohm",
        "Ω": "ohm",
        "Ohm": "ohm",
        "℃": "°C",
        "²": "^2",
        "**": "^",
        "√Hz": "rtHz",
        "sqrt(Hz)": "rtHz",
        "Hz^0.5": "rtHz",
    }
)


def quantity(value: Any, dimension: str) -> float:
    """The SI value of a text such as "25 ms"; a bare number is in the dimension's SI unit.

    Raises ValueError for anything else: another dimension's unit, inf and nan, a boolean.
    """
    kind = DIMENSIONS[dimension]
    wanted = f"write {f'it in {kind.si}' if kind.si else 'a plain number'}, such as {kind.example!r}"
    problem = ""
    number = math.nan
    try:
        if isinstance(value, str):
            number = float(_from_text(value, kind))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
        else:
            problem = "it is no number"
    except OverflowError:
        problem = "it is too large"
    except ValueError as error:
        problem = str(error)
    if not problem and not math.isfinite(number):
        problem = "it is not finite"
    if not problem and abs(number) > kind.most:
        problem = f"it is beyond {render(kind.most, dimension)}"
    if problem:
        raise ValueError(f"{value!r} is not a {dimension}: {problem}; {wanted}")
    return number


def dimension_of(si: str) -> str:
    """The dimension that is kept in an SI unit; a plain number for units that nobody writes with prefixes."""
    return next((name for name, kind in DIMENSIONS.items() if kind.si == si), "ratio")


@lru_cache(maxsize=1024)  # a sweep's trials say the same again and again
def number_and_unit(text: str) -> tuple[Decimal, str]:
    """The number and the unit with its prefix, not yet interpreted: "20 mV" is (20, "mV")."""
    text = text.strip()
    number = _NUMBER.match(text)
    if number is None:
        raise ValueError("it does not start with a plain finite number")
    unit = text[number.end() :]
    for spelling, ours in _SPELLINGS.items():
        unit = unit.replace(spelling, ours)
    if set(unit) & set("=:#"):  # QuantiPhy takes what stands before them for a name, and "5 = 3 V" for 3 V
        raise ValueError(f"{unit!r} is no unit")
    try:
        read = Quantity(f"{number.group()} {unit}", ignore_sf=True)
    except QuantiPhyError as error:
        raise ValueError(f"{unit!r} is no unit") from error
    if not math.isfinite(read.real):
        raise ValueError("it is too large")
    return Decimal(repr(float(read.real))), str(read.units)


def render(value: float, dimension: str, digits: int | None = None) -> str:
    """As people write it: 0.002 V is "2 mV", an angle is in degrees. `quantity` reads it back to 12 digits.

    digits : of the number that is written, where fewer are wanted
    """
    kind = DIMENSIONS[dimension]
    if not math.isfinite(value):
        raise ValueError(f"{value!r} is not a finite {dimension}")
    if dimension == "angle":
        return f"{math.degrees(value):.{digits or 12}g} deg"
    if digits is not None:
        value = float(f"{value:.{digits}g}")
    if not kind.si or kind.units[kind.si].prefix_power != 1:  # QuantiPhy's prefixes are linear
        return f"{value:.12g} {kind.si}".rstrip()
    return str(Quantity(value, kind.si).render(prec="full"))


def _from_text(text: str, kind: Dimension) -> Decimal:
    number, written = number_and_unit(text)
    unit, exponent = _unit(written, kind)
    if unit.power == 2 and number < 0:
        raise ValueError("the root of a density is not negative")
    return unit.factor * number**unit.power * Decimal(10) ** (exponent * unit.prefix_power) + unit.offset


def _unit(written: str, kind: Dimension) -> tuple[Unit, int]:
    """The unit, and its prefix as a power of ten. The whole text comes first: K is kelvin, and m metre, not milli."""
    if not written:
        return Unit(), 0
    if written in kind.units:
        return kind.units[written], 0
    prefix, rest = written[0], written[1:]
    if prefix in PREFIXES:
        unit = kind.units.get(rest)
        if unit is not None and unit.prefix_power:
            return unit, PREFIXES[prefix]
        if not rest and kind.bare_prefix and prefix != "m":
            return Unit(), PREFIXES[prefix]
    if written == "m":
        raise ValueError("m alone may be metre, minute or milli")
    raise ValueError(f"its unit is {written}")
