"""Noise that the device itself makes, as ngspice's device models know it: thermal, shot and flicker noise together.

At every control setting and pattern `.noise` gives the one-sided density of the output current, from the slowest that a
window resolves to half the point rate; noise of that density is added to the output. Behavioural sources (the dopant
network's hops, the sinh element, memristors) make none in ngspice: a device without any noise is refused rather than
called quiet. Nothing is injected into the circuit beside it, so no element's noise counts twice. The spectrum is that
of the device as it was made: what drift, wear or another temperature have made of it since (`OVER_TIME`) is left out.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.constants import elementary_charge

from hge_spice.drive import Drive, Floats, NoisyDevice, Tone, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings
from hge_spice.imperfections.noise import LINES, after_table

KEPT = 64  # operating points: an extraction of the same patterns follows a read-out
QUIET = (
    1e-4  # share of the shot noise of the whole output current below which what there is comes from helpers of a model
)
PER_DECADE = 3  # frequencies at which the density is asked for


def noise_frequencies(window: float, points: int) -> Floats:
    """Frequencies at which a density is needed to tell what it does to a window, Hz: [line]; window : s."""
    low, high = 1 / (LINES * window), points / (2 * window)
    return np.geomspace(low, high, 2 + int(PER_DECADE * np.log10(high / low)))


def noise_of_tones(density: Callable[[Floats], Floats], time: Floats, tones: tuple[Tone, ...]) -> Floats:
    """Standard deviation that noise gives each in-phase amplitude: [tone], A.

    density : frequencies [line], Hz -> one-sided density [line], A²/Hz; time : [point], s, of one window

    √(S(f)/T) where the density is flat about the tone. Steep noise leaks through the window's side lobes, and how much
    depends on the tone's phase too: the density is weighed with |2/N Σ sin(2πft_n + φ)·e^(2πi·f't_n)|².
    """
    settings = tuple((tone.frequency, tone.phase) for tone in tones)
    lines, weights = _response(np.ascontiguousarray(time).tobytes(), settings)
    return np.asarray(np.sqrt(density(lines) @ weights))


@lru_cache(maxsize=8)
def _response(time_bytes: bytes, settings: tuple[tuple[float, float], ...]) -> tuple[Floats, Floats]:
    """Lines [line], Hz, up to half the mean point rate, and what each adds to a tone's variance: [line, tone], Hz."""
    time = np.frombuffer(time_bytes)
    points = len(time)
    spacing = (points - 1) / (LINES * points * (time[-1] - time[0]))
    lines: Floats = spacing * np.arange(1, LINES * points // 2 + 1, dtype=np.float64)
    waves = np.array([np.sin(2 * np.pi * frequency * time + phase) for frequency, phase in settings])
    turned = np.exp(2j * np.pi * np.outer(lines, time)) @ waves.T
    return lines, np.asarray(np.abs(2 / points * turned) ** 2 * spacing)


def predicted_stderr(frequency: Floats, density: Floats, time: Floats, tones: tuple[Tone, ...]) -> Floats:
    """Standard deviation that noise gives each derivative: [tone], in the output's unit per V.

    frequency : [line], Hz, rising; density : [line], one-sided, of all noise, on straight lines of their logarithms
    time : [point], s, uniform, of one window

    √(S(f)/T)/A where the density is flat about the tone; see `noise_of_tones`.
    """

    def at(lines: Floats) -> Floats:
        return np.asarray(np.exp(np.interp(np.log(lines), np.log(frequency), np.log(density))))

    return np.asarray(noise_of_tones(at, time, tones) / [tone.amplitude for tone in tones])


# (moment, drive, frequencies [line], Hz) -> densities [line], A²/Hz: of all that the elements make, and what is added
Ask = Callable[[Moment, Drive, Floats], tuple[Floats, Floats]]


class Predicted:
    """Noise added to the output, after `.noise` at each operating point."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[tuple[bytes, bytes, float, int], tuple[Floats, Floats]] = {}

    def waveform(self, drive: Drive, found: Waveform, moment: Moment) -> Waveform:
        """With noise. Raises ValueError for a device that knows none, or makes none."""
        frequency, density = self._spectrum(drive, abs(float(found.output.mean())), moment)
        if not density.any():
            return found
        # a table has no zeros; what is that far below its largest value is none
        noise = after_table(frequency, np.maximum(density, 1e-30 * density.max()))
        return replace(found, output=found.output + noise(found.time, moment.rng))

    def _spectrum(self, drive: Drive, current: float, moment: Moment) -> tuple[Floats, Floats]:
        window, points = drive.transient.window, drive.transient.points
        key = (drive.control.tobytes(), drive.inputs.tobytes(), window, points)
        if key not in self._known:
            frequency = noise_frequencies(window, points)
            whole, density = self._ask(moment, drive, frequency)
            if whole.max() <= QUIET * 2 * elementary_charge * current:
                raise ValueError(
                    f"the device's elements make no noise in ngspice ({whole.max():.3g} A²/Hz at {current:.3g} A, "
                    f"{QUIET:g} of shot noise or less); state what it makes as readout_noise"
                )
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[key] = frequency, density
        return self._known[key]


def _of_the_device(moment: Moment, drive: Drive, frequency: Floats) -> tuple[Floats, Floats]:
    dut = moment.bare
    if not isinstance(dut, NoisyDevice):
        raise ValueError(f"{type(dut).__name__} knows no noise of its elements; state it as readout_noise")  # noqa: TRY004 - a study asked
    density = dut.noise(drive.control, drive.inputs, frequency)
    return density, density


def _make(settings: Settings) -> Effect:
    return Effect() if settings["of"] == "off" else Effect(waveform=Predicted(_of_the_device).waveform)


IMPERFECTION = Imperfection(
    settings={
        "of": Setting(words=("ngspice", "off"), default="ngspice", about="Whether all of ngspice's noise is injected.")
    },
    make=_make,
    neutral={"of": "off"},
    example={"of": "ngspice"},
    summary="thermal, shot and flicker noise of the device's elements, from ngspice's .noise at every operating point",
)
