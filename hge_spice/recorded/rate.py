"""Whether the tones are in a trace at another rate: samples that came faster or slower than the trace says."""

from collections.abc import Sequence

import numpy as np

from hge_spice.recorded.windows import Setup, Window

LARGEST = 20.0  # times; the ratio of two rates that might be taken for one another
FINENESS = 8  # frequencies tried per line that the samples resolve
SAMPLES = 1 << 15
STANDS_OUT = 30.0  # times the median power of a line, which noise alone exceeds once in 1e9
FLOOR = 1e-6  # of the strongest line; below, only rounding and the taper's side lobes are left


def stretched(windows: Sequence[Window], setup: Setup) -> float | None:
    """The ratio r at which lines stand out at r times all tones' frequencies; None where they don't.

    windows : the first of the trace, one after the other

    The periodogram is looked at where the tones would be, for every r from 1/20 to 20 (below half the point rate). At
    least two of them must stand out, one where there is but one.
    """
    output = np.concatenate([window.output for window in windows])[:SAMPLES]
    if len(output) < 2 or (step := float(np.median(np.diff(windows[0].time)))) <= 0:
        return None
    output = output - output.mean()
    padded = len(output) * FINENESS
    power = np.abs(np.fft.rfft(output * np.hanning(len(output)), padded)) ** 2
    power /= max(float(np.median(power)), FLOOR * float(power.max()), np.finfo(float).tiny)
    tones = setup.frequencies
    top = min(LARGEST, 0.5 / step / float(tones.max()))
    if top <= 1 / LARGEST:
        return None
    # neighbouring ratios move the highest tone by one of the periodogram's points
    count = int(np.log(top * LARGEST) * float(tones.max()) * top * padded * step) + 1
    ratios = np.exp(np.linspace(-np.log(LARGEST), np.log(top), min(count, 1 << 18)))
    places = np.rint(np.outer(ratios, tones * padded * step)).astype(int)
    lines = power[np.minimum(places, len(power) - 1)]
    total = np.minimum(lines, STANDS_OUT).sum(axis=1) + 1e-6 * lines.sum(axis=1)
    best = int(np.argmax(total))
    enough = lines[best] >= STANDS_OUT
    return float(ratios[best]) if enough.sum() >= max(1, min(2, len(tones))) else None
