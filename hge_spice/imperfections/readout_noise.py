"""Noise of the current read-out, white or pink, of a one-sided density stated in A²/Hz at a frequency.

White: samples at step h are independent with variance S/(2h), the power of a band of 1/(2h). A mean over a window T
then has variance S/(2T), a tone's amplitude S/T.

Pink: S(f) = S·f_at/f, constant below `lowest`. It goes on between measurements: what is slower than a window is common
to neighbours, as at a bench, which is what a difference of two read-outs lives on and a lock-in needs not. Made of
first-order processes, each x(t+dt) = e^(−2πf_k·dt)·x(t) + noise exactly, one an octave (the van der Ziel picture of 1/f
noise), and of white noise, averaged and not, whose shares are fitted to the density of the sampled sum up to half the
point rate. The fit is within 3 % of 1/f up to 0.9 of it.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.optimize import nnls
from scipy.signal import lfilter

from hge_spice.drive import Drive, Floats, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings

UNIFORM = 1e-6  # share of a step by which steps may differ and still be one step


class Pink:
    """1/f noise of unit density at 1 Hz, one-sided: a process that goes on between the times at which it is asked.

    lowest : Hz, below which the density stays what it is there
    """

    def __init__(self, lowest: float) -> None:
        self._lowest = lowest
        self._state = np.empty(0)  # of each process, in units of its own standard deviation
        self._now = 0.0

    def samples(self, time: Floats, rng: np.random.Generator) -> Floats:
        """Noise at increasing times, s, none before those asked for earlier: [point]."""
        step = float((time[-1] - time[0]) / (len(time) - 1))
        poles, share, white, averaged = shares(self._lowest, float(f"{step:.6g}"))
        fresh = max(0, len(poles) - len(self._state))
        state = np.concatenate([self._state, rng.standard_normal(fresh)])
        now = _later(state[: len(poles)], poles, time[0] - self._now, rng)
        steps = np.diff(time)
        even = bool(np.ptp(steps) < UNIFORM * step)
        track = _evenly(now, poles, step, len(time), rng) if even else _unevenly(now, poles, steps, rng)
        # processes too fast for this step were not asked; they have forgotten all by the next time
        rest = state[len(poles) :]
        self._state = np.concatenate([track[:, -1], rng.standard_normal(len(rest))])
        self._now = float(time[-1])
        rough, smooth = rng.standard_normal(len(time)), rng.standard_normal(len(time) + 1)
        return np.asarray(share @ track + white * rough + averaged * (smooth[1:] + smooth[:-1]) / 2)


def _later(state: Floats, poles: Floats, after: float, rng: np.random.Generator) -> Floats:
    kept = np.exp(-2 * np.pi * poles * max(after, 0.0))
    return np.asarray(kept * state + np.sqrt(1 - kept**2) * rng.standard_normal(len(poles)))


def _evenly(state: Floats, poles: Floats, step: float, count: int, rng: np.random.Generator) -> Floats:
    """Tracks of all processes on a uniform grid, [process, point]."""
    kept = np.exp(-2 * np.pi * poles * step)
    drawn = np.sqrt(1 - kept**2)[:, None] * rng.standard_normal((len(poles), count))
    drawn[:, 0] = state
    return np.array([lfilter([1.0], [1.0, -a], row) for a, row in zip(kept, drawn, strict=True)])


def _unevenly(state: Floats, poles: Floats, steps: Floats, rng: np.random.Generator) -> Floats:
    track = [state]
    for step in steps:
        track.append(_later(track[-1], poles, float(step), rng))
    return np.array(track).T


@lru_cache(maxsize=32)
def shares(lowest: float, step: float) -> tuple[Floats, Floats, float, float]:
    """What 1/f noise of unit density at 1 Hz is made of when sampled at a step (s).

    Returns corner frequencies [process] in Hz, and standard deviations: of each process [process], of white noise, and
    of white noise before two neighbours are averaged. One-sided densities of the sampled parts: 2h for white noise,
    that times (1+cos ωh)/2 when averaged, 2h(1−a²)/(1−2a·cos ωh+a²) for a process with a = e^(−2πf_k·h).
    """
    half_rate = 0.5 / step
    count = max(1, int(np.ceil(np.log2(2 * half_rate / lowest))))
    poles: Floats = lowest * np.exp2(np.arange(count, dtype=np.float64))
    frequency = np.concatenate(
        [np.geomspace(min(lowest, half_rate / 2), half_rate, 500), half_rate * np.linspace(0.2, 1, 200)]
    )
    wanted = 1 / np.maximum(frequency, lowest)
    kept, cosine = np.exp(-2 * np.pi * poles * step), np.cos(2 * np.pi * frequency * step)[:, None]
    processes = 2 * step * (1 - kept**2) / (1 - 2 * kept * cosine + kept**2)
    flat = np.full((len(frequency), 1), 2 * step)
    parts = np.hstack([processes, flat, flat * (1 + cosine) / 2])
    variance, _ = nnls(parts / wanted[:, None], np.ones(len(frequency)))
    spread: Floats = np.sqrt(np.asarray(variance, dtype=np.float64))
    return poles, spread[:count], float(spread[count]), float(spread[count + 1])


def _make(settings: Settings) -> Effect:
    psd, at = float(settings["psd"]), float(settings["at"])
    if settings["colour"] == "white":

        def white(_: Drive, waveform: Waveform, moment: Moment) -> Waveform:
            points = len(waveform.time)
            window = (waveform.time[-1] - waveform.time[0]) * points / (points - 1)
            spread = np.sqrt(psd * points / (2 * window))
            return replace(waveform, output=waveform.output + spread * moment.rng.standard_normal(points))

        return Effect(waveform=white)
    process = Pink(float(settings["lowest"]))

    def pink(_: Drive, waveform: Waveform, moment: Moment) -> Waveform:
        noise = process.samples(moment.start + waveform.time, moment.rng)
        return replace(waveform, output=waveform.output + np.sqrt(psd * at) * noise)

    return Effect(waveform=pink)


IMPERFECTION = Imperfection(
    settings={
        "psd": Setting("current noise density", above=0),
        "at": Setting("frequency", default=1e3, above=0),
        "colour": Setting(words=("white", "pink"), default="white"),
        "lowest": Setting("frequency", default=1e-2, above=0),
    },
    make=_make,
    summary="white or pink noise of the current read-out, of a density stated at a frequency",
)
