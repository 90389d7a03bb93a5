"""Study files as text: finding, reading, extending, overriding and writing them, before anything in them is judged."""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from hge_spice.plain_file import plain_file_size
from hge_spice.shipped import shipped

StudyText = dict[str, Any]  # a study as written: TOML tables, texts with units
Keys = tuple[str, ...]  # ("training", "steps"): where in a study

# tables of [sweep] that are one value of a key, not further keys
RANGES = ("linspace", "logspace")
CORNERS = ("corners",)
DISTRIBUTIONS = ("uniform", "loguniform", "normal", "lognormal", "integers", "choice")
SPREADS = (*RANGES, *CORNERS, *DISTRIBUTIONS)
SWEEP_OPTIONS = ("sampling", "samples", "seed", "zip", "refine")  # words of [sweep] that are no keys of a study
NETLISTS = frozenset({".cir", ".ckt", ".lib", ".net", ".sp", ".spice"})  # what is given for a study by mistake
LARGEST = 16 * 2**20  # bytes of a study
ALL, NONE, ALL_BUT = "all", "none", "all but "  # words of imperfections.active


_LONG = re.compile(r"\S{500,}")  # longer than most paths


class StudyError(ValueError):
    """The study is wrong; the message names key, value and remedy, and cuts short what nobody would read to its end."""

    def __init__(self, message: str) -> None:
        super().__init__(_LONG.sub(lambda word: f"{word[0][:60]}… ({len(word[0])} characters)", message))


def load_study(name_or_path: str | Path, settings: Sequence[str] = (), smoke: bool = False) -> StudyText:
    """Read a study and apply, in order, what it extends, its own keys, its [smoke] and the settings "KEY=VALUE".

    A setting has the last word, so a sweep over the key it sets is dropped.
    """
    raw = read_raw(name_or_path)
    if smoke:
        noted = [smoke_note(raw), *([raw["notes"]] if isinstance(raw.get("notes"), str) else [])]
        raw = apply_smoke(raw) | {"notes": "\n\n".join(noted)}
    for setting in settings:
        raw = apply_setting(raw, setting)
    return raw


def smoke_note(raw: StudyText) -> str:
    """What is to be said of results at the size that the tests run."""
    smoke = raw.get("smoke")
    if not smoke or not isinstance(smoke, dict):
        return "The study has no [smoke]: this is its own size."
    changed = ", ".join(f"{key} = {value}" for key, value in smoke.items())
    return (
        f"At the size that the tests run ([smoke]: {changed}): what is solved or passes here says nothing of the study."
    )


def apply_smoke(raw: StudyText) -> StudyText:
    """The study at the size that the tests run, its [smoke] used up."""
    smoke = raw.get("smoke", {})
    raw = {key: value for key, value in raw.items() if key != "smoke"}
    if not isinstance(smoke, dict):
        raise StudyError(f"smoke is {smoke!r}; it should be a table of keys and values")
    for key, value in smoke.items():
        raw = place(raw, tuple(key.split(".")), value)
    return raw


def read_raw(name_or_path: str | Path) -> StudyText:
    """Read a study file, or a study that ships, with all that it extends."""
    return _read(find_study(name_or_path, Path()), ())


def shipped_studies() -> dict[str, Path]:
    """The files of the studies that ship, by name."""
    return {path.stem: path for path in sorted(shipped("studies").glob("*.toml"))}


def find_study(name_or_path: str | Path, folder: Path) -> Path:
    """The file of that path, seen from the folder, or the shipped study of that name, with .toml or without."""
    wanted = str(name_or_path)
    path = folder / wanted
    try:
        if wanted and path.is_file():
            return path
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:  # too long, or with a null byte
        raise StudyError(f"{wanted!r} can't be the name of a study file: {error}") from error
    known = shipped_studies()
    name = wanted.removesuffix(".toml")
    if name in known:
        return known[name]
    if is_folder and wanted:
        raise StudyError(f"{path} is a folder; give a study file in it")
    here = {each.stem: each for each in path.parent.glob("*.toml")} if path.parent.is_dir() else {}
    near = _nearest(Path(name).name, here)
    meant = f"; did you mean {here[near]}, which is here?" if near else suggestion(Path(name).name, known)
    raise StudyError(f"there is no study file {wanted!r}, and no study of that name ships{meant}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """What to add to a message about an unknown name: the nearest known one, or all of them."""
    near = _nearest(name, known := tuple(known))
    if near:
        return f"; did you mean {near}?"
    return f"; known: {', '.join(sorted(known)) or 'none yet'}"


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is spelt nearly so, whatever its case."""
    by_case = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), by_case, n=1)
    return by_case[near[0]] if near else None


def _read(path: Path, above: tuple[Path, ...]) -> StudyText:
    """One file over what it extends; above : the files that extend it, to see a cycle."""
    here = path.resolve()
    if here in above:
        raise StudyError(f"{' extends '.join(str(p) for p in [*above[above.index(here) :], here])}: a cycle")
    raw = _tables(path)
    _resolve(raw.get("device"), path.parent)
    _resolve(raw.get("task"), path.parent)
    _resolve_root(raw.get("pdk"), path.parent)
    for table in ("sweep", "smoke"):
        if isinstance(raw.get(table), dict):
            raw[table] = flatten(raw[table])
    if "extends" not in raw:
        return raw
    extended = raw.pop("extends")
    if not isinstance(extended, str):
        raise StudyError(f'{path}: extends = {extended!r} should name one study, such as "xor.toml"')
    try:
        below = find_study(extended, path.parent)
    except StudyError as error:
        raise StudyError(f"{path}: extends: {error}") from error
    found = _read(below, (*above, here))
    found.pop("notes", None)  # they are about the study that has them
    return merge(_without_the_other(found, raw), raw)


def _without_the_other(below: StudyText, over: StudyText) -> StudyText:
    """A study without its process where the one that extends it names another in the other way, package or root."""
    old, new = below.get("pdk"), over.get("pdk")
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return below
    gone = {"package"} if "root" in new else {"root", "lib", "osdi"} if "package" in new else set()
    return {**below, "pdk": {key: value for key, value in old.items() if key not in gone}}


def _resolve(table: Any, folder: Path) -> None:
    """Files that a device or a task names are seen from the file that names them, or ship and are known by name."""
    if not isinstance(table, dict):
        return
    for key in ("subcircuit", "file"):
        if isinstance(table.get(key), str):
            own, ours = folder / table[key], shipped("studies") / Path(table[key]).name
            named_alone = Path(table[key]).name == table[key]
            table[key] = str((ours if named_alone and not own.exists() and ours.is_file() else own).resolve())
    for unit in table["units"] if isinstance(table.get("units"), list) else ():
        _resolve(unit, folder)


def _resolve_root(pdk: Any, folder: Path) -> None:
    """A process's root is seen from the file that names it; "~" and "$PDK_ROOT" are the user's."""
    if isinstance(pdk, dict) and isinstance(pdk.get("root"), str):
        path = folder / Path(os.path.expandvars(pdk["root"])).expanduser()
        unset = re.search(r"\$\{?(\w+)", str(path))
        if unset is not None and not path.exists():
            raise StudyError(f"pdk.root: the variable {unset[1]} isn't set; export it, or write the folder itself")
        pdk["root"] = str(path.resolve())


def _tables(path: Path) -> StudyText:
    try:
        plain_file_size(path, LARGEST)
        content = path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise StudyError(str(error)) from error
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise StudyError(f"{path} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#x}") from error
    except RecursionError as error:
        raise StudyError(f"{path} nests its arrays or tables too deeply") from error
    except ValueError as error:  # tomllib says at which line
        hint = "; a netlist is named in a study, as device.subcircuit" if path.suffix.lower() in NETLISTS else ""
        raise StudyError(f"{path} is not TOML: {error}{hint}") from error


def merge(below: StudyText, over: StudyText) -> StudyText:
    """Tables merge by key; everything else is replaced. Neither argument is changed."""
    merged = {key: None if key in over else _copied(value) for key, value in below.items()}  # in the order of `below`
    for key, value in over.items():
        old = below.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and not is_range(value):
            merged[key] = merge(old, value)
        else:
            merged[key] = _copied(value)
    return merged


def _copied(value: Any) -> Any:
    """Tables and arrays anew, all else of TOML can't change: a fifth of deepcopy's time, of which a sweep has much."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def flatten(table: StudyText) -> StudyText:
    """Keys of nested tables joined by dots: what [sweep] and [smoke] mean by a key, quoted or not."""
    flat: StudyText = {}
    for key, value in table.items():
        if isinstance(value, dict) and value and not is_range(value) and key != "refine":
            flat |= {f"{key}.{inner}": deeper for inner, deeper in flatten(value).items()}
        else:
            flat[key] = value
    return flat


def is_range(value: Any) -> bool:
    """Whether it is a table such as { linspace = … } or { normal = … }, which is one value of a swept key."""
    return isinstance(value, dict) and bool(value) and set(value) <= set(SPREADS)


def place(raw: StudyText, path: Keys, value: Any) -> StudyText:
    """The study with a value at a path; a table is merged into the one that is there."""
    if path[0] in {"extends", "smoke"}:
        raise StudyError(f"{path[0]} can't be set this way; write it into a study file")
    if path[0] == "sweep":  # its keys are kept flat
        inside = {".".join(path[1:]): value} if path[1:] else value
        path, value = ("sweep",), flatten(inside) if isinstance(inside, dict) else inside
    for key in reversed(path):
        value = {key: value}
    return merge(raw, value)


def apply_setting(raw: StudyText, setting: str) -> StudyText:
    """The study with "a.b=VALUE" applied; VALUE is TOML, or a plain string where it is not."""
    path, value = _parse_setting(setting)
    sweep = raw.get("sweep")
    if path[0] != "sweep" and isinstance(sweep, dict):
        key = ".".join(path)
        for swept in sweep:
            if key.startswith(f"{swept}."):
                raise StudyError(f"--set {setting}: the study sweeps {swept} as a whole; set {swept}, or sweep.{swept}")
        left = {swept: values for swept, values in sweep.items() if not f"{swept}.".startswith(f"{key}.")}
        raw = {**raw, "sweep": left}
    return place(raw, path, value)


def dump(raw: StudyText) -> str:
    """The study as TOML text, keys in the order they have: what load_study gave, readable by it again."""
    return tomli_w.dumps(raw)


def toml_value(value: Any) -> str:
    """A value as TOML has it on one line: what `--set KEY=` reads back."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(key)} = {toml_value(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _parse_setting(setting: str) -> tuple[Keys, Any]:
    # the first = that ends a TOML key, so that a key may be quoted and a value may hold more of them
    for end in (i for i, character in enumerate(setting) if character == "="):
        keys = _toml(f"{setting[:end]} = 0")
        if keys is not None:
            break
    else:
        raise StudyError(f"--set {setting}: it should read KEY=VALUE, such as training.steps=20")
    path: list[str] = []
    while isinstance(keys, dict):
        key, keys = next(iter(keys.items()))
        path.append(key)
    text = setting[end + 1 :].strip()
    read = _toml(f"value = {text}")
    return tuple(path), text if read is None else read["value"]


def _toml(line: str) -> StudyText | None:
    """One TOML assignment; None where it is anything else."""
    try:
        read = tomllib.loads(line)
    except (ValueError, RecursionError):
        return None
    return read if len(read) == 1 and "\n" not in line else None
