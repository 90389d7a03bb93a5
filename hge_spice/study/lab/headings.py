"""What the heading of a recorded column says: its name, and the unit that its numbers are in."""

import re
from dataclasses import dataclass

from hge_spice.study.text.units import quantity

# "I [nA]", "I (nA)", "I / nA", "I/nA": as spreadsheets, LabVIEW and DIN 1313 have it
_UNIT = re.compile(r"(?P<name>.*?)(?:\s*\[(?P<square>[^\]]*)\]|(?P<gap>\s*)\((?P<round>[^)]*)\)|\s*/\s*(?P<over>\S+))$")
EXAMPLES = {"time": "ms", "current": "nA", "voltage": "mV"}
# "I_nA", "nA"; a last letter alone, as in "channel A", is no unit
_TAIL = re.compile(r"(?P<name>(?:.*[\s_])?)(?P<over>[fpnuµμm][AVs])$")
_VOLTAGE = re.compile(r"v\(", re.IGNORECASE)  # ngspice's names
_CURRENT = re.compile(r"i\(", re.IGNORECASE)


@dataclass(frozen=True)
class Heading:
    """A column's heading.

    name : without the unit; factor : SI units in one of the column's
    dimension : "time", "current" or "voltage"; stated : whether the heading says so
    """

    name: str
    factor: float
    dimension: str
    stated: bool


def heading(text: str, dimensions: tuple[str, ...]) -> Heading:
    """Read a heading, whose unit must be one of these dimensions; the first is taken where it has none.

    Raises ValueError, with the heading, for a unit of another kind.
    """
    found = _UNIT.fullmatch(text.strip()) or _TAIL.fullmatch(text.strip())
    if _VOLTAGE.match(text) or _CURRENT.match(text) or found is None:
        dimension = "voltage" if _VOLTAGE.match(text) and "voltage" in dimensions else dimensions[0]
        return Heading(text, 1.0, dimension, bool(_VOLTAGE.match(text) or _CURRENT.match(text)))
    enclosed = found.groupdict()
    unit = next(x for x in map(enclosed.get, ("square", "round", "over")) if x is not None).strip()
    name = found["name"].strip(" _\t") or text
    for dimension in dimensions:
        try:
            return Heading(name, quantity(f"1 {unit}", dimension) if unit else 1.0, dimension, True)
        except ValueError:
            continue
    if enclosed.get("round") is not None and not enclosed["gap"]:  # "f(x)" is a name
        return Heading(text, 1.0, dimensions[0], False)
    better = " or ".join(f'"{name} [{EXAMPLES[dimension]}]"' for dimension in dimensions)
    raise ValueError(f"column {text!r}: {unit!r} is no unit of {' or '.join(dimensions)}; head it {better}")
