"""What ngspice accepts silently and gets wrong, found before load, with file and line.

Each check was tried on ngspice 39.3, and states what that did. It is no SPICE parser beyond what this needs: a netlist
that it finds nothing against can still be wrong, but then ngspice says so. `includes.py` reads a stranger's file.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import reduce
from graphlib import CycleError, TopologicalSorter

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

_GROUND = ("0", "gnd")
_MISSING = {"r": "1 mΩ", "c": "0 F", "l": "0 H"}  # what ngspice takes for an element without a value
_OWN_VALUE = {  # what in a model card gives elements of that kind a value
    "r": ("r=", "rsh=", "res="),
    "c": ("c=", "cj=", "cjsw=", "cap="),
    "l": ("l=", "ind="),
}
_MODEL_AT = {"d": 3, "q": 4, "m": 4, "j": 4, "z": 4, "s": 5, "w": 4, "u": 4, "o": 5}  # first word that can be the model
_BEHAVIOURAL = frozenset({"value", "vol", "cur", "poly", "table", "laplace", "freq", "{}"})
_UNITS = frozenset("ohm ohms r v s sec hz h c w deg cm".split(" "))

_RANDOM = frozenset({"agauss", "gauss", "aunif", "unif", "limit"})
_SHARED = (
    "abs acos acosh asin asinh atan atanh ceil cos cosh exp floor ln log log10 max min nint pow pwr sgn sin sinh sqrt "
    "tan tanh ternary_fcn temper time hertz"
)
_NUMERIC = frozenset(f"{_SHARED} sqr arctan int".split(" ")) | _RANDOM  # in {…}: evaluated once, at load
_BEHAVED = frozenset(  # in B sources and what ngspice makes of E, G, R, C, L with v() in them
    f"{_SHARED} pi e u u2 uramp pwl eq0 ne0 gt0 lt0 ge0 le0 ddt v i".split(" ")
)
_RESERVED = frozenset({"temper", "time", "hertz"})

_HOLE = re.compile(r"\{([^{}]*)\}|'([^']*)'|\"[^\"]*\"")
_NODE = re.compile(r"\bv\(([^()]*)\)")
_IDENTIFIER = re.compile(r"[\d.][\w.]*|([a-z_][\w.]*) ?(\()?")
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[ed][+-]?\d+)?)(meg|mil|[tgkmunpfa])?([a-z]*)(.*)$", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"([a-z_][\w.]*) ?(\([^()]*\))? ?=(?!=)")
_ALTER = re.compile(r"alter (?:@([^\s\[\]]+)\[\w+\]|(\S+)(?: \w+)?) = (?:\[ [-+\w. ]+ \]|[-+\w.]+)")


@dataclass
class _Element:
    statement: Statement
    words: list[str]  # expressions as {}, in lower case
    nodes: list[str]
    conditional: bool

    @property
    def letter(self) -> str:
        return self.words[0][0]


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
    functions: dict[str, tuple[Statement, str, str]] = field(default_factory=dict)
    models: dict[str, Statement] = field(default_factory=dict)
    subcircuits: dict[str, "_Scope"] = field(default_factory=dict)
    elements: list[_Element] = field(default_factory=list)
    known: set[str] = field(default_factory=set)  # parameters and functions that can be used here
    callers: list["_Scope"] = field(default_factory=list)

    def up(self) -> "Iterator[_Scope]":
        scope: _Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def model(self, name: str) -> Statement | None:
        """The model an element here means by a name, or the first bin of it."""
        for scope in self.up():
            for each in (name, f"{name}.0", f"{name}.1"):
                if each in scope.models:
                    return scope.models[each]
        return None

    def subcircuit(self, name: str) -> "_Scope | None":
        return next((scope.subcircuits[name] for scope in self.up() if name in scope.subcircuits), None)


def lint(netlist: Netlist | str) -> list[Finding]:
    """Find what ngspice would get wrong without a word, in a netlist that was read or in the text of a deck.

    Statements of a process trusted by name are taken as they are; strangers' are checked against them.
    """
    if isinstance(netlist, str):
        statements, findings = _deck(netlist)
    else:
        statements, findings = netlist.statements, list(netlist.findings)
    scopes, nodes_of_all, odd = _scopes(statements)
    findings += odd
    _share_names(scopes)
    for scope in scopes:
        findings += _definitions(scope)
        findings += _duplicates(scope)
        for element in scope.elements:
            if not element.statement.trusted:
                findings += _element(element, scope)
        if not scope.start.trusted:
            findings += _connections(scope, nodes_of_all)
    findings += _size(scopes)
    top = scopes[0].elements
    if top and not any(node in _GROUND for scope in scopes for element in scope.elements for node in element.nodes):
        findings.append(top[0].statement.finding("no node is ground (0): voltages are made up from gmin", fatal=True))
    order = {file: place for place, file in enumerate(dict.fromkeys(s.file for s in statements))}
    return sorted(dict.fromkeys(findings), key=lambda found: (order.get(found.file, 0), found.line))


def check_alter(known_sources: Collection[str], command: str) -> None:
    """Refuse an alter command that ngspice would ignore or cut, or that does more than alter.

    known_sources : names of the loaded circuit's sources (and other elements that may be altered)
    ngspice ignores a name that isn't there; runs what follows a `;` or stands in backquotes; writes to what follows `>`.
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
        command = lines[0].lower().startswith("*ng_script")
        lines[0] = "*# ng_script" if command else ""
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
                try:
                    refuse_hazards(statement)
                except NetlistError as error:
                    findings.append(error.args[0])
                else:
                    kept.append(statement)
    except NetlistError as error:
        findings.append(error.args[0])
    return tuple(kept), findings


def _scopes(statements: Iterable[Statement]) -> tuple[list[_Scope], set[str], list[Finding]]:
    """Sort statements into scopes, top level first; the global nodes; what is wrong with the order itself."""
    scope = _Scope(Statement("", 0, ""))
    scopes, everywhere, findings, branches = [scope], set(_GROUND), [], 0
    for statement in statements:
        text = statement.text.lower()
        card = text.partition(" ")[0]
        if text.count("'") % 2 or text.count("{") != text.count("}"):
            findings.append(statement.finding("a quote or brace without its other half; ngspice stays dead", fatal=True))
            continue
        if card in {".ends", ".eom"}:
            if scope.parent is None:
                findings.append(statement.finding(f"{card} without .subckt; ngspice stays dead", fatal=True))
            scope = scope.parent or scope
            continue
        for outer in scope.up():
            outer.texts.append(text)
        if card in {".subckt", ".macro"}:
            scope, odd = _open(statement, text, scope)
            scopes.append(scope)
            findings += odd
        elif card == ".model":
            name = text.split(" ")[1]
            if scope.models.setdefault(name, statement).text.lower() != text:
                findings.append(statement.finding(f"a second model {name}; ngspice takes the first", fatal=True))
        elif card.startswith(".param"):
            findings += _assign(statement, text, scope)
        elif card == ".func":
            found = re.match(r"\.func ([a-z_]\w*) ?\(([^()]*)\) ?=?(.*)", text)
            if found:
                scope.functions[found.group(1)] = (statement, found.group(2), found.group(3))
        elif card == ".global":
            everywhere |= set(text.split(" ")[1:])
        elif card in {".if", ".elseif"} and not re.search(r"\(.*\)", text):
            findings.append(statement.finding(f"{card} needs its condition in parentheses; ngspice dies", fatal=True))
        elif card.startswith(".opt"):
            findings += _options(statement, text)
        elif not card.startswith("."):
            words = _words(text)
            scope.elements.append(_Element(statement, words, _nodes(words, scope), conditional=branches > 0))
        branches += (card == ".if") - (card == ".endif")
    if scope.parent is not None:
        findings.append(scope.start.finding(".subckt without .ends; ngspice stays dead", fatal=True))
    for each in scopes:  # models can stand after the elements that use them
        for element in each.elements:
            element.nodes = _nodes(element.words, each)
    return scopes, everywhere, findings
