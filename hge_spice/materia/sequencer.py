"""The sequencer: which pattern is shown when, and the gates of sampling, transfer, update and reset, on one clock.

Each pattern has a slot, each epoch has a slot per pattern. In a slot:

    switch    inputs change; the integrators of the slot are emptied; in an epoch's first slot the peak detectors look
              at the derivatives, then the controls move
    settle    dead time of the device
    window    tones are mixed and integrated: a whole number of periods of each, so that nothing but its own
              derivative is left of it
    sample    the output's mean is held; in an epoch's first slot the integrators of the epoch are emptied
    transfer  what each lock-in holds, times dE/dI, is added to its control's integrator of the epoch

All is counted in steps of the clock, window / points. ngspice is made to take exactly these steps: the gates are
functions of time and not PULSE sources, which would put breakpoints, and some seven short steps each, at every edge.
Edges lie midway between two steps, so that a gate holds the same number of points each time, whatever rounding does.
The trapezoidal rule gives each point of a gated integrand the weight of one whole step (half a step on either side), so
that a gated integral is the plain sum over the window's points, in which tones are orthogonal without error.

Inputs go from one pattern to the next in a ramp. Where they jumped, Newton failed now and then, and ngspice shortened
its steps until it stood on the edge itself; from there on windows held a point more or less.
"""

from dataclasses import dataclass

import numpy as np

# Steps of each phase. A capacitor follows its switch with a time constant of RC_STEPS steps: five of them leave 1e-4
SWITCH, SAMPLE, TRANSFER = 12, 5, 4
RAMP = 6  # first steps of `switch`, in which the inputs go from one pattern to the next
DETECT, UPDATE = 4, 3  # first steps of `switch`; the rest lets the controls' clamps settle
RC_STEPS = 0.625
LEAD = 4.78  # steps before the first slot: the start-up steps end 0.28 past one, so that edges are midway
FIRST_EPOCH = 1  # the epoch in which learning begins: before it no output is held


@dataclass(frozen=True)
class Schedule:
    """Slots and epochs.

    window, settle : s; points : of a window; patterns : number of slots in an epoch
    """

    window: float
    points: int
    patterns: int
    settle: float = 0.0

    @property
    def step(self) -> float:
        """Of the clock, s."""
        return self.window / self.points

    @property
    def begin(self) -> int:
        """Steps from the start of a slot to its window."""
        return SWITCH + int(np.ceil(self.settle / self.step - 1e-9))

    @property
    def slot_steps(self) -> int:
        """Steps of a slot."""
        return self.begin + self.points + SAMPLE + TRANSFER

    @property
    def slot(self) -> float:
        """Length of a slot, s."""
        return self.slot_steps * self.step

    @property
    def epoch(self) -> float:
        """Length of an epoch, s."""
        return self.slot * self.patterns

    @property
    def start(self) -> float:
        """Beginning of the first slot, s."""
        return LEAD * self.step

    def duration(self, epochs: int) -> float:
        """Time that so many epochs take, s; one more begins, so that the last update is seen."""
        return self.start + epochs * self.epoch + self.begin * self.step

    def lines(self) -> list[str]:
        """Lines of the gates and of the pattern's selection, nodes of 0 or 1 V.

        gw : window; gs : sample; gt : transfer; gr, ge : reset of the slot's and the epoch's integrators; gp : peak
        detection; gu : update; sel0, sel1, … : the slot of each pattern; show0, show1, … : the same with ramps, for the
        inputs; chop : −1 V in the second half of window and
        transfer, else 1 V
        """
        end = self.begin + self.points
        after = [(p + 1) % self.patterns for p in range(self.patterns)]
        halves = self.begin + self.points // 2, end + SAMPLE + TRANSFER // 2
        return [
            ".func gate(a,b) {u(slot(time)-a)*u(b-slot(time))}",
            f".func slot(t) {{{self.slot_steps}*frac((t-{self.start!r})/{self.slot!r})}}",
            f".func place(t) {{{self.patterns}*frac((t-{self.start!r})/{self.epoch!r})}}",
            ".func frac(x) {x-floor(x)}",
            ".func first(t) {u(1-place(t))}",
            f".func from(n) {{u(time-{self.start!r}-n*{self.epoch!r})}}",
            f"Bgw gw 0 V=gate({self.begin},{end})",
            f"Bgs gs 0 V=gate({end},{end + SAMPLE})",
            f"Bgt gt 0 V=gate({end + SAMPLE},{self.slot_steps})*from({FIRST_EPOCH})",
            f"Bgr gr 0 V=gate(0,{SWITCH})",
            f"Bge ge 0 V=gate({end},{end + SAMPLE})*first(time)",
            f"Bgp gp 0 V=gate(0,{DETECT})*first(time)",
            f"Bgu gu 0 V=gate({DETECT},{DETECT + UPDATE})*first(time)*from({FIRST_EPOCH + 0.5})",
            f"Bchop chop 0 V=1-2*gate({halves[0]},{end})-2*gate({halves[1]},{self.slot_steps})",
            *(f"Bsel{p} sel{p} 0 V=u(place(time)-{p})*u({p + 1}-place(time))" for p in range(self.patterns)),
            f"Bramp ramp 0 V=min(1,slot(time)/{RAMP})",
            *(f"Bshow{p} show{p} 0 V=v(sel{p})*v(ramp)+v(sel{after[p]})*(1-v(ramp))" for p in range(self.patterns)),
        ]
