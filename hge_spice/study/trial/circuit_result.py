"""What a trial's result says of its learning circuit: design, prediction, truth, its bill and the digital loop's."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hge_spice.drive import Floats, SimulationError
from hge_spice.gradient import small_signal
from hge_spice.graph import Network
from hge_spice.materia import ERRORS, Circuit
from hge_spice.materia.averaged import Respond, averaged
from hge_spice.materia.bill import Block, Draw, blocks, total_power
from hge_spice.materia.design import TARGET, inequalities
from hge_spice.materia.digital import digital_blocks, digital_power, work
from hge_spice.quasistatic import QuasistaticDevice
from hge_spice.study.bench.bench import Bench
from hge_spice.study.trial.circuit import build_circuit, lockin_errors

PUSHED = 1e-2  # force of a pattern, below which it counts as left alone


def of_circuit(bench: Bench, rows: pd.DataFrame, directory: Path) -> dict[str, Any]:
    """What a trial's result says of its last circuit; its folder gets circuit.json, of what `_designed` gives.

    rows : of steps.parquet. Keys: `tightest`, the inequality that is used up most, and by how much, `tightest_use`;
    `rests_from`, the step after which it stays solved (None where it doesn't), and `loop_rests_from`, the same of the
    loop as a program; `lockin_error_max`, largest error of a lock-in over the pattern's largest true derivative, in the
    epochs looked up; `loop_deviation_max`, largest distance of a control from the program's, as a share of the range,
    and `predicted_deviation_max`, from the averaged model's; and those of `_bill`
    """
    start = int(rows["start"].iloc[-1])
    last = rows[rows["start"] == start]
    low, high = bench.recipe.control_range
    names = bench.dut.controls
    circuit = build_circuit(bench, start - 1)
    held = last[[f"control.{n}" for n in names]].to_numpy(float)
    apart = held - last[[f"loop.{n}" for n in names]].to_numpy(float)
    known = _designed(bench, circuit)
    predicted = _predicted(bench, circuit, len(last))
    (directory / "circuit.json").write_text(json.dumps(known | {"predicted": predicted}, indent=1))
    off = None if predicted is None else float(np.abs(held - np.array(predicted["control"])).max() / (high - low))
    looped = bench.study.circuit.loop
    rests = _rests_from(last["circuit_solved"])
    loop_rests = _rests_from(last["loop_solved"]) if looped else None
    return {
        "tightest": known["design"][0]["name"],
        "tightest_use": known["design"][0]["use"],
        "rests_from": rests,
        "loop_rests_from": loop_rests,
        "predicted_rests_from": predicted and predicted["rests_from"],
        "lockin_error_max": _largest_error(last, names, len(bench.recipe.inputs)),
        "loop_deviation_max": float(np.abs(apart).max() / (high - low)) if looped else None,
        "predicted_deviation_max": off,
        **_bill(bench, circuit, rows, rests, loop_rests if looped else rests),
    }


def _bill(
    bench: Bench, circuit: Circuit, rows: pd.DataFrame, rests: int | None, loop_rests: int | None
) -> dict[str, Any]:
    """Of circuit and digital loop: power, W, transistors, time, s, and energy, J, of learning, device and all.

    Learning ends where it rests, or with the last epoch; starts that failed before are learning too.
    """
    steps, start = bench.study.training.steps, int(rows["start"].iloc[-1])
    draw, converters = bench.study.circuit.power.draw, bench.study.circuit.digital.converters
    device = float(rows["energy_joule"].iloc[-1] / rows["simulated_seconds"].iloc[-1])
    found: dict[str, Any] = {}
    for name, of, power, epoch, rested in (
        ("circuit", blocks(circuit), total_power(blocks(circuit), draw), circuit.schedule.epoch, rests),
        (
            "digital",
            digital_blocks(circuit, converters),
            digital_power(circuit, converters, draw),
            work(circuit).seconds,
            loop_rests,
        ),
    ):
        seconds = ((start - 1) * steps + (rested or steps)) * epoch
        found |= {
            f"{name}_blocks": sum(block.count for block in of),
            f"{name}_transistors": sum(block.transistors for block in of),
            f"{name}_power": power,
            f"{name}_learning_seconds": seconds,
            f"{name}_learning_joule": seconds * (power + device),
        }
    return found


def _designed(bench: Bench, circuit: Circuit) -> dict[str, Any]:
    """What is known beforehand: `design`, the tightest first, `blocks`, those of the digital loop, its `work`."""
    error, respond = ERRORS[circuit.error], _by_small_signal(bench, circuit)
    outputs, jacobian = respond(circuit.control)
    push = error.of(outputs, circuit.teacher) @ jacobian
    _, moved = respond(np.clip(circuit.control - circuit.rate * np.sign(push), *circuit.control_range))
    longest = _longest(bench.network.graph, circuit)
    draw, converters = bench.study.circuit.power.draw, bench.study.circuit.digital.converters
    kept = inequalities(circuit, outputs, jacobian, moved, longest)
    return {
        "design": [asdict(each) | {"use": each.use} for each in kept],
        "blocks": _billed(blocks(circuit), draw),
        "digital": _billed(digital_blocks(circuit, converters), draw),
        "work": asdict(work(circuit)),
    }


def _billed(of: tuple[Block, ...], draw: Draw) -> list[dict[str, Any]]:
    return [asdict(each) | {"power_watt": each.power(draw), "transistors": each.transistors} for each in of]


def _by_small_signal(bench: Bench, circuit: Circuit) -> Respond:
    def respond(control: Floats) -> tuple[Floats, Floats]:
        found = small_signal(bench.dut, control, circuit.inputs, bench.recipe.measurement)
        outputs, slopes = np.array([f.output for f in found]), np.array([f.jacobian for f in found])
        return circuit.gain * outputs, circuit.gain * slopes

    return respond


def _predicted(bench: Bench, circuit: Circuit, epochs: int) -> dict[str, Any] | None:
    """The averaged model's controls after each epoch, and the one from which nothing pushes; None without equations.

    The device is the quasi-static engine's, the circuit's errors are in it; neither ngspice nor a tone is.
    """
    try:
        solved = QuasistaticDevice(bench.network.graph)

        def respond(control: Floats) -> tuple[Floats, Floats]:
            outputs, slopes = solved.exact(control, circuit.inputs)
            return circuit.gain * outputs, circuit.gain * slopes

        controls = list(averaged(respond, circuit, epochs))[1:]
        forces = [ERRORS[circuit.error].of(respond(control)[0], circuit.teacher) for control in controls]
    except (ValueError, SimulationError):
        return None
    levels = circuit.teacher.levels
    allowed = PUSHED if ERRORS[circuit.error].divisor == "peak" or levels is None else TARGET * np.abs(levels)
    rested = pd.Series([bool((np.abs(force) <= allowed).all()) for force in forces])
    return {"control": [control.tolist() for control in controls], "rests_from": _rests_from(rested)}


def _longest(graph: Network, circuit: Circuit) -> float | None:
    """Longest time constant of the device where it begins, s; None where its equations aren't known to NumPy."""
    try:
        solved = QuasistaticDevice(graph)
        return float(solved.time_constants(circuit.control, circuit.inputs[0])[0])
    except (ValueError, SimulationError):
        return None


def _largest_error(last: pd.DataFrame, names: tuple[str, ...], patterns: int) -> float:
    found = []
    for p in range(patterns):
        true = last[[f"truth.{p}.{n}" for n in names]].dropna()
        held = last.loc[true.index, [f"jacobian.{p}.{n}" for n in names]]
        found.append(lockin_errors(held.to_numpy(), true.to_numpy()).max())
    return float(max(found))


def _rests_from(solved: "pd.Series[Any]") -> int | None:
    """The step, from 1, after which it stays solved; None where it doesn't."""
    unsolved = np.flatnonzero(~solved.to_numpy(bool))
    first = int(unsolved[-1]) + 1 if len(unsolved) else 0
    return first + 1 if first < len(solved) else None
