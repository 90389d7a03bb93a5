"""Noise that the device itself makes, as ngspice's device models know it: thermal, shot and flicker noise together.

At every control setting and pattern `.noise` gives the one-sided density of the output current, from the slowest that a
window resolves to half the point rate; noise of that density is added to the output. Behavioural sources (the dopant
network's hops, the sinh element, memristors) make none in ngspice: a device without any noise is refused rather than
called quiet. Nothing is injected into the circuit beside it, so no element's noise counts twice.
"""

from dataclasses import replace

import numpy as np
from scipy.constants import elementary_charge

from hge_spice.drive import Drive, Floats, NoisyDevice, Tone, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings
from hge_spice.imperfections.noise import LINES, after_table
from hge_spice.lockin import noise_of_tones

KEPT = 64  # spectra: an extraction of the same patterns follows a read-out
QUIET = (
    1e-4  # share of the shot noise of the whole output current below which what there is comes from helpers of a model
)
PER_DECADE = 3  # frequencies at which the density is asked for


def noise_frequencies(window: float, points: int) -> Floats:
    """Frequencies at which a density is needed to tell what it does to a window, Hz: [line]; window : s."""
    low, high = 1 / (LINES * window), points / (2 * window)
    return np.geomspace(low, high, 2 + int(PER_DECADE * np.log10(high / low)))


def predicted_stderr(frequency: Floats, density: Floats, time: Floats, tones: tuple[Tone, ...]) -> Floats:
    """Standard deviation that noise gives each derivative: [tone], in the output's unit per V.

    frequency : [line], Hz, rising; density : [line], one-sided, of all noise, on straight lines of their logarithms
    time : [point], s, uniform, of one window

    √(S(f)/T)/A where the density is flat about the tone; see `lockin.noise_of_tones`.
    """

    def at(lines: Floats) -> Floats:
        return np.asarray(np.exp(np.interp(np.log(lines), np.log(frequency), np.log(density))))

    return np.asarray(noise_of_tones(at, time, tones) / [tone.amplitude for tone in tones])


def _make(settings: Settings) -> Effect:
    if settings["of"] == "off":
        return Effect()
    known: dict[tuple[bytes, bytes, float, int], tuple[Floats, Floats]] = {}

    def spectrum(drive: Drive, current: float, moment: Moment) -> tuple[Floats, Floats]:
        if not isinstance(moment.dut, NoisyDevice):
            raise ValueError(f"{type(moment.dut).__name__} knows no noise of its elements; state it as readout_noise")  # noqa: TRY004 - a study asked
        window, points = drive.transient.window, drive.transient.points
        key = (drive.control.tobytes(), drive.inputs.tobytes(), window, points)
        if key not in known:
            frequency = noise_frequencies(window, points)
            density = moment.dut.noise(drive.control, drive.inputs, frequency)
            if density.max() <= QUIET * 2 * elementary_charge * current:
                raise ValueError(
                    f"the device's elements make no noise in ngspice ({density.max():.3g} A²/Hz at {current:.3g} A, "
                    f"{QUIET:g} of shot noise or less); state what it makes as readout_noise"
                )
            if len(known) >= KEPT:
                known.clear()
            known[key] = frequency, density
        return known[key]

    def waveform(drive: Drive, found: Waveform, moment: Moment) -> Waveform:
        noise = after_table(*spectrum(drive, abs(float(found.output.mean())), moment))
        return replace(found, output=found.output + noise(found.time, moment.rng))

    return Effect(waveform=waveform)


IMPERFECTION = Imperfection(
    settings={"of": Setting(words=("ngspice", "off"), default="ngspice")},
    make=_make,
    neutral={"of": "off"},
    example={"of": "ngspice"},
    summary="thermal, shot and flicker noise of the device's elements, from ngspice's .noise at every operating point",
)
