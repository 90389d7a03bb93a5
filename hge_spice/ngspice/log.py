"""ngspice's log in an error message."""

from collections.abc import Sequence

LINES = 20  # its end; ngspice says last what stopped it


def ending(log: Sequence[str]) -> str:
    """The last lines of a log."""
    return "\n".join(log[-LINES:])
