"""A user's netlist file with all that it includes, read into one text that opens and runs nothing."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from hge_spice.ngspice.harmless import CARDS, KEEP, LETTERS, OPTIONS, SILENT, refuse_hazards
from hge_spice.ngspice.statements import Finding, Statement, logical_lines, words

SIZE_LIMIT = 20_000_000  # bytes of strangers' text, includes counted as often as they are included
DEPTH_LIMIT = 32  # files within files; a chain of includes must not exhaust our own stack
_TITLE = "a netlist read for hge-spice"


@dataclass(frozen=True)
class Netlist:
    """A netlist file with its includes inlined and whatever runs, reads or writes taken out.

    findings : what was dropped or looks wrong in the reading; `lint` adds the rest
    """

    statements: tuple[Statement, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def body(self) -> str:
        """The statements alone, one a line, to be put into a deck."""
        # A stranger's text goes in lower case since ngspice keeps the case of lines that look like commands (an element
        # called `source1`) while it looks for unused models, and drops a model that such a line alone uses.
        return "".join(f"{s.text if s.trusted else s.text.lower()}\n" for s in self.statements)

    @property
    def text(self) -> str:
        """A deck that can be loaded: title, statements, end."""
        return f"{_TITLE}\n{self.body}.end\n"


def read_netlist(path: str | Path, *, trusted_roots: Sequence[Path] = (), allow_outside: bool = False) -> Netlist:
    """Read a netlist file with everything it includes.

    trusted_roots : folders of processes trusted by name; their statements are copied whatever models they use
    allow_outside : let includes leave the netlist's folder; what they contain is still a stranger's

    The first line is the title, as in ngspice, unless it begins with a dot.
    Raises NetlistError for what is refused, with file, line and remedy.
    """
    origin = Statement(Path(path).name, 0, "")
    try:
        main = Path(path).resolve()
        roots = tuple(Path(root).resolve() for root in trusted_roots)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links
        raise origin.refusal(f"no path to a netlist: {error}") from None
    reader = _Reader(main.parent, roots, allow_outside)
    reader.read(main, origin, depth=0)
    return Netlist(tuple(reader.statements), tuple(reader.findings))


@dataclass
class _Reader:
    folder: Path
    trusted_roots: tuple[Path, ...]
    allow_outside: bool
    size: int = 0
    open: list[tuple[Path, str]] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def read(self, path: Path, origin: Statement, depth: int, section: str = "") -> None:
        """Take in a file, or one library section of it; origin is the statement that asked for it."""
        if (path, section) in self.open:
            raise origin.refusal(f"{path.name} includes itself; break the circle")
        if depth > DEPTH_LIMIT:
            raise origin.refusal(f"files within files, more than {DEPTH_LIMIT} deep; flatten them")
        file = path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else path.name
        trusted = self._trusted(path)
        lines = self._lines(path, origin, trusted=trusted)
        if depth == 0 and not lines[0].lstrip().startswith("."):
            lines[0] = ""  # the title; `*ng_script` there would make commands of all lines
        statements = logical_lines(lines, file, trusted=trusted) if trusted else iter(_stated(tuple(lines), file))
        self.open.append((path, section))
        for statement in self._blocks(_section(statements, section, origin) if section else statements):
            if statement.card in {".include", ".inc", ".lib"}:
                self._include(statement, path, depth)
            elif statement.card == ".end" and depth == 0:
                if any(True for _ in statements):
                    self.findings.append(statement.finding("what follows .end is dropped; `ngspice -b` reads on"))
                break
            else:
                self._sort(statement)
        self.open.pop()

    def _trusted(self, path: Path) -> bool:
        return any(path.is_relative_to(root) for root in self.trusted_roots)

    def _lines(self, path: Path, origin: Statement, *, trusted: bool) -> list[str]:
        try:
            if not path.is_file():  # nor a device or a pipe, which never end
                named = path.name if origin.line else "the file"  # itself, which the message begins with
                raise origin.refusal(f"{named} is {'no file' if path.exists() else 'missing'}; correct the path")
            with path.open("rb") as stream:
                self.size += 0 if trusted else os.fstat(stream.fileno()).st_size
                if self.size > SIZE_LIMIT:
                    raise origin.refusal(f"{self.size} bytes up to {path.name}, more than {SIZE_LIMIT}; use less of it")
                raw = stream.read() if trusted else stream.read(SIZE_LIMIT + 1)
        except OSError as error:
            raise origin.refusal(f"{path.name} can't be read: {error.strerror}") from None
        if b"\0" in raw:
            raise origin.refusal(f"{path.name} is not text; give a netlist")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")  # old libraries have it in comments; in a statement it is refused
        return text.split("\n")

    def _blocks(self, statements: Iterator[Statement]) -> Iterator[Statement]:
        """Leave out commands, and sections of a library that nobody asks for here."""
        for statement in statements:
            closing = ""
            if statement.card.startswith(".control"):
                closing = ".endc"
                self.findings.append(statement.finding("dropped up to .endc: its commands could do anything"))
            elif statement.card == ".lib" and len(words(statement)) == 2:
                closing = ".endl"
            elif statement.card.startswith("*"):
                if re.match(r"\*# ?[A-Za-z]", statement.text):
                    self.findings.append(statement.finding("dropped: ngspice runs a comment that begins with *#"))
            else:
                yield statement
            if closing and not any(inner.card.startswith(closing) for inner in statements):
                raise statement.refusal(f"{statement.card} without {closing}; add it")

    def _include(self, statement: Statement, path: Path, depth: int) -> None:
        named = words(statement)
        if len(named) != (3 if statement.card == ".lib" else 2):
            raise statement.refusal(f"{statement.text!r} does not name one file; name one, in quotes if it has spaces")
        try:
            target = (path.parent / named[1]).resolve()
            if statement.card == ".lib":
                target = self._section_file(statement, named[1], target)
        except (OSError, ValueError, RuntimeError) as error:
            raise statement.refusal(f"{named[1]!r} is no path: {error}") from None
        if not (target.is_relative_to(self.folder) or self._trusted(target) or self.allow_outside):
            raise statement.refusal(f"{named[1]!r} leaves the netlist's folder; copy the file into it or allow it")
        self.read(target, statement, depth + 1, named[2].lower() if statement.card == ".lib" else "")

    def _section_file(self, statement: Statement, name: str, beside: Path) -> Path:
        """Where a section is: ngspice looks beside the last file of which it was asked for one, or the netlist itself.

        A file that lies beside the one that names it, and not there, is taken nonetheless, and that is said.
        """
        home = next((path for path, section in reversed(self.open) if section), self.open[0][0]).parent
        target = (home / name).resolve()
        if target == beside or not beside.is_file() or target.is_file():
            return target
        problem = f"{name} is found beside this file; ngspice by itself looks beside {self.open[0][0].name} alone"
        self.findings.append(statement.finding(problem))
        return beside

    def _sort(self, statement: Statement) -> None:
        """Keep, drop or refuse one statement that opens no file."""
        card, trusted = statement.card, statement.trusted
        if card in SILENT:
            return
        if card.startswith("."):
            action, reason = CARDS.get(card, ("", "unknown"))
            if not action and not trusted:
                raise statement.refusal(f"{card} is not a statement that is known to be harmless; remove it")
            if action != KEEP:
                self.findings.append(statement.finding(f"{card} is dropped: {reason}"))
                return
        elif card[0] not in LETTERS and not (trusted and card[0] == "n"):
            fate = "ngspice stops reading here, without a word" if card[0] == "@" else "ngspice has no such element"
            self.findings.append(statement.finding(f"{card!r} begins with {card[0]!r}: {fate}; dropped", fatal=True))
            return
        if not trusted:
            if card.startswith(".opt"):
                statement = self._options(statement)
            refuse_hazards(statement)
        self.statements.append(statement)

    def _options(self, statement: Statement) -> Statement:
        kept = [".options"]
        for word in statement.text.replace(" =", "=").replace("= ", "=").split(" ")[1:]:
            name, equals, value = word.lower().partition("=")
            if name in OPTIONS and (not equals or re.fullmatch(r"[\w.+-]+|\{[^{}]*\}|'[^']*'", value)):
                kept.append(word)
            else:
                self.findings.append(
                    statement.finding(
                        f"option {word} is dropped: it is no setting of the solver, or would stay for later circuits"
                    )
                )
        return replace(statement, text=" ".join(kept))


@lru_cache(maxsize=64)
def _stated(lines: tuple[str, ...], file: str) -> tuple[Statement, ...]:
    """A stranger's logical lines; a sweep asks for the same at every trial. A process's would fill the memory."""
    return tuple(logical_lines(lines, file))


def _section(statements: Iterator[Statement], name: str, origin: Statement) -> Iterator[Statement]:
    """Yield what stands between `.lib name` and `.endl`."""
    for statement in statements:
        if statement.card == ".lib" and [word.lower() for word in words(statement)[1:]] == [name]:
            break
    else:
        raise origin.refusal(f"the file has no section {name!r}; name one that it has")
    for statement in statements:
        if statement.card.startswith(".endl"):
            return
        yield statement
    raise origin.refusal(f"section {name!r} has no .endl; add it")
