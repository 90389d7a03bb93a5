"""Variability of memristors: from device to device, and from cycle to cycle of the same device.

`device`: a log-normal factor on the parameter named ("main": each one's first), drawn once for every memristor; its
value is the logarithm's standard deviation. `cycle`: such a factor on each one's current, drawn anew in every cycle.
`state`: standard deviation of where each state starts in a cycle, as a share of its range; at a bound it stays there.
A cycle is one measurement, since each starts from the initial states, unless `measurements` says that it is more.

Log-normal resistances in both senses are what is reported of filaments (e.g. A. Fantini et al., IEEE IMW 2013, 30).
"""

import numpy as np

from hge_spice.devices.elements import ELEMENTS
from hge_spice.drive import Drive
from hge_spice.graph import Network
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings, changed
from hge_spice.imperfections.mismatch import scaled


def _remembers(family: str) -> bool:
    return family in ELEMENTS and bool(ELEMENTS[family].states)


def _make(settings: Settings) -> Effect:
    device, cycle, state = (float(settings[key]) for key in ("device", "cycle", "state"))
    length = int(settings["measurements"])

    def graph(network: Network, rng: np.random.Generator) -> Network:
        families = [data.get("family", network.graph["family"]) for *_, data in network.edges(data=True)]
        which = np.array([_remembers(family) for family in families], dtype=bool)
        if (device or cycle or state) and not which.any():
            raise ValueError(
                "the network has no memristors of ours; state another element's spread as mismatch, and that of a "
                ".subckt of yours in its parameters, by a column of the links' file or a sweep over device.parameters"
            )
        if not device:
            return network
        factors = np.exp(device * rng.standard_normal(len(which)))
        return scaled(network, factors, str(settings["parameter"]), only=which)

    def drive(asked: Drive, moment: Moment) -> Drive:
        if not (cycle or state):
            return asked
        rng = np.random.default_rng((*moment.seed, moment.number // length))
        families, held = moment.device.links, moment.device.held_states
        drawn, starts = rng.standard_normal(len(families)), rng.standard_normal(len(held))
        if cycle:
            which = np.array([_remembers(family) for family in families], dtype=bool)
            asked = changed(asked, strength=tuple(np.exp(cycle * drawn * which).tolist()))
        return changed(asked, start=tuple((state * starts).tolist())) if state else asked

    return Effect(graph=graph, drive=drive)


IMPERFECTION = Imperfection(
    settings={
        "device": Setting(
            "ratio",
            default=0.0,
            least=0,
            most=5.0,
            about="Standard deviation of the logarithm of every memristor's own factor, drawn once.",
        ),
        "parameter": Setting(
            text=True, default="main", about='What that factor is on: its name, or "main" for each one\'s first.'
        ),
        "cycle": Setting(
            "ratio",
            default=0.0,
            least=0,
            most=5.0,
            about="The same of a factor on each one's current, drawn anew in every cycle.",
        ),
        "state": Setting(
            "ratio",
            default=0.0,
            least=0,
            most=1.0,
            about="Standard deviation of where each state starts in a cycle, a share of its range.",
        ),
        "measurements": Setting(default=1, whole=True, least=1, about="That a cycle lasts."),
    },
    make=_make,
    neutral={},
    example={"device": "10 %", "cycle": "5 %", "state": "2 %"},
    summary="memristors' spread from device to device and from cycle to cycle: parameter, current, initial state",
)
