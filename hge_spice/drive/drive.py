"""What is put on the electrodes: Tone, Transient, Tables, a Condition of the device, and Drive, which has all of it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDING = 1e-9  # of a step, by which a point may come before the value that begins there
INJECTED = "current beside "  # in the names of tables: a current in parallel to an element of the netlist, A


@dataclass(frozen=True)
class Tone:
    """One sinusoid a·sin(2πft + φ) on one electrode.

    frequency : Hz; amplitude : V peak; phase : rad, at the start of the measurement (before settling).
    """

    electrode: str
    frequency: float
    amplitude: float
    phase: float = 0.0

    def __post_init__(self) -> None:
        if not (isfinite(self.frequency) and self.frequency > 0):
            raise ValueError(f"the tone on {self.electrode} has frequency {self.frequency!r} Hz; it must be above zero")
        if not (isfinite(self.amplitude) and self.amplitude >= 0):
            raise ValueError(
                f"the tone on {self.electrode} has amplitude {self.amplitude!r} V; it must not be negative"
            )


@dataclass(frozen=True)
class Transient:
    """A measurement in time: dead time `settle`, then a `window` sampled at `points` equal steps.

    window, settle : s.
    """

    window: float
    points: int
    settle: float = 0.0

    def __post_init__(self) -> None:
        if not (isfinite(self.window) and self.window > 0):
            raise ValueError(f"the window is {self.window!r} s; it must be above zero")
        if not (isfinite(self.settle) and self.settle >= 0):
            raise ValueError(f"the settling time is {self.settle!r} s; it must not be negative")
        if self.points < 3:
            raise ValueError(f"{self.points} points cannot resolve a tone; take 3 or more")

    @property
    def step(self) -> float:
        """Time between two points, s."""
        return self.window / self.points

    @property
    def duration(self) -> float:
        """What the hardware spends on it, s: settling and window."""
        return self.settle + self.window

    @property
    def reach(self) -> float:
        """Latest time at which a point of the window may lie, s: a solver's uniform grid can begin a step late."""
        return self.duration + self.step


@dataclass(frozen=True)
class Tables:
    """Values by time that add to electrodes' voltages and to the output's current: noise, recorded or long stimuli.

    electrodes : controls, inputs, supplies, the output, or INJECTED and the name of an element
    values : [electrode, point], V; A for an element, and for the output, positive as its current is. The first is at
        the start of the measurement (before settling) and stays for the operating point
    step : s, between two points
    held : each value lasts until the next; otherwise straight lines join them

    White noise of one-sided density S is √(S/2h) times a standard normal per point of a held table whose step h is that
    of the transient: every point of the solver's uniform grid then takes one value of its own. Tables must last until
    `Transient.reach`.
    """

    electrodes: tuple[str, ...]
    values: Floats
    step: float
    held: bool = False

    def __post_init__(self) -> None:
        if np.ndim(self.values) != 2 or len(self.values) != len(self.electrodes) or np.shape(self.values)[1] < 2:
            raise ValueError(
                f"tables have shape {np.shape(self.values)}; {len(self.electrodes)} electrodes need a row each, of two "
                "points or more"
            )
        if not self.electrodes or len(set(self.electrodes)) < len(self.electrodes):
            raise ValueError(f"tables name {', '.join(self.electrodes) or 'no electrode'}; name each electrode once")
        if not np.isfinite(self.values).all():
            raise ValueError("tables hold a value that is not finite")
        if not (isfinite(self.step) and self.step > 0):
            raise ValueError(f"the tables' step is {self.step!r} s; it must be above zero")
        own = np.array(self.values, dtype=np.float64)  # what was loaded once must not change unseen
        own.setflags(write=False)
        object.__setattr__(self, "values", own)

    @property
    def duration(self) -> float:
        """How far they reach, s."""
        return self.step * (int(np.shape(self.values)[1]) - (0 if self.held else 1))

    def at(self, time: Floats) -> Floats:
        """Values at these times: [electrode, time]; beyond their end the last ones stay."""
        place = np.clip(time / self.step, 0.0, np.shape(self.values)[1] - 1)
        before = np.minimum(place.astype(int), np.shape(self.values)[1] - 2)
        if self.held:
            return np.asarray(self.values[:, np.floor(place + ROUNDING).astype(int)])
        share = place - before
        return np.asarray((1 - share) * self.values[:, before] + share * self.values[:, before + 1])


@dataclass(frozen=True)
class Condition:
    """What has become of a device since it was made; it stays so for one measurement.

    strength : [link], what every link's current is multiplied by, in the graph's order: its area, or so many alike in
        parallel. Empty where all are as they were made
    warmer : K, beside the temperature of the network
    start : [state], by how much each held state starts beside its initial value, as a share of its range; what would
        lie beyond a bound is at the bound. Empty where all start there
    """

    strength: tuple[float, ...] = ()
    warmer: float = 0.0
    start: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for k, factor in enumerate(self.strength):
            if not (isfinite(factor) and factor > 0):
                raise ValueError(f"link {k} has {factor!r} times its current; it must be above zero")
        if not (isfinite(self.warmer) and np.isfinite(self.start).all()):
            raise ValueError(f"a temperature {self.warmer!r} K higher, or a state's start, is not finite")

    def and_then(self, more: "Condition") -> "Condition":
        """Both changes together. Raises ValueError where they are of different networks."""
        return Condition(
            _together(self.strength, more.strength, np.multiply),
            self.warmer + more.warmer,
            _together(self.start, more.start, np.add),
        )


AS_MADE = Condition()


def _together(
    one: tuple[float, ...], other: tuple[float, ...], combine: Callable[[Floats, Floats], Floats]
) -> tuple[float, ...]:
    if not (one and other):
        return one or other
    if len(one) != len(other):
        raise ValueError(f"one change is of {len(one)} elements, the other of {len(other)}")
    return tuple(combine(np.array(one), np.array(other)).tolist())


@dataclass(frozen=True)
class Drive:
    """Everything on the electrodes during one measurement.

    control : [control], V, in the order of the device's controls
    inputs : [input], V, in the order of the device's inputs
    tones : the perturbation; empty for a read-out
    tables : what is added point by point
    condition : what has become of the device by then
    """

    control: Floats
    inputs: Floats
    tones: tuple[Tone, ...]
    transient: Transient
    tables: Tables | None = None
    condition: Condition = AS_MADE
