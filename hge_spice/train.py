"""Training as a generator of steps: extract, chain rule, update or jump, read out with the tones off."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hge_spice.batches import Patterns, batch_count, batch_of_step
from hge_spice.channels import Channels, side_by_side
from hge_spice.drive import DeviceUnderTest, Drive, Floats, Waveform, measure_all
from hge_spice.gradient import Estimate, Estimator, Measurement
from hge_spice.loss import Loss, Residuals, Target
from hge_spice.margin import GAP_OVER_SPAN, UNREAD, Margin, margin
from hge_spice.patience import Patience, Progress, middle_half
from hge_spice.update import Rule, Slope, clip, shorten


@dataclass(frozen=True)
class Recipe:
    """What a training does at every step.

    inputs : [pattern, input], V; rate : V; control_range : V
    residuals : of the loss, where it is a sum of squares
    outputs : names of those that the loss is made of, where it is of several; empty for the device's one
    two_classes : whether the target has two, between which there is a gap
    batch : patterns that a step takes at most; None for all of them at every step
    patience : after which a descent jumps; None for never. Losses of different batches can't be compared
    longest_step : V, by which an update moves a control at most; slew : V/s, of the converters that move them
    gap_over_span : that a solved read-out needs for the training to end
    """

    inputs: Floats
    target: Target
    estimator: Estimator
    measurement: Measurement
    loss: Loss
    rule: Rule
    rate: float
    control_range: tuple[float, float]
    residuals: Residuals | None = None
    outputs: tuple[str, ...] = ()
    two_classes: bool = True
    batch: int | None = None
    patience: Patience | None = None
    longest_step: float = np.inf
    slew: float = np.inf
    gap_over_span: float = GAP_OVER_SPAN

    def __post_init__(self) -> None:
        if self.patience is not None and self.batch is not None:
            raise ValueError(
                "patience compares the losses of steps, which must be of the same patterns; drop the batch"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every pattern is taken once."""
        return 1 if self.batch is None else batch_count(len(self.inputs), self.batch)

    def reached(self, margin: Margin) -> bool:
        """Whether a read-out is solved with the margin asked for, so that the training ends."""
        return margin.solved and margin.gap_over_span >= self.gap_over_span

    def only(self, patterns: Patterns) -> "Recipe":
        """The recipe for some of the patterns: inputs, target, and the loss where a lock-in demodulates it."""
        target, measurement = self.target.only(patterns), self.measurement
        if measurement.loss is not None:
            measurement = replace(measurement, loss=lambda outputs: self.loss(outputs, target)[0])
        return replace(self, inputs=self.inputs[patterns], target=target, measurement=measurement, batch=None)


@dataclass(frozen=True)
class Cost:
    """What was spent: measurements, seconds and joules of device time."""

    extractions: int = 0
    simulated_seconds: float = 0.0
    energy: float = 0.0
    perturbation_energy: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.extractions + other.extractions,
            self.simulated_seconds + other.simulated_seconds,
            self.energy + other.energy,
            self.perturbation_energy + other.perturbation_energy,
        )


@dataclass(frozen=True)
class Step:
    """One update and the read-out after it.

    number : from 1; control : [control], V, after the update; clipped : controls that met their range
    patterns : that the extraction took: all, or the step's batch
    loss, gradient [control] (1/V), estimates [one of `patterns`] : at the controls before the update, from the
        extraction; loss and gradient are those of the batch; of several outputs estimates come one after the other
    outputs : [pattern] or [pattern, output], A, of all patterns, tones off, after the update; margin : what they are
        worth. With batches all patterns are read at the end of an epoch and after the last step; in between both are
        nan.
    cost : of this step alone; flags : of its measurements, and "clipped" or "jumped" where the update was no plain one
    """

    number: int
    control: Floats
    clipped: tuple[str, ...]
    patterns: Patterns
    loss: float
    gradient: Floats
    estimates: tuple[Estimate, ...]
    outputs: Floats
    margin: Margin
    cost: Cost
    flags: tuple[str, ...]


def extract(dut: DeviceUnderTest, control: Floats, recipe: Recipe) -> tuple[tuple[Estimate, ...], Cost]:
    """One estimate per pattern, of several outputs one after the other, and their cost: of one measurement for all."""
    channels = Channels(dut, recipe.outputs).channels if recipe.outputs else (dut,)
    each = [recipe.estimator(channel, control, recipe.inputs, recipe.measurement) for channel in channels]
    return tuple(estimate for estimates in each for estimate in estimates), cost_of(each[0])


def cost_of(estimates: Sequence[Estimate]) -> Cost:
    """What extractions cost, read-outs apart."""
    return Cost(
        sum(e.runs for e in estimates),
        sum(e.simulated_seconds for e in estimates),
        sum(e.energy for e in estimates),
        sum(e.perturbation_energy for e in estimates),
    )


@dataclass(frozen=True)
class ReadOut:
    """Outputs with the tones off: [pattern], A, what they are worth, their cost, and the flags raised."""

    outputs: Floats
    margin: Margin
    cost: Cost
    flags: tuple[str, ...]

    def after_moving(self, distance: float, slew: float) -> "ReadOut":
        """The same after controls moved by `distance` V at `slew` V/s, at the power that they then take."""
        ramp = distance / slew
        if not ramp:
            return self
        power = self.cost.energy / self.cost.simulated_seconds
        return replace(self, cost=self.cost + Cost(simulated_seconds=ramp, energy=power * ramp))


UNREAD_OUT = ReadOut(np.empty(0), UNREAD, Cost(), ())


def read_out(dut: DeviceUnderTest, control: Floats, recipe: Recipe) -> ReadOut:
    """Read all patterns with the tones off; an unphysical read-out is never solved.

    There is no margin of several outputs, nor of a regression: what they are worth is judged by patterns that were not
    trained on.
    """
    outputs, waveforms = outputs_of(dut, control, recipe.inputs, recipe)
    noise = recipe.measurement.mean_noise
    if recipe.outputs or not recipe.two_classes:
        judged = UNREAD
    else:
        judged = margin(outputs, recipe.target.classes, noise, max(w.current_error for w in waveforms))
    cost = Cost(0, sum(w.simulated_seconds for w in waveforms), sum(w.energy for w in waveforms))
    flags = tuple(flag for w in waveforms for flag in w.flags)
    if "unphysical" in flags:
        judged = replace(judged, solved=False)
    return ReadOut(outputs, judged, cost, flags)


def outputs_of(dut: DeviceUnderTest, control: Floats, inputs: Floats, recipe: Recipe) -> tuple[Floats, list[Waveform]]:
    """Outputs of any patterns, tones off: [pattern] or [pattern, output], A, and the waveforms they are means of.

    inputs : [pattern, input], V
    """
    waveforms = measure_all(dut, [Drive(control, row, (), recipe.measurement.transient) for row in inputs])
    if recipe.outputs:
        return side_by_side(waveforms, recipe.outputs), waveforms
    return np.array([w.output.mean() for w in waveforms]), waveforms


def _slope(estimates: tuple[Estimate, ...], control: Floats, recipe: Recipe) -> Slope:
    """Chain rule: the loss's derivatives by the outputs times the outputs' by the controls."""
    outputs, jacobian = np.array([e.output for e in estimates]), np.array([e.jacobian for e in estimates])
    if recipe.outputs:
        outputs = outputs.reshape(len(recipe.outputs), -1).T
        jacobian = np.moveaxis(jacobian.reshape(*outputs.T.shape, -1), 0, 1)
    loss, by_output = recipe.loss(outputs, recipe.target)
    demodulated = estimates[0].loss_gradient  # where the loss itself was, there is nothing to chain
    gradient = demodulated if len(demodulated) else np.tensordot(by_output, jacobian, by_output.ndim)
    slope = Slope(control, recipe.control_range, loss, gradient)
    if recipe.residuals is None:
        return slope
    residual, residual_by_output = recipe.residuals(outputs, recipe.target)
    by_control = jacobian.reshape(residual_by_output.shape[1], -1)
    return replace(slope, residual=residual, jacobian=residual_by_output @ by_control)


def widest(steps: Sequence[Step]) -> Step:
    """The solved step with the largest gap over span, which later ones may have lost; the last where none is solved."""
    solved = [step for step in steps if step.margin.solved]
    return max(solved, key=lambda step: step.margin.gap_over_span) if solved else steps[-1]


def train(
    dut: DeviceUnderTest, control: Floats, recipe: Recipe, steps: int, seed: Sequence[int] = (0,)
) -> Iterator[Step]:
    """Descend from one starting point; ends with the first step solved with the margin asked for, or at `steps`.

    control : [control], V. An unphysical read-out never counts as solved.
    seed : of the draw of batches and of jumps, where the recipe has them; every epoch and jump draws anew

    Raises SimulationError where the device gives no result, ValueError where a batch lacks a class its loss needs.
    """
    state, progress = recipe.rule.init(len(control)), Progress()
    rng = np.random.default_rng((*seed, *b"jumps"))
    count = len(recipe.inputs)
    for number in range(1, steps + 1):
        patterns, taken = np.arange(count), recipe
        if recipe.batch is not None:
            patterns = batch_of_step(recipe.target.classes, recipe.batch, number, seed)
            taken = recipe.only(patterns)
        estimates, cost = extract(dut, control, taken)
        slope = _slope(estimates, control, taken)
        progress = progress.after(slope.loss)
        reading, flags = UNREAD_OUT, dict.fromkeys(flag for e in estimates for flag in e.flags)
        cut: tuple[int, ...] = ()
        if recipe.patience is not None and progress.idle >= recipe.patience.extractions:
            control, reading = scout(dut, control, recipe, recipe.patience.scouts, rng)
            state, progress = recipe.rule.init(len(control)), Progress()
            flags["jumped"] = None
        else:
            change, state = recipe.rule.step(slope, state, recipe.rate)
            before = control
            control, cut = clip(control + shorten(change, recipe.longest_step), *recipe.control_range)
            if number % recipe.steps_per_epoch == 0 or number == steps:
                reading = read_out(dut, control, recipe).after_moving(np.abs(control - before).max(), recipe.slew)
        flags |= dict.fromkeys(reading.flags)
        if cut:
            flags["clipped"] = None
        yield Step(
            number=number,
            control=control,
            clipped=tuple(dut.controls[k] for k in cut),
            patterns=patterns,
            loss=slope.loss,
            gradient=slope.gradient,
            estimates=estimates,
            outputs=reading.outputs if len(reading.outputs) else np.full(count, np.nan),
            margin=reading.margin,
            cost=cost + reading.cost,
            flags=tuple(flags),
        )
        if recipe.reached(reading.margin):
            return


def scout(
    dut: DeviceUnderTest, control: Floats, recipe: Recipe, count: int, rng: np.random.Generator
) -> tuple[Floats, ReadOut]:
    """Of `count` random settings the one with the lowest loss, an unphysical one last; its reading has the cost of all.

    control : [control], V, from where the converters move
    """
    cost, best, lowest = Cost(), None, np.inf
    for _ in range(count):
        drawn = middle_half(len(control), recipe.control_range, rng)
        reading = read_out(dut, drawn, recipe).after_moving(np.abs(drawn - control).max(), recipe.slew)
        control, cost = drawn, cost + reading.cost
        loss = np.inf if "unphysical" in reading.flags else recipe.loss(reading.outputs, recipe.target)[0]
        if best is None or loss < lowest:
            best, lowest = (drawn, reading), loss
    if best is None:
        raise ValueError(f"{count} scouts can't choose a setting; send 1 or more")
    return best[0], replace(best[1], cost=cost).after_moving(np.abs(best[0] - control).max(), recipe.slew)


def first_control(count: int, control_range: tuple[float, float], seed: int, start: int) -> Floats:
    """Starting point number `start` (from 0), [control], V: uniform over the middle half of the range.

    The same seed gives the same point.
    """
    return middle_half(count, control_range, np.random.default_rng([seed, start]))
