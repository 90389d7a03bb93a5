"""A deck without what it can't use of a library: ngspice takes one second to read all bins of a process, or seven.

What is loaded is the same circuit; a deck that is exported names library and section as they are.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from hge_spice.ngspice.pdk import DEEPEST

_LIBRARY = re.compile(r'^\s*\.lib\s+"([^"]+)"\s+(\S+)\s*$', re.IGNORECASE)
_ASKED = re.compile(
    r"^[ \t]*\.(include|inc|lib)[ \t]+(?:\"([^\"\n]+)\"|'([^'\n]+)'|(\S+))(?:[ \t]+(\S+))?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_FURTHER = re.compile(r"^\s*\.(?:inc|lib|if\b)", re.IGNORECASE | re.MULTILINE)
_COMMENTS = re.compile(r"^[ \t]*\*.*\n?", re.MULTILINE)
_NEXT_CARD = re.compile(r"\n(?![ \t]*\+)")
_FOLDED = re.compile(r"\n[ \t]*\+")
_SPECIAL = re.compile(r"[$;,]|//|\)\s*=(?!=)")  # remarks, commas or functions among parameters: the card stays whole
_OPENS, _CLOSES = frozenset({".subckt", ".macro"}), frozenset({".ends", ".eom"})
_MODEL = re.compile(r"\s*\.model\s+(\S+)", re.IGNORECASE)
_WORD = re.compile(r"[\w.]+")
_ASSIGNED = re.compile(r"(?<![\w.])([a-z_]\w*)\s*=(?!=)", re.IGNORECASE)
_GIVEN = re.compile(r"\b(lmin|lmax|wmin|wmax|w|l)\s*=\s*([^\s()]+)", re.IGNORECASE)
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(meg|[fpnumk]?)", re.IGNORECASE)
_SCALES = {"": 1.0, "f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "meg": 1e6}
_SLACK = 1e-6  # of a bin's bounds: one bin too many does no harm
_RESCALED = re.compile(r"^\s*\.opt\S*\s.*\bscalm?e?\b", re.IGNORECASE | re.MULTILINE)

Sizes = dict[str, list[dict[str, float]]]  # what is known of transistors' w and l, m, by the name of their model


@dataclass(frozen=True)
class _Card:
    """A card of a library with its continuation lines, a whole subcircuit, or one parameter that a card sets.

    name : of the model without a bin's number, the subcircuit or the parameter; "" for what always stays
    binned : whether a transistor chooses by its size among cards of this name
    """

    name: str
    text: str
    bounds: dict[str, float] = field(default_factory=dict)
    binned: bool = False

    def fits(self, size: dict[str, float]) -> bool:
        """Whether a transistor may be in this bin, as far as both are known."""
        above = all(size[key] >= self.bounds.get(f"{key}min", 0.0) * (1 - _SLACK) for key in size)
        return above and all(size[key] <= self.bounds.get(f"{key}max", size[key]) * (1 + _SLACK) for key in size)


def lean(deck: str) -> str:
    """The deck with the text of each section that it loads, but for what none of its elements can come to need.

    That is subcircuits and parameters that nothing names, by way of others either, and models. Of a model whose bins a
    transistor chooses by its size, those that can't be its are left out, unless something else has its name.
    A section stays as it is where it depends on conditions, or can't be read to its last file.
    """
    lines = deck.splitlines()
    sections = {k: _section(*found.groups()) for k, line in enumerate(lines) if (found := _LIBRARY.match(line))}
    if not any(sections.values()):
        return deck
    rest = [line.lower() for k, line in enumerate(lines) if k not in sections]
    cards = [card for every in sections.values() for card in every]
    staying = [card.text for card in cards if not card.name]
    in_plain_metres = not any(map(_RESCALED.search, (deck, *staying)))
    sizes: Sizes = {}
    sized = [line for line in rest if line.lstrip().startswith("m") and in_plain_metres]
    for line in sized:
        for word in _WORD.findall(line):
            sizes.setdefault(word, []).append(_size(line))
    elsewhere = _needed(cards, _words(*staying, *(line for line in rest if line not in sized)))
    models = [card for card in cards if card.binned]
    chosen = {id(card) for card in models if card.name in elsewhere or any(map(card.fits, sizes.get(card.name, ())))}
    texts = [*staying, *rest, *(card.text for card in models if id(card) in chosen)]
    others = _needed([card for card in cards if not card.binned], _words(*texts))

    def used(card: _Card) -> bool:
        return id(card) in chosen if card.binned else not card.name or card.name in others

    for k, every in sections.items():
        if every:
            lines[k] = "\n".join(card.text for card in every if used(card))
    return "\n".join([*lines, ""])


def _words(*texts: str) -> set[str]:
    return {word for text in texts for word in _WORD.findall(text.lower())}


def _needed(cards: Sequence[_Card], words: set[str]) -> set[str]:
    """Names that the words are, with those that what is named so needs in turn."""
    by_name: dict[str, list[_Card]] = {}
    for card in cards:
        by_name.setdefault(card.name, []).append(card)
    found, front = set[str](), words & by_name.keys()
    while front:
        found |= front
        reached = _words(*(card.text for name in front for card in by_name[name]))
        front = (reached & by_name.keys()) - found
    return found


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
    try:
        text = _flat(Path(library), section, Path(library).parent, 0)
    except (OSError, ValueError):
        return ()  # ngspice says what is wrong with it
    return () if _FURTHER.search(text) else tuple(_cards(text))


def _flat(file: Path, section: str | None, home: Path, depth: int) -> str:
    """A file or a section of it with all that it includes in its place, each where ngspice looks (`pdk._pieces`)."""
    if depth > DEEPEST:
        raise ValueError(file)
    text = file.read_text(errors="replace")
    if section is not None:
        begin = rf"^\s*\.lib\s+{re.escape(section)}\s*$(.*?)^\s*\.endl"
        body = re.search(begin, text, re.IGNORECASE | re.MULTILINE | re.DOTALL)
        if body is None:
            raise ValueError(section)
        text, home = body[1], file.parent

    def put(asked: re.Match[str]) -> str:
        name = asked[2] or asked[3] or asked[4]
        is_section = asked[1].lower() == "lib"
        if is_section != (asked[5] is not None):
            return asked[0]  # no file of one name; the section stays as it is
        return f"\n{_flat((home if is_section else file.parent) / name, asked[5], home, depth + 1)}\n"

    return _ASKED.sub(put, text)


def _cards(text: str) -> Iterator[_Card]:
    whole: list[str] = []  # of a subcircuit
    opened = 0
    for card in _NEXT_CARD.split(_COMMENTS.sub("", text)):
        kind = card.split(maxsplit=1)[0].lower() if card.strip() else ""
        opened += (kind in _OPENS) - (kind in _CLOSES)
        if whole or kind in _OPENS:
            whole.append(card)
            if opened <= 0:
                yield _Card(whole[0].split()[1].lower(), "\n".join(whole))
                whole = []
        elif found := _MODEL.match(card):
            yield _Card(found[1].split(".")[0].lower(), card, _bounds(card), binned=True)
        elif kind in {".param", ".params"} and not _SPECIAL.search(card):
            yield from _parameters(card)
        elif kind:
            yield _Card("", card)
    if whole:
        yield _Card("", "\n".join(whole))


def _parameters(card: str) -> Iterator[_Card]:
    body = _FOLDED.sub(" ", card).split(maxsplit=1)[-1]
    found = list(_ASSIGNED.finditer(body))
    for k, each in enumerate(found):
        end = found[k + 1].start() if k + 1 < len(found) else len(body)
        yield _Card(each[1].lower(), f".param {each[1]}={body[each.end() : end].strip()}")


def _bounds(model: str) -> dict[str, float]:
    """Those of a bin: found by where they stand, for a library has megabytes."""
    text, places = model.lower(), list[int]()
    for key in ("lmin", "lmax", "wmin", "wmax"):
        place = text.find(key)
        while place >= 0:
            places.append(place)
            place = text.find(key, place + 1)
    return {key: value for place in places for key, value in _numbers(text[max(place - 1, 0) : place + 80]).items()}
