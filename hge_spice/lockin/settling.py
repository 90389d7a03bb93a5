"""Whether an output still settles within its window, and how far that has moved what a lock-in reads of it."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import f as fisher

from hge_spice.drive import Tone, Waveform
from hge_spice.lockin.filters import Filter
from hge_spice.lockin.fit import demodulate
from hge_spice.lockin.least_squares import fitted

SCALES = (1 / 64, 1 / 16, 1 / 4, 1.0)  # time constants that are looked for, windows; others are made of these
LEFT = 4  # degrees of freedom that a verdict needs


@dataclass(frozen=True)
class Settling:
    """What decays within a window.

    mean : A, how far it moved the mean
    response : [tone], A complex, how far it moved each tone's amplitudes
    chance : probability that white noise alone looks as much like a decay; 1 where there are too few points to tell
    """

    mean: float
    response: np.ndarray
    chance: float


def settling(waveform: Waveform, tones: tuple[Tone, ...], window: float, lockin: Filter | None = None) -> Settling:
    """Fit decays Σ cₖ·exp(−t/τₖ), τ from 1/64 of the window to all of it, to what the lock-in's own fit leaves over.

    By Frisch, Waugh and Lovell (Econometrica 1933) that is the same as fitting all together; what the decays would put
    into the readings, had they been left out, is what they did put there. The chance is that of an F test.

    tones : those of the lock-in; none for a read-out, whose mean alone is looked at
    """
    time, window_start = waveform.time, waveform.time[0]
    decays = [np.exp(-(time - window_start) / (scale * window)) for scale in SCALES]
    residuals, means, responses, degrees = [], [], [], 0
    for values in (waveform.output, *decays):
        if tones:
            found = demodulate(Waveform(time, values, window), tones, window, lockin)
            degrees = found.degrees_of_freedom - len(SCALES)
            residuals.append(found.residual)
            means.append(found.mean)
            responses.append(found.response)
        else:
            degrees = len(time) - 1 - len(SCALES)
            means.append(float(values.mean()))
            residuals.append(values - values.mean())
            responses.append(np.empty(0, dtype=np.complex128))
    nothing = Settling(0.0, np.zeros(len(tones), dtype=np.complex128), 1.0)
    if degrees < LEFT:
        return nothing
    left, basis = residuals[0], np.array(residuals[1:]).T
    size = np.linalg.norm(basis, axis=0)
    strength = fitted(basis / size, left) / size
    before, after = float(left @ left), float(np.sum((left - basis @ strength) ** 2))
    if before == 0.0:
        return nothing
    chance = 0.0 if after == 0.0 else float(fisher.sf((before - after) / len(SCALES) / (after / degrees), 4, degrees))
    moved = np.tensordot(strength, np.array(responses[1:]), axes=1)
    return Settling(float(strength @ means[1:]), np.asarray(moved), chance)
