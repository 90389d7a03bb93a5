"""The lock-in's clock against the generator's: frequency error and random walk of phase.

A sample said to be at t is of t + x(t). x(t) = error·t + a random walk of time, white noise of frequency, whose Allan
deviation at an averaging time of τ is stability·√(1 s/τ) (IEEE Std 1139). `triggered`: both start together at every
measurement; `free`: they ran since the bench was switched on.
"""

from dataclasses import replace

from hge_spice.drive import Drive, Floats, Waveform
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings
from hge_spice.imperfections.processes import RandomWalk
from hge_spice.imperfections.samples import taken_at


def _make(settings: Settings) -> Effect:
    error, stability = float(settings["frequency_error"]), float(settings["stability"])
    free = settings["start"] == "free"
    kept = RandomWalk(stability**2)

    def waveform(_: Drive, found: Waveform, moment: Moment) -> Waveform:
        if not error and not stability:
            return found
        since = (moment.start if free else 0.0) + found.time
        walk = kept if free else RandomWalk(stability**2)
        early: Floats = error * since + walk.samples(since, moment.rng)
        return replace(found, output=taken_at(found.time, found.output, found.time + early))

    return Effect(waveform=waveform)


IMPERFECTION = Imperfection(
    settings={
        "frequency_error": Setting(
            "ratio", default=0.0, above=-0.5, most=0.5, about="A share: a sample said to be at t is of t·(1 + it)."
        ),
        "stability": Setting(
            "ratio",
            default=0.0,
            least=0,
            most=0.1,
            about="Allan deviation at an averaging time of 1 s; it falls as the root of the time.",
        ),
        "start": Setting(
            words=("triggered", "free"),
            default="triggered",
            about="Whether both clocks start together at every measurement, or ran since the bench was switched on.",
        ),
    },
    make=_make,
    neutral={},
    example={"frequency_error": "50 ppm", "stability": "1 ppm", "start": "free"},
    summary="clock of the lock-in against the generator's: frequency error, Allan deviation at 1 s",
)
