"""The [imperfections] of a study: presets, settings with units, and which of them act."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hge_spice.imperfections import IMPERFECTIONS, check_together
from hge_spice.imperfections.imperfection import Setting, Settings, Value
from hge_spice.imperfections.presets import PRESETS
from hge_spice.study.text.files import ALL, ALL_BUT, NONE, suggestion
from hge_spice.study.text.units import quantity, render
from hge_spice.study.text.values import one_of, si, table, takes, text, whole


@takes("table of imperfections by name, each a table; or preset and active")
def read_imperfections(value: Any) -> dict[str, Settings]:
    """Those that act, by name, with settings in SI units. Raises ValueError with the key's path.

    `preset` names a set to start from; a table of the study replaces the preset's of the same name. `active` is "all"
    (unless given), "none", one name, or "all but" a name: what a budget sweeps.
    """
    given = dict(table(value))
    preset = given.pop("preset", None)
    active = _named("active", text, given.pop("active", ALL))
    if preset is not None:
        given = {**PRESETS[_named("preset", one_of("preset", PRESETS), preset)], **given}
    read = {
        one_of("imperfection", IMPERFECTIONS)(name): _settings(
            name, IMPERFECTIONS[name].settings, _named(name, table, each)
        )
        for name, each in given.items()
    }
    acting = _acting(active, read)
    chosen = {name: settings for name, settings in read.items() if name in acting}
    check_together(chosen)
    return chosen


def _named(key: str, read: Callable[[Any], Any], value: Any) -> Any:
    """A value as read, or its problem with the key's name."""
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


# what a setting of the output is where the output is a voltage, and the power of ohm between the two
_IN_VOLTS = {"current": ("voltage", 1), "current noise density": ("voltage noise density", 2)}


def in_volts(value: Any, gain: float | None) -> Any:
    """[imperfections] of an output in V: what is stated of the output is read as a voltage, in plain SI numbers.

    gain : ohm, of an amplifier in the read-out, at whose input a current may be stated instead; None on a load
    Everything else stays as it is written, for `read_imperfections`. Raises ValueError with the key's path.
    """
    if not isinstance(value, dict):
        return value
    given = dict(value)
    if isinstance(given.get("preset"), str) and given["preset"] in PRESETS:
        given = {**PRESETS[given.pop("preset")], **given}
    return {name: _settings_in_volts(name, each, gain) for name, each in given.items()}


def _settings_in_volts(name: str, given: Any, gain: float | None) -> Any:
    if not isinstance(given, Mapping) or name not in IMPERFECTIONS:
        return given
    read = dict(given)
    for key, setting in IMPERFECTIONS[name].settings.items():
        if key not in given or given[key] in setting.words:
            continue
        try:
            if setting.dimension in _IN_VOLTS and not isinstance(given[key], list | tuple):
                read[key] = _volts(given[key], setting.dimension, gain)
            elif isinstance(given[key], list | tuple):
                ends = setting.columns
                read[key] = [
                    [_volts(v, of, gain) if of in _IN_VOLTS else v for v, of in zip(row, ends, strict=False)]
                    if isinstance(row, list | tuple) and len(row) == len(ends)
                    else row
                    for row in given[key]
                ]
        except ValueError as error:
            raise ValueError(f"{name}.{key}: {error}") from error
    return read


def _volts(value: Any, of: str, gain: float | None) -> float:
    dimension, power = _IN_VOLTS[of]
    try:
        return quantity(value, dimension)
    except ValueError as error:
        if gain is None:
            raise ValueError(f"{error}; the output is the voltage on a load") from error
        try:
            return quantity(value, of) * gain**power
        except ValueError:
            raise ValueError(f"{error}, or a current at the amplifier's input") from error


def _acting(active: str, stated: Mapping[str, Any]) -> set[str]:
    if active in {ALL, NONE}:
        return set(stated) if active == ALL else set()
    name = active.removeprefix(ALL_BUT)
    if name not in stated:
        raise ValueError(f"active = {active!r}: {name!r} is not stated; there are {', '.join(stated) or 'none'}")
    return set(stated) - {name} if active.startswith(ALL_BUT) else {name}


def _settings(name: str, known: Mapping[str, Setting], given: Mapping[str, Any]) -> Settings:
    for key in given:
        if key not in known:
            raise ValueError(f"unknown key {name}.{key}{suggestion(key, known)}")
    read: dict[str, Value] = {}
    for key, setting in known.items():
        if key in given:
            read[key] = _named(f"{name}.{key}", partial(_setting, key, setting), given[key])
        elif setting.default is None:
            raise ValueError(f"{name}.{key} is missing, and has no default")
        else:
            read[key] = setting.default
    try:
        IMPERFECTIONS[name].make(read)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    except ArithmeticError as error:
        raise ValueError(f"{name}: its settings are too large to reckon with ({error})") from error
    return read


def _setting(key: str, setting: Setting, value: Any) -> Value:
    if setting.columns and isinstance(value, list | tuple):
        if not value:
            raise ValueError(f"[] should have a row or more, each a list: {', '.join(setting.columns)}")
        return tuple(_table_row(setting.columns, row) for row in value)
    of = setting.dimension
    if setting.text:
        return text(value)
    if setting.words and ((isinstance(value, str) and value in setting.words) or not (of or setting.whole)):
        return str(one_of(key, setting.words)(value))
    if setting.whole:
        return int(whole(int(setting.least or 0), int(setting.most or 2**63 - 1))(value))
    if not of:
        raise ValueError(f"{value!r} should be a list of lists: {', '.join(setting.columns)}")
    number: float = si(of, above=setting.above, least=setting.least)(value)
    if setting.most is not None and number > setting.most:
        raise ValueError(f"{value!r} should be at most {render(setting.most, of)}")
    return number


def _table_row(columns: tuple[str, ...], row: Any) -> tuple[float, ...]:
    if not isinstance(row, list | tuple) or len(row) < len(columns):
        raise ValueError(f"{row!r} should be a list: {', '.join(columns)}")
    ends = (*columns, *(columns[-1:] * (len(row) - len(columns))))
    return tuple(quantity(entry, of) for entry, of in zip(row, ends, strict=True))
