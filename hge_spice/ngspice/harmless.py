"""What ngspice may be shown of a stranger's netlist: cards, options, models and elements known to be harmless.

ngspice executes more than `.control`: a comment that begins with `*#` is a command, a first line `*ng_script` makes
every line one, any card that begins with `.inc` or `.lib` opens a file. So nothing is filtered out of a file: what is
known to be harmless is let through, statement by statement, and the rest is dropped or refused by the tables below,
each entry tried on ngspice 39.3.
"""

import re
from functools import lru_cache
from itertools import accumulate

from hge_spice.ngspice.statements import Statement

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
_MODEL = re.compile(r"\.model [^ {}'\"=(),]+ ([a-z]\w*) ?(?:$|[ (])", re.IGNORECASE)


@lru_cache(maxsize=4096)  # a sweep asks at every trial
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
