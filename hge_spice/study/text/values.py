"""Readers of single values: each takes what TOML has for a key and gives what we keep, or raises ValueError."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hge_spice.study.text.files import DISTRIBUTIONS, RANGES, SWEEP_OPTIONS, flatten, is_range, suggestion
from hge_spice.study.text.units import quantity, render

T = TypeVar("T")
LONGEST_CHOICE = 70  # characters of names that are listed where they may stand; longer lists have a name of their own


@dataclass(frozen=True)
class Reader(Generic[T]):
    """Reads one value, and can say of itself what it takes.

    takes : in words, for `hge-spice list keys`; dimension : of the quantities in what is kept, as units.py names it
    """

    read: Callable[[Any], T]
    takes: str
    dimension: str = "ratio"

    def __call__(self, value: Any) -> T:
        """What is kept of a value. Raises ValueError."""
        return self.read(value)


Read = Reader[Any]


def takes(words: str, dimension: str = "ratio") -> Callable[[Callable[[Any], T]], Reader[T]]:
    """Make a reader of a function, with what it takes in words."""
    return lambda read: Reader(read, words, dimension)


def si(dimension: str, above: float | None = None, least: float | None = None, below: float | None = None) -> Read:
    """A quantity, kept in SI units, within bounds."""

    def read(value: Any) -> float:
        number = quantity(value, dimension)
        if above is not None and number <= above:
            raise ValueError(f"{value!r} should be above {render(above, dimension)}")
        if least is not None and number < least:
            raise ValueError(f"{value!r} should be {render(least, dimension)} or more")
        if below is not None and number >= below:
            raise ValueError(f"{value!r} should be below {render(below, dimension)}")
        return number

    words = ["number" if dimension == "ratio" else dimension]
    words += [] if above is None else [f"above {render(above, dimension)}"]
    words += [] if least is None else [f"{render(least, dimension)} or more"]
    words += [] if below is None else [f"below {render(below, dimension)}"]
    return Reader(read, ", ".join(words), dimension)


def whole(least: int, most: int = 2**63 - 1) -> Read:
    """A whole number; TOML's go up to 2⁶³ − 1."""
    bounds = f"{least} up to {most}" if most < 2**63 - 1 else f"{least} or more"

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"{value!r} should be a whole number, {bounds}")
        return value

    return Reader(read, f"whole number, {bounds}")


@takes("text")
def text(value: Any) -> str:
    """A text; ValueError for anything else, as pydantic wants it."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} should be a text")  # noqa: TRY004 (pydantic collects ValueErrors)
    return value


def one_of(what: str, known: Iterable[str]) -> Read:
    """A name that is known."""

    def read(value: Any) -> str:
        if text(value) not in known:
            raise ValueError(f"unknown {what} {value!r}{suggestion(value, known)}")
        return str(value)

    every = " or ".join(map(_quoted, known))
    return Reader(read, every if len(every) <= LONGEST_CHOICE else f"a known {what}")


def list_of(read: Read, least: int = 0) -> Read:
    """A list of values that are read alike."""

    def read_list(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{value!r} should be a list")  # noqa: TRY004 - a value
        if len(value) < least:
            raise ValueError(f"{value!r} should have {least} or more")
        return tuple(read(item) for item in value)

    several = f"list of {least} or more" if least > 1 else "list"
    return Reader(read_list, f"{several}, each {read.takes}", read.dimension)


def _quoted(word: str) -> str:
    return f'"{word}"'


def or_auto(read: Read) -> Read:
    """The word "auto", or a value."""
    return or_word(("auto",), read)


def or_word(words: tuple[str, ...], read: Read) -> Read:
    """One of some words, or a value."""

    def read_or_word(value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return value
        try:
            return read(value)
        except ValueError as error:
            raise ValueError(f"{error} (or {', '.join(map(repr, words))})") from error

    return Reader(read_or_word, " or ".join([*map(_quoted, words), read.takes]), read.dimension)


def or_none(read: Read) -> Read:
    """The word "none", kept as None, or a value."""
    either = or_word(("none",), read)
    return Reader(
        lambda value: None if value is None or either(value) == "none" else read(value), either.takes, read.dimension
    )


def one_or_list(read: Read) -> Read:
    """One value, or a list of them."""
    several = list_of(read, least=1)
    return Reader(
        lambda value: several(value) if isinstance(value, list | tuple) else read(value),
        f"{read.takes}; or {several.takes}",
        read.dimension,
    )


def interval(read: Read) -> Read:
    """A pair, low before high."""

    def read_interval(value: Any) -> tuple[float, float]:
        ends = list_of(read)(value)
        if len(ends) != 2 or not ends[0] < ends[1]:
            raise ValueError(f"{value!r} should be two values, the lower first")
        return ends[0], ends[1]

    return Reader(read_interval, f"[low, high], each {read.takes}", read.dimension)


@takes("[low, high], each voltage; or a list of one such pair per input", "voltage")
def level_pairs(value: Any) -> tuple[tuple[float, float], ...]:
    """One (low, high) pair for all inputs, or a list of one per input, V; always given back as a list."""
    pair = interval(si("voltage"))
    nested = isinstance(value, list | tuple) and any(isinstance(item, list | tuple) for item in value)
    return list_of(pair)(value) if nested else (pair(value),)


def distinct(read: Read, why: str) -> Read:
    """A list in which nothing comes twice."""

    def read_distinct(value: Any) -> tuple[Any, ...]:
        items: tuple[Any, ...] = read(value)
        twice = [item for item, count in Counter(items).items() if count > 1]
        if twice:
            raise ValueError(f"{value!r} has {twice[0]!r} more than once; {why}")
        return items

    return Reader(read_distinct, f"{read.takes}, none twice", read.dimension)


@takes("[of the zeros, of the ones], each current, or voltage where the output is one", "current")
def two_currents(value: Any) -> tuple[float, float]:
    """Output currents of the two classes, A; either may be the larger."""
    ends = list_of(si("current"))(value)
    if len(ends) != 2 or ends[0] == ends[1]:
        raise ValueError(f"{value!r} should be two different currents: of the zeros, of the ones")
    return ends[0], ends[1]


@takes("table")
def table(value: Any) -> dict[str, Any]:
    """A TOML table; ValueError for anything else, as pydantic wants it."""
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} should be a table")  # noqa: TRY004 - a value
    return value


@takes("table of dotted keys, each with a list, a range, corners or a distribution")
def swept(value: Any) -> dict[str, Any]:
    """Dotted keys with lists, ranges, corners or distributions, and options.

    Only their shape: the values are judged in each trial's study.
    """
    flat = flatten(table(value))
    for key, values in flat.items():
        if key in SWEEP_OPTIONS:
            continue
        kind, given = next(iter(values.items())) if is_range(values) and len(values) == 1 else ("", values)
        fits = isinstance(given, list) and bool(given)
        if fits and kind in RANGES:
            fits = len(given) == 3 and type(given[2]) is int and given[2] >= 2
        elif fits and kind and kind != "choice":
            fits = len(given) == (3 if kind == "corners" else 2)
        if not fits:
            kinds = " or ".join(f"{{ {name} = [first, last, number of 2 or more] }}" for name in RANGES)
            raise ValueError(
                f"{key!r} is {values!r}; it should be a list of values, {kinds}, {{ corners = [low, nominal, high] }}, "
                f"or a distribution: {', '.join(DISTRIBUTIONS)}"
            )
    return flat


@takes("true or false")
def yes_or_no(value: Any) -> bool:
    """Either true or false, and nothing that could be taken for one."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} should be true or false")  # noqa: TRY004 - what comes from a study file is a value
    return value


@takes("table of voltages by electrode", "voltage")
def voltages(value: Any) -> dict[str, float]:
    """A table of voltages by name, V."""
    read = {}
    for name, voltage in table(value).items():
        try:
            read[name] = quantity(voltage, "voltage")
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return read
