"""What the circuit is built of: ideal blocks, or multipliers and amplifiers with the errors of their data sheets.

A multiplier gives W = (1 + e)·(X + x0)·(Y + y0)/10 V + fx·X + fy·Y + w0, X and Y clipped at its range. Over whole
periods a lock-in loses what Y alone makes. What stays beside the product is w0, a false derivative of 2·10
V·w0/(gain·amplitude·5 V), and, while the controls move, what y0 and fx make of the output's change since its mean was
held. Chopping turns Y's sign in the second half of a window and the product's back behind the multiplier: all of
these change sign with it and are gone, but for what y0 and fx make of tones at odd harmonics, whose halves aren't
alike. It needs an even number of points: of an odd one, one point's share is left. Auto-zero holds what W is without
inputs, while the integrators are emptied, and takes it off: w0 is gone, what y0 and fx make is not.

An amplifier is its closed loop: gain, one pole at GBW/gain, slew rate, rails, input offset.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from types import MappingProxyType

import numpy as np

from hge_spice.materia.transistors import GilbertCell

SCALE = 10.0  # V, of every multiplier
RINGING = 4.0  # step over time constant: the trapezoidal rule then leaves (1 − 2)/(1 + 2) of an error at each step
FAR = 0.1  # highest tone over pole: a lock-in then loses 1 % of it, 1/(1 + 0.1²)
REFERENCE = 5.0  # V, amplitude at which a tone reaches its mixer, and what an error of 1 V is scaled to


@dataclass(frozen=True)
class Multiplier:
    """One multiplier's errors: x_offset, y_offset, offset (of the output), V; feedthrough and gain error as ratios.

    range : V, at which either input is clipped
    """

    x_offset: float = 0.0
    y_offset: float = 0.0
    offset: float = 0.0
    x_feedthrough: float = 0.0
    y_feedthrough: float = 0.0
    gain_error: float = 0.0
    range: float = np.inf

    def product(self, x: str, y: str) -> str:
        """W as an expression of a B source."""
        if np.isfinite(self.range):
            x, y = (f"min({self.range!r},max({-self.range!r},{each}))" for each in (x, y))
        if replace(self, range=np.inf) == Multiplier():
            return f"({x})*({y})*{1 / SCALE!r}"
        return (
            f"({(1 + self.gain_error) / SCALE!r}*(({x})+({self.x_offset!r}))*(({y})+({self.y_offset!r}))"
            f"+({self.x_feedthrough!r})*({x})+({self.y_feedthrough!r})*({y})+({self.offset!r}))"
        )

    def stamp(self, _name: str, x: str, y: str) -> tuple[list[str], str]:
        """No lines of its own, and the expression of W."""
        return [], self.product(x, y)

    def drawn(self, rng: np.random.Generator) -> "Multiplier":
        """One of many: each error is normal, with this one's as standard deviation."""
        errors = astuple(self)[:-1]
        drawn = (float(d * value) for d, value in zip(rng.standard_normal(len(errors)), errors, strict=True))
        return replace(Multiplier(*drawn), range=self.range)


@dataclass(frozen=True)
class Amplifier:
    """gbw : Hz, None for no pole; slew : V/s; offset : V, at the input; rail : V."""

    gbw: float | None = None
    slew: float = np.inf
    offset: float = 0.0
    rail: float = np.inf

    def on_clock(self, gain: float, step: float, highest: float) -> "Amplifier":
        """Return the amplifier as a clock's steps can follow it: without its pole where that lies far above the tones.

        step : s; highest : Hz, of the tones. Raises ValueError where the pole matters and the steps are too long.
        """
        if self.gbw is None:
            return self
        pole = self.gbw / gain
        if step <= RINGING / (2 * np.pi * pole):
            return self
        if highest <= FAR * pole:
            return replace(self, gbw=None)
        raise ValueError(
            f"the clock's step of {step:.3g} s can't follow the amplifier's pole at {pole:.3g} Hz, which is too near "
            f"the tone at {highest:.3g} Hz to be left out; take steps of {RINGING / (2 * np.pi * pole):.3g} s or less "
            "(perturbation.points)"
        )

    def lines(self, name: str, source: str, gain: float) -> list[str]:
        """Node `name` is the gain times the expression `source`."""
        wanted = f"{gain!r}*({source}+({self.offset!r}))" if self.offset else f"{gain!r}*({source})"
        if self.gbw is None:
            held = wanted if np.isinf(self.rail) else f"min({self.rail!r},max({-self.rail!r},{wanted}))"
            return [f"B{name} {name} 0 V={held}"]
        rate = 2 * np.pi * self.gbw / gain  # 1/s, of the closed loop
        limited = f"{self.slew!r}*tanh(({wanted}-v({name}_pole))*{float(rate / self.slew)!r})"
        return [
            f"B{name} 0 {name}_pole I={limited}*1e-9",
            f"C{name} {name}_pole 0 1e-9",
            f".ic v({name}_pole)=0",
            f"B{name}r {name} 0 V=min({self.rail!r},max({-self.rail!r},v({name}_pole)))",
        ]


@dataclass(frozen=True)
class Parts:
    """Of one circuit.

    mixers, multipliers : [control], of the lock-ins and behind them; amplifier : between output and mixers
    transistors : whether the control integrators are made of them, as GilbertCell mixers are
    leak : s, time constant of the control integrators' droop to 0 V; chopped, auto_zero : whether the multipliers are
    """

    mixers: tuple[Multiplier | GilbertCell, ...]
    multipliers: tuple[Multiplier, ...]
    amplifier: Amplifier = Amplifier()
    leak: float = np.inf
    chopped: bool = False
    transistors: bool = False
    auto_zero: bool = False

    @classmethod
    def ideal(cls, controls: int) -> "Parts":
        """Without errors, for so many controls."""
        return cls((Multiplier(),) * controls, (Multiplier(),) * controls)


@dataclass(frozen=True)
class Level:
    """A kind of parts: typical errors, from which each part's are drawn.

    mismatch : V, standard deviation of a Gilbert cell's offset, where mixers and integrators are of transistors
    """

    multiplier: Multiplier
    amplifier: Amplifier
    summary: str
    mismatch: float | None = None

    def drawn(self, controls: int, rng: np.random.Generator) -> Parts:
        """Parts for so many controls."""
        mixers, multipliers = (tuple(self.multiplier.drawn(rng) for _ in range(controls)) for _ in range(2))
        if self.mismatch is None:
            return Parts(mixers, multipliers, self.amplifier)
        cells = tuple(GilbertCell(float(self.mismatch * d)) for d in rng.standard_normal(controls))
        return Parts(cells, multipliers, self.amplifier, transistors=True)


# Typical values as of an AD633 and an OP07 at ±15 V. That of the AD633's scale factor, 0.25 %, is in its data sheet
# (Analog Devices, rev. B and E, under error sources). The others are stated by us: multiplier offsets 5 mV each,
# feedthrough 0.3 % (X) and 0.1 % (Y), inputs to ±10 V; amplifier 0.6 MHz, 0.3 V/µs, offset 30 µV. A study sets its own
# offset, feedthrough and range.
LEVELS: Mapping[str, Level] = MappingProxyType(
    {
        "behavioural": Level(Multiplier(), Amplifier(), "ideal blocks"),
        "macro": Level(
            Multiplier(5e-3, 5e-3, 5e-3, 3e-3, 1e-3, 2.5e-3, SCALE),
            Amplifier(gbw=0.6e6, slew=0.3e6, offset=30e-6, rail=12.0),
            "multipliers and amplifiers with typical errors (as AD633, OP07)",
        ),
        "transistor": Level(
            Multiplier(), Amplifier(), "Gilbert cells and transconductance amplifiers of bipolar transistors", 0.2e-3
        ),
    }
)
