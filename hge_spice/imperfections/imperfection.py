"""What an imperfection of the instrument is, and how it wraps a device under test: Imperfection, Effect, Imperfect."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hge_spice.drive import (
    AS_MADE,
    ChangingDevice,
    Condition,
    DeviceUnderTest,
    Drive,
    Floats,
    SmallSignalDevice,
    Waveform,
    Wrapped,
    innermost,
    measure_all,
)
from hge_spice.drive.plateaus import PlateauDevice, Plateaus
from hge_spice.drive.wrapped import Inner
from hge_spice.graph import Network


@dataclass(frozen=True)
class Moment:
    """When a measurement happens at the bench, and on what.

    number : measurements before it; start : s spent before it, of device time and of pauses between measurements
    rng : of this measurement alone, so that a result depends on the seed and on `number`, never on who measured when
    controls, inputs : names of the electrodes, in the order of a Drive
    seed : of the bench, for one imperfection
    dut : what the imperfection wraps
    """

    number: int
    start: float
    rng: np.random.Generator
    controls: tuple[str, ...]
    inputs: tuple[str, ...]
    seed: tuple[int, ...]
    dut: DeviceUnderTest

    @property
    def bench(self) -> np.random.Generator:
        """A fresh generator that is the same for every measurement: for what was drawn when the bench was built."""
        return np.random.default_rng(self.seed)

    @property
    def bare(self) -> DeviceUnderTest:
        """The device itself, behind all instruments."""
        return innermost(self.dut)

    @property
    def device(self) -> ChangingDevice:
        """The same as one that can change. Raises ValueError for one whose elements can't."""
        dut = self.bare
        if not isinstance(dut, ChangingDevice):
            raise ValueError(f"{type(dut).__name__} has no elements that could change; only simulated networks have")  # noqa: TRY004 - a study asked
        return dut


def changed(asked: Drive, **change: Any) -> Drive:
    """The drive on a device that has changed further; change : fields of a Condition."""
    return replace(asked, condition=asked.condition.and_then(Condition(**change)))


def _same_drive(drive: Drive, _: Moment) -> Drive:
    return drive


def _same_waveform(_: Drive, waveform: Waveform, __: Moment) -> Waveform:
    return waveform


def _same_graph(graph: Network, _: np.random.Generator) -> Network:
    return graph


@dataclass(frozen=True)
class Effect:
    """What an imperfection does to the network, on the way in and on the way out; each left out where nothing.

    graph : (network, rng of the bench) -> the network as it was made; electrodes and their roles stay what they are
    drive : (as asked, moment) -> as the device gets it
    waveform : (drive as asked, as the device gave it, moment) -> as it is read
    lasting : whether a drive's condition is what the device has become, and not what one measurement makes of it
    """

    graph: Callable[[Network, np.random.Generator], Network] = _same_graph
    drive: Callable[[Drive, Moment], Drive] = _same_drive
    waveform: Callable[[Drive, Waveform, Moment], Waveform] = _same_waveform
    lasting: bool = False


# as a study has them once read: a quantity or a number, a word, rows of quantities
Value = float | str | tuple[tuple[float, ...], ...]
Settings = Mapping[str, Any]  # each a Value, of the kind that its Setting asks for


@dataclass(frozen=True)
class Setting:
    """One setting as a study file has it: whatever its fields allow.

    dimension : of a quantity, as study/text/units.py names it; whole : a whole number; text : any text
    words : words it may be instead
    columns : dimensions of each entry of its rows, where it may be a list of lists; the last one repeats
    default : Value; None where it must be given
    least, above, most : SI bounds of a quantity or number
    about : what it is, a line for the list of keys
    """

    dimension: str = ""
    words: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    default: Value | None = None
    least: float | None = None
    above: float | None = None
    most: float | None = None
    whole: bool = False
    text: bool = False
    about: str = ""


@dataclass(frozen=True)
class Imperfection:
    """One way in which a device or an instrument falls short.

    settings : by name; make : settings in SI units -> a fresh effect, which may remember what came before, or a
        ValueError where settings contradict each other
    neutral : settings with which it does nothing, bit for bit; example : some as a study has them, with which it acts
    """

    settings: Mapping[str, Setting]
    make: Callable[[Settings], Effect]
    neutral: Mapping[str, Value]
    example: Mapping[str, Any]
    summary: str


@dataclass
class Passed:
    """What has passed at an instrument: measurements, and s of device time and pauses; pause : s beside each."""

    measurements: int = 0
    seconds: float = 0.0
    pause: float = 0.0


class Imperfect(Wrapped[Inner]):
    """A device under test seen through an instrument: itself a device under test.

    Effects act in the order of measurements, after all of a `measure_many` are in: the number of workers behind `dut`
    changes nothing.
    """

    def __init__(
        self,
        dut: Inner,
        effect: Effect,
        seed: Sequence[int],
        name: str = "",
        passed: Passed | None = None,
    ) -> None:
        super().__init__(dut)
        self.name = name
        self._effect, self._seed = effect, tuple(seed)
        self.passed = passed or Passed()
        self._became = AS_MADE  # the device, as it was last measured

    def around(self, dut: DeviceUnderTest) -> "Imperfect[Any]":
        """The same instrument, which goes on from now, around another device."""
        if isinstance(dut, SmallSignalDevice):
            return ImperfectKnown(dut, self._effect, self._seed, self.name, self.passed)
        return Imperfect(dut, self._effect, self._seed, self.name, self.passed)

    def wait(self, seconds: float) -> None:
        """Let device time pass without a measurement, s, here and in all instruments within."""
        self.passed.seconds += seconds
        if isinstance(self.inner, Imperfect):
            self.inner.wait(seconds)

    def measure_many(self, drives: Sequence[Drive]) -> list[Waveform]:
        """One waveform per drive, in their order."""
        moments = [self._next(drive.transient.duration + self.passed.pause) for drive in drives]
        given = [self._effect.drive(drive, moment) for drive, moment in zip(drives, moments, strict=True)]
        if given:
            self._became = given[-1].condition
        waveforms = measure_all(self.inner, given)
        return [self._effect.waveform(*each) for each in zip(drives, waveforms, moments, strict=True)]

    def _next(self, seconds: float) -> Moment:
        passed = self.passed
        rng = np.random.default_rng((*self._seed, passed.measurements))
        moment = Moment(passed.measurements, passed.seconds, rng, self.controls, self.inputs, self._seed, self.inner)
        passed.measurements += 1
        passed.seconds += seconds
        return moment


class ImperfectKnown(Imperfect[SmallSignalDevice]):
    """The same around a device that knows its own linearised response: the truth is told without the instrument."""

    def measure_plateaus(self, plateaus: Plateaus) -> list[Waveform]:
        """Drives one after the other in one transient; see PlateauDevice.

        Each drive is a measurement with a moment of its own, but all waveforms count time from the sequence's start. A
        device that changes stands still for the sequence, as it is for the drive in the middle.
        """
        if not isinstance(self.inner, PlateauDevice):
            raise TypeError(f"{type(self.inner).__name__} can't play patterns in one transient")
        begun = self.passed.seconds
        moments = [self._next(plateaus.pitch) for _ in plateaus.drives]
        self.passed.seconds += self.passed.pause
        given = [self._effect.drive(plateaus.alone(k), moment) for k, moment in enumerate(moments)]
        self._became = given[len(given) // 2].condition
        drives = tuple(
            replace(d, tones=plateaus.tones, transient=plateaus.transient, condition=self._became) for d in given
        )
        waveforms = self.inner.measure_plateaus(replace(plateaus, drives=drives))
        since = [replace(moment, start=begun) for moment in moments]
        return [self._effect.waveform(*each) for each in zip(plateaus.drives, waveforms, since, strict=True)]

    def operating_point(self, control: Floats, inputs: Floats, condition: Condition = AS_MADE) -> Waveform:
        """Tones off, at rest, without the instrument: one point, of the device as it was last measured."""
        return self.inner.operating_point(control, inputs, self._became if self._effect.lasting else condition)

    def small_signal(
        self, control: Floats, inputs: Floats, frequencies: Floats, condition: Condition = AS_MADE
    ) -> np.ndarray:
        """dI_out/dV of each control at its own frequency, without the instrument: [control], A/V complex.

        Of the device as it was last measured, but for what comes anew at every measurement.
        """
        seen = self._became if self._effect.lasting else condition
        return self.inner.small_signal(control, inputs, frequencies, seen)
