"""Names that the netlist gives to what it puts around a network: sources, and the nodes that they are on."""

from hge_spice.devices.names import terminal
from hge_spice.graph import Network

NOISE_NODE = "e__noise"  # no electrode's: theirs are spelled out in hexadecimal where they begin with e_


def dc_source(electrode: str) -> str:
    """Name of the source that holds the electrode's DC voltage; its branch current is the electrode's."""
    return f"vdc_{terminal(electrode)}"


def tone_source(electrode: str) -> str:
    """Name of the source in series with it that carries the electrode's tone, and the unit AC drive of the truth."""
    return f"vtone_{terminal(electrode)}"


def output_source(electrode: str) -> str:
    """Name of the virtual ground that reads the output current."""
    return f"vout_{terminal(electrode)}"


def table_node(electrode: str) -> str:
    """Name of the node on which the electrode stands where a table adds to its voltage."""
    return f"{terminal(electrode)}_table"


def series_resistance(graph: Network, electrode: str) -> float:
    """Between an electrode and its source or reader, ohm; zero where none is stated."""
    return float(graph.nodes[electrode].get("series_resistance", 0.0))


def outside(graph: Network, electrode: str) -> str:
    """Node at the far end of an electrode's series resistance: where it is driven or read."""
    return f"{terminal(electrode)}_lead" if series_resistance(graph, electrode) else terminal(electrode)
