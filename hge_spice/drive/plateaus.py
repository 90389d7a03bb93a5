"""Patterns one after the other in one transient: plateaus of the electrodes' voltages, and ramps between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from hge_spice.drive.device import SmallSignalDevice
from hge_spice.drive.drive import Condition, Drive, Floats, Tables, Tone, Transient
from hge_spice.drive.waveform import Waveform

GUARD = 2  # steps: after a corner a solver begins with short steps, so that its uniform grid comes up to that much late


@dataclass(frozen=True)
class Plateaus:
    """Drives of the same tones and timing, played one after the other while the tones run on.

    Each drive takes `pitch`: a straight `ramp` from the last drive's voltages to its own, the dead time `settle`, the
    window, and `GUARD` steps for a window that begins late, made up to whole steps. Tables are held ones of that step,
    from the start of their drive's ramp to its end. Before the first ramp the device is at rest at the last
    drive's voltages, as if the sequence had just gone round: so every pattern has the same history, and costs the same.

    ramp : s
    reset : whether elements that remember are drawn back, in every ramp, to the states in which the sequence begins:
        an ideal re-initialisation, which takes no time and energy of its own. Else states go on from drive to drive

    Raises ValueError for no drives, other timings, tones or conditions, other tables, or a ramp that isn't above zero.
    """

    drives: tuple[Drive, ...]
    ramp: float
    reset: bool = False

    def __post_init__(self) -> None:
        if not self.drives:
            raise ValueError("a sequence of no patterns; give one or more")
        if not (np.isfinite(self.ramp) and self.ramp > 0):
            raise ValueError(f"the ramp takes {self.ramp!r} s; it must be above zero, since no source can jump")
        if any((d.tones, d.transient) != (self.tones, self.transient) for d in self.drives):
            raise ValueError("patterns in one transient must have the same tones, window, points and dead time")
        if any(d.condition != self.condition for d in self.drives):
            raise ValueError("the device stands still while patterns are played in one transient: give one condition")
        for table in (d.tables for d in self.drives if d.tables is not None):
            if table.step != self.transient.step or not table.held or table.values.shape[1] < self.steps:
                raise ValueError(
                    f"tables of {table.values.shape[1]} points at {table.step:.6g} s; in one transient they are held "
                    f"ones of the window's step, {self.transient.step:.6g} s, and {self.steps} points or more"
                )

    @property
    def tones(self) -> tuple[Tone, ...]:
        """The tones, their phases at the start of the sequence."""
        return self.drives[0].tones

    @property
    def transient(self) -> Transient:
        """Timing of each plateau, from the end of its ramp."""
        return self.drives[0].transient

    @property
    def condition(self) -> Condition:
        """What has become of the device: it stands still within a sequence, as it is in the middle."""
        return self.drives[len(self.drives) // 2].condition

    @property
    def first(self) -> Drive:
        """The first drive, its ramp counted as settling, with the condition and the tables of the whole sequence."""
        drive, tables = self.drives[0], self.tables
        timed = replace(self.transient, settle=self.dead)
        return replace(drive, condition=self.condition, transient=timed, tables=tables)

    @property
    def dead(self) -> float:
        """Time before a plateau's window, s: ramp and settling."""
        return self.ramp + self.transient.settle

    @property
    def steps(self) -> int:
        """From one plateau to the next, steps of the window's points."""
        return int(np.ceil(self.dead / self.transient.step - 1e-9)) + self.transient.points + GUARD

    @property
    def pitch(self) -> float:
        """From one plateau to the next, s."""
        return self.steps * self.transient.step

    @property
    def tables(self) -> Tables | None:
        """All drives' tables as one that lasts for the whole sequence."""
        names = dict.fromkeys(name for d in self.drives if d.tables is not None for name in d.tables.electrodes)
        if not names:
            return None
        rows = []
        for name in names:
            values = [np.zeros(self.steps) for _ in self.drives]
            for k, drive in enumerate(self.drives):
                if drive.tables is not None and name in drive.tables.electrodes:
                    values[k] = drive.tables.values[drive.tables.electrodes.index(name), : self.steps]
            rows.append(np.concatenate([*values, np.repeat(values[-1][-1], GUARD)]))
        return Tables(tuple(names), np.array(rows), self.transient.step, held=True)

    def alone(self, number: int) -> Drive:
        """A drive as a measurement of its own from the start of its ramp: what a bench's sources are told to play."""
        drive, start = self.drives[number], float(self.starts[number])
        tones = tuple(
            replace(t, phase=t.phase + 2 * np.pi * float(np.fmod(t.frequency * start, 1))) for t in self.tones
        )
        settle = self.pitch - self.transient.window
        return replace(drive, tones=tones, transient=replace(self.transient, settle=settle))

    @property
    def duration(self) -> float:
        """What the hardware spends on all of them, s."""
        return self.pitch * len(self.drives)

    @property
    def starts(self) -> Floats:
        """Where each drive's ramp begins: [drive], s."""
        return np.asarray(self.pitch * np.arange(len(self.drives)))

    @property
    def corners(self) -> Floats:
        """Beginning and end of every ramp: [2·drive], s."""
        return np.column_stack([self.starts, self.starts + self.ramp]).ravel()

    @staticmethod
    def at_corners(levels: Floats) -> Floats:
        """Values at the corners [2·drive] of a voltage that is levels[k] on plateau k."""
        return np.column_stack([np.roll(levels, 1), levels]).ravel()


def ramped(plateaus: Plateaus, voltages: Sequence[Mapping[str, float]]) -> dict[str, Floats]:
    """Values at the corners [2·drive], V, of each electrode that isn't the same on all plateaus.

    voltages : of each drive, V by electrode
    """
    levels = {name: np.array([each[name] for each in voltages]) for name in voltages[0]}
    return {name: plateaus.at_corners(values) for name, values in levels.items() if np.ptp(values) > 0}


@runtime_checkable
class PlateauDevice(SmallSignalDevice, Protocol):
    """A device under test that can play patterns one after the other without stopping."""

    def measure_plateaus(self, plateaus: Plateaus) -> list[Waveform]:
        """The window of each drive, in their order; time zero is the start of the sequence, for all of them.

        Times, energy and simulated seconds are each plateau's share, ramps included: together they are the whole.
        """
        ...
