"""What a subcircuit of the user's own remembers: nodes that are states, held at rest as the states of our elements are.

A state, as published memristors have it, is a node with a capacitor to ground and an initial condition, `ic=` of the
capacitor or `.ic v(node)=`, into which nothing but rates flow: currents of sources, perhaps a leak to ground. ngspice
heeds `ic=` only where `uic` skips the operating point, and `.ic` in `.tran` alone: `.op` and `.ac` would be of another
state, most often 0, than the transient. So a source V<node>_at and a draw to it at time 0 are put beside each state,
which hold it in every operating point, in `.ac`, and where a transient begins; from t > 0 on it is free.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hge_spice.ngspice.lint.sheet import GROUND, NESTED_LIMIT, Element, Scope
from hge_spice.ngspice.statements import Finding, Statement

HOLD = 1e9  # 1/s for a capacitor of 1 F; rates that are no expressions still act at rest, and move a state by a HOLDth
_VALUE = r" ?= ?(\{[^{}]*\}|'[^']*'|[^\s{}',()]+)"
_IC = re.compile(r" ic" + _VALUE, re.IGNORECASE)
_OF_NODES = re.compile(r"v ?\( ?([^(), ]+) ?\)" + _VALUE, re.IGNORECASE)
_RATE = re.compile(r"(?i:\b(?:value|cur|i) ?= ?)(\{[^{}]*\}|'[^']*'|[^{}']+)$")


@dataclass(frozen=True)
class Remembered:
    """A netlist whose subcircuits' states are held at rest.

    states : nodes of each subcircuit, by the statement that opens it; remarks : what was made of initial conditions
    """

    statements: tuple[Statement, ...]
    states: dict[Statement, tuple[str, ...]]
    remarks: tuple[Finding, ...]

    def within(self, cell: Scope, depth: int = NESTED_LIMIT) -> tuple[str, ...]:
        """States of a subcircuit and of those that it calls, these by path, such as "xcell.w"."""
        nodes = list(self.states.get(cell.start, ()))
        for element in cell.elements if self.states and depth else ():
            called = cell.subcircuit(element.called) if element.letter == "x" and not element.conditional else None
            nodes += [f"{element.words[0]}.{node}" for node in (self.within(called, depth - 1) if called else ())]
        return tuple(nodes)


def hold_states(statements: Iterable[Statement], scopes: Sequence[Scope]) -> Remembered:
    """Hold every subcircuit's states at rest. scopes : of the same statements, a finished sheet's."""
    instead: dict[Statement, tuple[Statement, ...]] = {}
    remarks: list[Finding] = []
    states: dict[Statement, tuple[str, ...]] = {}
    conditions = _conditions(statements := tuple(statements))
    for scope in scopes[1:]:
        if scope.start.trusted or scope.start in states:  # of a process, or included again
            continue
        found = _states(scope, conditions.get(scope.start, ()))
        if found:
            states[scope.start] = tuple(found)
        for node, (statement, value) in found.items():
            held = _held(statement, node, value)
            instead[statement] = (*instead.get(statement, (_without(statement, found),)), *held)
            remarks.append(
                statement.finding(
                    f"node {node} is a state: it begins at {value}, in operating points and .ac as in transients"
                )
            )
            for element in scope.elements:
                if node in element.nodes and element.letter in "bg" and (rate := _RATE.search(element.statement.text)):
                    instead[element.statement] = (_from_zero_on(element.statement, rate),)
        remarks += _left(scope, found, conditions.get(scope.start, ()))
    kept = tuple(new for statement in statements for new in instead.get(statement, (statement,)) if new.text)
    return Remembered(kept, states, tuple(remarks))


def _conditions(statements: Iterable[Statement]) -> dict[Statement, tuple[Statement, ...]]:
    """The .ic cards of each subcircuit, by the statement that opens it."""
    found: dict[Statement, tuple[Statement, ...]] = {}
    open_: list[Statement] = []
    for statement in statements:
        if statement.card in {".subckt", ".macro"}:
            open_.append(statement)
        elif statement.card in {".ends", ".eom"} and open_:
            open_.pop()
        elif statement.card == ".ic" and open_:
            found[open_[-1]] = (*found.get(open_[-1], ()), statement)
    return found


def _states(scope: Scope, conditions: Iterable[Statement]) -> dict[str, tuple[Statement, str]]:
    """States of a subcircuit: by node the statement that says where it begins, and its words for it."""
    asked: dict[str, tuple[Statement, str]] = {}
    for element in scope.elements:
        said = _IC.search(element.statement.text) if element.letter == "c" and not element.conditional else None
        if said and len(element.nodes) == 2 and GROUND & {*element.nodes}:
            (node,) = {*element.nodes} - GROUND or {""}
            asked[node] = element.statement, said[1] if element.nodes[0] == node else f"{{-({_bare(said[1])})}}"
    for statement in conditions:
        asked |= {node.lower(): (statement, value) for node, value in _OF_NODES.findall(statement.text)}
    return {node: begins for node, begins in asked.items() if _is_state(node, scope)}


def _is_state(node: str, scope: Scope) -> bool:
    """Whether a capacitor to ground is at a node, and else nothing but sources of current and leaks to ground."""
    at = [element for element in scope.elements if node in element.nodes]
    alone = all(not element.conditional and _flows(element, node) for element in at)
    return node not in scope.pins and alone and any(element.letter == "c" for element in at)


def _flows(element: Element, node: str) -> bool:
    if element.letter in "cr":
        return {*element.nodes} - {node} <= GROUND
    return element.letter in "gif" or (element.letter == "b" and bool(re.search(r"(?i) i ?=", element.statement.text)))


def _held(statement: Statement, node: str, value: str) -> tuple[Statement, Statement]:
    source = f"v{node}_at {node}_at 0 dc {value}"
    draw = f"b{node}_at 0 {node} i={{time > 0 ? 0 : {HOLD:g}*(v({node}_at)-v({node}))}}"
    return replace(statement, text=source), replace(statement, text=draw)


def _without(statement: Statement, states: Iterable[str]) -> Statement:
    """The statement without the initial conditions of states; an empty one where nothing is left."""
    if statement.card != ".ic":
        return replace(statement, text=_IC.sub("", statement.text))
    held = {*states}
    left = [f"v({node})={value}" for node, value in _OF_NODES.findall(statement.text) if node.lower() not in held]
    return replace(statement, text=" ".join([".ic", *left]) if left else "")


def _from_zero_on(statement: Statement, rate: re.Match[str]) -> Statement:
    """A rate that waits while its state is held."""
    text = f"{statement.text[: rate.start(1)]}{{time > 0 ? ({_bare(rate[1])}) : 0}}"
    return replace(statement, text=text)


def _bare(expression: str) -> str:
    return expression.strip("{}'")


def _left(scope: Scope, states: Iterable[str], conditions: Iterable[Statement]) -> Iterator[Finding]:
    """What is to be said of initial conditions that are of no state."""
    held = {*states}
    for element in scope.elements:
        if element.letter in "cl" and _IC.search(element.statement.text) and not held & {*element.nodes}:
            yield element.statement.finding(
                f"ic of {element.words[0]} is not used: every measurement begins at its operating point"
            )
    for statement in conditions:
        for node, _ in _OF_NODES.findall(statement.text):
            if node.lower() not in held:
                yield statement.finding(
                    f"node {node} is held by .ic where a transient begins, and neither in .ac nor at rest: the truth "
                    "may be of another state; a state is a node with a capacitor to ground and else nothing but "
                    "sources of current"
                )
