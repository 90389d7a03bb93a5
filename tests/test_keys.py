"""Keys of a study file, as `hge-spice list keys` and docs/keys.md have them: every one, its default read back."""

import importlib.util
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hge_spice.imperfections import IMPERFECTIONS
from hge_spice.study.keys import GIVEN, WHOLE, asked_for, tables
from hge_spice.study.tables.device import Device
from hge_spice.study.tables.imperfections import read_imperfections
from hge_spice.study.tables.study import Study
from hge_spice.study.tables.training import Training
from hge_spice.study.text.values import Reader, list_of, one_of, one_or_list, or_auto, or_none, si, whole

HERE = Path(__file__).parent.parent
TABLES = tables()


def _fields(kind: type[BaseModel], at: str = "") -> dict[str, Any]:
    """Every field by its dotted path, found by what pydantic knows of it alone."""
    found: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        inner = [each for each in _kinds(field.annotation) if issubclass(each, BaseModel)]
        if inner and "Unit" not in inner[0].__name__ and "Spec" not in inner[0].__name__:
            found |= _fields(inner[0], f"{at}{name}.")
        else:
            found[at + name] = field
    return found


def _kinds(annotation: Any) -> list[type]:
    parts = [annotation, *getattr(annotation, "__args__", ())]
    return [part for part in parts if isinstance(part, type) and not hasattr(part, "__origin__")]


FIELDS = _fields(Study)
OPEN = {"bias", "imperfections", "sweep", "specs", "smoke"}


def test_every_key_is_listed_with_a_line() -> None:
    listed = {
        name if table == WHOLE else f"{table}.{name}": key
        for table, described in TABLES.items()
        if table.partition(".")[0] not in OPEN
        for name, key in described.keys.items()
    }
    beside = {f"device.units.{name}" for name in ("output", "inputs", "drives")}
    assert set(listed) == (set(FIELDS) - OPEN) | beside
    for name, key in listed.items():
        assert key.about.endswith("."), name
        assert key.takes, name
    assert {f"imperfections.{name}" for name in IMPERFECTIONS} <= set(TABLES)
    assert all(described.about for described in TABLES.values())


@pytest.mark.parametrize("path", sorted(set(FIELDS) - OPEN))
def test_defaults_are_read_back(path: str) -> None:
    table, _, name = path.rpartition(".")
    written = TABLES[table or WHOLE].keys[name].default
    field = FIELDS[path]
    if written == GIVEN:
        assert field.is_required()
        return
    default = field.get_default(call_default_factory=True)
    if written == "none":
        assert default in ({}, (), "", None)
    elif "(" not in written:  # a builder's own are judged below
        (reader,) = (each.func for each in field.metadata if isinstance(getattr(each, "func", None), Reader))
        assert reader(tomllib.loads(f"key = {written}")["key"]) == default


def test_defaults_of_imperfections_are_read_back() -> None:
    for name, imperfection in IMPERFECTIONS.items():
        listed = TABLES[f"imperfections.{name}"].keys
        assert set(listed) == set(imperfection.settings)
        assert all(key.about.endswith(".") for key in listed.values()), name
        example = {key: value for key, value in imperfection.example.items() if listed[key].default == GIVEN}
        text = "\n".join(
            f"{key} = {each.default}" for key, each in listed.items() if each.default not in {GIVEN, "none"}
        )
        written = read_imperfections({name: {**example, **tomllib.loads(text)}})
        assert written == read_imperfections({name: example}), name


def test_a_builders_default_is_the_builders() -> None:
    assert TABLES["device"].keys["rows"].default == "6 (grid); 4 (mesh, crossbar)"
    assert TABLES["task"].keys["train"].default.startswith("100 (ring, two_moons, noisy_xor); 200 (sphere)")
    assert TABLES["device"].keys["sites"].default == f"{Device.model_fields['sites'].default} (dopant)"


@pytest.mark.parametrize(
    ("reader", "takes"),
    [
        (si("time", above=0), "time, above 0 s"),
        (si("ratio", least=0, below=1), "number, 0 or more, below 1"),
        (whole(1, most=8), "whole number, 1 up to 8"),
        (or_auto(whole(3)), '"auto" or whole number, 3 or more'),
        (or_none(si("voltage")), '"none" or voltage'),
        (one_of("colour", ("white", "pink")), '"white" or "pink"'),
        (one_of("thing", [f"thing_{k}" for k in range(20)]), "a known thing"),
        (one_or_list(si("voltage")), "voltage; or list, each voltage"),
        (list_of(si("frequency"), least=2), "list of 2 or more, each frequency"),
    ],
)
def test_readers_say_what_they_take(reader: Reader[Any], takes: str) -> None:
    assert reader.takes == takes


def test_one_table_one_key_and_what_is_neither() -> None:
    assert list(asked_for("readout")) == ["readout", "readout.noise"]
    assert list(asked_for("training.rate")["training"].keys) == ["rate"]
    assert list(asked_for("title")[WHOLE].keys) == ["title"]
    with pytest.raises(ValueError, match=r"'training\.rat'; did you mean rate\?"):
        asked_for("training.rat")
    with pytest.raises(ValueError, match=r"'trainin'; did you mean training\?"):
        asked_for("trainin")
    assert "20 mV" in TABLES["training"].keys["rate"].default
    assert Training().rate == pytest.approx(20e-3)


def test_the_page_of_keys_is_current() -> None:
    """`make keys` writes it anew."""
    script = HERE / "docs" / "api" / "keys.py"
    spec = importlib.util.spec_from_file_location("page_of_keys", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (HERE / "docs" / "keys.md").read_text("utf-8") == module.page()
