"""The testbench as a deck for Xyce: the same cards, lock-ins as .MEASURE lines.

Source: Xyce Reference Guide 7.8, Sandia National Laboratories: chapters on netlist commands (.MEASURE, .NODESET,
.OPTIONS, .PRINT, .TRAN), expressions, analog devices, their parameters. A B source's expression is in braces, `**` is
the power, and what is a conditional in ngspice is a factor that is 0 at time zero and 1 after, as in the `.subckt`s.
Native diodes and transistors keep their cards; a block of the user's own goes through `block.py` line by line.
"""

import re

import numpy as np

from hge_spice.devices import DEVICES
from hge_spice.devices.library import without_steps
from hge_spice.devices.names import terminal
from hge_spice.dialects.block import ALIKE, OF_A_TRANSISTOR, Language, Translated, said_of, translated
from hge_spice.dialects.testbench import Testbench, is_block, testbench
from hge_spice.drive import Drive
from hge_spice.graph import Network

# in a period of the highest tone: Xyce begins with short steps and its sums are trapezoids, which cost 1e-4 of a
# derivative here, and 2e-3 with a quarter of them
STEPS = 256


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SOURCE = re.compile(r"(B\S+ \S+ \S+) [iv]=(.*)", re.IGNORECASE)
_STARTED = "min(time*1e30,1)"
_PASSIVE = frozenset({"r", "c", "l", "tc1", "tc2", "temp", "dtemp", "m", "w", "ic"})
_JUNCTION = frozenset({"area", "m", "temp", "dtemp"})
LANGUAGE = Language(
    name="Xyce",
    quotes=("{", "}"),
    functions=ALIKE | {"sgn", "ln"},
    levels={"1": "1", "2": "2", "3": "3", "6": "6", "8": "9", "49": "9", "14": "14", "54": "54"},
    keys={
        **dict.fromkeys("rcl", _PASSIVE),
        **dict.fromkeys("dqj", _JUNCTION),
        "m": OF_A_TRANSISTOR | {"temp", "dtemp", "delvto"},
    },
    models={
        "d": _names(
            "af bv cj0 cjo eg fc ibv ikf is isr js kf m n nr rs tnom trs1 trs2 tt vj xti jsw cjp cjsw php vjsw mjsw"
        ),
        "m": _names(
            "af cbd cbs cgbo cgdo cgso cj cjsw fc gamma is js kf kp lambda ld mj mjsw nss nsub pb phi rd rs rsh tnom "
            "tox tpg u0 uo vt0 vto"
        ),
        "q": _names(
            "af bf br cjc cje cjs eg fc ikf ikr irb is isc ise itf kf mjc mje mjs nc ne nf nk nr ptf rb rbm rc re tf "
            "tnom tr vaf var vjc vje vjs vtf xcjc xtb xtf xti"
        ),
        "j": _names("af b beta cgd cgs fc is kf lambda pb rd rs tnom vto"),
        "r": _names("r rsh tc1 tc2 defw narrow tnom"),
        "c": _names("c cj cjsw defw narrow tc1 tc2 tnom"),
    },
    behavioural=True,
    calls="PARAMS:",
    multiplied=False,
)


def xyce(graph: Network, drive: Drive) -> str:
    """The deck of one extraction: derivative_<control> is the in-phase amplitude over the tone's, per volt.

    Raises ValueError as `testbench` does.
    """
    bench, options = testbench(graph, drive, STEPS), DEVICES[graph.graph["family"]].options
    block = translated(graph, LANGUAGE, {}) if is_block(graph) else Translated()
    start, stop = drive.transient.settle, bench.stop
    seen = dict.fromkeys([*(name for _, name in bench.read), *bench.kept])
    kept = " ".join(_probe(name) for name in seen if not name.startswith("@"))
    celsius = f" TEMP={graph.graph['parameters']['temperature'] - 273.15!r}" if is_block(graph) else ""
    return "\n".join(
        [
            f"* {bench.title}",
            "* made by hge_spice for Xyce; SI units; lock-ins are the .MEASURE lines, quadrature over amplitude too",
            *(f"* {remark}" for remark in said_of(block, seen)),
            *block.lines,
            *(_card(line) for line in bench.cards),
            f".OPTIONS DEVICE GMIN={options['gmin']!r}{celsius}",
            f".OPTIONS TIMEINT METHOD=TRAP RELTOL={options['reltol']!r} ABSTOL={options['vntol']!r}",
            f".TRAN {bench.step!r} {stop!r} 0 {bench.step!r}",
            f".PRINT TRAN FORMAT=CSV {kept}",
            *_lockins(bench, start, stop),
            ".END",
            "",
        ]
    )


def _card(line: str) -> str:
    found = _SOURCE.fullmatch(line)
    if found is None:
        instance, given, values = line.partition("=")
        if line.startswith("X") and given:  # the block, and its parameters
            *pins, first = instance.split()
            return f"{' '.join(pins)} {LANGUAGE.calls} {first}={values}"
        return line
    text = found[2]
    timed = re.fullmatch(r"time > 0 \? (.*) : (.*)", text)
    if timed is not None:
        text = f"{_STARTED}*({timed[1]})+(1-{_STARTED})*({timed[2]})"
    return f"{found[1]} I={{{without_steps(text.replace('^', '**'))}}}"


def _probe(name: str) -> str:
    """A vector of ngspice's as Xyce calls it: colons within a block, v.x1.v2#branch is the current of x1's v2."""
    if not name.endswith("#branch"):
        return f"V({name.replace('.', ':')})"
    return f"I({name.removesuffix('#branch').removeprefix('v.').replace('.', ':')})"


def _lockins(bench: Testbench, start: float, stop: float) -> list[str]:
    output = "".join(f"{'+' if sign > 0 else '-'}{_probe(name)}" for sign, name in bench.read).removeprefix("+")
    span = f"FROM={start!r} TO={stop!r}"
    lines = [f".MEASURE TRAN mean AVG {{{output}}} {span}"]
    for tone in bench.drive.tones:
        angle = f"{2 * np.pi * tone.frequency!r}*TIME+{tone.phase!r}"
        for what, wave in (("derivative", "SIN"), ("quadrature", "COS")):
            factor = f"{2 / tone.amplitude!r}*({output})*{wave}({angle})"
            lines.append(f".MEASURE TRAN {what}_{terminal(tone.electrode)} AVG {{{factor}}} {span}")
    return lines
