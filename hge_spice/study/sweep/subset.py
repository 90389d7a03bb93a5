"""`--subset EXPR`: which trials of a study to run, by a condition on their swept keys; read, never executed."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from hge_spice.study.text.files import StudyError, suggestion
from hge_spice.study.text.units import DIMENSIONS, quantity

_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
}
_LONGEST = 2000  # characters; deeper nesting than these allow would exhaust the stack


def subset(expression: str, keys: tuple[str, ...]) -> Callable[[int, Mapping[str, Any]], bool]:
    """A function that says whether the trial at a position with these parameters is meant.

    Names are swept keys, `index` (from 0) among them; texts with units compare as quantities. Comparisons, `and`, `or`,
    `not`, `in`, + − * // % and lists are known. Raises StudyError.
    """
    if len(expression) > _LONGEST:
        raise StudyError(f"--subset has {len(expression)} characters, more than {_LONGEST}")
    try:
        tree = ast.parse(expression, mode="eval").body
        _names(tree, keys)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise StudyError(f"--subset {expression[:200]}: {error}") from None

    def meant(index: int, parameters: Mapping[str, Any]) -> bool:
        try:
            return bool(_value(tree, {**parameters, "index": index}))
        except (TypeError, ArithmeticError, ValueError) as error:
            raise StudyError(f"--subset {expression[:200]}: {error}") from None

    return meant


def _names(node: ast.expr, keys: tuple[str, ...]) -> None:
    """Raise ValueError where something is named that isn't swept, or done that isn't known."""
    if isinstance(node, ast.Name | ast.Attribute):
        if (name := ast.unparse(node)) not in (*keys, "index"):
            raise ValueError(f"{name!r} is not swept{suggestion(name, (*keys, 'index'))}")
        return
    if not _known(node):
        raise ValueError(f"{ast.unparse(node)[:80]!r} is not understood; compare swept keys, such as index % 10 == 0")
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.expr):
            _names(inner, keys)


def _known(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return isinstance(value, bool | int | float | str)
        case ast.Compare(ops=ops):
            return all(type(op) in _COMPARE or isinstance(op, ast.In | ast.NotIn) for op in ops)
        case ast.BinOp(op=op):
            return type(op) in _ARITHMETIC
        case ast.UnaryOp(op=op):
            return isinstance(op, ast.Not | ast.USub)
        case _:
            return isinstance(node, ast.BoolOp | ast.List | ast.Tuple)


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:  # noqa: PLR0911 - one line per kind of expression
    match node:
        case ast.Constant():
            return node.value
        case ast.Compare():
            return _compare(node, known)
        case ast.BoolOp():
            every = isinstance(node.op, ast.And)
            return (all if every else any)(_value(each, known) for each in node.values)
        case ast.UnaryOp():
            inner = _value(node.operand, known)
            return not inner if isinstance(node.op, ast.Not) else -inner
        case ast.BinOp():
            left, right = _value(node.left, known), _value(node.right, known)
            if not all(isinstance(each, int | float) for each in (left, right)):
                raise TypeError(f"{ast.unparse(node)} is no number")
            return _ARITHMETIC[type(node.op)](left, right)
        case ast.List() | ast.Tuple():
            return [_value(each, known) for each in node.elts]
        case _:
            return known[ast.unparse(node)]


def _compare(node: ast.Compare, known: Mapping[str, Any]) -> bool:
    left = _value(node.left, known)
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = _value(comparator, known)
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, list):
                raise TypeError(f"{ast.unparse(comparator)} is no list")
            found = any(operator.eq(*_alike(left, each)) for each in right)
            holds = found == isinstance(op, ast.In)
        else:
            holds = bool(_COMPARE[type(op)](*_alike(left, right)))
        if not holds:
            return False
        left = right
    return True


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Both as SI numbers of one dimension where they can be, as they are elsewhere."""
    if isinstance(left, str) or isinstance(right, str):
        for dimension in DIMENSIONS:
            try:
                return quantity(left, dimension), quantity(right, dimension)
            except (ValueError, TypeError):
                continue
    return left, right
