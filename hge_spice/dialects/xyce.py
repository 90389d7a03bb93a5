"""The testbench as a deck for Xyce: the same cards, lock-ins as .MEASURE lines.

Source: Xyce Reference Guide 7.8, Sandia National Laboratories: chapters on netlist commands (.MEASURE, .NODESET,
.OPTIONS, .PRINT, .TRAN), expressions and analog devices. A B source's expression is in braces, `**` is the power, and
what is a conditional in ngspice is a factor that is 0 at time zero and 1 after, as in the `.subckt`s. Native diodes and
transistors keep their cards.
"""

import re

import numpy as np

from hge_spice.devices import DEVICES
from hge_spice.devices.library import without_steps
from hge_spice.devices.names import terminal
from hge_spice.dialects.testbench import Testbench, testbench
from hge_spice.drive import Drive
from hge_spice.graph import Network

# in a period of the highest tone: Xyce begins with short steps and its sums are trapezoids, which cost 1e-4 of a
# derivative here, and 2e-3 with a quarter of them
STEPS = 256
_SOURCE = re.compile(r"(B\S+ \S+ \S+) [iv]=(.*)", re.IGNORECASE)
_STARTED = "min(time*1e30,1)"


def xyce(graph: Network, drive: Drive) -> str:
    """The deck of one extraction: derivative_<control> is the in-phase amplitude over the tone's, per volt.

    Raises ValueError as `testbench` does.
    """
    bench, options = testbench(graph, drive, STEPS), DEVICES[graph.graph["family"]].options
    start, stop = drive.transient.settle, bench.stop
    kept = " ".join(_probe(name) for name in dict.fromkeys([*(name for _, name in bench.read), *bench.kept]))
    return "\n".join(
        [
            f"* {bench.title}",
            "* made by hge_spice for Xyce; SI units; lock-ins are the .MEASURE lines, quadrature over amplitude too",
            *(_card(line) for line in bench.cards),
            f".OPTIONS DEVICE GMIN={options['gmin']!r}",
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
        return line
    text = found[2]
    timed = re.fullmatch(r"time > 0 \? (.*) : (.*)", text)
    if timed is not None:
        text = f"{_STARTED}*({timed[1]})+(1-{_STARTED})*({timed[2]})"
    return f"{found[1]} I={{{without_steps(text.replace('^', '**'))}}}"


def _probe(name: str) -> str:
    return f"I({name.removesuffix('#branch')})" if name.endswith("#branch") else f"V({name})"


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
