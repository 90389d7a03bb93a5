"""Error formation: from the held outputs of all patterns to dE/dI of the pattern shown; one block per loss.

mse     dE/dI_p = I_p − target_p. A step divided by the power of all derivatives can't overshoot: the trace bounds the
        largest eigenvalue of Gauss and Newton's matrix (normalised least mean squares, Nagumo & Noda 1967, doi
        10.1109/TAC.1967.1098599).
margin  Patterns on the wrong side of the mean Ī of all outputs, or on the right side by less than a margin, learn with
        equal force; the others don't, and where none is left the circuit rests. The margin is a share of the mean
        |I_p − Ī|, and no less than half the least contrast times the largest |I_p|, so that no ripple on a large output
        passes: a gap of twice the margin is a contrast of that. Forces are centred over the patterns, since a common
        shift of all outputs changes nothing.

A perceptron's rule with margin, its threshold the running mean (Rosenblatt; Krauth & Mézard 1987, doi
10.1088/0305-4470/20/11/013, for what a margin is worth).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from hge_spice.drive import Floats

WIDTH = 1e-3  # V, over which a comparator turns


@dataclass(frozen=True)
class Teacher:
    """What the outputs should be.

    classes : [pattern], 0 or 1; levels : [pattern], V at the transimpedance amplifier, for mse
    margin : share of the mean |I_p − Ī|; contrast : least span over the largest |I_p| at which nothing is pushed
    """

    classes: Floats
    levels: Floats | None = None
    margin: float = 0.5
    contrast: float = 0.0


@dataclass(frozen=True)
class ErrorBlock:
    """One way to form the error.

    lines : of the netlist, from nodes h0, h1, … (held outputs, V) and sel0, sel1, … to node err (dE/dI, V)
    of : the same in NumPy, from [pattern] to [pattern]
    divisor : what a step is divided by: "peak", each control's by the recent peak of its own derivative; "power", all
        by the sum of the squared dI/dV of an epoch
    """

    lines: Callable[[Teacher], list[str]]
    of: Callable[[Floats, Teacher], Floats]
    divisor: str
    summary: str


def _mse_lines(teacher: Teacher) -> list[str]:
    if teacher.levels is None:
        raise ValueError('the error "mse" needs target currents; set task.targets')
    return [
        *(f"Vtarget{p} target{p} 0 DC {level!r}" for p, level in enumerate(teacher.levels.tolist())),
        f"Berr err 0 V={'+'.join(f'v(sel{p})*v(h{p},target{p})' for p in range(len(teacher.levels)))}",
    ]


def _mse(held: Floats, teacher: Teacher) -> Floats:
    if teacher.levels is None:
        raise ValueError('the error "mse" needs target currents; set task.targets')
    return np.asarray(held - teacher.levels)


def _mean(node: str, of: list[str]) -> list[str]:
    """A node that is the mean of others: conductances into one ohm, no B source."""
    return [*(f"G{node}{p} 0 {node} {each} 0 {1 / len(of)!r}" for p, each in enumerate(of)), f"R{node} {node} 0 1"]


def _margin_lines(teacher: Teacher) -> list[str]:
    count, signs = len(teacher.classes), np.where(teacher.classes > 0.5, 1, -1).tolist()
    held, forces = [f"h{p}" for p in range(count)], [f"force{p}" for p in range(count)]
    spread = "+".join(f"abs(v({h},hmean))" for h in held)
    largest = reduce(lambda all_before, h: f"max({all_before},abs(v({h})))", held, "0")
    floor = f"max({teacher.margin!r}*v(spread),{teacher.contrast / 2!r}*{largest})"
    return [
        *_mean("hmean", held),
        f"Bspread spread 0 V=({spread})/{count}",
        f"Bneed need 0 V={floor if teacher.contrast else f'{teacher.margin!r}*v(spread)'}",
        *(
            f"Bforce{p} force{p} 0 V={0.5 * s!r}*(1+tanh((v(need)-({s})*v(h{p},hmean))/{WIDTH!r}))"
            for p, s in enumerate(signs)
        ),
        *_mean("fmean", forces),
        f"Berr err 0 V=-({'+'.join(f'v(sel{p})*v(force{p},fmean)' for p in range(count))})",
    ]


def needed(held: Floats, teacher: Teacher) -> float:
    """V, by which an output must be on its side of the mean for the margin rule to leave it alone."""
    share = teacher.margin * float(np.abs(held - held.mean()).mean())
    return max(share, teacher.contrast / 2 * float(np.abs(held).max()))


def _margin(held: Floats, teacher: Teacher) -> Floats:
    signs = np.where(teacher.classes > 0.5, 1.0, -1.0)
    away = held - held.mean()
    force = 0.5 * signs * (1 + np.tanh((needed(held, teacher) - signs * away) / WIDTH))
    return np.asarray(force.mean() - force)


ERRORS = {
    "mse": ErrorBlock(_mse_lines, _mse, "power", summary="difference to target currents"),
    "margin": ErrorBlock(_margin_lines, _margin, "peak", summary="patterns without margin, all with equal force"),
}
