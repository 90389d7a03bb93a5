"""Elements that don't work: open ones conduct nothing, stuck ones are off by a stated factor.

Every link is open with one probability and stuck with another; a stuck link's parameter (a hop's rate, an element's
first or the one named) is multiplied by `factor`. A network that falls apart is refused, with the name of what is lost.
"""

import numpy as np

from hge_spice.graph import Network
from hge_spice.imperfections.imperfection import Effect, Imperfection, Setting, Settings
from hge_spice.imperfections.mismatch import scaled


def _make(settings: Settings) -> Effect:
    opened, stuck, factor = (float(settings[key]) for key in ("open", "stuck", "factor"))
    if opened + stuck > 1:
        raise ValueError(f"open and stuck add up to {opened + stuck:g}; a link is one of both at most")

    def graph(network: Network, rng: np.random.Generator) -> Network:
        if not (opened or stuck):
            return network
        chance = rng.random(network.number_of_edges())
        if stuck:
            factors = np.where(chance >= 1 - stuck, factor, 1.0)
            network = scaled(network, factors, str(settings["parameter"]))
        network = network.copy()
        network.remove_edges_from([edge for edge, c in zip(list(network.edges), chance, strict=True) if c < opened])
        return network

    return Effect(graph=graph)


IMPERFECTION = Imperfection(
    settings={
        "open": Setting("ratio", default=0.0, least=0, most=1.0, about="Share of links that conduct nothing."),
        "stuck": Setting(
            "ratio", default=0.0, least=0, most=1.0, about="Share of links whose parameter is off by `factor`."
        ),
        "factor": Setting("ratio", default=10.0, above=0, about="Of a stuck link's parameter."),
        "parameter": Setting(
            text=True,
            default="main",
            about="Of a stuck link: its name, or \"main\" for a hop's rate and an element's first.",
        ),
    },
    make=_make,
    neutral={},
    example={"open": "5 %", "stuck": "30 %"},
    summary="links that are open, or stuck at a factor of their parameter, each with a probability",
)
