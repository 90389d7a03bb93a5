"""[corners]: the points at which a block is signed off, and how they become axes of a sweep."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from hge_spice.study.tables.table import Names, Table, Text
from hge_spice.study.text.files import StudyError
from hge_spice.study.text.values import list_of, si, whole, yes_or_no

DRAW = "corners.draw"


class Corners(Table):
    """Process corners × temperatures × supplies × draws of mismatch; what isn't given stays as the study has it.

    process : sections of [pdk]; temperature : K; supply : V, of the fixed electrode `rail` in [bias]
    mismatch : draws at every corner, none for transistors that are all alike; draw : which of them this is, 0 for none
    threshold, gain : Pelgrom's coefficients of the transistors' thresholds, V·m, and current factors, m. The defaults
        are ours: A of ΔV_T goes about as 1 mV·µm per nm of gate oxide, and SKY130's is 4 nm.
    saturated : transistors that must be in saturation, by their names within the block ("xpair.m1")
    stop : whether a point that has failed a spec by the cheap checks (operating point, `.ac`, `.noise`) is left there
    """

    process: Names = ()
    temperature: Annotated[tuple[float, ...], BeforeValidator(list_of(si("temperature", above=0)))] = ()
    supply: Annotated[tuple[float, ...], BeforeValidator(list_of(si("voltage")))] = ()
    rail: Text = "vdd"
    mismatch: Annotated[int, BeforeValidator(whole(0, most=100_000))] = 0
    draw: Annotated[int, BeforeValidator(whole(0))] = 0
    threshold: Annotated[float, BeforeValidator(si("matching", least=0))] = 5e-9
    gain: Annotated[float, BeforeValidator(si("relative matching", least=0))] = 1e-8
    saturated: Names = ()
    stop: Annotated[bool, BeforeValidator(yes_or_no)] = True


def corner_axes(raw: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The sweep that a study's [corners] stand for: lists by dotted key, as written. Raises StudyError."""
    given = raw.get("corners")
    if not isinstance(given, dict):
        return {}
    rail = str(given.get("rail", "vdd"))
    axes = {
        key: given[name]
        for name, key in (("process", "pdk.section"), ("temperature", "device.temperature"), ("supply", f"bias.{rail}"))
        if given.get(name)
    }
    for key, values in axes.items():
        if not isinstance(values, list):
            raise StudyError(f"corners: {values!r} should be a list, of values for {key}")
    try:
        draws = whole(0, most=100_000)(given.get("mismatch", 0))
    except ValueError as error:
        raise StudyError(f"corners.mismatch: {error}") from error
    return axes | ({DRAW: list(range(1, draws + 1))} if draws else {})
