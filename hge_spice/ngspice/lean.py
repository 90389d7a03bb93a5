"""A deck without the models of a library that it can't use: ngspice takes a second to read all bins of a process.

What is loaded is the same circuit; a deck that is exported names library and section as they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_LIBRARY = re.compile(r'^\s*\.lib\s+"([^"]+)"\s+(\S+)\s*$', re.IGNORECASE)
_INCLUDE = re.compile(r"^\s*\.include\s+[\"']?([^\"'\n]+?)[\"']?\s*$", re.IGNORECASE | re.MULTILINE)
_FURTHER = re.compile(r"^\s*\.(?:include|lib)\b", re.IGNORECASE | re.MULTILINE)
_COMMENTS = re.compile(r"^[ \t]*\*.*\n?", re.MULTILINE)
_NEXT_CARD = re.compile(r"\n(?![ \t]*\+)")
_MODEL = re.compile(r"\s*\.model\s+(\S+)", re.IGNORECASE)
_WORD = re.compile(r"[\w.]+")
_GIVEN = re.compile(r"\b(lmin|lmax|wmin|wmax|w|l)\s*=\s*([^\s()]+)", re.IGNORECASE)
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(meg|[fpnumk]?)", re.IGNORECASE)
_SCALES = {"": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "meg": 1e6}
_SLACK = 1e-6  # of a bin's bounds: one bin too many does no harm
_RESCALED = re.compile(r"^\s*\.opt\S*\s.*\bscalm?e?\b", re.IGNORECASE | re.MULTILINE)

Sizes = dict[str, list[dict[str, float]]]  # what is known of transistors' w and l, m, by the name of their model


@dataclass(frozen=True)
class _Card:
    """A card of a library with its continuation lines; model : its name without a bin's number, "" for other cards."""

    model: str
    text: str
    bounds: dict[str, float]

    def fits(self, size: dict[str, float]) -> bool:
        """Whether a transistor may be in this bin, as far as both are known."""
        above = all(size[key] >= self.bounds.get(f"{key}min", 0.0) * (1 - _SLACK) for key in size)
        return above and all(size[key] <= self.bounds.get(f"{key}max", size[key]) * (1 + _SLACK) for key in size)


def lean(deck: str) -> str:
    """The deck with the text of each section that it loads, but for models that none of its elements can be of.

    A section stays as it is where it lies in files that include others. Of a model whose bins a transistor chooses by
    its size, those that can't be its are left out, unless something else in deck or sections has its name.
    """
    lines = deck.splitlines()
    sections = {k: _section(*found.groups()) for k, line in enumerate(lines) if (found := _LIBRARY.match(line))}
    if not any(sections.values()):
        return deck
    rest = [line.lower() for k, line in enumerate(lines) if k not in sections]
    others = [card for cards in sections.values() for card in cards if not card.model]
    sizes: Sizes = {}
    words = {word for card in others for word in _WORD.findall(card.text.lower())}
    for line in rest:
        named = _WORD.findall(line)
        if line.lstrip().startswith("m") and not _RESCALED.search(deck):
            for word in named:
                sizes.setdefault(word, []).append(_size(line))
        else:
            words.update(named)

    def used(card: _Card) -> bool:
        elsewhere = not card.model or card.model in words
        return elsewhere or any(card.fits(size) for size in sizes.get(card.model, ()))

    for k, cards in sections.items():
        if cards:
            lines[k] = "\n".join(card.text for card in cards if used(card))
    return "\n".join([*lines, ""])


def _size(line: str) -> dict[str, float]:
    """What a transistor's line says in plain numbers; the width of several fingers is one of them's, or isn't."""
    known = {"l"} if re.search(r"\bnf\s*=", line) else {"w", "l"}
    return {key: value for key, value in _numbers(line).items() if key in known}


def _numbers(text: str) -> dict[str, float]:
    found = {name.lower(): _NUMBER.fullmatch(value) for name, value in _GIVEN.findall(text)}
    return {name: float(hit[1]) * _SCALES[hit[2].lower()] for name, hit in found.items() if hit}


@lru_cache(maxsize=32)
def _section(library: str, section: str) -> tuple[_Card, ...]:
    """Cards of a section, read once in each process; none where it can't be told what all of them are."""
    path = Path(library)
    begin = rf"^\s*\.lib\s+{re.escape(section)}\s*$(.*?)^\s*\.endl"
    try:
        body = re.search(begin, path.read_text(errors="replace"), re.IGNORECASE | re.MULTILINE | re.DOTALL)
        if body is None:
            return ()
        named = _INCLUDE.findall(body[1])
        parts = [_INCLUDE.sub("", body[1]), *((path.parent / file).read_text(errors="replace") for file in named)]
    except OSError:
        return ()  # ngspice says what is wrong with it
    if any(_FURTHER.search(part) for part in parts):
        return ()
    return tuple(_cards("\n".join(parts)))


def _cards(text: str) -> Iterator[_Card]:
    for whole in _NEXT_CARD.split(_COMMENTS.sub("", text)):
        if whole.strip():
            found = _MODEL.match(whole)
            yield _Card(found[1].split(".")[0].lower() if found else "", whole, _bounds(whole) if found else {})


def _bounds(model: str) -> dict[str, float]:
    """Those of a bin: found by where they stand, for a library has megabytes."""
    text, places = model.lower(), list[int]()
    for key in ("lmin", "lmax", "wmin", "wmax"):
        place = text.find(key)
        while place >= 0:
            places.append(place)
            place = text.find(key, place + 1)
    return {key: value for place in places for key, value in _numbers(text[max(place - 1, 0) : place + 80]).items()}
