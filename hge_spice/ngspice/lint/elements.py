"""Elements one by one: missing values and models, calls that don't fit, numbers that ngspice reads otherwise."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import takewhile

from hge_spice.ngspice.lint.expressions import BEHAVED, NUMERIC, check_expression, expressions_of
from hge_spice.ngspice.lint.sheet import MODEL_AT, NUMBER, Element, Scope, model_at, split_words
from hge_spice.ngspice.statements import Finding, Statement

_MISSING = {"r": "1 mΩ", "c": "0 F", "l": "0 H"}  # what ngspice takes for an element without a value
_VALUES = {  # what gives them one: on the element, in their model's card
    "r": ({"r", "resistance"}, ("r=", "rsh=", "res=", "resistance=")),
    "c": ({"c", "capacitance", "q"}, ("c=", "cj=", "cjsw=", "cap=", "capacitance=")),
    "l": ({"l", "inductance", "flux"}, ("l=", "ind=", "inductance=")),
}
_LETTER = {
    "nmos": "M",
    "pmos": "M",
    "npn": "Q",
    "pnp": "Q",
    "njf": "J",
    "pjf": "J",
    "d": "D",
    "r": "R",
    "c": "C",
    "l": "L",
}
_CONSTANT = re.compile(r"[+-]?[\d.][\w.+-]*")
_NAME = re.compile(r"(?<![\w.])[a-z_]\w*")
_GIVEN = re.compile(r"([a-z_]\w*) ?= ?(\{[^{}]*\}|'[^']*'|[^ ]+)")
_UNITS = frozenset(re.findall(r"\w+", "ohm ohms r v s sec hz h c w deg cm"))


def check_element(element: Element, scope: Scope) -> Iterator[Finding]:
    """What ngspice would get wrong of one element, by its letter, without a word."""
    statement = element.statement
    own = _formals(element, scope) if element.letter == "x" else ()
    for body, behaved in expressions_of(statement.text.lower()):
        yield from check_expression(statement, body, BEHAVED if behaved else NUMERIC, scope, own)
    check = {"x": _call, "r": _passive, "c": _passive, "l": _passive, "v": _source, "i": _source}.get(element.letter)
    if check:
        yield from check(element, scope)
    elif element.letter in MODEL_AT or element.letter in "ap":
        place = model_at(element.words, scope) if element.letter in MODEL_AT else len(element.words) - 1
        name = next(iter(element.words[place:]), "(none)")
        if not scope.model(name):
            yield statement.finding(f"model {name} is not defined{_instead(name, scope)}", fatal=True)
    else:
        yield from _controlled(element, scope)
    if "temper" in element.nodes:
        yield statement.finding("a node named temper, of which ngspice dies; rename it", fatal=True)
    yield from _numbers(element)


def _instead(name: str, scope: Scope) -> str:
    """What is defined here and may have been meant, with the letter of the element that it is for."""
    known = {}
    for each in scope.up():
        for model, card in each.models.items():
            kind = next(iter(card.text.lower().replace("(", " ").split()[2:3]), "")
            known[model.partition(".")[0]] = f"model {model.partition('.')[0]} (an element {_LETTER.get(kind, kind)})"
        known |= {cell: f"subcircuit {cell} (an element X)" for cell in each.subcircuits if cell != scope.name}
    close = get_close_matches(name, known, n=2, cutoff=0.7)
    if close:
        return f"; there is {', '.join(known[each] for each in close)}"
    return "; define it, include its file, or name the process that has it in [pdk]"


def _formals(element: Element, scope: Scope) -> set[str]:
    """What the values of a call may be made of: the parameters of what is called, but for those that need themselves.

    ngspice sets them all, in whatever order they are given, before it works out what is called: xschem writes a
    transistor's areas so, `ad='W/nf * 0.29'`.
    """
    callee = scope.subcircuit(element.called)
    if callee is None:
        return set()
    known = callee.formals | {name for name, (_, body) in callee.params.items() if _CONSTANT.fullmatch(body)}
    needs = {name: set(_NAME.findall(body)) & known for name, body in _GIVEN.findall(element.statement.text.lower())}
    for _ in needs:  # each turn looks one step further
        needs = {name: used.union(*(needs.get(each, ()) for each in used)) for name, used in needs.items()}
    return {name for name in known if name not in needs.get(name, ())}


def _call(element: Element, scope: Scope) -> Iterator[Finding]:
    name = element.called
    callee = scope.subcircuit(name)
    if callee is None:
        yield element.statement.finding(f"subcircuit {name} is not defined{_instead(name, scope)}", fatal=True)
        return
    if len(element.nodes) != len(callee.pins):
        problem = f"{len(element.nodes)} nodes for {name}, which has {len(callee.pins)} pins"
        yield element.statement.finding(problem, fatal=True)
    given = {word.partition("=")[0] for word in element.words if "=" in word}
    for odd in sorted(given - callee.formals - callee.params.keys() - {"m"}):
        yield element.statement.finding(f"{name} has no parameter {odd}; ngspice stays dead", fatal=True)


def _passive(element: Element, scope: Scope) -> Iterator[Finding]:
    letter, words, statement = element.letter, element.words, element.statement
    bare = list(takewhile(lambda word: "=" not in word, words[3:]))
    models = [model.text.lower().replace(" =", "=") for model in map(scope.model, bare) if model]
    values = [word for word in bare if not scope.model(word)]
    for word in values:
        if word[0] not in "{+-.0123456789" and not scope.knows(word):
            yield statement.finding(f"{word} is neither a value, a parameter nor a model here", fatal=True)
            return
    keys, cards = _VALUES[letter]
    named = any(word.partition("=")[0] in keys for word in words)
    if not values and not named and not any(card in model for model in models for card in cards):
        yield statement.finding(f"{words[0]} has no value; ngspice takes {_MISSING[letter]} without a word", fatal=True)
    if letter == "r" and len(values) > 1:
        yield statement.finding(f"{words[0]} has {len(values)} values; ngspice takes the last: give one", fatal=True)


def _source(element: Element, _: Scope) -> Iterator[Finding]:
    if len(element.words) < 4:
        yield element.statement.finding(f"{element.words[0]} has no value; ngspice takes 0")
    if any(word in {"trnoise", "trrandom"} for word in element.words):
        yield element.statement.finding("noise of ngspice's own can't be seeded; give a table to repeat it")


def _controlled(element: Element, scope: Scope) -> Iterator[Finding]:
    words, letter = element.words, element.letter
    if letter == "b" and "=" not in element.statement.text:
        yield element.statement.finding("a B source without v= or i=; ngspice dies", fatal=True)
    elif letter in "eg" and len(words) < 6 and not element.behavioural:
        yield element.statement.finding("not `nodes control-nodes gain`; ngspice drops the circuit", fatal=True)
    elif letter in "fh" and words[3:4] != ["poly"] and not any(words[3:4] == e.words[:1] for e in scope.elements):
        yield element.statement.finding(f"there is no source {' '.join(words[3:4])} for it to follow", fatal=True)


def _numbers(element: Element) -> Iterator[Finding]:
    """Numbers that ngspice reads otherwise than they look; case matters to the eye alone, so the original is taken."""
    letter, statement = element.letter, element.statement
    words = split_words(statement.text)[1 + len(element.nodes) :]
    plain = [word for word in words if "=" not in word] if letter in "rclviefgh" else []
    for word in (*plain, *(word.partition("=")[2] for word in words if letter not in "ab" and "=" in word)):
        found = NUMBER.match(word)
        if not found:
            continue
        number, factor, unit, rest = found.groups()
        if rest or (unit.lower() == "e" and not factor):
            yield statement.finding(f"{word}: ngspice reads {number}{factor or ''} and drops the rest", fatal=True)
        elif factor == "M":
            yield statement.finding(f"{word}: M is milli, as m is; write meg for a million")
        elif factor == "F" and letter == "c" and not unit:
            yield statement.finding(f"{word}: F is femto, not farad")
        elif factor in {"a", "A"}:
            yield statement.finding(f"{word}: a is nothing in ngspice 39 and atto in later ones; write e-18")
        elif not factor and unit and unit.lower() not in _UNITS:
            yield statement.finding(f"{word}: ngspice reads {number} and drops the letters")


def check_duplicates(scope: Scope) -> Iterator[Finding]:
    """Second subcircuits, elements and models of one name, of which ngspice silently takes one."""
    for again in scope.repeated:
        first = scope.subcircuits[again.name]
        if (first.pins, first.texts) != (again.pins, again.texts):
            where = f"{first.start.file}:{first.start.line}"
            yield again.start.finding(f"a second subcircuit {again.name}; ngspice takes the one of {where}", fatal=True)
    names: dict[str, Statement] = {}
    spelt: dict[str, str] = {}
    for element in scope.elements:
        statement = element.statement
        was = statement if element.conditional else names.setdefault(element.words[0], statement)
        if was is not statement:
            case = ", as case does not count" if was.text.split(" ")[0] != statement.text.split(" ")[0] else ""
            problem = f"{element.words[0]} is there already ({was.file}:{was.line}){case}; ngspice refuses it"
            yield statement.finding(problem, fatal=True)
        for node, original in zip(element.nodes, split_words(statement.text)[1:], strict=False):
            if original.lower() == node and spelt.setdefault(node, original) != original:
                yield statement.finding(f"node {original} is the same as {spelt[node]}: case does not count")
                spelt[node] = original
