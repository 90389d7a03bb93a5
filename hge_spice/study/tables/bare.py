"""Numbers without a unit that, read in SI units, lead far from the usual: said before a run, and taken as they are."""

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from hge_spice.study.tables.study import Study
from hge_spice.study.tables.table import reader_of, table_of
from hge_spice.study.text.files import RANGES, StudyText
from hge_spice.study.text.units import DIMENSIONS, number_and_unit, quantity, render

# by key: what is usual of it in SI units, and the unit in which people think of it
USUAL: Mapping[str, tuple[float, float, str]] = MappingProxyType(
    {
        "device.temperature": (200.0, 500.0, "C"),
        "electrodes.control_range": (-20.0, 20.0, "mV"),
        "electrodes.output_voltage": (-20.0, 20.0, "mV"),
        "task.levels": (-20.0, 20.0, "mV"),
        "perturbation.amplitude": (0.0, 0.5, "mV"),
        "perturbation.window": (0.0, 1.0, "ms"),
        "perturbation.settle": (0.0, 1.0, "ms"),
        "perturbation.ramp": (0.0, 1.0, "ms"),
        "perturbation.min_frequency": (10.0, 1e9, "kHz"),
        "perturbation.max_frequency": (10.0, 1e9, "kHz"),
        "lockin.time_constant": (0.0, 1.0, "ms"),
        "training.rate": (0.0, 2.0, "mV"),
        "training.longest_step": (0.0, 2.0, "mV"),
        "readout.noise.at": (10.0, 1e9, "kHz"),
    }
)


def far_from_usual(raw: StudyText) -> Iterator[str]:
    """A sentence for each such number of a study, those that it sweeps among them; keys that are wrong are skipped."""
    swept = raw.get("sweep")
    for key, (low, high, thought_in) in USUAL.items():
        dimension = dimension_of(key)
        found: Any = raw
        for name in key.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        given = [*_values(found), *_values(swept.get(key) if isinstance(swept, Mapping) else None)]
        for value in dict.fromkeys(each for each in given if _bare(each)):
            si = quantity(value, dimension)
            if not low <= si <= high:
                yield (
                    f"{key} = {value} has no unit and is taken as {render(si, dimension)}: "
                    f'write "{value} {DIMENSIONS[dimension].si}" if that is meant, or "{value} {thought_in}"'
                )


@cache
def dimension_of(key: str) -> str:
    """Of what a key of a study is read as, by its dotted name."""
    *tables, name = key.split(".")
    table: type[BaseModel] = Study
    for each in tables:
        table = table_of(table.model_fields[each]) or Study
    return reader_of(table.model_fields[name]).dimension


def _values(given: Any) -> Iterator[Any]:
    """The single values in a value, a list, or the axis of a sweep."""
    if isinstance(given, Mapping):
        for kind, inner in given.items():
            # the third of a range is how many
            yield from _values(inner[:2] if kind in RANGES and isinstance(inner, list) else inner)
    elif isinstance(given, list | tuple):
        for each in given:
            yield from _values(each)
    elif given is not None:
        yield given


def _bare(value: Any) -> bool:
    """Whether it is a number without a unit."""
    if not isinstance(value, str):
        return isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return not number_and_unit(value)[1]
    except ValueError:
        return False
