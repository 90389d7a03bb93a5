"""Screening: which electrodes should be output and inputs, judged by operating points at random controls."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hge_spice.devices import states_equations
from hge_spice.drive import Floats, SimulationError
from hge_spice.graph import Network, assign_roles, electrodes
from hge_spice.loss import FLOOR
from hge_spice.margin import CONTRAST, D_PRIME, GAP_OVER_SPAN
from hge_spice.ngspice.device import NgspiceDevice
from hge_spice.quasistatic import BatchedNetwork, solve
from hge_spice.tasks import Task

QUANTILE = 0.9
SECOND_ROUND = 0.25  # share of the choices that the second half of the points goes to
FIRST_CONTROLS = 8
AGREEMENT = 1e-6  # of the largest current, between the two engines

# (output electrode, [point, electrode] V in the graph's order) -> [point] A, nan where there is no operating point
Engine = Callable[[str, Floats], Floats]


@dataclass(frozen=True)
class Choice:
    """One choice of electrodes and what random controls make of it.

    settings : control settings tried
    reached : share of them at which each task counts as solved, by task name
    best : score below which 90 % of settings lie, by task: gap over (span + 0.1·largest |output|), −1 without contrast
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
    points : budget of operating points; half goes to all choices alike, half to the better quarter of them
    noise : A, read-out noise that a gap must stand against
    held : V, by electrode, of those that are not to choose from

    All tasks must share one table of inputs. A point costs some 20 µs at 12 sites; where the family states no equations
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
    first = points // (2 * len(roles) * len(bits))
    second_choices = max(1, round(SECOND_ROUND * len(roles)))
    second = (points - first * len(roles) * len(bits)) // (second_choices * len(bits))
    if first < 1:
        raise ValueError(
            f"{points} points can't try {len(roles)} choices of electrodes with {len(bits)} patterns each; take "
            f"{2 * len(roles) * len(bits)} or more"
        )
    with ExitStack() as stack:
        simulated = not states_equations(graph)
        engine = _simulator(graph, stack) if simulated else _quasistatic(graph)
        trial = _Trial(graph, tuple(tasks), tasks[0].inputs(levels), control_range, noise, held, engine)
        return _in_two_rounds(trial, roles, (first, second), second_choices, rng, progress)


def _in_two_rounds(
    trial: "_Trial",
    roles: Sequence[tuple[str, tuple[str, ...]]],
    settings: tuple[int, int],
    second_choices: int,
    rng: np.random.Generator,
    progress: Callable[[int, int], None],
) -> list[Choice]:
    """All choices at the first number of settings, the better ones at the second number more."""
    first, second = settings
    seen: dict[tuple[str, tuple[str, ...]], tuple[Floats, Floats]] = {}
    total, done = len(roles) + second_choices, 0
    for output, inputs in roles:
        seen[output, inputs] = trial.outputs(output, inputs, first, rng)
        done += 1
        progress(done, total)
    judged = sorted((trial.judge(*role, *seen[role]) for role in roles), key=lambda choice: -choice.worst)
    for choice in judged[:second_choices]:
        role = choice.output, choice.inputs
        more = trial.outputs(*role, second, rng)
        before = seen[role]
        seen[role] = np.concatenate([before[0], more[0]]), np.concatenate([before[1], more[1]])
        done += 1
        progress(done, total)
    better = [trial.judge(c.output, c.inputs, *seen[c.output, c.inputs]) for c in judged[:second_choices]]
    return sorted(better, key=lambda choice: -choice.worst) + judged[second_choices:]


def confirm(graph: Network, choice: Choice, task: Task, levels: Sequence[tuple[float, float]]) -> tuple[float, Floats]:
    """Ask ngspice for the operating points of a choice's first control settings.

    graph : with the choice's roles

    Returns the largest difference from the quasi-static outputs over the largest of these (nan where only ngspice can
    solve the network), and ngspice's outputs [setting, pattern], A, nan where it has no physical operating point.
    """
    inputs = task.inputs(levels)
    found = np.full((len(choice.first[task.name]), len(inputs)), np.nan)
    with NgspiceDevice(graph) as device:
        for s, control in enumerate(choice.first[task.name]):
            for p, pattern in enumerate(inputs):
                found[s, p] = _simulated(device, np.array(control), pattern)
    if not states_equations(graph):
        return np.nan, found
    names = electrodes(graph)
    held = {name: graph.nodes[name].get("voltage", 0.0) for name in names}
    rims = [
        held | dict(zip(choice.inputs, pattern, strict=True)) | dict(zip(choice.controls, control, strict=True))
        for control in choice.first[task.name]
        for pattern in inputs
    ]
    expected = _quasistatic(graph)(choice.output, np.array([[row[name] for name in names] for row in rims]))
    return float(np.nanmax(np.abs(found.ravel() - expected)) / np.abs(expected).max()), found


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
        self, output: str, inputs: tuple[str, ...], settings: int, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Random control settings [setting, control], V, and what they give [setting, pattern], A."""
        names = electrodes(self.graph)
        controls = [name for name in names if name not in {output, *inputs, *self.held}]
        drawn = rng.uniform(*self.control_range, (settings, len(controls)))
        rims = np.zeros((settings, len(self.inputs), len(names)))
        for name, voltage in self.held.items():
            rims[:, :, names.index(name)] = voltage
        rims[:, :, [names.index(name) for name in controls]] = drawn[:, None]
        rims[:, :, [names.index(name) for name in inputs]] = self.inputs
        found = self.engine(output, rims.reshape(-1, len(names)))
        return drawn, found.reshape(settings, len(self.inputs))

    def judge(self, output: str, inputs: tuple[str, ...], drawn: Floats, outputs: Floats) -> Choice:
        names = electrodes(self.graph)
        whole = np.isfinite(outputs).all(axis=1)
        drawn, found = drawn[whole], outputs[whole]
        reached, best, first = {}, {}, {}
        for task in self.tasks:
            scores, solved = score(found, task.classes, self.noise)
            reached[task.name] = float(solved.sum() / len(outputs))
            best[task.name] = float(np.quantile(scores, QUANTILE)) if len(scores) else -1.0
            order = np.argsort(-scores, kind="stable")[:FIRST_CONTROLS]
            first[task.name] = tuple(tuple(row) for row in drawn[order].tolist())
        return Choice(
            output,
            inputs,
            tuple(name for name in names if name not in {output, *inputs, *self.held}),
            len(outputs),
            reached,
            best,
            float(np.median(np.ptp(found, axis=1))) if len(found) else 0.0,
            len(outputs) - len(found),
            first,
        )


def score(outputs: Floats, classes: Floats, noise: float) -> tuple[Floats, np.ndarray]:
    """Gap over (span + 0.1·largest |output|), −1 without contrast, and whether it is solved: [setting] each.

    outputs : [setting, pattern], A; noise : A. Solved as in `margin`, but for the solver's error.
    """
    gap = outputs[:, classes > 0.5].min(axis=1) - outputs[:, classes <= 0.5].max(axis=1)
    span, largest = np.ptp(outputs, axis=1), np.abs(outputs).max(axis=1)
    contrast = span >= CONTRAST * largest
    solved = contrast & (gap >= GAP_OVER_SPAN * span) & (gap >= D_PRIME * noise) & (span > 0)
    scale = span + FLOOR * largest
    return np.where(contrast & (scale > 0), gap / np.where(scale > 0, scale, 1.0), -1.0), solved


def _quasistatic(graph: Network) -> Engine:
    network = BatchedNetwork.of(graph)

    def currents(output: str, rims: Floats) -> Floats:
        position = network.equations.electrodes.index(output)
        found = solve(network, rims, position)
        return np.where(found.converged, found.current[:, position], np.nan)

    return currents


def _simulator(graph: Network, stack: ExitStack) -> Engine:
    """One ngspice an output, started when first asked for and closed with the stack."""
    names = electrodes(graph)
    started: dict[str, NgspiceDevice] = {}

    def currents(output: str, rims: Floats) -> Floats:
        others = [name for name in names if name != output]
        columns = [names.index(name) for name in others]
        if output not in started:
            roles = assign_roles(graph, output=output, inputs=(), controls=others)
            started[output] = stack.enter_context(NgspiceDevice(roles))
        return np.array([_simulated(started[output], row[columns], np.empty(0)) for row in rims])

    return currents


def _simulated(device: NgspiceDevice, control: Floats, inputs: Floats) -> float:
    """Output current, A; nan where ngspice finds no physical operating point."""
    try:
        point = device.operating_point(control, inputs)
    except SimulationError:
        return np.nan
    return np.nan if "unphysical" in point.flags else float(point.output[0])
