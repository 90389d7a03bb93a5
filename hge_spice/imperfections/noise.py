"""Noise of a stated one-sided density at increasing times: white, pink, brown, or after a table of densities.

White: samples at step h are independent with variance S/(2h), the power of a band of 1/(2h). A mean over a window T
then has variance S/(2T), a tone's amplitude S/T.

Pink: S(f) = S·f_at/f, constant below `lowest`. Made of first-order processes, each x(t+dt) = e^(−2πf_k·dt)·x(t) + noise
exactly, one an octave (the van der Ziel picture of 1/f noise), and of white noise, averaged and not, whose shares are
fitted to the density of the sampled sum up to half the point rate. The fit is within 3 % of 1/f up to 0.9 of it.

Brown: S(f) = S·(f_at/f)² above `lowest`, constant well below it: one first-order process (Ornstein and Uhlenbeck's),
exact at any step. Its samples have the aliases that samples of such a signal have: up to an eighth of the point rate
their density is within 5 % of S(f), at half the point rate it is π²/4 times that.

Pink and brown noise goes on between measurements: what is slower than a window is common to neighbours, as at a bench,
which is what a difference of two read-outs lives on and a lock-in needs not.

Table: [frequency, density] in straight lines of their logarithms, flat below the first and nothing above the last.
Gaussian amplitudes at lines a sixteenth of the window's resolution apart (Timmer & König 1995): what is slower than 16
windows is left out, and measurements are independent of each other.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from hge_spice.drive import Floats
from hge_spice.imperfections.imperfection import Setting, Settings
from hge_spice.imperfections.samples import mean_step
from hge_spice.lockin.basis import is_uniform

LINES = 16  # spectral lines of a table for each that the window resolves
COLOURS = ("white", "pink", "brown")

# increasing times, s, none before those asked for earlier, and an rng -> [point], in the root of the density's unit
Noise = Callable[[Floats, np.random.Generator], Floats]


def settings_of(density: str) -> dict[str, Setting]:
    """Settings of a noise in a study; density : its dimension."""
    return {
        "psd": Setting(
            density,
            least=0,
            columns=("frequency", density),
            about="One-sided density at `at`; or a table of densities, straight in logarithms.",
        ),
        "at": Setting("frequency", default=1e3, above=0, about="The frequency at which the density holds."),
        "colour": Setting(words=COLOURS, default="white", about="White; pink, 1/f; or brown, 1/f²."),
        "lowest": Setting(
            "frequency", default=1e-2, above=0, about="Below which pink and brown noise grow no further."
        ),
    }


def make_noise(settings: Settings) -> Noise:
    """The noise that settings ask for. Raises ValueError where they contradict each other."""
    psd, at, lowest, colour = settings["psd"], float(settings["at"]), float(settings["lowest"]), settings["colour"]
    if isinstance(psd, tuple):
        if colour != "white":
            raise ValueError(f"a table of densities has a colour of its own; leave out colour = {colour!r}")
        table = np.array(psd, dtype=np.float64)
        return after_table(table[:, 0], table[:, 1])
    psd = float(psd)
    if colour == "white":
        return white(psd)
    process: Pink | Brown = Pink(lowest) if colour == "pink" else Brown(lowest)
    scale = np.sqrt(psd) * (np.sqrt(at) if colour == "pink" else at)
    return lambda time, rng: np.asarray(scale * process.samples(time, rng))


def white(psd: float) -> Noise:
    """White noise; psd : one-sided density."""

    def samples(time: Floats, rng: np.random.Generator) -> Floats:
        return np.asarray(np.sqrt(psd / (2 * mean_step(time))) * rng.standard_normal(len(time)))

    return samples


def after_table(frequency: Floats, density: Floats) -> Noise:
    """Noise of a one-sided density given at frequencies.

    frequency : [line], Hz, rising; density : [line]. Raises ValueError where they aren't positive and rising.
    """
    if not (np.all(np.diff(frequency) > 0) and frequency[0] > 0 and np.all(density > 0)):
        raise ValueError("a table of densities needs rising frequencies and densities above zero")

    def samples(time: Floats, rng: np.random.Generator) -> Floats:
        step = mean_step(time)
        spacing = 1 / (LINES * len(time) * step)
        lines = spacing * np.arange(1, LINES * len(time) // 2 + 1)
        wanted = np.exp(np.interp(np.log(lines), np.log(frequency), np.log(density)))
        spread = np.sqrt(np.where(lines <= frequency[-1], wanted, 0.0) * spacing)
        in_phase, quadrature = spread * rng.standard_normal((2, len(lines)))
        if is_uniform(time):
            spectrum = np.concatenate([[0.0], in_phase + 1j * quadrature]) * LINES * len(time) / 2
            return np.asarray(np.fft.irfft(spectrum, LINES * len(time))[: len(time)])
        angle = 2 * np.pi * np.outer(time - time[0], lines)
        return np.asarray(np.cos(angle) @ in_phase + np.sin(angle) @ quadrature)

    return samples


class Brown:
    """1/f² noise of unit density at 1 Hz, one-sided: a first-order process that goes on between the times asked for.

    lowest : Hz, its corner
    """

    def __init__(self, lowest: float) -> None:
        self._poles = np.array([lowest])
        # S(f) = 4σ²τ/(1 + (2πfτ)²) with τ = 1/(2π·lowest) is 1/f² well above the corner
        self._spread = float(np.sqrt(np.pi / (2 * lowest)))
        self._state: Floats | None = None
        self._now = 0.0

    def samples(self, time: Floats, rng: np.random.Generator) -> Floats:
        """Noise at increasing times, s, none before those asked for earlier: [point]."""
        state = (
            rng.standard_normal(1)
            if self._state is None
            else _later(self._state, self._poles, time[0] - self._now, rng)
        )
        track = _track(state, self._poles, time, rng)
        self._state, self._now = track[:, -1], float(time[-1])
        return np.asarray(self._spread * track[0])


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
        poles, share, rough, averaged = shares(self._lowest, float(f"{mean_step(time):.6g}"))
        fresh = max(0, len(poles) - len(self._state))
        state = np.concatenate([self._state, rng.standard_normal(fresh)])
        track = _track(_later(state[: len(poles)], poles, time[0] - self._now, rng), poles, time, rng)
        # processes too fast for this step were not asked; they have forgotten all by the next time
        rest = state[len(poles) :]
        self._state = np.concatenate([track[:, -1], rng.standard_normal(len(rest))])
        self._now = float(time[-1])
        drawn, smooth = rng.standard_normal(len(time)), rng.standard_normal(len(time) + 1)
        return np.asarray(share @ track + rough * drawn + averaged * (smooth[1:] + smooth[:-1]) / 2)


def _later(state: Floats, poles: Floats, after: float, rng: np.random.Generator) -> Floats:
    kept = np.exp(-2 * np.pi * poles * max(after, 0.0))
    return np.asarray(kept * state + np.sqrt(1 - kept**2) * rng.standard_normal(len(poles)))


def _track(state: Floats, poles: Floats, time: Floats, rng: np.random.Generator) -> Floats:
    """First-order processes of unit variance from a state on: [process, point]."""
    if not is_uniform(time):
        found = [state]
        for step in np.diff(time):
            found.append(_later(found[-1], poles, float(step), rng))
        return np.array(found).T
    kept = np.exp(-2 * np.pi * poles * mean_step(time))
    drawn = np.sqrt(1 - kept**2)[:, None] * rng.standard_normal((len(poles), len(time)))
    drawn[:, 0] = state
    from scipy.signal import lfilter  # noqa: PLC0415 - slow to import, and few processes draw noise

    return np.array([lfilter([1.0], [1.0, -a], row) for a, row in zip(kept, drawn, strict=True)])


@lru_cache(maxsize=32)
def shares(lowest: float, step: float) -> tuple[Floats, Floats, float, float]:
    """What 1/f noise of unit density at 1 Hz is made of when sampled at a step (s).

    Returns corner frequencies [process] in Hz, and standard deviations: of each process [process], of white noise, and
    of white noise before two neighbours are averaged. One-sided densities of the sampled parts: 2h for white noise,
    that times (1+cos ωh)/2 when averaged, 2h(1−a²)/(1−2a·cos ωh+a²) for a process with a = e^(−2πf_k·h).
    """
    from scipy.optimize import nnls  # noqa: PLC0415 - as above

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
