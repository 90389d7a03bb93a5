"""The learning circuit: one netlist of the device under test and all that makes it learn, for `ngspice -b`."""

import numpy as np

from hge_spice.devices import DEVICES
from hge_spice.devices.names import terminal
from hge_spice.graph import Network, electrodes, readout
from hge_spice.materia.circuit import HELD, PEAK_KEPT, SHARE, Circuit
from hge_spice.materia.error import ERRORS
from hge_spice.materia.parts import REFERENCE, SCALE, Multiplier
from hge_spice.materia.sequencer import RC_STEPS, TRANSFER
from hge_spice.materia.transistors import TOP, GilbertCell, models, ota_lines
from hge_spice.netlist import build_circuit, saved_vectors, table_node

FARAD = 1e-9  # of the capacitors of the circuit, but those that hold the controls
# trtol at which no truncation error cuts a step: the clock sets the grid (see sequencer). With 1e9, a current that had
# just been switched off did
EVEN = 1e30


def learning_deck(graph: Network, circuit: Circuit, epochs: int) -> str:
    """Netlist that learns for so many epochs, runnable by `ngspice -b` as it is.

    Node c0, c1, … are the controls before their clamps, g0, … the lock-ins, h0, … the held outputs.

    Raises ValueError for an electrode with the name of one of the circuit's own nodes.
    """
    schedule = circuit.schedule
    controls, inputs = electrodes(graph, "control"), electrodes(graph, "input")
    hooked = (*controls, *inputs, *electrodes(graph, "complement"))
    device = build_circuit(graph, tones={t.electrode: t for t in circuit.tones}, tabled=hooked)
    options = DEVICES[graph.graph["family"]].options
    given = " ".join(f"{key}={value!r}" for key, value in options.items())
    blocks = {
        "sequencer": schedule.lines(),
        "transistors": [*models(), f"Vtop top 0 {TOP!r}"] if circuit.parts.transistors else [],
        "inputs": _input_lines(graph, circuit),
        "transimpedance amplifier": _readout_lines(graph, circuit),
        "mean of the output, holds, what is left of the output": _mean_lines(circuit),
        "error formation": ERRORS[circuit.error].lines(circuit.teacher),
        "lock-ins": _lockin_lines(circuit),
        "multipliers by dE/dI and control integrators": _integrator_lines(controls, circuit),
    }
    learning = [line for name, lines in blocks.items() if lines for line in (f"* {name}", *lines)]
    _check_nodes(graph, learning)
    return "\n".join(
        [
            *str(device).splitlines(),
            *learning,
            f".options {given} trtol={EVEN!r} itl4=100",
            *(f".save {vector}" for vector in saved(graph, schedule.patterns)),
            f".tran {schedule.step!r} {schedule.duration(epochs)!r} 0 {schedule.step!r}",
            ".end",
            "",
        ]
    )


def _check_nodes(graph: Network, lines: list[str]) -> None:
    """No electrode may have the name of a node of the learning circuit: the two would be one."""
    ours: set[str] = set()
    inside = 0  # of subcircuits, whose nodes are their own
    for line in lines:
        card = line.split(maxsplit=1)[0].lower()
        inside += (card == ".subckt") - (card == ".ends")
        if not inside and line[0].isalpha():
            ours |= set(line.split()[1:3])
    for name in electrodes(graph):
        if terminal(name) in ours:
            raise ValueError(f"electrode {name} has a name that the learning circuit needs for a node; rename it")


def saved(graph: Network, patterns: int) -> list[str]:
    """Vectors that are kept: the circuit's signals, and what the electrodes draw."""
    driven = [vector.removesuffix("#branch") for vector in saved_vectors(graph).driven]
    controls = electrodes(graph, "control")
    nodes = ["y", "err", "gw", *(f"{name}{k}" for name in "cga" for k in range(len(controls)))]
    nodes += [f"h{p}" for p in range(patterns)]
    nodes += [source.removeprefix("vdc_") for source in driven]
    nodes += [f"{terminal(name)}_dc" for name in controls]
    return [*(f"v({node})" for node in nodes), *(f"i({source})" for source in driven)]


def _input_lines(graph: Network, circuit: Circuit) -> list[str]:
    lines: list[str] = []
    levels = {name: circuit.inputs[:, k] for k, name in enumerate(electrodes(graph, "input"))}
    for name in electrodes(graph, "complement"):
        data = graph.nodes[name]
        levels[name] = data["mirror"] - levels[data["complement_of"]]
    for k, (name, volts) in enumerate(levels.items()):
        lines += [f"Gin{k}_{p} 0 in{k} show{p} 0 {volt!r}" for p, volt in enumerate(volts.tolist())]
        lines += [f"Rin{k} in{k} 0 1", f"Ein{k} {table_node(name)} 0 in{k} 0 1"]
    return lines


def _readout_lines(graph: Network, circuit: Circuit) -> list[str]:
    """Node y: the output in volts."""
    read = saved_vectors(graph).read[: 1 + readout(graph).differential]
    lines: list[str] = []
    below = "y"
    for k, vector in enumerate(read):
        foot = "ylow" if len(read) > 1 and k == 0 else "0"
        ends = f"{below} {foot}" if k == 0 else f"0 {below}"
        if vector.endswith("#branch"):
            lines.append(f"Htia{k} {ends} {vector.removesuffix('#branch')} {circuit.gain!r}")
        else:
            lines.append(f"Etia{k} {ends} {vector} 0 {circuit.gain!r}")
        below = foot
    return lines


def _mean_lines(circuit: Circuit) -> list[str]:
    """The mean of the output in the window, and one hold for each pattern; yac is what the mean leaves of y."""
    schedule = circuit.schedule
    conductance = FARAD / (RC_STEPS * schedule.step)
    patterns = range(schedule.patterns)
    lines = [
        f"Bmean 0 m I=v(y)*v(gw)*{FARAD / schedule.window!r}-v(m)*v(gr)*{conductance!r}",
        f"Cmean m 0 {FARAD!r}",
        ".ic v(m)=0",
    ]
    for p in patterns:
        lines += [
            f"Bhold{p} 0 h{p} I=v(m,h{p})*v(gs)*v(sel{p})*{conductance!r}",
            f"Chold{p} h{p} 0 {FARAD!r}",
            f".ic v(h{p})=0",
        ]
    lines.append(f"Bac yac 0 V=v(y)-({'+'.join(f'v(sel{p})*v(h{p})' for p in patterns)})")
    return [*lines, *circuit.parts.amplifier.lines("x", "v(yac)", circuit.swing_gain)]


def _multiplied(part: Multiplier | GilbertCell, name: str, x: str, y: str, circuit: Circuit) -> tuple[list[str], str]:
    """Lines of a part and its product, with what is done against its offsets.

    Chopped, Y's sign is turned before it and the product's turned back. With auto-zero both inputs are shorted while
    the slot's integrators are emptied, and what is then the product is held and taken off.
    """
    if circuit.parts.chopped:
        y = f"v(chop)*{y}"
    if not circuit.parts.auto_zero:
        lines, product = part.stamp(name, x, y)
    else:
        conductance = FARAD / (RC_STEPS * circuit.schedule.step)
        own, shorted = part.stamp(name, f"(1-v(gr))*{x}", f"(1-v(gr))*{y}")
        product = f"({shorted}-v(zero{name}))"
        lines = [
            *own,
            f"Bzero{name} 0 zero{name} I={product}*v(gr)*{conductance!r}",
            f"Czero{name} zero{name} 0 {FARAD!r}",
            f".ic v(zero{name})=0",
        ]
    return lines, f"v(chop)*{product}" if circuit.parts.chopped else product


def _lockin_lines(circuit: Circuit) -> list[str]:
    """Per control a mixer into a gated integrator: after the window g is dy/dV in V/V, times the lock-ins' scale."""
    schedule = circuit.schedule
    conductance = FARAD / (RC_STEPS * schedule.step)
    lines: list[str] = []
    for k, tone in enumerate(circuit.tones):
        node = terminal(tone.electrode)
        share = 2 * SCALE * FARAD / (circuit.swing_gain * tone.amplitude * REFERENCE * schedule.window)
        factor = share * circuit.lockin_scale
        reference = f"{REFERENCE / tone.amplitude!r}*v({node},{node}_dc)"
        own, product = _multiplied(circuit.parts.mixers[k], f"mix{k}", "v(x)", reference, circuit)
        lines += [
            *own,
            f"Bmix{k} 0 g{k} I={product}*v(gw)*{factor!r}-v(g{k})*v(gr)*{conductance!r}",
            f"Cmix{k} g{k} 0 {FARAD!r}",
            f".ic v(g{k})=0",
        ]
    return lines


def _integrator_lines(controls: tuple[str, ...], circuit: Circuit) -> list[str]:
    """Per control dE/dV summed over the epoch, and the integrator that holds the control, between clamps."""
    schedule = circuit.schedule
    conductance = FARAD / (RC_STEPS * schedule.step)
    low, high = circuit.control_range
    count, parts = len(controls), circuit.parts
    lines: list[str] = []
    by_peak = ERRORS[circuit.error].divisor == "peak"
    into = FARAD / (TRANSFER * schedule.step)
    most, least = circuit.largest_current, circuit.floor * circuit.lockin_scale
    if by_peak:
        leak = float(-schedule.epoch / (FARAD * np.log(PEAK_KEPT)))
        for k in range(count):
            lines += [
                f"Bpeak{k} 0 q{k} I=max(abs(v(a{k}))-v(q{k}),0)*v(gp)*{conductance!r}",
                f"Cpeak{k} q{k} 0 {FARAD!r}",
                f"Rpeak{k} q{k} 0 {leak!r}",
                f".ic v(q{k})=0",
            ]
    else:
        squares = "+".join(f"v(g{k})^2" for k in range(count))
        lines += [
            f"Bpower 0 power I=({squares})*v(gt)*{into!r}-v(power)*v(ge)*{conductance!r}",
            f"Cpower power 0 {FARAD!r}",
            ".ic v(power)=0",
        ]

    def pull(k: int) -> list[str]:
        """What moves a control: its derivative over the divisor, limited."""
        if by_peak:
            wanted = f"v(a{k})/max({least!r},v(q{k}))"
        else:
            wanted = f"{SHARE * circuit.lockin_scale / circuit.rate!r}*v(a{k})/max({least**2!r},v(power))"
        if parts.transistors:
            return ota_lines(f"int{k}", f"c{k}", wanted, "v(gu)", most)
        return [f"Bint{k} c{k} 0 I={most!r}*v(gu)*{wanted if by_peak else f'tanh({wanted})'}"]

    for k, name in enumerate(controls):
        error = f"{REFERENCE!r}*v(err)"
        own, product = _multiplied(parts.multipliers[k], f"sum{k}", f"v(g{k})", error, circuit)
        back = f"{conductance * HELD / FARAD!r}*(max(v(c{k})-({high!r}),0)+min(v(c{k})-({low!r}),0))"
        lines += [
            *own,
            f"Bsum{k} 0 a{k} I={product}*v(gt)*{into * SCALE / REFERENCE!r}-v(a{k})*v(ge)*{conductance!r}",
            f"Csum{k} a{k} 0 {FARAD!r}",
            *pull(k),
            f"Bback{k} c{k} 0 I={back}",
            f"Cint{k} c{k} 0 {HELD!r}",
            *([f"Rint{k} c{k} 0 {parts.leak / HELD!r}"] if np.isfinite(parts.leak) else []),
            f".ic v(a{k})=0 v(c{k})={float(circuit.control[k])!r}",
            f"Bclamp{k} {table_node(name)} 0 V=min({high!r},max({low!r},v(c{k})))",
        ]
    return lines
