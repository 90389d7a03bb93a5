"""The transfer of a converter: codes, their levels and thresholds with integral and differential errors, its ends."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from hge_spice.drive import Floats
from hge_spice.imperfections.imperfection import Setting, Settings

WIDEST = 20  # bits up to which every threshold has an error of its own; a megabyte at 17


@dataclass(frozen=True)
class Quantiser:
    """A uniform bipolar converter with a code at zero: 2^bits codes, zero at the middle one (mid-tread).

    reach : codes lie from −reach to reach less one step, in the unit of what is converted
    bow : LSB, of the integral error at mid-range, a parabola that vanishes at both ends (end-point definition)
    shift : [code], LSB, of the threshold below each code against its place; empty for none
    """

    bits: int
    reach: float
    bow: float
    shift: Floats

    @classmethod
    def drawn(cls, bits: int, reach: float, inl: float, dnl: float, rng: np.random.Generator) -> Self:
        """One converter off the shelf: integral error at most `inl`, differential at most `dnl`, LSB.

        The bow is uniform in ±inl, thresholds lie within ±dnl/2 of their places. With dnl up to 1 no code is missing.
        """
        bow = inl * rng.uniform(-1, 1) if inl else 0.0
        shift = dnl / 2 * rng.uniform(-1, 1, 2**bits + 1) if dnl else np.empty(0)
        return cls(bits, reach, bow, shift)

    @property
    def step(self) -> float:
        """One LSB."""
        return float(2 * self.reach / 2**self.bits)

    def codes(self, values: Floats) -> tuple[Floats, bool]:
        """Code that an ADC finds for each value, −2^(bits−1) … 2^(bits−1) − 1, and whether any lies beyond the ends."""
        half = 2 ** (self.bits - 1)
        placed = values / self.step
        placed = placed + self._bowed(placed / half)
        code = np.floor(placed + 0.5)
        clipped = bool(np.any((placed < -half - 0.5) | (placed >= half - 0.5)))
        code = np.clip(code, -half, half - 1)
        if self.shift.size:
            below = self.shift[(code + half).astype(int)]
            above = self.shift[(code + half + 1).astype(int)]
            code = code - (placed < code - 0.5 + below) + (placed >= code + 0.5 + above)
        return np.clip(code, -half, half - 1), clipped

    def read(self, values: Floats) -> tuple[Floats, bool]:
        """What an ADC makes of values, in their unit, and whether any was beyond its ends."""
        codes, clipped = self.codes(values)
        return codes * self.step, clipped

    def put_out(self, values: Floats) -> tuple[Floats, bool]:
        """What a DAC puts out for values asked for, and whether any was beyond its ends: the nearest code's level."""
        half = 2 ** (self.bits - 1)
        asked = np.floor(values / self.step + 0.5)
        code = np.clip(asked, -half, half - 1)
        level = code + self._bowed(code / half)
        if self.shift.size:
            level = level + self.shift[(code + half).astype(int)]
        return level * self.step, bool(np.any(asked != code))

    def _bowed(self, place: Floats) -> Floats:
        return self.bow * np.maximum(1 - place**2, 0.0)


def settings_of(reach: str, bits: int) -> dict[str, Setting]:
    """Settings of a converter in a study; reach : its dimension."""
    return {
        "bits": Setting(
            words=("off",),
            whole=True,
            least=1,
            most=32,
            default=bits,
            about='2^bits codes; "off" for a converter without steps.',
        ),
        "range": Setting(reach, above=0, about="Codes lie from −range to range."),
        "inl": Setting(
            "ratio",
            default=0.0,
            least=0,
            most=100.0,
            about="Integral error at most, in steps; a parabola drawn within it.",
        ),
        "dnl": Setting(
            "ratio",
            default=0.0,
            least=0,
            most=1.0,
            about="Differential error at most, in steps; drawn for every threshold.",
        ),
        "jitter": Setting("time", default=0.0, least=0, about="Standard deviation of every sample's time."),
    }


def check(settings: Settings) -> None:
    """Raises ValueError for a differential error at more bits than thresholds are drawn for."""
    if settings["bits"] != "off" and settings["dnl"] and settings["bits"] > WIDEST:
        raise ValueError(
            f"dnl at {settings['bits']} bits would draw 2^{settings['bits']} thresholds; state it up to {WIDEST} bits, "
            "beyond which noise hides it"
        )
