"""One equation, written once as text with named symbols: rendered for the simulator, compiled for NumPy, derived."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SYMBOL = re.compile(r"(?<![\w.])[A-Za-z_]\w*")  # and not the exponent of a number
_FUNCTIONS = {  # by the name that ngspice knows them by, with SymPy's name for each; u is the unit step
    "tanh": "tanh",
    "sinh": "sinh",
    "cosh": "cosh",
    "exp": "exp",
    "ln": "log",
    "sqrt": "sqrt",
    "abs": "Abs",
    "min": "Min",
    "max": "Max",
    "u": "Heaviside",
}

Compiled = Callable[..., tuple[NDArray[np.float64], ...]]


@dataclass(frozen=True)
class Expression:
    """An equation in plain infix; function names are those of ngspice, ^ and ** are powers."""

    text: str

    @property
    def symbols(self) -> frozenset[str]:
        """The names to be filled in."""
        return frozenset(_SYMBOL.findall(self.text)) - _FUNCTIONS.keys()

    def spice(self, **values: float | str) -> str:
        """Render for a B source: strings are node voltages or sub-expressions, numbers keep all their digits.

        Raises ValueError where a symbol is left open or unknown.
        """
        if set(values) != self.symbols:
            odd = sorted(set(values) ^ self.symbols)
            raise ValueError(f"{', '.join(odd)} don't fit the symbols of {self.text}")

        def fill(match: re.Match[str]) -> str:
            name = match.group()
            if name in _FUNCTIONS:
                return name
            value = values[name]
            return value if isinstance(value, str) else f"({float(value)!r})"

        return _SYMBOL.sub(fill, self.text)

    def parsed(self) -> ast.expr:
        """The equation as a tree of Python's, whose precedence of operators is ours; powers are `ast.Pow`."""
        # words of Python's own (is, in, lambda) are symbols too; the tree has them as they are
        tree = ast.parse(_spelled(self.text).replace("^", "**"), mode="eval").body
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = node.id.removesuffix("_")
        return tree

    def substituted(self, **parts: "Expression") -> "Expression":
        """The equation with other equations in place of symbols."""
        return Expression(
            _SYMBOL.sub(lambda m: f"({parts[m.group()].text})" if m.group() in parts else m.group(), self.text)
        )

    def at(self, **values: float) -> float:
        """The value at one point."""
        names = tuple(sorted(values))
        (value,) = self.compiled(names)(*(values[name] for name in names))
        return float(value)

    def compiled(self, arguments: tuple[str, ...], by: tuple[str, ...] = ()) -> Compiled:
        """Compile for NumPy: a function of arrays, in the order of `arguments`, that broadcasts.

        by : symbols to derive by

        The function returns the value and then its derivative by each, all of the arguments' common shape. Where a
        derivative jumps (abs, min, max, u) it is that of one side.
        Raises ValueError where the arguments are not the equation's symbols.
        """
        missing = self.symbols - set(arguments)
        if missing or not set(by) <= set(arguments):
            raise ValueError(f"{', '.join(sorted(missing | set(by)))} must be among the arguments of {self.text}")
        return _compiled(self.text, arguments, by)


@cache
def _compiled(text: str, arguments: tuple[str, ...], by: tuple[str, ...]) -> Compiled:
    import sympy  # noqa: PLC0415 - takes 0.3 s, and most processes only render equations

    functions = {name: getattr(sympy, theirs) for name, theirs in _FUNCTIONS.items()}
    functions["u"] = lambda x: sympy.Heaviside(x, 1)
    known = {name: sympy.Symbol(f"{name}_", real=True) for name in arguments}
    value = sympy.sympify(_spelled(text).replace("^", "**"), locals=functions | {s.name: s for s in known.values()})
    slopes = [_derivative(value, known[name]) for name in by]
    evaluate = sympy.lambdify([known[name] for name in arguments], [value, *slopes], modules="numpy", cse=True)

    def function(*values: Any) -> tuple[NDArray[np.float64], ...]:
        shape = np.broadcast_shapes(*(np.shape(v) for v in values))
        return tuple(np.broadcast_to(np.asarray(part, dtype=np.float64), shape) for part in evaluate(*values))

    return function


def _spelled(text: str) -> str:
    """With an underscore behind each symbol, since it may be a word of Python's own (is, in, lambda)."""
    return _SYMBOL.sub(lambda m: m.group() if m.group() in _FUNCTIONS else f"{m.group()}_", text)


def _derivative(value: Any, symbol: Any) -> Any:
    import sympy  # noqa: PLC0415 - as above

    # the derivative of a step is zero wherever it is one at all
    slope = sympy.diff(value, symbol).replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))
    if any(not power.exp.is_number for power in slope.atoms(sympy.Pow)):
        slope = sympy.powsimp(slope, combine="exp", deep=True)  # base^a/base as base^(a−1), which zero doesn't mind
    return slope
