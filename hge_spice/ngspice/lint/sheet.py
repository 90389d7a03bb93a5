"""A netlist as scopes and elements: what is defined where, and what connects what; faults of the cards themselves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from hge_spice.ngspice.harmless import OPTIONS, STICKY
from hge_spice.ngspice.statements import Finding, Statement

NESTED_LIMIT = 20  # subcircuits; ngspice expands 21 levels and calls the next one unknown
PINS_LIMIT = 1000  # ngspice's table of a subcircuit's nodes holds 1005 with the global ones; beyond, it stays dead
GROUND = frozenset({"0", "gnd"})
MODEL_AT = {"d": 3, "q": 4, "m": 4, "j": 4, "z": 4, "s": 5, "w": 4, "u": 4, "o": 5}  # first word that can be the model
_BEHAVIOURAL = frozenset({"value", "vol", "cur", "poly", "table", "laplace", "freq", "{}"})
RESERVED = frozenset({"temper", "time", "hertz"})
NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[ed][+-]?\d+)?)(meg|mil|[tgkmunpfa])?([a-z]*)(.*)$", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"([a-z_][\w.]*) ?(\([^()]*\))? ?=(?!=)")
_PROBE = re.compile(r"\bv\(([^()]*)\)")
HOLE = re.compile(r"\{([^{}]*)\}|'([^']*)'|\"[^\"]*\"")
_LOOSE = str.maketrans("(),", "   ")


@dataclass
class Element:
    """An instance card of a netlist, split into words."""

    statement: Statement
    words: list[str]  # expressions as {}, in lower case
    conditional: bool  # within .if
    nodes: list[str] = field(default_factory=list)  # connected
    refs: set[str] = field(default_factory=set)  # looked at

    @property
    def letter(self) -> str:
        """What kind of element it is to SPICE."""
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
class Scope:
    """The top level or a subcircuit."""

    start: Statement
    name: str = ""
    pins: list[str] = field(default_factory=list)
    parent: "Scope | None" = None
    texts: list[str] = field(default_factory=list)
    formals: set[str] = field(default_factory=set)
    params: dict[str, tuple[Statement, str]] = field(default_factory=dict)
    functions: dict[str, tuple[Statement, str, str]] = field(default_factory=dict)  # statement, arguments, body
    models: dict[str, Statement] = field(default_factory=dict)
    subcircuits: dict[str, "Scope"] = field(default_factory=dict)
    repeated: list["Scope"] = field(default_factory=list)
    elements: list[Element] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    callers: list["Scope"] = field(default_factory=list)
    held: set[str] = field(default_factory=set)  # nodes with an initial condition

    def up(self) -> "Iterator[Scope]":
        """The scope and those around it, innermost first."""
        scope: Scope | None = self
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

    def subcircuit(self, name: str) -> "Scope | None":
        """The subcircuit that is meant here by a name; None where there is none."""
        return next((scope.subcircuits[name] for scope in self.up() if name in scope.subcircuits), None)

    def knows(self, name: str) -> bool:
        """Whether a parameter or function can be used here."""
        return any(name in scope.known for scope in self.up())


class Sheet:
    """All scopes of a netlist, top level first; the nodes that are global; what is wrong with the cards themselves."""

    def __init__(self) -> None:
        self.scopes = [Scope(Statement("", 0, ""))]
        self.everywhere = set(GROUND)
        self.findings: list[Finding] = []
        self._scope = self.scopes[0]
        self._branches = 0
        self._branch = self._scope.start  # the last .if or .endif

    def take(self, statement: Statement) -> None:
        """Sort the next statement of the netlist into its scope."""
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
                self._scope.elements.append(Element(statement, split_words(text), conditional=self._branches > 0))

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
        words = split_words(text)[1:]
        name, *pins = [word for word in words if "=" not in word] or [""]
        scope = Scope(statement, name, pins, self._scope)
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
            if name in RESERVED:
                self._odd(statement, f"parameter {name} has a meaning of its own in ngspice; rename it")
            elif self._scope.params.get(name, (statement, body))[1] != body and not statement.trusted:
                self.findings.append(statement.finding(f"{name} is set again; ngspice takes the last value everywhere"))
            self._scope.params[name] = (statement, body)

    def _options(self, statement: Statement, text: str) -> None:
        for word in text.replace(" =", "=").replace("= ", "=").split(" ")[1:]:
            name, equals, value = word.partition("=")
            if name in STICKY:
                self._odd(statement, f"option {name} stays for every later circuit; remove it")
            elif NUMBER.match(name) or (equals and not value):
                self._odd(statement, f"option {word!r}: ngspice needs name=value and leaves it unset")
            elif name not in OPTIONS:
                problem = f"option {name} is no setting of the solver: ngspice ignores it without a word"
                self.findings.append(statement.finding(problem))


def _masked(text: str) -> str:
    """The same length, with # for what stands in braces, quotes or parentheses."""
    text = HOLE.sub(lambda hole: "#" * len(hole.group()), text)
    depth, out = 0, []
    for character in text:
        depth -= character == ")"
        out.append("#" if depth > 0 else character)
        depth += character == "("
    return "".join(out)


def split_words(text: str) -> list[str]:
    """Words with expressions as {}, nothing around =, and (outside B sources and code models) no parentheses."""
    if "{" in text or "'" in text or '"' in text:
        text = HOLE.sub("{}", text)
    text = text.replace(" =", "=").replace("= ", "=")
    if text[0] not in "aAbB":
        text = text.translate(_LOOSE)
    return [word for word in text.split(" ") if word and word.lower() != "params:"]


def model_at(words: list[str], scope: Scope) -> int:
    """Place of the model's name in an element that needs one; past the end where there is none."""
    first = MODEL_AT[words[0][0]]
    last = next((n for n, word in enumerate(words) if "=" in word), len(words))
    known = (n for n in range(first, last) if scope.model(words[n]))
    return next(known, min(last, first + (words[0][0] == "m")))


def _nodes(element: Element, scope: Scope) -> list[str]:
    words, letter = element.words, element.letter
    if letter in MODEL_AT:
        return words[1 : model_at(words, scope)]
    plain = list(takewhile(lambda word: "=" not in word, words[1:]))
    if letter == "a":
        found = re.findall(r"[^ \[\](),~]+", " ".join(plain[:-1]))
        return [node for node in found if node[0] != "%" and node != "null"]
    return plain[: {"k": 0, "t": 4, "y": 4, "x": -1, "p": -1}.get(letter, 2)]


def _refs(element: Element) -> set[str]:
    text = element.statement.text.lower()
    refs = {node.strip() for pair in _PROBE.findall(text) for node in pair.split(",")} if "v(" in text else set()
    return refs if element.behavioural or element.letter not in "eg" else refs | set(element.words[3:5])
