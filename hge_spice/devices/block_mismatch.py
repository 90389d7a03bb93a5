"""Mismatch of a block's transistors, written into its netlist: each flattened transistor gets parameters of its own.

A subcircuit that is used twice is one text and two sets of transistors. So each definition gets a pair of parameters
per transistor below it, its own transistors use theirs, and its instances hand theirs down; what is drawn is then said
once, on the instance of the block. The deck that is exported says the same to any simulator.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from hge_spice.graph import Network

_ASSIGNED = re.compile(r"(\w+)\s*=\s*(\{[^}]*\}|'[^']*'|\S+)")
_SPACED = re.compile(r"\s*=\s*")
_DRAWN = re.compile(r"drawn_[vb]\d+")
SCALES = {"": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "meg": 1e6}
_NUMBER = re.compile(rf"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)({'|'.join(SCALES)})")


@dataclass
class _Definition:
    """A subcircuit: which line opens it, its transistors (line, area) and the subcircuits it uses (line, name)."""

    opened: int
    transistors: list[tuple[int, str]] = field(default_factory=list)  # line, name
    uses: list[tuple[int, str, str]] = field(default_factory=list)  # line, name, subcircuit


def transistors(graph: Network) -> tuple[str, ...]:
    """Every transistor (M element) of a block by its flattened name in ngspice, such as "m.x1.xpair.m1"."""
    described = graph.graph["subcircuit"]
    definitions = _read(described["text"])
    return tuple(f"m.x1.{path}" for path in _paths(definitions, described["name"]))


def looked_at(graph: Network) -> dict[str, str]:
    """Every transistor of a block that can be looked at, by its name within it: its flattened name in ngspice.

    A process may wrap a transistor in a subcircuit (`graph.graph["subcircuit"]["wraps"]`, by name its element M): the
    call goes by its own name, "xm1", and the transistor that it is by "m.x1.xm1.m0".
    """
    described = graph.graph["subcircuit"]
    definitions, wraps = _read(described["text"]), described.get("wraps", {})

    def below(name: str) -> dict[str, str]:
        found = {element: element for _, element in definitions[name].transistors}
        for _, element, inner in definitions[name].uses:
            if inner in definitions:
                found |= {f"{element}.{shown}": f"{element}.{path}" for shown, path in below(inner).items()}
            elif inner in wraps:
                found[element] = f"{element}.{wraps[inner]}"
        return found

    top = described["name"]
    return {shown: f"m.x1.{path}" for shown, path in below(top).items()} if top in definitions else {}


def with_thresholds(graph: Network, threshold: float, gain: float, rng: np.random.Generator) -> Network:
    """A copy of a block whose transistors differ, after Pelgrom's law (IEEE J. Solid-State Circuits 24, 1433 (1989)).

    threshold : V·m, A of ΔV_T; gain : m, A of Δβ/β. Two equal transistors differ by σ = A/√(w·l·m); each takes 1/√2.

    It is said as `delvto` and `mulu0`, which BSIM4 and most of a foundry's models know and level 1 doesn't.
    Raises ValueError where the block has no transistor of its own, or one without w and l.
    """
    changed = with_parameters(graph)
    described = changed.graph["subcircuit"]
    count = len(transistors(graph))
    drawn = rng.standard_normal((2, count)) / np.sqrt(2)
    values = {
        key: float(value)
        for k in range(count)
        for key, value in zip(_pair(k), (threshold * drawn[0, k], gain * drawn[1, k]), strict=True)
    }
    changed.graph["subcircuit"] = {**described, "parameters": {**described["parameters"], **values}}
    return changed


def with_parameters(graph: Network) -> Network:
    """A copy of a block whose transistors may differ, all alike yet; one that has a draw written in is without it.

    Raises ValueError as `with_thresholds` does.
    """
    described = graph.graph["subcircuit"]
    changed = graph.copy()
    if has_draw(graph):
        parameters = {key: value for key, value in described["parameters"].items() if not _DRAWN.fullmatch(key)}
        changed.graph["subcircuit"] = {**described, "parameters": parameters}
        return changed
    changed.graph["subcircuit"] = {**described, "text": _parametrised(described["text"], described["name"])}
    return changed


@lru_cache(maxsize=16)
def _parametrised(text: str, top: str) -> str:
    lines, definitions = text.splitlines(), _read(text)
    if not _paths(definitions, top):
        raise ValueError(
            f"{top} has no transistor of its own (an element M): a draw of mismatch can't reach into a process's "
            "subcircuits; name the process's models themselves (elements M), or leave mismatch = 0"
        )
    for name in _below(definitions, top):
        _rewrite(lines, definitions, name)
    return "\n".join(lines)


def areas(graph: Network) -> tuple[float, ...] | None:
    """Gate area of every transistor, m², in the order of `transistors`; None where a w, l or m is no plain number."""
    described = graph.graph["subcircuit"]
    return _areas(described["text"], described["name"])


@lru_cache(maxsize=16)
def _areas(text: str, top: str) -> tuple[float, ...] | None:
    lines, definitions = text.splitlines(), _read(text)

    def below(name: str) -> list[float]:
        own = [_area_of(lines[at]) for at, _ in definitions[name].transistors]
        used = [inner for _, _, inner in definitions[name].uses if inner in definitions]
        return [*own, *(area for inner in used for area in below(inner))]

    try:
        return tuple(below(top))
    except ValueError:
        return None


def mismatched(graph: Network, found: tuple[float, ...]) -> dict[tuple[str, str], float]:
    """What a draw that is written in makes of the transistors, by flattened name and parameter; alike without one.

    found : [transistor], their areas, m²
    """
    drawn = graph.graph["subcircuit"]["parameters"] if has_draw(graph) else {}
    values: dict[tuple[str, str], float] = {}
    for k, (name, area) in enumerate(zip(transistors(graph), found, strict=True)):
        threshold, gain = (drawn.get(key, 0.0) / np.sqrt(area) for key in _pair(k))
        values |= {(name, "delvto"): float(threshold), (name, "mulu0"): float(1 + gain)}
    return values


def has_draw(graph: Network) -> bool:
    """Whether a draw is written into a block."""
    return any(_DRAWN.fullmatch(key) for key in graph.graph["subcircuit"]["parameters"])


def _pair(k: int) -> tuple[str, str]:
    return f"drawn_v{k}", f"drawn_b{k}"  # V·m and m: still to be divided by the root of the area


@lru_cache(maxsize=16)
def _read(text: str) -> dict[str, _Definition]:
    """Its definitions by name, for nobody to change: a sign-off asks them of one text at every point."""
    found: dict[str, _Definition] = {}
    inside: list[str] = []
    for k, line in enumerate(text.splitlines()):
        words = _SPACED.sub("=", line.lower()).split()
        if not words:
            continue
        if words[0] in {".subckt", ".macro"}:
            inside.append(words[1])
            found[words[1]] = _Definition(k)
        elif words[0] in {".ends", ".eom"} and inside:
            inside.pop()
        elif inside and words[0][0] == "m":
            found[inside[-1]].transistors.append((k, words[0]))
        elif inside and words[0][0] == "x":
            plain = [word for word in words if "=" not in word and word != "params:"]
            found[inside[-1]].uses.append((k, words[0], plain[-1]))
    return found


def _area_of(line: str) -> float:
    """In m². Raises ValueError where w, l or m is no plain number."""
    given = _given(line)
    return math.prod(_number(given[name]) for name in ("w", "l", "m") if name in given)


def _number(text: str) -> float:
    found = _NUMBER.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(text)
    return float(found[1]) * SCALES[found[2] or ""]


def _given(line: str) -> dict[str, str]:
    return {name.lower(): value.strip("{}'") for name, value in _ASSIGNED.findall(line)}


def _area(line: str, where: str) -> str:
    given = _given(line)
    if not {"w", "l"} <= given.keys():
        raise ValueError(f"a transistor of {where} has no w and l, which its mismatch follows from: {line.strip()}")
    return "*".join(f"({given[name]})" for name in ("w", "l", "m") if name in given)


def _paths(definitions: Mapping[str, _Definition], name: str) -> list[str]:
    """The transistors below a subcircuit in the order of its parameters; those of unknown subcircuits are none of ours.

    A process brings its models as subcircuits, which its own file defines.
    """
    if name not in definitions:
        return []
    own = [element for _, element in definitions[name].transistors]
    used = definitions[name].uses
    return [*own, *(f"{element}.{path}" for _, element, inner in used for path in _paths(definitions, inner))]


def _below(definitions: Mapping[str, _Definition], name: str) -> dict[str, None]:
    """The subcircuits that a block is made of, itself first."""
    found = {name: None}
    for _, _, inner in definitions[name].uses:
        if inner in definitions:
            found |= _below(definitions, inner)
    return found


def _rewrite(lines: list[str], definitions: Mapping[str, _Definition], name: str) -> None:
    definition = definitions[name]
    count = len(_paths(definitions, name))
    heads = "".join(f" {key}=0" for k in range(count) for key in _pair(k))
    lines[definition.opened] += heads
    for k, (at, _) in enumerate(definition.transistors):
        threshold, gain = _pair(k)
        area = _area(lines[at], name)
        lines[at] += f" delvto={{{threshold}/sqrt({area})}} mulu0={{1+{gain}/sqrt({area})}}"
    k = len(definition.transistors)
    for at, _, inner in definition.uses:
        below = len(_paths(definitions, inner))
        for j in range(below):
            lines[at] += "".join(f" {own}={{{outer}}}" for own, outer in zip(_pair(j), _pair(k + j), strict=True))
        k += below
