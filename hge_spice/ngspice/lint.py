"""What ngspice accepts silently and gets wrong, found before load, with file and line.

Each check was tried on ngspice 39.3, and says what that did. It is no SPICE parser beyond what this needs: a netlist
that it finds nothing against can still be wrong, but then ngspice says so. `includes.py` reads a stranger's file.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from itertools import takewhile

from hge_spice.ngspice.includes import (
    CARDS,
    OPTIONS,
    SILENT,
    STICKY,
    Finding,
    Netlist,
    NetlistError,
    Statement,
    logical_lines,
    read_netlist,
    refuse_hazards,
)
from hge_spice.ngspice.session import COMMAND_LIMIT

__all__ = ["Finding", "Netlist", "NetlistError", "check_alter", "lint", "read_netlist"]

EXPANDED_LIMIT = 1_000_000  # elements; ten subcircuits of ten, six deep, are a small file and no small circuit
NESTED_LIMIT = 20  # subcircuits; ngspice expands 21 levels and calls the next one unknown
PINS_LIMIT = 1000  # ngspice's table of a subcircuit's nodes holds 1005 with the global ones; beyond, it stays dead

_GROUND = frozenset({"0", "gnd"})
_MODEL_AT = {"d": 3, "q": 4, "m": 4, "j": 4, "z": 4, "s": 5, "w": 4, "u": 4, "o": 5}  # first word that can be the model
_MISSING = {"r": "1 mΩ", "c": "0 F", "l": "0 H"}  # what ngspice takes for an element without a value
_VALUES = {  # what gives them one: on the element, in their model's card
    "r": ({"r", "resistance"}, ("r=", "rsh=", "res=", "resistance=")),
    "c": ({"c", "capacitance", "q"}, ("c=", "cj=", "cjsw=", "cap=", "capacitance=")),
    "l": ({"l", "inductance", "flux"}, ("l=", "ind=", "inductance=")),
}
_TWO_ENDS = frozenset("rlvehdqmjzsw")  # these conduct between their own nodes; of others that is not known here
_BEHAVIOURAL = frozenset({"value", "vol", "cur", "poly", "table", "laplace", "freq", "{}"})
_UNITS = frozenset(re.findall(r"\w+", "ohm ohms r v s sec hz h c w deg cm"))

_RANDOM = frozenset({"agauss", "gauss", "aunif", "unif", "limit"})
_RESERVED = frozenset({"temper", "time", "hertz"})
_SHARED = _RESERVED | frozenset(
    re.findall(
        r"\w+",
        "abs acos acosh asin asinh atan atanh ceil cos cosh exp floor ln log log10 max min nint pow pwr sgn sin sinh "
        "sqrt tan tanh ternary_fcn",
    )
)
_NUMERIC = _SHARED | _RANDOM | {"sqr", "arctan", "int"}  # in {…}: evaluated once, at load
_BEHAVED = _SHARED | frozenset(  # in B sources and what ngspice makes of E, G, and of R, C, L with v() in them
    re.findall(r"\w+", "pi e u u2 uramp pwl eq0 ne0 gt0 lt0 ge0 le0 ddt v i")
)

_LOOSE = str.maketrans("(),", "   ")
_HOLE = re.compile(r"\{([^{}]*)\}|'([^']*)'|\"[^\"]*\"")
_PROBE = re.compile(r"\bv\(([^()]*)\)")
_IDENTIFIER = re.compile(r"[\d.][\w.]*|([a-z_][\w.]*) ?(\()?")
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[ed][+-]?\d+)?)(meg|mil|[tgkmunpfa])?([a-z]*)(.*)$", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"([a-z_][\w.]*) ?(\([^()]*\))? ?=(?!=)")
_ALTER = re.compile(r"alter (?:@([^\s\[\]]+)\[\w+\]|(\S+)(?: \w+)?) = (?:\[ [-+\w. ]+ \]|[-+\w.]+)")


def lint(netlist: Netlist | str, top: str | None = None) -> list[Finding]:
    """Find what ngspice would get wrong without a word, in a netlist that was read or in the text of a deck.

    top : the subcircuit that will be used; what neither it nor the top level calls is then never fatal

    Statements of a process trusted by name are taken as they are; strangers' are checked against them.
    """
    if isinstance(netlist, str):
        statements, findings = _deck(netlist)
    else:
        statements, findings = netlist.statements, list(netlist.findings)
    if len(statements) > EXPANDED_LIMIT:  # a minute's work, for a circuit that nobody can run
        return [
            *findings,
            statements[0].finding(f"{len(statements)} statements, more than {EXPANDED_LIMIT}", fatal=True),
        ]
    sheet = _Sheet()
    for statement in statements:
        sheet.take(statement)
    findings += sheet.finish()
    used = sheet.used(top)
    for scope in sheet.scopes:
        found = [*_definitions(scope), *_duplicates(scope)]
        for element in scope.elements:
            if not element.statement.trusted:
                found += _element(element, scope)
        if not scope.start.trusted:
            found += _connections(scope, sheet.everywhere)
        findings += found if id(scope) in used else [replace(each, fatal=False) for each in found]
    findings += _size(sheet.scopes)
    main = sheet.scopes[0].elements
    if main and not any(_GROUND & {*element.nodes} for scope in sheet.scopes for element in scope.elements):
        findings.append(main[0].statement.finding("no node is ground (0): voltages are made up from gmin", fatal=True))
    if top is not None and top.lower() not in sheet.scopes[0].subcircuits:
        there = ", ".join(sheet.scopes[0].subcircuits) or "none"
        findings.append(Statement("netlist", 0, "").finding(f"no subcircuit {top}; there are: {there}", fatal=True))
    order = {file: place for place, file in enumerate(dict.fromkeys(s.file for s in statements))}
    return sorted(dict.fromkeys(findings), key=lambda found: (order.get(found.file, 0), found.line))


def check_alter(known_sources: Collection[str], command: str) -> None:
    """Refuse an alter command that ngspice would ignore or cut, or that does more than alter.

    known_sources : names of the loaded circuit's sources (and other elements that may be altered)

    ngspice ignores a name that isn't there, runs what follows a `;` or stands in backquotes, and writes to what
    follows a `>`.
    """
    if len(command) > COMMAND_LIMIT:
        raise ValueError(f"a command of {len(command)} characters; ngspice cuts it at {COMMAND_LIMIT}: use a vector")
    found = _ALTER.fullmatch(command.lower())
    if not found:
        raise ValueError(f"{command!r} is not `alter <source> <parameter> = <value>` or `alter @<source>[…] = [ … ]`")
    name = found.group(1) or found.group(2)
    names = {known.lower() for known in known_sources}
    if name not in names:
        near = get_close_matches(name, names, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"the circuit has {', '.join(sorted(names)[:8])}"
        raise ValueError(f"there is no source {name} to alter, which ngspice would ignore; {hint}")


def _deck(text: str) -> tuple[tuple[Statement, ...], list[Finding]]:
    """Statements of a deck that was generated, with a finding for what read_netlist would have refused."""
    lines = text.splitlines()  # as the session does
    if lines and not lines[0].lstrip().startswith("."):
        lines[0] = "*# ng_script" if lines[0].lower().startswith("*ng_script") else ""  # else the title
    kept: list[Statement] = []
    findings: list[Finding] = []
    try:
        for statement in logical_lines(lines, "deck"):
            card = statement.card
            if card.startswith("*"):
                if re.match(r"\*# ?[A-Za-z]", statement.text):
                    findings.append(statement.finding("a comment that begins with *# is run as a command", fatal=True))
            elif card.startswith(".") and card not in CARDS and card not in SILENT:
                findings.append(statement.finding(f"{card} can run commands or open files, or is unknown", fatal=True))
            else:
                refuse_hazards(statement)
                kept.append(statement)
    except NetlistError as error:
        findings.append(error.args[0])  # and no more: after it the rest reads differently in ngspice
    return tuple(kept), findings


# ---- a netlist as scopes and elements ----


@dataclass
class _Element:
    statement: Statement
    words: list[str]  # expressions as {}, in lower case
    conditional: bool  # within .if
    nodes: list[str] = field(default_factory=list)  # connected
    refs: set[str] = field(default_factory=set)  # looked at

    @property
    def letter(self) -> str:
        return self.words[0][0]

    @property
    def called(self) -> str:
        """Name of the subcircuit that an X element is."""
        return next(reversed(list(takewhile(lambda word: "=" not in word, self.words))), "")

    @property
    def behavioural(self) -> bool:
        """Whether an E or G element is an expression or a table."""
        return any(word.partition("=")[0] in _BEHAVIOURAL for word in self.words[3:4])


@dataclass
class _Scope:
    """The top level or a subcircuit."""

    start: Statement
    name: str = ""
    pins: list[str] = field(default_factory=list)
    parent: "_Scope | None" = None
    texts: list[str] = field(default_factory=list)
    formals: set[str] = field(default_factory=set)
    params: dict[str, tuple[Statement, str]] = field(default_factory=dict)
    functions: dict[str, tuple[Statement, str, str]] = field(default_factory=dict)  # statement, arguments, body
    models: dict[str, Statement] = field(default_factory=dict)
    subcircuits: dict[str, "_Scope"] = field(default_factory=dict)
    repeated: list["_Scope"] = field(default_factory=list)
    elements: list[_Element] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    callers: list["_Scope"] = field(default_factory=list)
    held: set[str] = field(default_factory=set)  # nodes with an initial condition

    def up(self) -> "Iterator[_Scope]":
        scope: _Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def model(self, name: str) -> Statement | None:
        """The model that an element here means by a name, or the first bin of it."""
        for scope in self.up():
            for each in (name, f"{name}.0", f"{name}.1"):
                if each in scope.models:
                    return scope.models[each]
        return None

    def subcircuit(self, name: str) -> "_Scope | None":
        return next((scope.subcircuits[name] for scope in self.up() if name in scope.subcircuits), None)

    def knows(self, name: str) -> bool:
        """Whether a parameter or function can be used here."""
        return any(name in scope.known for scope in self.up())


class _Sheet:
    """All scopes of a netlist, top level first; the nodes that are global; what is wrong with the cards themselves."""

    def __init__(self) -> None:
        self.scopes = [_Scope(Statement("", 0, ""))]
        self.everywhere = set(_GROUND)
        self.findings: list[Finding] = []
        self._scope = self.scopes[0]
        self._branches = 0
        self._branch = self._scope.start  # the last .if or .endif

    def take(self, statement: Statement) -> None:
        text = statement.text.lower()
        card = text.partition(" ")[0]
        if text.count("'") % 2 or text.count("{") != text.count("}"):
            self._odd(statement, "a quote or brace without its other half; ngspice stays dead")
        elif re.search(r"\{[^{}]+\{", text):
            self._odd(statement, "braces within braces; ngspice stays dead")
        elif card in {".ends", ".eom"}:
            if self._scope.parent is None:
                self._odd(statement, f"{card} without .subckt; ngspice stays dead")
            self._scope = self._scope.parent or self._scope
        else:
            for outer in self._scope.up():
                if outer.parent:
                    outer.texts.append(text)
            if card in {".if", ".elseif", ".else", ".endif"}:
                self._condition(statement, card)
            elif card.startswith("."):
                self._card(statement, text, card)
            elif not re.match("[a-z]", card):
                self._odd(statement, f"{card} begins with no element's letter; ngspice leaves the line out")
            else:
                self._scope.elements.append(_Element(statement, _words(text), conditional=self._branches > 0))

    def finish(self) -> list[Finding]:
        """What depends on all that is defined: models stand after the elements that use them, as parameters do."""
        if self._scope.parent is not None:
            self._odd(self._scope.start, ".subckt without .ends; ngspice stays dead")
        if self._branches:
            self._odd(self._branch, ".if and .endif don't match")
        for scope in self.scopes:
            scope.known = scope.formals | scope.params.keys() | scope.functions.keys()
            for element in scope.elements:
                element.nodes = _nodes(element, scope)
                element.refs = _refs(element)
                callee = scope.subcircuit(element.called) if element.letter == "x" else None
                if callee and scope.parent and scope not in callee.callers:
                    callee.callers.append(scope)
        for _ in range(NESTED_LIMIT):  # ngspice resolves names as it expands, so that those of callers count too
            before = sum(len(scope.known) for scope in self.scopes)
            for scope in self.scopes:
                scope.known = scope.known.union(*(caller.known for caller in scope.callers))
            if sum(len(scope.known) for scope in self.scopes) == before:
                break
        return self.findings

    def used(self, top: str | None) -> set[int]:
        """The scopes that are called, by id: from the top level and from `top`; all where neither says."""
        main = self.scopes[0]
        front = [main, *(scope for scope in [main.subcircuit(top.lower()) if top else None] if scope)]
        if not main.elements and len(front) == 1:
            front = list(self.scopes)
        used = {id(scope) for scope in front}
        while front:
            scope = front.pop()
            calls = (scope.subcircuit(element.called) for element in scope.elements if element.letter == "x")
            new = [callee for callee in calls if callee and id(callee) not in used]
            used |= {id(callee) for callee in new}
            front += new
        return used

    def _odd(self, statement: Statement, problem: str) -> None:
        self.findings.append(statement.finding(problem, fatal=True))

    def _card(self, statement: Statement, text: str, card: str) -> None:
        scope = self._scope
        if card in {".subckt", ".macro"}:
            self._open(statement, text)
        elif card == ".model":
            name = text.partition(" ")[2].partition(" ")[0]
            if scope.models.setdefault(name, statement).text.lower() != text:
                self._odd(statement, f"a second model {name}; ngspice takes the first")
        elif card.startswith(".param"):
            self._assign(statement, text)
        elif card == ".func":
            found = re.match(r"\.func ([a-z_]\w*) ?\(([^()]*)\) ?=?(.*)", text)
            if found:
                scope.functions[found.group(1)] = (statement, found.group(2), found.group(3))
        elif card == ".global":
            self.everywhere |= set(text.split(" ")[1:])
        elif card == ".ic":
            scope.held |= {node.strip() for node in _PROBE.findall(text)}
        elif card.startswith(".opt"):
            self._options(statement, text)

    def _condition(self, statement: Statement, card: str) -> None:
        if card in {".if", ".elseif"} and not re.search(r"\(.*\)", statement.text):
            self._odd(statement, f"{card} needs its condition in parentheses; ngspice dies")
        self._branches += (card == ".if") - (card == ".endif")
        self._branch = statement

    def _open(self, statement: Statement, text: str) -> None:
        words = _words(text)[1:]
        name, *pins = [word for word in words if "=" not in word] or [""]
        scope = _Scope(statement, name, pins, self._scope)
        scope.formals = {word.partition("=")[0] for word in words if "=" in word}
        if self._scope.subcircuits.setdefault(name, scope) is not scope:
            self._scope.repeated.append(scope)
        if len(set(pins)) < len(pins):
            self._odd(statement, "a pin twice: ngspice leaves one of them open")
        if len(pins) > PINS_LIMIT:
            self._odd(statement, f"{len(pins)} pins, more than {PINS_LIMIT}; ngspice stays dead")
        self.scopes.append(scope)
        self._scope = scope

    def _assign(self, statement: Statement, text: str) -> None:
        masked = _masked(text)
        found = list(_ASSIGNMENT.finditer(masked))
        if "," in masked:
            self._odd(statement, "a comma between parameters, over which ngspice can hang for ever; use a space")
        elif not found:
            self._odd(statement, "a parameter without =, which ngspice drops without a word")
        for each, end in zip(found, [*(following.start() for following in found[1:]), len(text)], strict=False):
            name, body = each.group(1), text[each.end() : end].strip()
            if each.group(2):
                self._scope.functions[name] = (statement, text[each.start(2) + 1 : each.end(2) - 1], body)
                continue
            if name in _RESERVED:
                self._odd(statement, f"parameter {name} has a meaning of its own in ngspice; rename it")
            elif self._scope.params.get(name, (statement, body))[1] != body:
                self.findings.append(statement.finding(f"{name} is set again; ngspice takes the last value everywhere"))
            self._scope.params[name] = (statement, body)

    def _options(self, statement: Statement, text: str) -> None:
        for word in text.replace(" =", "=").replace("= ", "=").split(" ")[1:]:
            name, equals, value = word.partition("=")
            if name in STICKY:
                self._odd(statement, f"option {name} stays for every later circuit; remove it")
            elif _NUMBER.match(name) or (equals and not value):
                self._odd(statement, f"option {word!r}: ngspice needs name=value and leaves it unset")
            elif name not in OPTIONS:
                problem = f"option {name} is no setting of the solver: ngspice ignores it without a word"
                self.findings.append(statement.finding(problem))


def _masked(text: str) -> str:
    """The same length, with # for what stands in braces, quotes or parentheses."""
    text = _HOLE.sub(lambda hole: "#" * len(hole.group()), text)
    depth, out = 0, []
    for character in text:
        depth -= character == ")"
        out.append("#" if depth > 0 else character)
        depth += character == "("
    return "".join(out)


def _words(text: str) -> list[str]:
    """Words with expressions as {}, nothing around =, and (outside B sources and code models) no parentheses."""
    if "{" in text or "'" in text or '"' in text:
        text = _HOLE.sub("{}", text)
    text = text.replace(" =", "=").replace("= ", "=")
    if text[0] not in "aAbB":
        text = text.translate(_LOOSE)
    return [word for word in text.split(" ") if word and word.lower() != "params:"]


def _model_at(words: list[str], scope: _Scope) -> int:
    """Place of the model's name in an element that needs one; past the end where there is none."""
    first = _MODEL_AT[words[0][0]]
    last = next((n for n, word in enumerate(words) if "=" in word), len(words))
    known = (n for n in range(first, last) if scope.model(words[n]))
    return next(known, min(last, first + (words[0][0] == "m")))


def _nodes(element: _Element, scope: _Scope) -> list[str]:
    words, letter = element.words, element.letter
    if letter in _MODEL_AT:
        return words[1 : _model_at(words, scope)]
    plain = list(takewhile(lambda word: "=" not in word, words[1:]))
    if letter == "a":
        found = re.findall(r"[^ \[\](),~]+", " ".join(plain[:-1]))
        return [node for node in found if node[0] != "%" and node != "null"]
    return plain[: {"k": 0, "t": 4, "y": 4, "x": -1, "p": -1}.get(letter, 2)]


def _refs(element: _Element) -> set[str]:
    text = element.statement.text.lower()
    refs = {node.strip() for pair in _PROBE.findall(text) for node in pair.split(",")} if "v(" in text else set()
    return refs if element.behavioural or element.letter not in "eg" else refs | set(element.words[3:5])


# ---- what can be wrong with them ----


def _definitions(scope: _Scope) -> Iterator[Finding]:
    for statement, body in scope.params.values():
        yield from _expression(statement, body, _NUMERIC, scope)
    for statement, arguments, body in scope.functions.values():
        yield from _expression(statement, body, _NUMERIC | _BEHAVED, scope, set(re.findall(r"\w+", arguments)))
    for statement in scope.models.values():
        for body, _ in _expressions(statement.text.lower()):
            yield from _expression(statement, body, _NUMERIC, scope)
    bodies = {name: (statement, body) for name, (statement, _, body) in scope.functions.items()}
    for kind, table in (("parameter", scope.params), ("function", bodies)):
        uses = {name: set(re.findall(r"[a-z_]\w*", body)) & table.keys() for name, (_, body) in table.items()}
        try:
            TopologicalSorter(uses).prepare()
        except CycleError as error:
            circle = error.args[1]
            problem = f"{kind} {' needs '.join(reversed(circle))}: a circle, of which ngspice dies"
            yield table[circle[0]][0].finding(problem, fatal=True)


def _duplicates(scope: _Scope) -> Iterator[Finding]:
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
        for node, original in zip(element.nodes, _words(statement.text)[1:], strict=False):
            if original.lower() == node and spelt.setdefault(node, original) != original:
                yield statement.finding(f"node {original} is the same as {spelt[node]}: case does not count")
                spelt[node] = original


def _expressions(text: str) -> Iterator[tuple[str, bool]]:
    """The expressions of an element or a model, and whether they are evaluated during the run."""
    if text[0] == "b":
        yield re.sub(r"\b[a-z]\w* ?=(?!=)", " ", re.sub(r"[{}']", " ", text.partition("=")[2])), True
        return
    for hole in _HOLE.finditer(text):
        body = hole.group(1) or hole.group(2) or ""
        yield body, text[0] in "eg" or bool(re.search(r"\b[vi]\(|\b(?:time|temper|hertz)\b", body))
    if text[0] not in ".a" and "=" in text:
        for bare in re.finditer(r"=([a-z_]\w*)(?= |\)|$)", text.replace("= ", "=")):
            yield bare.group(1), False


def _expression(
    statement: Statement, body: str, vocabulary: frozenset[str], scope: _Scope, arguments: Collection[str] = ()
) -> Iterator[Finding]:
    if statement.trusted:
        return
    body = re.sub(r"\b[vi]\([^()]*\)|\"[^\"]*\"", " ", body)
    for found in _IDENTIFIER.finditer(body):
        name, call = found.groups()
        if not name or name in arguments:
            continue
        if name in _RANDOM and call:
            drawn = f"{name}(…) is one random number, drawn by ngspice at each load"
            if vocabulary is _BEHAVED:  # where a reader of other simulators expects `limit` to bound its argument
                yield statement.finding(f"{drawn}, whatever its argument does meanwhile; use min and max", fatal=True)
            else:
                yield statement.finding(f"{drawn}; give the number")
        elif name not in vocabulary and not scope.knows(name):
            what = "function" if call else "parameter"
            yield statement.finding(f"undefined {what} {name}, of which ngspice can die; define it", fatal=True)


def _element(element: _Element, scope: _Scope) -> Iterator[Finding]:
    statement = element.statement
    for body, behaved in _expressions(statement.text.lower()):
        yield from _expression(statement, body, _BEHAVED if behaved else _NUMERIC, scope)
    check = {"x": _call, "r": _passive, "c": _passive, "l": _passive, "v": _source, "i": _source}.get(element.letter)
    if check:
        yield from check(element, scope)
    elif element.letter in _MODEL_AT or element.letter in "ap":
        place = _model_at(element.words, scope) if element.letter in _MODEL_AT else len(element.words) - 1
        name = next(iter(element.words[place:]), "(none)")
        if not scope.model(name):
            yield statement.finding(f"model {name} is not defined", fatal=True)
    else:
        yield from _controlled(element, scope)
    if "temper" in element.nodes:
        yield statement.finding("a node named temper, of which ngspice dies; rename it", fatal=True)
    yield from _numbers(element)


def _call(element: _Element, scope: _Scope) -> Iterator[Finding]:
    name = element.called
    callee = scope.subcircuit(name)
    if callee is None:
        yield element.statement.finding(f"subcircuit {name} is not defined", fatal=True)
        return
    if len(element.nodes) != len(callee.pins):
        problem = f"{len(element.nodes)} nodes for {name}, which has {len(callee.pins)} pins"
        yield element.statement.finding(problem, fatal=True)
    given = {word.partition("=")[0] for word in element.words if "=" in word}
    for odd in sorted(given - callee.formals - callee.params.keys() - {"m"}):
        yield element.statement.finding(f"{name} has no parameter {odd}; ngspice stays dead", fatal=True)


def _passive(element: _Element, scope: _Scope) -> Iterator[Finding]:
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


def _source(element: _Element, _: _Scope) -> Iterator[Finding]:
    if len(element.words) < 4:
        yield element.statement.finding(f"{element.words[0]} has no value; ngspice takes 0")
    if any(word in {"trnoise", "trrandom"} for word in element.words):
        yield element.statement.finding("noise of ngspice's own can't be seeded; give a table to repeat it")


def _controlled(element: _Element, scope: _Scope) -> Iterator[Finding]:
    words, letter = element.words, element.letter
    if letter == "b" and "=" not in element.statement.text:
        yield element.statement.finding("a B source without v= or i=; ngspice dies", fatal=True)
    elif letter in "eg" and len(words) < 6 and not element.behavioural:
        yield element.statement.finding("not `nodes control-nodes gain`; ngspice drops the circuit", fatal=True)
    elif letter in "fh" and words[3:4] != ["poly"] and not any(words[3:4] == e.words[:1] for e in scope.elements):
        yield element.statement.finding(f"there is no source {' '.join(words[3:4])} for it to follow", fatal=True)


def _numbers(element: _Element) -> Iterator[Finding]:
    """Numbers that ngspice reads otherwise than they look; case matters to the eye alone, so the original is taken."""
    letter, statement = element.letter, element.statement
    words = _words(statement.text)[1 + len(element.nodes) :]
    plain = [word for word in words if "=" not in word] if letter in "rclviefgh" else []
    for word in (*plain, *(word.partition("=")[2] for word in words if letter not in "ab" and "=" in word)):
        found = _NUMBER.match(word)
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


def _connections(scope: _Scope, everywhere: set[str]) -> Iterator[Finding]:
    """Nodes that lead nowhere, or have no path for direct current to ground."""
    fixed = everywhere | set(scope.pins)
    uses, where = _uses(scope)
    for element in scope.elements:
        for ref in sorted(element.refs - where.keys() - fixed):
            if re.fullmatch(r"[^.{}]+", ref):  # neither inside a subcircuit nor an expression
                yield element.statement.finding(f"node {ref} is looked at, but nothing is connected to it", fatal=True)
    grounded = _grounded(scope.elements, fixed | scope.held)
    for node, element in where.items():
        if node in fixed or element.conditional or element.statement.trusted:
            continue
        if node not in grounded:
            problem = f"node {node} has no path for direct current to ground: ngspice makes a voltage up"
            yield element.statement.finding(problem, fatal=True)
        elif uses[node] == 1 and element.letter != "x":  # whose pins may be outputs that nobody needs
            yield element.statement.finding(f"node {node} is connected to {element.words[0]} alone")


def _uses(scope: _Scope) -> tuple[Counter[str], dict[str, _Element]]:
    """How often each node is connected or looked at, and the first element connected to it; fills in `refs`."""
    uses: Counter[str] = Counter()
    where: dict[str, _Element] = {}
    for element in scope.elements:
        uses.update(element.nodes)
        uses.update(element.refs)
        for node in element.nodes:
            where.setdefault(node, element)
    return uses, where


def _grounded(elements: Iterable[_Element], fixed: set[str]) -> set[str]:
    """Nodes from which a direct current can flow to a fixed one; where that depends on the element, it is taken to."""
    neighbours: dict[str, set[str]] = {}
    reached = set(fixed)
    for element in elements:
        if element.letter in _TWO_ENDS:
            for one, other in zip(element.nodes, element.nodes[1:], strict=False):
                neighbours.setdefault(one, set()).add(other)
                neighbours.setdefault(other, set()).add(one)
        elif element.letter not in "cik":
            reached.update(element.nodes)
    front = list(reached)
    while front:
        new = neighbours.get(front.pop(), set()) - reached
        reached |= new
        front += new
    return reached


def _size(scopes: list[_Scope]) -> Iterator[Finding]:
    """Subcircuits that contain themselves, or expand beyond what ngspice takes or anyone wants."""
    place = {id(scope): n for n, scope in enumerate(scopes)}
    calls = [[place[id(c)] for e in s.elements if e.letter == "x" and (c := s.subcircuit(e.called))] for s in scopes]
    weight, depth = [0] * len(scopes), [0] * len(scopes)
    try:
        bottom_up = list(TopologicalSorter(dict(enumerate(calls))).static_order())
    except CycleError as error:
        scope = scopes[error.args[1][0]]
        yield scope.start.finding(f"subcircuit {scope.name} contains itself; ngspice can't expand it", fatal=True)
        return
    for n in bottom_up:
        weight[n] = len(scopes[n].elements) + sum(weight[m] for m in calls[n])
        depth[n] = 1 + max((depth[m] for m in calls[n]), default=-1)
    widest = scopes[weight.index(max(weight))]
    start = widest.start if widest.parent else widest.elements[0].statement if widest.elements else widest.start
    if max(weight) > EXPANDED_LIMIT:
        yield start.finding(f"expands to {max(weight)} elements, more than {EXPANDED_LIMIT}", fatal=True)
    if max(depth) > NESTED_LIMIT:
        yield start.finding(f"subcircuits {max(depth)} deep, more than the {NESTED_LIMIT} ngspice expands", fatal=True)
