"""Graph to netlist: the network's circuit in PySpice, what stands around it, and decks that ngspice takes."""

from hge_spice.netlist.analysis import sine, transient_command
from hge_spice.netlist.circuit import build_circuit
from hge_spice.netlist.deck import deck, noise_deck, table_sources, tabled_body
from hge_spice.netlist.names import NOISE_NODE, dc_source, output_source, table_node, tone_source
from hge_spice.netlist.rails import Rails, driven
from hge_spice.netlist.saved import saved_vectors

__all__ = [
    "NOISE_NODE",
    "Rails",
    "build_circuit",
    "dc_source",
    "deck",
    "driven",
    "noise_deck",
    "output_source",
    "saved_vectors",
    "sine",
    "table_node",
    "table_sources",
    "tabled_body",
    "tone_source",
    "transient_command",
]
