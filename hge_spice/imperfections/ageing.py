"""Wear of the device: links that lose or gain strength with every extraction.

A link's current is multiplied by e^x with x = size·n/per (linear) or size·log₁₀(1 + n/per) (log), n the extractions
before: `links` is the standard deviation of each link's own size, `common` the size for all. An extraction is a
measurement with tones; `counted = "measurements"` counts read-outs too, and estimators that measure without tones.
"""

from collections.abc import Callable

import numpy as np

from hge_spice.devices.condition import kinds
from hge_spice.drive import Drive
from hge_spice.graph import Network
from hge_spice.imperfections.device_drift import LINKS, Strengths
from hge_spice.imperfections.imperfection import Effect, Imperfection, Moment, Setting, Settings, changed
from hge_spice.imperfections.processes import Linear, LogTime, Process

LAWS: dict[str, Callable[[float, float], Process]] = {"linear": Linear, "log": LogTime}


def _make(settings: Settings) -> Effect:
    law, per, every = LAWS[str(settings["law"])], float(settings["per"]), settings["counted"] == "measurements"
    sizes = float(settings["links"]), float(settings["common"])
    strengths = Strengths(lambda size: law(size, per), *sizes, drawn=True)
    passed = [0]

    def graph(network: Network, _: np.random.Generator) -> Network:
        """The same network, refused before anything runs where its links can't wear."""
        if any(sizes):
            kinds(network)
        return network

    def drive(asked: Drive, moment: Moment) -> Drive:
        before = passed[0]
        passed[0] += every or bool(asked.tones)
        if not any(sizes):
            return asked
        return changed(asked, strength=strengths.now(len(moment.device.links), float(before), moment))

    return Effect(graph=graph, drive=drive, lasting=True)


IMPERFECTION = Imperfection(
    settings={
        "law": Setting(
            words=tuple(LAWS), default="linear", about="How links age: in proportion to the count, or to its logarithm."
        ),
        "per": Setting(
            default=1000,
            whole=True,
            least=1,
            about="Count in which a linear change reaches its size; of a logarithm where its first decade begins.",
        ),
        "links": LINKS,
        "common": Setting(
            "ratio",
            default=0.0,
            above=-5.0,
            most=5.0,
            about="The same of one change for all links together; negative where they conduct less.",
        ),
        "counted": Setting(
            words=("extractions", "measurements"),
            default="extractions",
            about="What wears the device: extractions, or all measurements.",
        ),
    },
    make=_make,
    neutral={},
    example={"law": "log", "per": 10, "links": "5 %", "common": "-3 %"},
    summary="wear by count of extractions: every link by itself, all links together; linear or logarithmic",
)
