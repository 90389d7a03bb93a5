"""One equation, written once as text with named symbols, rendered for the simulator with nodes and numbers put in."""

import re
from dataclasses import dataclass

_SYMBOL = re.compile(r"[A-Za-z_]\w*")
_FUNCTIONS = frozenset({"tanh", "exp", "sinh", "max", "min", "abs", "sqrt", "ln", "u"})


@dataclass(frozen=True)
class Expression:
    """An equation in plain infix; function names are those that ngspice and NumPy share."""

    text: str

    @property
    def symbols(self) -> frozenset[str]:
        """The names to be filled in."""
        return frozenset(_SYMBOL.findall(self.text)) - _FUNCTIONS

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
