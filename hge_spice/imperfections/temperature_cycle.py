"""The temperature around a device going up and down: amplitude·sin(2πt/period + phase), in kelvin.

t is device time since the bench was switched on. Within one measurement the temperature stands still, as it is in the
middle; a thermostat whose period is not much longer than a window is refused there, rather than averaged unseen.
"""

import numpy as np

from hge_spice.devices.condition import warmed
from hge_spice.drive import Drive
from hge_spice.graph import Network
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings, changed

SLOW = 10.0  # measurements a period lasts at least: within one the temperature moves by 2π/10 of the amplitude at most


def _make(settings: Settings) -> Effect:
    amplitude, period, phase = (float(settings[key]) for key in ("amplitude", "period", "phase"))

    def graph(network: Network, _: np.random.Generator) -> Network:
        """The same network, refused before anything runs where it has no temperature, or one below zero."""
        warmed(network, -abs(amplitude))
        return network

    def drive(asked: Drive, moment: Moment) -> Drive:
        if not amplitude:
            return asked
        duration = asked.transient.duration
        if period < SLOW * duration:
            raise ValueError(
                f"a temperature cycle of {period:g} s is too fast for measurements of {duration:g} s, within which the "
                f"device stands still; take {SLOW * duration:g} s or more"
            )
        turn = 2 * np.pi * (moment.start + duration / 2) / period + phase
        return changed(asked, warmer=float(amplitude * np.sin(turn)))

    return Effect(graph=graph, drive=drive, lasting=True)


IMPERFECTION = Imperfection(
    settings={
        "amplitude": Setting("temperature difference", default=0.0, about="Of the swing about the temperature stated."),
        "period": Setting("time", default=86400.0, above=0, about="Of the swing; ten measurements or more."),
        "phase": Setting("angle", default=0.0, about="Of the swing, when the bench is switched on."),
    },
    make=_make,
    neutral={},
    example={"amplitude": "1 K", "period": "600 s", "phase": "90 deg"},
    summary="temperature going up and down with device time: amplitude, period, phase",
)
