"""Names in expressions: undefined parameters and functions, circles among them, random numbers taken for others."""

import re
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter

from hge_spice.ngspice.lint.sheet import HOLE, RESERVED, Scope
from hge_spice.ngspice.statements import Finding, Statement

_RANDOM = frozenset({"agauss", "gauss", "aunif", "unif", "limit"})
_SHARED = RESERVED | frozenset(
    re.findall(
        r"\w+",
        "abs acos acosh asin asinh atan atanh ceil cos cosh exp floor ln log log10 max min nint pow pwr sgn sin sinh "
        "sqrt tan tanh ternary_fcn",
    )
)
NUMERIC = _SHARED | _RANDOM | {"sqr", "arctan", "int"}  # in {…}: evaluated once, at load
BEHAVED = _SHARED | frozenset(  # in B sources and what ngspice makes of E, G, and of R, C, L with v() in them
    re.findall(r"\w+", "pi e u u2 uramp pwl eq0 ne0 gt0 lt0 ge0 le0 ddt v i")
)
# what other simulators and papers have, and how ngspice has it
_ELSEWHERE = {
    "if": "write (condition ? then : else)",
    **dict.fromkeys(("idt", "sdt"), "let a current charge a capacitor, whose voltage is the integral"),
    **dict.fromkeys(("stp", "step"), "write u(x)"),
    "sign": "write sgn(x)",
}
_IDENTIFIER = re.compile(r"[\d.][\w.]*|([a-z_][\w.]*) ?(\()?")


def check_definitions(scope: Scope) -> Iterator[Finding]:
    """What is wrong with a scope's parameters and functions: unknown words, and circles."""
    for statement, body in scope.params.values():
        yield from check_expression(statement, body, NUMERIC, scope)
    for statement, arguments, body in scope.functions.values():
        yield from check_expression(statement, body, NUMERIC | BEHAVED, scope, set(re.findall(r"\w+", arguments)))
    for statement in scope.models.values():
        for body, _ in expressions_of(statement.text.lower()):
            yield from check_expression(statement, body, NUMERIC, scope)
    bodies = {name: (statement, body) for name, (statement, _, body) in scope.functions.items()}
    for kind, table in (("parameter", scope.params), ("function", bodies)):
        uses = {name: set(re.findall(r"[a-z_]\w*", body)) & table.keys() for name, (_, body) in table.items()}
        try:
            TopologicalSorter(uses).prepare()
        except CycleError as error:
            circle = error.args[1]
            problem = f"{kind} {' needs '.join(reversed(circle))}: a circle, of which ngspice dies"
            yield table[circle[0]][0].finding(problem, fatal=True)


def expressions_of(text: str) -> Iterator[tuple[str, bool]]:
    """The expressions of an element or a model, and whether they are evaluated during the run."""
    if text[0] == "b":
        yield re.sub(r"\b[a-z]\w* ?=(?!=)", " ", re.sub(r"[{}']", " ", text.partition("=")[2])), True
        return
    for hole in HOLE.finditer(text):
        body = hole.group(1) or hole.group(2) or ""
        yield body, text[0] in "eg" or bool(re.search(r"\b[vi]\(|\b(?:time|temper|hertz)\b", body))
    if text[0] not in ".a" and "=" in text:
        for bare in re.finditer(r"=([a-z_]\w*)(?= |\)|$)", text.replace("= ", "=")):
            yield bare.group(1), False


def check_expression(
    statement: Statement, body: str, vocabulary: frozenset[str], scope: Scope, arguments: Collection[str] = ()
) -> Iterator[Finding]:
    """Words of an expression that ngspice doesn't know here, or draws at random at each load.

    vocabulary : the words that this kind of expression may use; arguments : a function's own
    """
    if statement.trusted:
        return
    body = re.sub(r"\b[vi]\([^()]*\)|\"[^\"]*\"", " ", body)
    for found in _IDENTIFIER.finditer(body):
        name, call = found.groups()
        if not name or name in arguments:
            continue
        if name in _RANDOM and call:
            drawn = f"{name}(…) is one random number, drawn by ngspice at each load"
            if vocabulary is BEHAVED:  # where a reader of other simulators expects `limit` to bound its argument
                yield statement.finding(f"{drawn}, whatever its argument does meanwhile; use min and max", fatal=True)
            else:
                yield statement.finding(f"{drawn}; give the number")
        elif name not in vocabulary and not scope.knows(name):
            what = "function" if call else "parameter"
            remedy = (call and _ELSEWHERE.get(name)) or "define it"
            yield statement.finding(f"undefined {what} {name}, of which ngspice can die; {remedy}", fatal=True)
