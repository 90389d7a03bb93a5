"""A user's netlist file, read into one text that opens and runs nothing: what ngspice may see of a stranger's file.

ngspice executes more than `.control`: a comment that begins with `*#` is a command, a first line `*ng_script` makes
every line one, any card that begins with `.inc` or `.lib` opens a file. So nothing is filtered out of the file: what is
known to be harmless is copied, statement by statement, and the rest is dropped or refused by the tables below, each
entry tried on ngspice 39.3.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path

SIZE_LIMIT = 20_000_000  # bytes of strangers' text, includes counted as often as they are included
DEPTH_LIMIT = 32  # files within files; a chain of includes must not exhaust our own stack
NAME_LIMIT = 255  # ngspice copies names in expressions into 512 bytes on its stack without looking at their length
NEST_LIMIT = 200  # parentheses; between 250 and 300 ngspice's evaluator runs out and stays dead

KEEP, DROP = "keep", "drop"
_OURS = "the session runs its own analyses"
_READS = "the session reads the vectors it needs"

# What becomes of a card, and why. A card that is not here is refused: ngspice matches beginnings (`.incorporate x`
# includes x, `.libfoo` opens a library), so that only whole words that are known can be let through.
CARDS: dict[str, tuple[str, str]] = {
    **dict.fromkeys((".subckt", ".macro", ".ends", ".eom", ".param", ".params", ".parameters"), (KEEP, "")),
    **dict.fromkeys((".func", ".global", ".ic", ".nodeset", ".if", ".elseif", ".else", ".endif"), (KEEP, "")),
    ".model": (KEEP, "if its type is one of MODEL_TYPES"),
    **dict.fromkeys((".options", ".option", ".opt"), (KEEP, "those of OPTIONS")),
    **dict.fromkeys((".op", ".tran", ".ac", ".dc", ".tf", ".noise", ".sens", ".pz", ".disto"), (DROP, _OURS)),
    **dict.fromkeys((".sp", ".pss", ".hb"), (DROP, _OURS)),
    **dict.fromkeys((".print", ".plot", ".four", ".fourier", ".width", ".meas", ".measure"), (DROP, _READS)),
    ".save": (DROP, _READS),
    ".probe": (DROP, "inserts sources that rename nodes"),
    ".temp": (DROP, "the study sets the temperature; `.options temp=…` is kept"),
    ".csparam": (DROP, "stays in ngspice's constants: after `.csparam pi=3`, pi is 3 for every later circuit"),
}
SILENT = {".title", ".prot", ".unprot", ".end"}  # dropped without loss, so without a word

# ngspice's other options either change nothing a session reads, or stay for the circuits after (`interp`, which also
# corrupts raw files, and `cshunt`), or are variables of its shell.
OPTIONS = frozenset(
    re.findall(
        r"\w+",
        "abstol autopartial badmos3 bypass chgtol convabsstep convlimit convstep defad defas defl defw epsmin gmin "
        "gminsteps itl1 itl2 itl4 itl5 itl6 keepopinfo maxord method minbreak noopac noopiter nostepsizelimit oldlimit "
        "pivrel pivtol ramptime reltol rseries rshunt scale srcsteps temp tnom trtol trytocompact vntol xmu",
    )
)
STICKY = frozenset({"interp", "cshunt"})

# Types a model may have. Left out because they open the file they name: filesource, d_source, d_state, table2d,
# table3d, xfer (44+); because they run a program or load a library: d_process and d_cosim (44+), OSDI modules; because
# they read and write files of the numerical devices: numd, numd2, nbjt, nbjt2, numos; because it opens a socket: ndev.
# BSIM3 and BSIM-SOI write a log of a fixed name into the worker's own directory, which goes with the worker.
MODEL_TYPES = frozenset(
    re.findall(
        r"\w+",
        "r res c l sw csw d npn pnp njf pjf nmf pmf nhfet phfet nmos pmos nsoi psoi vdmos vdmosn vdmosp urc ltra cpl "
        "txl climit divide d_dt gain hyst ilimit int limit mult multi_input_pwl oneshot pwl sine slew square summer "
        "s_xfer triangle delay pwlts aswitch capacitoric cmeter core inductoric lcouple lmeter potentiometer zener "
        "memristor sidiode pswitch adc_bridge dac_bridge bidi_bridge d_and d_buffer d_dff d_dlatch d_fdiv d_genlut "
        "d_inverter d_jkff d_lut d_nand d_nor d_open_c d_open_e d_or d_osc d_pulldown d_pullup d_pwm d_ram d_srff "
        "d_srlatch d_tff d_tristate d_xnor d_xor d_to_real real_delay real_gain real_to_v",
    )
)
LETTERS = frozenset("abcdefghijklmopqrstuvwxyz")  # all but n, which is an OSDI module

# Looked for in every statement of a stranger. None of them may backtrack: 20 MB of anything must be done in seconds.
HAZARDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\x00-\x08\x0a-\x1f\x7f]"), "a control character; retype the line"),
    (re.compile(r"[^\x00-\x7f]"), "not ASCII, which ngspice would misread; write u for µ, ohm for Ω, and plain names"),
    (re.compile(r"[`$\\]"), "ngspice's shell runs or substitutes what follows, once it is in a command; rename"),
    (re.compile(r"file\s*=|\bpwlfile\b", re.IGNORECASE), "names a file; give the values in the netlist"),
    (
        re.compile(r"^[vi].*\sexternal\b", re.IGNORECASE),
        "an external source, for which nobody has values; give it some",
    ),
)
_NAME_HAZARD = re.compile(r'[<>|&;"]')  # in a command these redirect, separate or run in the background
_RUN = re.compile(r"[vi]\([^)]*|[^ \t()=,{}'*/+-]+", re.IGNORECASE)
_COMMENT = re.compile(r"(?<!^);|//|(?<=[ ,\t])\$")  # as inp_stripcomments_line of ngspice 39
_MODEL = re.compile(r"\.model [^ {}'\"=(),]+ ([a-z]\w*) ?(?:$|[ (])", re.IGNORECASE)
_TITLE = "a netlist read for hge-spice"


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
        statements = logical_lines(lines, file, trusted=trusted)
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
                raise origin.refusal(f"{path.name} is {'no file' if path.exists() else 'missing'}; correct the path")
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
            elif statement.card == ".lib" and len(_words(statement)) == 2:
                closing = ".endl"
            elif statement.card.startswith("*"):
                if re.match(r"\*# ?[A-Za-z]", statement.text):
                    self.findings.append(statement.finding("dropped: ngspice runs a comment that begins with *#"))
            else:
                yield statement
            if closing and not any(inner.card.startswith(closing) for inner in statements):
                raise statement.refusal(f"{statement.card} without {closing}; add it")

    def _include(self, statement: Statement, path: Path, depth: int) -> None:
        words = _words(statement)
        if len(words) != (3 if statement.card == ".lib" else 2):
            raise statement.refusal(f"{statement.text!r} does not name one file; name one, in quotes if it has spaces")
        try:
            target = (path.parent / words[1]).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise statement.refusal(f"{words[1]!r} is no path: {error}") from None
        if not (target.is_relative_to(self.folder) or self._trusted(target) or self.allow_outside):
            raise statement.refusal(f"{words[1]!r} leaves the netlist's folder; copy the file into it or allow it")
        self.read(target, statement, depth + 1, words[2].lower() if statement.card == ".lib" else "")

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


def refuse_hazards(statement: Statement) -> None:
    """Raise NetlistError for what a stranger's element or card must not contain."""
    text, card = statement.text, statement.card
    for pattern, problem in HAZARDS:
        found = pattern.search(text)
        if found:
            raise statement.refusal(f"{found.group()[:40]!r}: {problem}")
    if len(text) > NAME_LIMIT and any(len(run) > NAME_LIMIT for run in _RUN.findall(text)):
        raise statement.refusal(
            f"a name or number of more than {NAME_LIMIT} characters, which overruns ngspice; shorten"
        )
    if card[0] != "." or card in {".subckt", ".macro", ".model", ".global"}:
        found = _NAME_HAZARD.search(re.split(r"[={']", text, maxsplit=1)[0])
        if found:
            raise statement.refusal(f"{found.group()!r} in a name would end or redirect a command; rename")
    depths = list(accumulate(1 if bracket == "(" else -1 for bracket in re.findall(r"[()]", text))) or [0]
    if max(depths) > NEST_LIMIT:
        raise statement.refusal(f"parentheses {max(depths)} deep, more than {NEST_LIMIT}; split the expression")
    if depths[-1] and card[0] in "bceglr":  # other letters' parentheses are decoration
        raise statement.refusal("parentheses that don't match, which overruns ngspice; balance them")
    if card == ".model":
        _refuse_model(statement)


def _refuse_model(statement: Statement) -> None:
    found = _MODEL.match(statement.text)
    if not found:
        raise statement.refusal(f"{statement.text[:60]!r} is not `.model name type(…)`; ngspice can crash on it")
    if found.group(1).lower() not in MODEL_TYPES:
        raise statement.refusal(
            f"model type {found.group(1)!r} may open files or is unknown; use one of ngspice's plain devices, or a "
            "process trusted by name"
        )


def _section(statements: Iterator[Statement], name: str, origin: Statement) -> Iterator[Statement]:
    """Yield what stands between `.lib name` and `.endl`."""
    for statement in statements:
        if statement.card == ".lib" and [word.lower() for word in _words(statement)[1:]] == [name]:
            break
    else:
        raise origin.refusal(f"the file has no section {name!r}; name one that it has")
    for statement in statements:
        if statement.card.startswith(".endl"):
            return
        yield statement
    raise origin.refusal(f"section {name!r} has no .endl; add it")


def _words(statement: Statement) -> list[str]:
    """Words of a statement, quoted ones without their quotes."""
    return [a or b or c for a, b, c in re.findall(r"\"([^\"]*)\"|'([^']*)'|([^ ]+)", statement.text)]
