"""A block of the user's own in another simulator's SPICE: each statement that is known there, or a refusal by its line.

What two simulators read alike passes as it stands; what is known to be written otherwise is translated; hints to
ngspice's own solver are left out with a word; all else is refused, since nothing here could say what it would become.
Sources: Xyce's Reference Guide 7.8 (`.MODEL`, `.SUBCKT`, X, B, M, the tables of devices' parameters, "Incompatibilities
with Other Circuit Simulators"); Cadence's Spectre Circuit Simulator User Guide 23.1 ("Spectre Netlists": SPICE after
`simulator lang=spice`) and, for transistors' levels and expressions there, HSPICE's language.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from hge_spice.devices.subcircuit import own_lines
from hge_spice.graph import Network

_WORD = re.compile(r"(?:[^\s{}']|\{[^{}]*\}|'[^']*')+")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?[a-z]*")
_ONE = r"(?:\{[^{}]*\}|'[^']*'|[^ (){}']+)"  # a number, a parameter or an expression
_HOLE = re.compile(r"\{([^{}]*)\}|'([^']*)'")
_NAME = re.compile(r"(?<![\w.])[a-z_]\w*")
_QUOTES = "{}' "
_CALLED = re.compile(r"([a-z_]\w*)\s*\(")
_PROBED = re.compile(r"\b[vi]\(|\b(?:time|temper|hertz)\b")
ALIKE = frozenset(
    re.findall(r"\w+", "abs acos acosh asin asinh atan atanh ceil cos cosh exp floor int log log10 max min")
)
ALIKE |= frozenset({"sin", "sinh", "sqrt", "tan", "tanh"})
OF_A_TRANSISTOR = frozenset(re.findall(r"\w+", "l w ad as pd ps nrd nrs m nf sa sb sd"))
_WAVES = re.compile(r"(?:sin|pulse|pwl|exp)\(? ?[^()a-z=]*(?:[a-z][^()a-z=]*)*\)?")
_TYPES = {"d": "d", "npn": "q", "pnp": "q", "njf": "j", "pjf": "j", "nmos": "m", "pmos": "m", "r": "r", "c": "c"}


@dataclass(frozen=True)
class Language:
    """What another simulator's SPICE has.

    quotes : around an expression; functions : that it may call; levels : of MOSFETs, what ngspice's become
    keys : parameters of instances, by letter; models : parameters of models of level 1 by letter, None for any
    behavioural : whether it has ngspice's B sources; calls : keyword before the parameters of a call or a .subckt
    multiplied : whether a call can stand for several
    """

    name: str
    quotes: tuple[str, str]
    functions: frozenset[str]
    levels: Mapping[str, str]
    keys: Mapping[str, frozenset[str]]
    models: Mapping[str, frozenset[str] | None]
    behavioural: bool
    calls: str = ""
    multiplied: bool = True


@dataclass
class Translated:
    """A block's lines in another language, and what is to be said of them."""

    lines: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Statement:
    text: str
    words: list[str]
    where: str
    language: Language

    def refusal(self, problem: str) -> ValueError:
        return ValueError(
            f"{self.where}: {problem}; `{self.text[:60]}` can't be handed to {self.language.name} as it is"
        )


def translated(graph: Network, language: Language, modules: Mapping[str, str]) -> Translated:
    """The text of a block in another language, line by line.

    modules : subcircuits that the language has otherwise, by name, each with its text; left out where it is the same

    Raises ValueError for a line that isn't known there, with its place.
    """
    found = Translated()
    lines = own_lines(graph)
    models = {line.split()[1].partition(".")[0] for line, _ in lines if line.startswith(".model ")}
    left_out = _replaced([line for line, _ in lines], modules)
    for k, (line, where) in enumerate(lines):
        if k in left_out:
            continue
        if not where:  # a card that loads a process: it isn't the user's
            found.lines.append(line)
            continue
        text = re.sub(r"\s*=\s*", "=", line)
        statement = _Statement(text, _WORD.findall(text), where, language)
        card = statement.words[0] if text.startswith(".") else text[0]
        if card in _LEFT_OUT:
            _refuse_scale(statement)
            found.remarks.append(f"left out, {_LEFT_OUT[card]}: {where}: {text}")
        elif card in _CARDS:
            found.lines.append(_CARDS[card](statement, models, found.remarks))
        else:
            raise statement.refusal(f"{_UNKNOWN.get(card, f'{card} has no counterpart')}")
    return found


def said_of(block: Translated, vectors: Iterable[str]) -> list[str]:
    """What stands at the top of a deck with a block in it; vectors : those that were asked for.

    Quantities of devices have other names in each simulator: they are left out.
    """
    if not block.lines:
        return []
    lost = [name for name in vectors if name.startswith("@")]
    process = [line for line in block.lines if line.lower().startswith((".lib", ".include"))]
    return [
        "the block's statements are its own, each of a form that this simulator is known to read alike; its models'",
        "parameters go by the names that ngspice has for them",
        *(f"put this simulator's models of the process in the place of: {line}" for line in process),
        *block.remarks,
        *(f"left out, a name of ngspice's: {name}" for name in lost),
    ]


def _replaced(lines: list[str], modules: Mapping[str, str]) -> set[int]:
    """Which lines are of subcircuits that the other language has as modules."""
    out: set[int] = set()
    for k, line in enumerate(lines):
        name = line.split()[1] if line.startswith(".subckt ") else ""
        if name in modules:
            end = next((j for j in range(k, len(lines)) if lines[j].startswith(".ends")), len(lines) - 1)
            if lines[k : end + 1] == modules[name].splitlines():
                out |= set(range(k, end + 1))
    return out


def _expression(statement: _Statement, body: str, *, moving: bool = False) -> str:
    """An expression in the other language's quotes; moving : evaluated during the run, of voltages and currents."""
    if not moving and _PROBED.search(body):
        raise statement.refusal("a value that follows a voltage, a current or the time")
    allowed = statement.language.functions | ({"v", "i"} if moving else set())
    for name in _CALLED.findall(body):
        if name not in allowed:
            raise statement.refusal(f"{name}(…) isn't known to mean the same")
    if re.search(r"[&|!~%\\\"]|\btemper\b|\bhertz\b", body.replace("!=", "")):
        raise statement.refusal("an expression with more than sums, products, powers, comparisons and functions")
    before, after = statement.language.quotes
    return f"{before}{body.strip().replace('^', '**')}{after}"


def _value(statement: _Statement, word: str) -> str:
    """A number as it stands, a parameter or an expression in the other language's quotes."""
    if _NUMBER.fullmatch(word):
        return word
    hole = _HOLE.fullmatch(word)
    return _expression(statement, (hole[1] or hole[2] or "") if hole else word)


def _given(statement: _Statement, words: list[str], known: frozenset[str] | None) -> list[str]:
    """Parameters `name=value`; known : those that there may be, None for any."""
    out = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not value:
            raise statement.refusal(f"{word!r} is no name=value; write expressions in braces, without spaces outside")
        if known is not None and name not in known:
            raise statement.refusal(f"parameter {name} isn't one that both have")
        out.append(f"{name}={_value(statement, value)}")
    return out


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    first = next((k for k, word in enumerate(words) if "=" in word), len(words))
    return words[:first], words[first:]


def _subckt(statement: _Statement, _: set[str], __: list[str]) -> str:
    plain, given = _split([word for word in statement.words if word != "params:"])
    calls = [statement.language.calls] if given and statement.language.calls else []
    return " ".join([*plain, *calls, *_given(statement, given, None)])


def _call(statement: _Statement, _: set[str], __: list[str]) -> str:
    plain, given = _split([word for word in statement.words if word != "params:"])
    several = [word for word in given if word.startswith("m=") and word != "m=1"]
    if several and not statement.language.multiplied:
        raise statement.refusal(f"{several[0]} of a call isn't supported there, and would be lost without a word")
    given = [word for word in given if statement.language.multiplied or word != "m=1"]
    calls = [statement.language.calls] if given and statement.language.calls else []
    return " ".join([*plain, *calls, *_given(statement, _outside(given), None)])


def _outside(given: list[str]) -> list[str]:
    """Values of a call in terms of what is known outside of it; to ngspice they may be made of each other."""
    values = dict(word.partition("=")[::2] for word in given)

    def seen(name: str, body: str, depth: int) -> str:
        def put(found: re.Match[str]) -> str:
            other = found[0]
            if other == name or other not in values or depth > len(values):
                return other
            return f"({seen(other, values[other].strip(_QUOTES), depth + 1)})"

        return _NAME.sub(put, body)

    return [
        f"{name}={{{seen(name, body.strip(_QUOTES), 0)}}}" if body[:1] in {"{", "'"} else f"{name}={body}"
        for name, body in values.items()
    ]


def _param(statement: _Statement, _: set[str], __: list[str]) -> str:
    return " ".join([".param", *_given(statement, statement.words[1:], None)])


def _as_it_is(statement: _Statement, _: set[str], __: list[str]) -> str:
    return statement.text


def _passive(statement: _Statement, models: set[str], _: list[str]) -> str:
    plain, given = _split(statement.words)
    values = [word if word in models else _value(statement, word) for word in plain[3:]]
    return " ".join([*plain[:3], *values, *_given(statement, given, statement.language.keys[statement.text[0]])])


def _coupled(statement: _Statement, _: set[str], __: list[str]) -> str:
    return " ".join([*statement.words[:3], *(_value(statement, word) for word in statement.words[3:])])


def _source(statement: _Statement, _: set[str], __: list[str]) -> str:
    rest = " ".join(statement.words[3:])
    still = re.fullmatch(rf"(?:(dc|ac) )?({_ONE})(?: (ac) ({_ONE})( {_ONE})?)?", rest)
    if still is not None and still[1] != "ac":
        more = f" ac {_value(statement, still[4])}{still[5] or ''}" if still[3] else ""
        return f"{' '.join(statement.words[:3])} dc {_value(statement, still[2])}{more}"
    if not _WAVES.fullmatch(re.sub(r"^dc [^ ]+ ", "", rest)):
        raise statement.refusal("a source that is neither constant nor sin, pulse, pwl or exp of plain numbers")
    return statement.text


def _controlled(statement: _Statement, _: set[str], __: list[str]) -> str:
    words, letter = statement.words, statement.text[0]
    count = 5 if letter in "eg" else 4
    if len(words) == count + 1 and "=" not in statement.text and words[3] != "poly":
        return " ".join([*words[:count], _value(statement, words[count])])
    body = re.fullmatch(r"\S+ \S+ \S+ (vol|cur|value)=(.+)", statement.text)
    if body is not None and letter in "eg" and statement.language.behavioural:
        return f"{' '.join(words[:3])} value={_expression(statement, body[2].strip(_QUOTES), moving=True)}"
    raise statement.refusal("a controlled source that is not linear")


def _behavioural(statement: _Statement, _: set[str], __: list[str]) -> str:
    found = re.fullmatch(r"(\S+ \S+ \S+) ([iv])=(.+)", statement.text)
    if not statement.language.behavioural:
        raise statement.refusal("a B source; write it as a Verilog-A module, as elements of ours are")
    if found is None:
        raise statement.refusal("a B source with more than an expression")
    body = found[3].strip()
    body = body[1:-1] if body[0] == "{" and body[-1] == "}" else body
    return f"{found[1]} {found[2]}={_expression(statement, re.sub(r'[{}]', ' ', body), moving=True)}"


def _device(statement: _Statement, _: set[str], __: list[str]) -> str:
    plain, given = _split(statement.words)
    keys = statement.language.keys[statement.text[0]]
    off = [word for word in plain if word == "off"]
    if off:
        raise statement.refusal("off is a hint to ngspice's operating point; leave it out")
    return " ".join([*plain, *_given(statement, given, keys)])


def _model(statement: _Statement, _: set[str], remarks: list[str]) -> str:
    language = statement.language
    found = re.fullmatch(r"\.model (\S+) ([a-z]+) ?\(?(.*?)\)?", statement.text)
    letter = _TYPES.get(found[2]) if found else None
    if found is None or letter is None or letter not in language.models:
        raise statement.refusal("a model of a kind that isn't known to be the same")
    given = dict(word.partition("=")[::2] for word in _WORD.findall(found[3].replace(",", " ")))
    level = given.pop("level", "1").partition(".")[0]
    levels = language.levels if letter == "m" else {"1": "1"}
    if level not in levels:
        raise statement.refusal(f"level {level} of ngspice, which has no counterpart by a known number")
    if levels[level] != level:
        remarks.append(f"level {level} is level {levels[level]} here: {statement.where}")
    known = language.models[letter] if level == "1" else None
    body = " ".join(_given(statement, [f"{name}={value}" for name, value in given.items()], known))
    said = f"level={levels[level]} " if letter == "m" or level != "1" else ""
    return f".model {found[1]} {found[2]} ({said}{body})"


def _refuse_scale(statement: _Statement) -> None:
    if any(word.startswith(("scale=", "scalm=")) for word in statement.words):
        raise statement.refusal("sizes in units of their own; give them in metres")


_Rule = Callable[[_Statement, set[str], list[str]], str]
_LEFT_OUT = {
    **dict.fromkeys((".options", ".option", ".opt"), "a setting of ngspice's solver"),
    ".nodeset": "a hint to ngspice's operating point",
}
_CARDS: dict[str, _Rule] = {
    **dict.fromkeys((".subckt", ".macro"), _subckt),
    **dict.fromkeys((".ends", ".eom", ".global"), _as_it_is),
    **dict.fromkeys((".param", ".params", ".parameters"), _param),
    ".model": _model,
    **dict.fromkeys("rcl", _passive),
    "k": _coupled,
    **dict.fromkeys("vi", _source),
    **dict.fromkeys("efgh", _controlled),
    "b": _behavioural,
    **dict.fromkeys("dqjm", _device),
    "x": _call,
}
_UNKNOWN = {
    "a": "a code model of XSPICE",
    "s": "a switch, which is smooth elsewhere and jumps in ngspice",
    "w": "a switch, which is smooth elsewhere and jumps in ngspice",
    ".ic": "an initial condition inside the block; say it in the deck itself",
    ".if": "a netlist that depends on conditions",
    ".func": "a function of the netlist's own; write it out where it is used",
}
