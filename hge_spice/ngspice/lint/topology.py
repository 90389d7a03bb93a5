"""Nodes that lead nowhere or float, subcircuits that contain themselves or expand beyond all bounds."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

from hge_spice.ngspice.lint.sheet import NESTED_LIMIT, Element, Scope
from hge_spice.ngspice.statements import Finding

EXPANDED_LIMIT = 1_000_000  # elements; ten subcircuits of ten, six deep, are a small file and no small circuit
_TWO_ENDS = frozenset("rlvehdqmjzsw")  # these conduct between their own nodes; of others that is not known here


def check_connections(scope: Scope, everywhere: set[str]) -> Iterator[Finding]:
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


def check_pins(scope: Scope, output: Collection[str]) -> Iterator[Finding]:
    """Pins of the subcircuit that is used to which nothing is connected; output : those that must have something."""
    connected = {node: element.words[0] for element in scope.elements for node in element.nodes}
    looked_at = {node for element in scope.elements for node in element.refs}
    for pin in scope.pins:
        if pin in connected:
            continue
        if pin in output:
            near = get_close_matches(pin, connected.keys() - {*scope.pins}, n=1)
            meant = f"; is node {near[0]} of {connected[near[0]]} meant?" if near else ""
            yield scope.start.finding(f"pin {pin} is the output, and nothing is connected to it{meant}", fatal=True)
        elif pin not in looked_at:
            yield scope.start.finding(f"pin {pin} is connected to nothing")


def _uses(scope: Scope) -> tuple[Counter[str], dict[str, Element]]:
    """How often each node is connected or looked at, and the first element connected to it; fills in `refs`."""
    uses: Counter[str] = Counter()
    where: dict[str, Element] = {}
    for element in scope.elements:
        uses.update(element.nodes)
        uses.update(element.refs)
        for node in element.nodes:
            where.setdefault(node, element)
    return uses, where


def _grounded(elements: Iterable[Element], fixed: set[str]) -> set[str]:
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


def check_size(scopes: list[Scope]) -> Iterator[Finding]:
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
