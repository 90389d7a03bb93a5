"""The testbench of one extraction in the languages of other simulators: network, drive, a lock-in for each tone."""

from collections.abc import Callable

from hge_spice.dialects.spectre import spectre
from hge_spice.dialects.xyce import xyce
from hge_spice.drive import Drive
from hge_spice.graph import Network

DIALECTS: dict[str, Callable[[Network, Drive], str]] = {"xyce": xyce, "spectre": spectre}

__all__ = ["DIALECTS", "spectre", "xyce"]
