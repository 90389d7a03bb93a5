"""Every key of a study file, read off the classes of `tables/`: what it takes, its default, the line below it there."""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hge_spice.graph import GRAPHS
from hge_spice.imperfections import IMPERFECTIONS
from hge_spice.imperfections.imperfection import Setting
from hge_spice.imperfections.presets import PRESETS
from hge_spice.study.tables.device import OF_DOPANTS, Device, Unit
from hge_spice.study.tables.metrics import METRICS
from hge_spice.study.tables.study import Study
from hge_spice.study.tables.table import reader_of, table_of
from hge_spice.study.tables.task import TaskChoice
from hge_spice.study.text.files import suggestion
from hge_spice.study.text.units import render
from hge_spice.study.text.values import one_of, si, whole
from hge_spice.tasks import TASKS

GIVEN = "must be given"
WHOLE = "the file"  # where keys outside of tables are listed


@dataclass(frozen=True)
class Key:
    """A key of a study file: what it takes and its default, as written there, and what it is."""

    takes: str
    default: str
    about: str


@dataclass(frozen=True)
class Described:
    """A table of a study file: what it is about, and its keys by name."""

    about: str
    keys: Mapping[str, Key]


def tables() -> dict[str, Described]:
    """Every table by its dotted name, in the order in which they are declared; keys outside of tables come first."""
    found = {WHOLE: Described("Keys of the file itself, before its tables.", {})}
    own, said = {}, _said(Study)
    for name, field in Study.model_fields.items():
        kind = table_of(field)
        if kind is not None:
            found |= _of_table(name, kind, said[name])
        elif name in _OPEN:
            found |= _OPEN[name](name, said[name])
        else:
            own[name] = _key(field, said[name])
    return {**found, WHOLE: Described(found[WHOLE].about, own)}


def asked_for(name: str | None) -> dict[str, Described]:
    """The tables that a name stands for: all, one with those within it, or a single key "TABLE.KEY".

    Raises ValueError for a name that is neither.
    """
    every = tables()
    found = {table: each for table, each in every.items() if name in {None, table} or table.startswith(f"{name}.")}
    if found or name is None:
        return found
    table, _, key = name.rpartition(".")
    table = table or WHOLE
    if table in every and key in every[table].keys:
        return {table: Described(every[table].about, {key: every[table].keys[key]})}
    known = every[table].keys if table in every and table != WHOLE else (*every, *every[WHOLE].keys)
    raise ValueError(f"no table or key is called {name!r}{suggestion(key, known)}")


def _of_table(name: str, kind: type[BaseModel], about: str) -> dict[str, Described]:
    """A table, and those within it under dotted names."""
    said = _said(kind)
    own: dict[str, Key] = {}
    within: dict[str, Described] = {}
    for key, field in kind.model_fields.items():
        inner = table_of(field)
        if inner is not None:
            within |= _of_table(f"{name}.{key}", inner, said[key])
        else:
            own[key] = _key(field, said[key], _builders(kind, key))
    if kind is Device:
        beside = _of_table(f"{name}.units", Unit, inspect.getdoc(Unit) or "")[f"{name}.units"]
        fresh = {key: each for key, each in beside.keys.items() if key not in Device.model_fields}
        within[f"{name}.units"] = Described(beside.about, fresh)
    return {name: Described(about, own), **within}


def _said(kind: type[BaseModel]) -> dict[str, str]:
    """What stands below each field in the source of a class and of those it is made from."""
    found: dict[str, str] = {}
    for each in kind.__mro__[: kind.__mro__.index(BaseModel)]:
        (made,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        for field, below in pairwise(getattr(made, "body", ())):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                    found.setdefault(name, " ".join(said.split()))
    return found


def _key(field: FieldInfo, about: str, builders: Mapping[str, Any] | None = None) -> Key:
    reader = reader_of(field)
    if field.is_required():
        return Key(reader.takes, GIVEN, about)
    default = _written(field.get_default(call_default_factory=True), reader.dimension)
    if builders:
        default = "; ".join(f"{_written(of, reader.dimension)} ({name})" for name, of in builders.items())
    return Key(reader.takes, default, about)


def _builders(kind: type[BaseModel], key: str) -> dict[str, Any]:
    """Where a key goes to builders alone: their defaults, by the names of all that share one."""
    shared: dict[Any, list[str]] = {}
    for name, build in _BUILDERS.get(kind, {}).items():
        parameter = inspect.signature(build).parameters.get(key)
        if parameter is not None and parameter.default not in {parameter.empty, None}:
            shared.setdefault(parameter.default, []).append(name)
    if kind is Device and key in OF_DOPANTS:
        shared.setdefault(Device.model_fields[key].default, []).insert(0, "dopant")
    return {", ".join(names): default for default, names in shared.items()} if shared.keys() != {()} else {}


def _written(value: Any, dimension: str) -> str:
    """A default as a study file has it, or "none" where there is nothing."""
    if value is None or value in ({}, (), ""):
        return "none"
    if isinstance(value, tuple):
        return f"[{', '.join(_written(each, dimension) for each in value)}]"
    if isinstance(value, bool | str):
        return json.dumps(value)
    return f"{value:g}" if dimension == "ratio" else f'"{render(value, dimension)}"'


def _of_imperfections(name: str, about: str) -> dict[str, Described]:
    preset = one_of("preset", PRESETS).takes
    own = {
        "preset": Key(preset, "none", "A whole bench to begin with; tables of yours replace its own."),
        "active": Key('"all", "none", a name, or "all but" a name', '"all"', "Which of those stated act: for a sweep."),
    }
    found = {name: Described(about, own)}
    for each, imperfection in IMPERFECTIONS.items():
        settings = {key: _setting(setting) for key, setting in imperfection.settings.items()}
        found[f"{name}.{each}"] = Described(imperfection.summary, settings)
    return found


def _setting(setting: Setting) -> Key:
    kinds = [f'"{word}"' for word in setting.words]
    if setting.text:
        kinds.append("text")
    elif setting.whole:
        kinds.append(whole(int(setting.least or 0), int(setting.most or 2**63 - 1)).takes)
    elif setting.dimension:
        most = "" if setting.most is None else f", {render(setting.most, setting.dimension)} at most"
        kinds.append(si(setting.dimension, above=setting.above, least=setting.least).takes + most)
    if setting.columns:
        kinds.append(f"a list of [{', '.join(setting.columns)}]")
    dimension = "ratio" if setting.whole else setting.dimension or "ratio"
    return Key(
        " or ".join(kinds), GIVEN if setting.default is None else _written(setting.default, dimension), setting.about
    )


def _of_specs(name: str, about: str) -> dict[str, Described]:
    bounds = {metric: Key(si(dimension).takes, "none", "") for metric, dimension in METRICS.items()}
    return {name: Described(about, bounds)}


def _of_names(key: str, takes: str) -> Callable[[str, str], dict[str, Described]]:
    """A table whose keys are called as the user calls them."""
    return lambda name, about: {name: Described(about, {key: Key(takes, "none", "")})}


# tables whose keys aren't fields of a class
_OPEN: Mapping[str, Callable[[str, str], dict[str, Described]]] = {
    "bias": _of_names("ELECTRODE", "voltage"),
    "imperfections": _of_imperfections,
    "sweep": _of_names('"TABLE.KEY"', "list, range, corners or distribution of what the key takes"),
    "specs": _of_specs,
    "smoke": _of_names('"TABLE.KEY"', "what the key takes"),
}
# keys that are handed to a builder where they are given, so that their defaults are the builder's
_BUILDERS: Mapping[type[BaseModel], Mapping[str, Callable[..., Any]]] = {Device: GRAPHS, TaskChoice: TASKS}
