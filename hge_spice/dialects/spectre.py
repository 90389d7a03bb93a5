"""The testbench as a netlist for Spectre: sources and passives, Verilog-A modules for all else, lock-ins among them.

Source: Cadence's Spectre Circuit Simulator Reference, on vsource, isource, resistor, capacitor, vccs, vcvs, ccvs, tran,
options, save and ahdl_include. Names are in lower case, since case counts there. The modules are those of
`devices/verilog_a.py`; their files lie beside the netlist. A block of the user's own stands as SPICE between `simulator
lang=spice` and `simulator lang=spectre`, by the rules of `block.py`; elements of ours in it are the same modules.
"""

import re
from collections.abc import Iterator

import numpy as np

from hge_spice.devices import DEVICES, ELEMENTS, dopant
from hge_spice.devices.branches import branches
from hge_spice.devices.library import PREFIX, subcircuit
from hge_spice.devices.names import terminal
from hge_spice.dialects.block import ALIKE, OF_A_TRANSISTOR, Language, Translated, said_of, translated
from hge_spice.dialects.testbench import Testbench, is_block, testbench
from hge_spice.drive import Drive
from hge_spice.graph import Network

GAIN = (
    1e9  # V/A and V/V of what the lock-ins are given: currents are of nA, and volts are what Spectre's tolerances suit
)
# in a period of the highest tone: the lock-ins integrate the mean too, whose first step is by Euler's rule: 1e-4 of a
# derivative, 1e-3 with a quarter of them
STEPS = 1024
LANGUAGE = Language(
    name="Spectre",
    quotes=("'", "'"),
    functions=ALIKE,
    levels={"1": "1", "2": "2", "3": "3", "8": "49", "49": "49", "14": "54", "54": "54"},
    keys={
        **dict.fromkeys("rcl", frozenset({"r", "c", "l", "tc1", "tc2", "m", "ic"})),
        **dict.fromkeys("dqj", frozenset({"area", "m"})),
        "m": OF_A_TRANSISTOR,
    },
    models=dict.fromkeys("dqjm"),
    behavioural=False,
)
_CARDS = {"series_resistance", "capacitance"}
_SINE = re.compile(r"dc 0 ac 0 sin\((.*)\)")


def spectre(graph: Network, drive: Drive) -> str:
    """The netlist of one extraction: what x_<control> grows by in the window is a derivative, in nA/V (nV/V).

    Raises ValueError as `testbench` does.
    """
    bench, options = testbench(graph, drive, STEPS), DEVICES[graph.graph["family"]].options
    block = translated(graph, LANGUAGE, _library()) if is_block(graph) else Translated()
    instances = list(_instances(graph))
    states = {f"{name}_{state}" for name, state in _states(graph)}
    modules = [*(each.split(") ")[1].split(" ")[0] for each in instances), *_modules(block)]
    files = dict.fromkeys("dopant" if "dopant" in name else name.removeprefix(PREFIX) for name in modules)
    start, stop = drive.transient.settle, bench.stop
    vectors = (*_read(bench), *bench.kept)
    kept = [_probe(name) for name in vectors if not name.startswith("@")]
    celsius = f" temp={graph.graph['parameters']['temperature'] - 273.15!r}" if is_block(graph) else ""
    spice = ["simulator lang=spice", *block.lines, "simulator lang=spectre"] if block.lines else []
    outcome = [f"{axis}_{terminal(tone.electrode)}" for tone in drive.tones for axis in "xy"]
    return "\n".join(
        [
            f"// {bench.title}",
            "// made by hge_spice for Spectre; SI units; a derivative, in nA/V or nV/V, is what x_<control> grows by",
            f"// from {start!r} s to {stop!r} s, its quadrature what y_<control> does",
            *(f"// {remark}" for remark in said_of(block, vectors)),
            "simulator lang=spectre",
            *(f'ahdl_include "{PREFIX}{name}.va"' for name in (*files, "lockin")),
            *spice,
            *(_card(line) for line in bench.cards if _plain(line, states)),
            *instances,
            *_lockins(bench),
            (
                f"simulatorOptions options reltol={options['reltol']!r} vabstol={options['vntol']!r} "
                f"iabstol={options['abstol']!r} gmin={options['gmin']!r}{celsius}"
            ),
            f"extraction tran stop={stop!r} step={bench.step!r} maxstep={bench.step!r} method=traponly",
            f"save {' '.join(dict.fromkeys([*kept, *outcome]))}",
            "",
        ]
    )


def _plain(line: str, states: set[str]) -> bool:
    """Whether a card is none of what modules stand for: equations, native devices, states' capacitors and sources."""
    return line[0].lower() in "vrcighx" and line.split(maxsplit=1)[0][1:].lower() not in states


def _card(line: str) -> str:
    if line[0] in "xX":  # the block
        plain, first, values = line.lower().partition("=")
        *pins, word = plain.split()
        name, *nodes = pins if first else [*pins, word]
        return f"{name} ({' '.join(nodes[:-1])}) {nodes[-1]}{f' {word}={values}' if first else ''}"
    name, plus, minus, *rest = line.lower().split()
    ends, value = f"{name} ({plus} {minus}", " ".join(rest)
    passive = {"r": "resistor r", "c": "capacitor c", "i": "isource dc"}.get(name[0])
    if passive is not None:
        return f"{ends}) {passive}={rest[0] if name[0] != 'i' else rest[-1]}"
    if name[0] == "g":
        return f"{ends} {rest[0]} {rest[1]}) vccs gm={rest[2]}"
    if name[0] == "h":
        return f"{ends}) ccvs probe={rest[0]} rm={rest[1]}"
    found = _SINE.fullmatch(value)
    if found is None:
        return f"{ends}) vsource dc={rest[-1]}"
    offset, amplitude, frequency, delay, _, degrees = found[1].split()
    more = f" delay={delay}" if float(delay) else ""
    return f"{ends}) vsource type=sine sinedc={offset} ampl={amplitude} freq={frequency} sinephase={degrees}{more}"


def _probe(name: str) -> str:
    """A vector of ngspice's as Spectre calls it: v.x1.v2#branch is the current of x1's v2."""
    return f"{name.removesuffix('#branch').removeprefix('v.')}:p" if "#" in name else name


def _library() -> dict[str, str]:
    """Subcircuits of our elements, which Spectre has as modules: by name, the statements that a block has of them."""
    found = {}
    for name, element in ELEMENTS.items():
        lines = [line for line in subcircuit(element).lower().splitlines() if line and line[0] != "*"]
        found[f"{PREFIX}{name}"] = "\n".join(lines).replace("\n+", "")
    return found


def _modules(block: Translated) -> list[str]:
    """Modules of elements of ours that calls of a block are."""
    defined = {line.split()[1] for line in block.lines if line.startswith(".subckt ")}
    called = [word for line in block.lines if line[0] == "x" for word in line.split() if word.startswith(PREFIX)]
    return [name for name in called if name.removeprefix(PREFIX) in ELEMENTS and name not in defined]


def _instances(graph: Network) -> Iterator[str]:
    if graph.graph["family"] == "dopant":
        yield from _dopant(graph)
    elif not is_block(graph):
        yield from _elements(graph)


def _elements(graph: Network) -> Iterator[str]:
    """Every element but the resistors; its series resistance and its capacitance are cards of their own."""
    for branch in branches(graph):
        element = branch.element
        if element.name == "resistor":
            continue
        gate = [branch.gate] if branch.gate is not None else []
        pins = [branch.plus, branch.minus, *gate, *(branch.state_node(state) for state in element.states)]
        own = {name: branch.values[name] for name in ("temperature", *element.parameters)}
        given = " ".join(f"{name}={value!r}" for name, value in own.items() if name not in _CARDS)
        yield f"{branch.name} ({' '.join(pins)}) {PREFIX}{element.name} {given}"


def _states(graph: Network) -> Iterator[tuple[str, str]]:
    if graph.graph["family"] in ELEMENTS:
        yield from ((branch.name, state) for branch in branches(graph) for state in branch.element.states)


def _dopant(graph: Network) -> Iterator[str]:
    """Every hop, from the arrays that the quasi-static engine solves, and every site's clamp."""
    equations = dopant.equations(graph)
    sites, rate = len(equations.unknowns), graph.graph["parameters"].get("rate", "glauber")
    nodes = [*equations.unknowns, *map(terminal, equations.electrodes), "0", *(f"u{i}" for i in range(sites))]
    for kind, law in zip(("hop", "lead"), equations.branches, strict=True):
        for k, (leaves, enters) in enumerate(zip(law.leaves, law.enters, strict=True)):
            at = [law.quantities[name][0][k] for name in ("ui", "uj") if name in law.quantities]
            given = " ".join(f"{name}={float(values[k])!r}" for name, values in law.constants.items())
            pins = " ".join(nodes[pin] for pin in (leaves, enters, *at))
            yield f"{kind}{k} ({pins}) {PREFIX}dopant_{kind}_{rate} {given}"
    clamp = dopant.CLAMP_FACTOR * dopant.strongest_link(graph)
    yield from (f"clamp{i} (p{i}) {PREFIX}dopant_clamp k={clamp!r}" for i in range(sites))


def _read(bench: Testbench) -> list[str]:
    return [name for _, name in bench.read]


def _lockins(bench: Testbench) -> Iterator[str]:
    """What is read as voltages in series, amplified, and a lock-in on it for each tone."""
    below = "0"
    for k, (sign, name) in reversed(list(enumerate(bench.read))):
        ends = f"(read{k} {below})" if sign > 0 else f"({below} read{k})"
        source = name.removesuffix("#branch")
        kind = f"ccvs probe={source} rm={GAIN!r}" if "#" in name else ""
        yield f"hread{k} {ends} {kind}" if kind else f"eread{k} {ends[:-1]} {name} 0) vcvs gain={GAIN!r}"
        below = f"read{k}"
    for tone in bench.drive.tones:
        given = (
            f"frequency={tone.frequency!r} amplitude={tone.amplitude!r} phase={float(np.mod(tone.phase, 2 * np.pi))!r}"
        )
        name, window = terminal(tone.electrode), bench.drive.transient.window
        yield f"lockin_{name} ({below} x_{name} y_{name}) {PREFIX}lockin {given} window={window!r}"
