"""The search for output and inputs: all choices at a few random control settings, the better ones at ever more."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations, groupby

import numpy as np

from hge_spice.devices import states_equations
from hge_spice.drive import Floats
from hge_spice.graph import Network, electrodes
from hge_spice.screen.engines import Engine, ngspice_engine, quasistatic_engine
from hge_spice.screen.scores import explained, score
from hge_spice.tasks import Task

QUANTILE = 0.9  # of truth tables, which a good part of the settings should serve; of a data set the best alone counts
KEPT, FEWEST = 1 / 3, 4  # share of the choices that each further round goes on with, while it leaves so many
BATCH = 4096  # points solved between two reports of progress
FIRST_CONTROLS = 8

Roles = tuple[str, tuple[str, ...]]  # output, inputs


@dataclass(frozen=True)
class Choice:
    """One choice of electrodes and what random controls make of it.

    settings : control settings tried
    reached : share of them at which each task counts as solved, by task name; 0 of a data set, which none settles
    best : score by task: gap over (span + 0.1·largest |output|), −1 without contrast, below which 90 % of settings lie;
    of a data set the share of the classes' variance that a linear read-out of the output explains at the best setting
    span : A, median over the settings
    failed : settings at which no physical operating point was found
    first : by task, the control settings [control], V, with the highest scores, the best first
    """

    output: str
    inputs: tuple[str, ...]
    controls: tuple[str, ...]
    settings: int
    reached: dict[str, float]
    best: dict[str, float]
    span: float
    failed: int
    first: dict[str, tuple[tuple[float, ...], ...]]

    @property
    def worst(self) -> float:
        """Score of the task that this choice serves least; choices are ranked by it."""
        return min(self.best.values())


def screen(
    graph: Network,
    tasks: Sequence[Task],
    *,
    levels: Sequence[tuple[float, float]],
    control_range: tuple[float, float],
    points: int,
    rng: np.random.Generator,
    noise: float = 0.0,
    held: dict[str, float] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Choice]:
    """Try every choice of one output and the tasks' number of inputs; the best first.

    levels : V, low and high of every input, or one pair for all; control_range : V
    points : budget of operating points, spent in rounds (`rounds`)
    noise : A, read-out noise that a gap must stand against
    held : V, by electrode, of those that are not to choose from
    progress : told the points done, of how many

    All tasks must share one table of inputs. A point costs some 25 µs at 12 sites; where the family states no equations
    for NumPy, ngspice is asked, and it costs some ms.

    Raises ValueError where the tasks differ in their inputs, electrodes or points don't suffice.
    """
    bits = tasks[0].bits
    if any(task.bits.shape != bits.shape or not np.array_equal(task.bits, bits) for task in tasks):
        raise ValueError("tasks that are screened together must show the same input patterns")
    held = held or {}
    free = [name for name in electrodes(graph) if name not in held]
    if len(free) < bits.shape[1] + 2:
        raise ValueError(
            f"{len(free)} electrodes can't be one output, {bits.shape[1]} inputs and a control; take more electrodes"
        )
    roles = [
        (output, inputs)
        for output in free
        for inputs in combinations([name for name in free if name != output], bits.shape[1])
    ]
    planned = rounds(len(roles), len(bits), points)
    with ExitStack() as stack:
        simulated = not states_equations(graph)
        engine = ngspice_engine(graph, stack) if simulated else quasistatic_engine(graph)
        trial = _Trial(graph, tuple(tasks), tasks[0].inputs(levels), control_range, noise, held, engine)
        return _successively(trial, roles, planned, rng, progress)


def rounds(choices: int, patterns: int, points: int) -> list[tuple[int, int]]:
    """Successive halving (by thirds): choices that take part in each round, and further control settings of each.

    Every round spends an equal share of the points, so that what is worth it is measured three times as often in each.
    The method is that of Karnin, Koren & Somekh, ICML 2013, with a third in place of half. Of the 168 choices of a
    device of 12 sites, ranked for six gates by 2048 other control settings each, 100 000 points picked one of the first
    three on all six devices that the method wasn't settled on (seeds 100 to 105, three draws each; 2.3 s of one core).

    Raises ValueError where the points don't give every choice a control setting.
    """
    sizes = [choices]
    while round(KEPT * sizes[-1]) >= FEWEST:
        sizes.append(round(KEPT * sizes[-1]))
    if points < len(sizes) * choices * patterns:
        raise ValueError(
            f"{points} points can't try {choices} choices of electrodes with {patterns} patterns each; take "
            f"{len(sizes) * choices * patterns} or more"
        )
    return [(size, points // (len(sizes) * size * patterns)) for size in sizes]


def _successively(
    trial: "_Trial",
    roles: Sequence[Roles],
    planned: Sequence[tuple[int, int]],
    rng: np.random.Generator,
    progress: Callable[[int, int], None],
) -> list[Choice]:
    """All choices at a few settings, the better ones at ever more; a later round's verdict goes before an earlier's."""
    patterns = len(trial.inputs)
    total, done = patterns * sum(size * settings for size, settings in planned), 0
    seen: dict[Roles, list[tuple[Floats, Floats]]] = {role: [] for role in roles}
    ranked: list[Choice] = []
    for size, settings in planned:
        alive = [(choice.output, choice.inputs) for choice in ranked[:size]] or list(roles)
        for output, group in groupby(sorted(alive), key=lambda role: role[0]):
            pairs = [inputs for _, inputs in group]
            left = settings
            while left:
                piece = min(left, max(1, BATCH // (len(pairs) * patterns)))
                for inputs, found in zip(pairs, trial.outputs(output, pairs, piece, rng), strict=True):
                    seen[output, inputs].append(found)
                left -= piece
                done += len(pairs) * piece * patterns
                progress(done, total)
        judged = [trial.judge(*role, *map(np.concatenate, zip(*seen[role], strict=True))) for role in alive]
        ranked = sorted(judged, key=lambda choice: -choice.worst) + ranked[size:]
    return ranked


@dataclass(frozen=True)
class _Trial:
    """What all choices have in common. inputs : [pattern, input], V."""

    graph: Network
    tasks: tuple[Task, ...]
    inputs: Floats
    control_range: tuple[float, float]
    noise: float
    held: dict[str, float]
    engine: Engine

    def outputs(
        self, output: str, pairs: Sequence[tuple[str, ...]], settings: int, rng: np.random.Generator
    ) -> list[tuple[Floats, Floats]]:
        """Random control settings [setting, control], V, and what they give [setting, pattern], A: for each pair."""
        names = electrodes(self.graph)
        rims = np.zeros((len(pairs), settings, len(self.inputs), len(names)))
        for name, voltage in self.held.items():
            rims[..., names.index(name)] = voltage
        drawn = []
        for rim, inputs in zip(rims, pairs, strict=True):
            controls = self.controls(output, inputs)
            drawn.append(rng.uniform(*self.control_range, (settings, len(controls))))
            rim[:, :, [names.index(name) for name in controls]] = drawn[-1][:, None]
            rim[:, :, [names.index(name) for name in inputs]] = self.inputs
        found = self.engine(output, rims.reshape(-1, len(names)))
        return list(zip(drawn, found.reshape(rims.shape[:3]), strict=True))

    def controls(self, output: str, inputs: tuple[str, ...]) -> tuple[str, ...]:
        """Names of what is left to control."""
        return tuple(name for name in electrodes(self.graph) if name not in {output, *inputs, *self.held})

    def judge(self, output: str, inputs: tuple[str, ...], drawn: Floats, outputs: Floats) -> Choice:
        whole = np.isfinite(outputs).all(axis=1)
        drawn, found = drawn[whole], outputs[whole]
        reached, best, first = {}, {}, {}
        for task in self.tasks:
            if task.exact:
                scores, solved = score(found, task.classes, self.noise)
                reached[task.name] = float(solved.sum() / len(outputs))
            else:
                scores, reached[task.name] = explained(found, task.wanted, self.noise), 0.0
            best[task.name] = float(np.quantile(scores, QUANTILE if task.exact else 1.0)) if len(scores) else -1.0
            order = np.argsort(-scores, kind="stable")[:FIRST_CONTROLS]
            first[task.name] = tuple(tuple(row) for row in drawn[order].tolist())
        return Choice(
            output,
            inputs,
            self.controls(output, inputs),
            len(outputs),
            reached,
            best,
            float(np.median(np.ptp(found, axis=1))) if len(found) else 0.0,
            len(outputs) - len(found),
            first,
        )
