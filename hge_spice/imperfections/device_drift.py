"""Slow change of the device itself with device time: of every link by itself, of all links together, of temperature.

Each of a `kind` (see `processes.py`). A link's current is multiplied by e^x: `links` is the size of a process x of its
own for every link (linear and log_time: a slope of its own, normal with that standard deviation), `common` that of one
for all of them, `temperature` that of one in kelvin beside the network's own. It goes on from measurement to
measurement, dead time and failed starts included; within one the device stands still, as it is in the middle.

A link that carries e^x times the current at the same voltages and states: a hop's rate, an element's area. What a
memristor's state does follows from the current through so much area, and doesn't change.
"""

from collections.abc import Callable

import numpy as np

from hge_spice.devices.condition import kinds, warmed
from hge_spice.drive import Drive
from hge_spice.graph import Network
from hge_spice.imperfections.drift import OVER_TIME
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings, changed
from hge_spice.imperfections.processes import PROCESSES, Process, at_once

DRAWN = {"linear", "log_time"}  # not random in themselves: what differs between links is their slope


class Strengths:
    """Factors of all links over time, or whatever else they age by.

    start : makes a process of a size; links, common : sizes; drawn : whether each link's own size is drawn
    """

    def __init__(self, start: Callable[[float], Process], links: float, common: float, *, drawn: bool) -> None:
        self._start, self._links, self._common, self._drawn = start, links, common, drawn
        self._own: list[Process] = []
        self._shared = start(common)

    def now(self, count: int, at: float, moment: Moment) -> tuple[float, ...]:
        """What each of `count` links' current is multiplied by; none where nothing changes them."""
        if not (self._links or self._common):
            return ()
        found = np.full(count, at_once(self._shared, at, moment.rng) if self._common else 0.0)
        if self._links:
            if not self._own:
                sizes = self._links * (moment.bench.standard_normal(count) if self._drawn else np.ones(count))
                self._own = [self._start(float(size)) for size in sizes]
            found += [at_once(process, at, moment.rng) for process in self._own]
        return tuple(np.exp(found).tolist())


def _make(settings: Settings) -> Effect:
    kind, scale, kelvin = str(settings["kind"]), float(settings["time"]), float(settings["temperature"])

    def start(size: float) -> Process:
        return PROCESSES[kind](size, scale)

    sizes = float(settings["links"]), float(settings["common"])
    strengths, warmth = Strengths(start, *sizes, drawn=kind in DRAWN), start(kelvin)

    def graph(network: Network, _: np.random.Generator) -> Network:
        """The same network, refused before anything runs where it can't change so."""
        if any(sizes):
            kinds(network)
        warmed(network, kelvin)
        return network

    def drive(asked: Drive, moment: Moment) -> Drive:
        middle = moment.start + asked.transient.duration / 2
        if any(sizes):
            asked = changed(asked, strength=strengths.now(len(moment.device.links), middle, moment))
        return changed(asked, warmer=at_once(warmth, middle, moment.rng)) if kelvin else asked

    return Effect(graph=graph, drive=drive, lasting=True)


LINKS = Setting(
    "ratio",
    default=0.0,
    least=0,
    most=5.0,
    about="Size of a change of its own for every link, of the logarithm of its current.",
)

IMPERFECTION = Imperfection(
    settings={
        **OVER_TIME,
        "links": LINKS,
        "common": Setting(
            "ratio", default=0.0, above=-5.0, most=5.0, about="The same of one change for all links together."
        ),
        "temperature": Setting("temperature difference", default=0.0, about="Size of the temperature's change."),
    },
    make=_make,
    neutral={},
    example={"kind": "random_walk", "time": "10 s", "links": "10 %", "common": "-2 %", "temperature": "0.5 K"},
    summary="slow change of the device: every link by itself, all links together, temperature; kinds as drift",
)
