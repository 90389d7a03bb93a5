"""How many lines a user writes for a method: those of its function, of what it calls in its file, and its imports."""

import ast
import tokenize
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

OURS = {"serve", "Problem", "Gradient", "Floats"}  # what ties a peer to this benchmark, and types


def source(module: str) -> str:
    """Text of a peer's file; it isn't imported, for which its package would have to be there."""
    return (Path(__file__).parent / f"{module}.py").read_text("utf-8")


def lines_written(text: str, method: str) -> int:
    """Lines of code in a file's text that a method needs: no blank lines, comments and docstrings.

    The device itself is given to everybody and not counted.
    """
    tree = ast.parse(text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    needed, todo = set[str](), [method]
    while todo:
        name = todo.pop()
        if name not in needed:
            needed.add(name)
            todo += [each for each in _names(functions[name]) if each in functions]
    used = {each for name in needed for each in _names(functions[name])}
    imported = [
        node
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and {(alias.asname or alias.name).split(".")[0] for alias in node.names} - OURS & used
    ]
    kept = [*imported, *(functions[name] for name in needed)]
    skipped = {line for name in needed for line in _docstrings(functions[name])}
    within = {line for node in kept for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)} - skipped
    return len(within & _code(text))


def _names(node: ast.AST) -> Iterator[str]:
    return (each.id for each in ast.walk(node) if isinstance(each, ast.Name))


def _docstrings(function: ast.FunctionDef) -> Iterator[int]:
    for node in ast.walk(function):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            yield from range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)


def _code(text: str) -> set[int]:
    empty = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    tokens = [token for token in tokenize.generate_tokens(StringIO(text).readline) if token.type not in empty]
    return {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
