"""[corners]: the points at which a block is signed off, and how they become axes of a sweep."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from hge_spice.study.tables.table import Names, Table, Text
from hge_spice.study.text.files import StudyError
from hge_spice.study.text.values import list_of, si, whole, yes_or_no

DRAW = "corners.draw"


class Corners(Table):
    """Process corners × temperatures × supplies × draws of mismatch; what isn't given stays as the study has it."""

    process: Names = ()
    """Sections of [pdk]."""
    temperature: Annotated[tuple[float, ...], BeforeValidator(list_of(si("temperature", above=0)))] = ()
    """Temperatures of the device."""
    supply: Annotated[tuple[float, ...], BeforeValidator(list_of(si("voltage")))] = ()
    """Voltages of the fixed electrode `rail`."""
    rail: Text = "vdd"
    """The electrode in [bias] that `supply` is of."""
    mismatch: Annotated[int, BeforeValidator(whole(0, most=100_000))] = 0
    """Draws at every corner; 0 for transistors that are all alike."""
    draw: Annotated[int, BeforeValidator(whole(0))] = 0
    """Which draw this is, 0 for none; a sweep over `mismatch` sets it."""
    threshold: Annotated[float, BeforeValidator(si("matching", least=0))] = 5e-9
    """Pelgrom's coefficient of the thresholds. The default is ours: about 1 mV·µm per nm of gate oxide."""
    gain: Annotated[float, BeforeValidator(si("relative matching", least=0))] = 1e-8
    """Pelgrom's coefficient of the current factors. The default is ours."""
    saturated: Names = ()
    """Transistors that must be in saturation, by their names within the block, such as "xpair.m1"."""
    stop: Annotated[bool, BeforeValidator(yes_or_no)] = True
    """Whether a point that has failed a spec by the cheap checks is left there."""


def corner_axes(raw: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The sweep that a study's [corners] stand for: lists by dotted key, as written. Raises StudyError."""
    given = raw.get("corners")
    if not isinstance(given, dict):
        return {}
    rail = str(given.get("rail", "vdd"))
    meant = {"process": "pdk.section", "temperature": "device.temperature", "supply": f"bias.{rail}"}
    for name, key in meant.items():
        if not isinstance(given.get(name, []), list):
            raise StudyError(f"corners.{name}: {given[name]!r} should be a list, of values for {key}")
    axes = {key: given[name] for name, key in meant.items() if given.get(name)}
    try:
        draws = whole(0, most=100_000)(given.get("mismatch", 0))
    except ValueError as error:
        raise StudyError(f"corners.mismatch: {error}") from error
    return axes | ({DRAW: list(range(1, draws + 1))} if draws else {})
