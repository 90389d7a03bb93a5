"""How an output is read: a current, through a transimpedance amplifier, a voltage on a load, or a difference."""

from dataclasses import dataclass

import numpy as np

KINDS = {
    "current": "into a virtual ground, A",
    "transimpedance": "through an amplifier with gain and bandwidth, V",
    "voltage": "on a load resistor, V",
}


@dataclass(frozen=True)
class Readout:
    """What makes one number of the output electrodes.

    kind : one of KINDS
    differential : the first output less the second, each read in the same way
    inverting : whether the sign is turned; None stands for what the kind does: a transimpedance amplifier inverts
    gain : ohm, of the transimpedance amplifier, whose input is an ideal virtual ground
    bandwidth : Hz, of its single pole; None for none
    load : ohm, from output to ground (or to the outputs' own voltage), where a voltage is read
    """

    kind: str = "current"
    differential: bool = False
    inverting: bool | None = None
    gain: float = 1e8
    bandwidth: float | None = None
    load: float = 1e6

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a read-out of kind {self.kind!r} is unknown; there are {', '.join(KINDS)}")
        for name, unit, value in (
            ("gain", "ohm", self.gain),
            ("load", "ohm", self.load),
            ("bandwidth", "Hz", 1.0 if self.bandwidth is None else self.bandwidth),
        ):
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"the read-out's {name} is {value!r} {unit}; it must be above zero")

    @property
    def sign(self) -> int:
        """−1 where the read-out inverts, else +1."""
        inverts = self.kind == "transimpedance" if self.inverting is None else self.inverting
        return -1 if inverts else 1

    @property
    def unit(self) -> str:
        """Of the output: A or V."""
        return "A" if self.kind == "current" else "V"

    @property
    def per_ampere(self) -> float:
        """Output units that one ampere into the output electrode makes at rest: 1, or ohm."""
        return {"current": 1.0, "transimpedance": self.gain, "voltage": self.load}[self.kind]
