"""What the decks for other simulators have in common: cards of the ngspice deck, the output, tones and step."""

from dataclasses import dataclass

from hge_spice.devices import ELEMENTS
from hge_spice.devices.block_mismatch import has_draw
from hge_spice.devices.foreign import has_foreign
from hge_spice.drive import Drive
from hge_spice.graph import Network, readout
from hge_spice.netlist import deck, saved_vectors

NOT_CARDS = (".title", ".options", ".save", ".tran", ".op", ".end", ".temp", "*")


@dataclass(frozen=True)
class Testbench:
    """One extraction, ready to be written down.

    cards : of the ngspice deck but for its title, options, analysis and the text of a block of the user's own
    read : the vectors that make the output, as ngspice names them, each with its sign
    kept : vectors that are worth seeing beside it
    step : s, the longest
    """

    title: str
    cards: tuple[str, ...]
    read: tuple[tuple[int, str], ...]
    kept: tuple[str, ...]
    drive: Drive
    step: float

    @property
    def stop(self) -> float:
        """End of the window, s."""
        return self.drive.transient.duration


def is_block(graph: Network) -> bool:
    """Whether the device is a block of the user's own, a netlist that `block.translated` takes line by line."""
    return "subcircuit" in graph.graph


def testbench(graph: Network, drive: Drive, steps: int) -> Testbench:
    """The extraction of a network of ours or of a block, with so many steps in a period of the highest tone.

    Raises ValueError for a graph or layers that hold other people's netlists, for a block with a draw of mismatch
    written into it, and for a drive without tones.
    """
    family = graph.graph["family"]
    if is_block(graph):
        if has_draw(graph):
            raise ValueError(
                "a draw of mismatch is said as delvto and mulu0 of ngspice's transistors, which not all simulators "
                "have; leave it out (corners.draw=0) and draw with the process's own statistics there"
            )
        graph = graph.copy()
        graph.graph["subcircuit"] = {**graph.graph["subcircuit"], "text": ""}
    elif (family != "dopant" and family not in ELEMENTS) or has_foreign(graph):
        raise ValueError(
            f"a {family} device holds netlists of others; decks for other simulators are written of one block, and of "
            "networks whose every edge is an element or a hop; take the ngspice deck"
        )
    if not drive.tones or drive.tables is not None:
        raise ValueError("a deck for another simulator needs a drive with tones and without tables")
    title, *lines = deck(graph, drive).splitlines()
    cards = tuple(line for line in lines if line and not line.lower().startswith(NOT_CARDS))
    saved, how = saved_vectors(graph), readout(graph)
    sign = 1 if how.kind == "transimpedance" else how.sign
    read = tuple(zip((sign, -sign), saved.read[: 1 + how.differential], strict=False))
    step = 1 / (steps * max(tone.frequency for tone in drive.tones))
    beside = tuple(name for name in (*saved.read, *saved.probes) if name not in {each for _, each in read})
    return Testbench(title.removeprefix(".title").strip(), cards, read, beside, drive, step)
