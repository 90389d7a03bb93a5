"""A drive's tones and transient as ngspice writes them."""

from functools import lru_cache

import numpy as np

from hge_spice.drive import Tone, Transient


def sine(tone: Tone, settle: float = 0.0) -> tuple[float, float, float, float, float, float]:
    """Arguments of ngspice's SIN: offset, amplitude, frequency, delay, damping, phase in degrees.

    settle : dead time before the window, s. Where it leaves room, the tone begins at its first zero instead of at once.
    ngspice takes the operating point with each source at its value at time zero: a slow state would begin where the
    tone's a·sin φ, held for ever, would put it, and not come back within the measurement.
    """
    if settle * tone.frequency >= 1:
        delay = float(np.mod(-tone.phase, 2 * np.pi) / (2 * np.pi * tone.frequency))
        return (0.0, tone.amplitude, tone.frequency, delay, 0.0, 0.0)
    return (0.0, tone.amplitude, tone.frequency, 0.0, 0.0, float(np.degrees(tone.phase)))


@lru_cache(maxsize=8)
def transient_command(transient: Transient) -> str:
    """Return the analysis that holds `points` equal steps after the solver's start-up steps.

    ngspice starts with a hundredth of a step and doubles it; the sum of these steps lies between one and two steps, so
    that one step more than the window makes room for a uniform grid. See `ngspice.window.window_points`.
    """
    step = transient.step
    return f"tran {step!r} {transient.settle + transient.window + step!r} {transient.settle!r} {step!r}"
