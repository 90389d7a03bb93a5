"""Whether an output still settles within its window, and how far that has moved what a lock-in reads of it."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import fdtrc

from hge_spice.drive import Tone, Waveform
from hge_spice.lockin.filters import Filter
from hge_spice.lockin.fit import demodulate
from hge_spice.lockin.least_squares import fitted

SCALES = (1 / 64, 1 / 16, 1 / 4, 1.0)  # time constants that are looked for, windows; others are made of these
LEFT = 4  # degrees of freedom that a verdict needs


@dataclass(frozen=True)
class Settling:
    """What decays within a window.

    rms : A, of the decay within the window, less what a mean, tones and their products take up of it
    response : [tone], A complex, how far it moved each tone's amplitudes
    chance : probability that white noise alone looks as much like a decay; 1 where there are too few points to tell
    """

    rms: float
    response: np.ndarray
    chance: float


def settling(
    waveform: Waveform, tones: tuple[Tone, ...], window: float, lockin: Filter | None = None, *, trend: bool = False
) -> Settling:
    """Fit decays Σ cₖ·exp(−t/τₖ), τ from 1/64 of the window to all of it, to what the lock-in's own fit leaves over.

    By Frisch, Waugh and Lovell (Econometrica 1933) that is the same as fitting all together; what the decays would put
    into the readings, had they been left out, is what they did put there. The chance is that of an F test.

    How far a mean has moved can't be told so: a decay much slower than the window looks like a constant.

    tones : those of the lock-in; none for a read-out. trend : whether the lock-in fits a straight line with them
    """
    time = waveform.time
    decays = [np.exp(-(time - time[0]) / (scale * window)) for scale in SCALES]
    nothing = Settling(0.0, np.zeros(len(tones), dtype=np.complex128), 1.0)
    if tones:
        found, *parts = (
            demodulate(replace(waveform, output=values), tones, window, lockin, trend=trend)
            for values in (waveform.output, *decays)
        )
        left, basis, degrees = found.residual, np.array([part.residual for part in parts]), found.degrees_of_freedom
        responses = np.array([part.response for part in parts])
    else:
        left, *rows = (v - v.mean() for v in (waveform.output, *decays))
        basis, degrees, responses = np.array(rows), len(time) - 1, np.empty((len(SCALES), 0), dtype=np.complex128)
    degrees -= len(SCALES)
    if degrees < LEFT or not left.any():
        return nothing
    size = np.linalg.norm(basis, axis=1)
    strength = fitted((basis.T / size), left) / size
    decay = strength @ basis
    rest = float(np.sum((left - decay) ** 2))
    ratio = np.inf if rest == 0 else float(left @ left - rest) / len(SCALES) / (rest / degrees)
    chance = float(fdtrc(len(SCALES), degrees, ratio))
    return Settling(float(np.sqrt(np.mean(decay**2))), strength @ responses, chance)
