"""A netlist's text as logical lines, each with its place, and what is to be said of one: Statement, Finding."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_COMMENT = re.compile(r"(?<!^);|//|(?<=[ ,\t])\$")  # as inp_stripcomments_line of ngspice 39


@dataclass(frozen=True)
class Finding:
    """Something ngspice would do with a netlist that its author may not expect.

    fatal : ngspice refuses the netlist, dies of it, or would silently simulate another circuit; don't load it
    """

    file: str
    line: int
    problem: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}" if self.line else f"{self.file}: {self.problem}"


class NetlistError(ValueError):
    """A netlist that must not, or can't, be given to ngspice. Its argument is a Finding: file, line and remedy."""


@dataclass(frozen=True)
class Statement:
    """One logical line, its continuation lines joined, its comments gone, its white space single.

    file : relative to the netlist's folder where it lies within; trusted : comes from a trusted root
    """

    file: str
    line: int
    text: str
    trusted: bool = False

    @property
    def card(self) -> str:
        """The first word, in lower case."""
        return self.text.split(" ", 1)[0].lower()

    def finding(self, problem: str, *, fatal: bool = False) -> Finding:
        """Return what is to be said of this statement."""
        return Finding(self.file, self.line, problem, fatal)

    def refusal(self, problem: str) -> NetlistError:
        """Return the error to raise for it."""
        return NetlistError(self.finding(problem, fatal=True))


def words(statement: Statement) -> list[str]:
    """Words of a statement, quoted ones without their quotes."""
    return [a or b or c for a, b, c in re.findall(r"\"([^\"]*)\"|'([^']*)'|([^ ]+)", statement.text)]


def logical_lines(lines: Iterable[str], file: str, *, trusted: bool = False) -> Iterator[Statement]:
    """Join continuation lines and take comments out, as ngspice 39 does.

    Comments that begin with `*#` come out as statements, since ngspice runs them. The title is the caller's to remove.
    """
    parts: list[str] = []
    start, glue = 0, False
    for number, raw in enumerate(lines, 1):
        line = raw.strip(" \t\r\f\v\x1a")  # the last ends a file on DOS
        if glue:
            line = f"+{line}"
        glue = line.endswith("\\\\") and not line.startswith(("*", "$"))
        if glue:
            line = line[:-2]
        if not line or line.startswith((";", "$", "//")) or (line[0] == "*" and line[1:2] != "#"):
            continue
        if line[0] != "*" and (";" in line or "/" in line or "$" in line):
            line = _COMMENT.split(line, maxsplit=1)[0]
        line = re.sub(r"[ \t]+", " ", line).strip(" ")
        if line.startswith("+"):
            if not parts:
                raise Statement(file, number, line).refusal("a continuation line that continues nothing; remove the +")
            parts.append(line[1:].strip(" "))
            continue
        if parts:
            yield Statement(file, start, " ".join(parts), trusted)
        parts, start = [line], number
    if parts:
        yield Statement(file, start, " ".join(parts), trusted)
